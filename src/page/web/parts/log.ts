// What has happened, newest first, in words. The list is a log to a screen reader: new lines are read
// out, old ones are not repeated.

import type { PageEvent } from '../../protocol.ts'
import { fill, h, show } from '../kit/dom.ts'
import { secondText } from '../kit/format.ts'
import type { LogEvent } from '../words/table.ts'
import { words } from '../words/words.ts'

const MOST_LINES = 100

export class LogPanel {
  readonly #list: HTMLElement = h('ol', { class: 'log' })
  readonly #empty: HTMLElement = h('p', { class: 'quiet' }, words.log.empty)
  readonly #seen: Set<string> = new Set()

  constructor(root: HTMLElement) {
    fill(root, [
      h('h2', { class: 'title' }, words.log.title),
      h('div', { class: 'card', role: 'log', 'aria-relevant': 'additions' }, this.#empty, this.#list),
    ])
  }

  /** A server that comes back tells the latest lines again; they are shown once. */
  add(event: PageEvent): void {
    const key = `${event.at} ${event.who} ${event.event} ${event.text}`
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    if (this.#seen.size > 4 * MOST_LINES) this.#seen.clear()
    const own = Object.hasOwn(words.log.events, event.event)
      ? words.log.events[event.event as LogEvent]
      : undefined
    const line = h(
      'li',
      {},
      h('time', {}, secondText(event.at)),
      h('span', { class: 'name' }, event.who),
      h('span', { class: 'text' }, own === undefined ? event.text : own(event.about ?? '')),
    )
    show(this.#empty, false)
    this.#list.prepend(line)
    while (this.#list.childElementCount > MOST_LINES) this.#list.lastElementChild!.remove()
  }
}
