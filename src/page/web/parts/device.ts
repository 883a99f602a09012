// The device itself: where it is, which meter it reads, what its light says (each dot blinks as the
// device does), and giving it up.

import type { StatusLed } from '../../../base/leds.ts'
import type { PageDevice } from '../../protocol.ts'
import { Blink } from '../kit/blink.ts'
import { openSheet, toast } from '../kit/dialog.ts'
import { button, fill, h, redraw } from '../kit/dom.ts'
import type { AskHome } from '../kit/live.ts'
import { refusal, words } from '../words/words.ts'

const SHOWN_LEDS: readonly StatusLed[] = [
  'paired',
  'unpaired',
  'window-open',
  'refused',
  'offline',
  'updating',
]

export class DevicePanel {
  readonly #ask: AskHome
  readonly #facts: HTMLElement = h('div', { class: 'card' })

  constructor(root: HTMLElement, ask: AskHome, add: () => void) {
    this.#ask = ask
    const blinks: (() => void)[] = []
    const lights = SHOWN_LEDS.map((name) => {
      const dot = h('span', { class: 'led', 'aria-hidden': 'true' })
      blinks.push(() => new Blink(dot, 'again').show(name))
      return h('li', {}, dot, h('span', {}, words.leds[name]))
    })
    const legend = h(
      'details',
      { class: 'card lights' },
      h('summary', {}, words.device.lights),
      h('p', { class: 'quiet' }, words.device.lightsNote),
      h('ul', {}, ...lights),
    )
    legend.addEventListener('toggle', () => {
      for (const start of blinks.splice(0)) start()
    })
    const more = button({ class: 'plain' }, [words.device.add], add)
    fill(root, [h('h2', { class: 'title' }, words.device.title), this.#facts, legend, more])
  }

  show(device: PageDevice): void {
    const rows: [string, string][] = [
      [words.device.name, device.name],
      [words.device.address, device.address],
      [words.device.link, words.device.links[device.link]],
      [words.device.meter, device.meter ?? words.device.unknown],
    ]
    redraw(this.#facts, [rows, device.id], () => [
      h(
        'dl',
        { class: 'facts' },
        ...rows.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
      ),
      button({ class: 'link danger', 'data-key': 'remove' }, [words.device.remove], () =>
        this.#remove(device),
      ),
    ])
  }

  #remove(device: PageDevice): void {
    openSheet({
      title: words.device.removeTitle(device.name),
      body: [h('p', {}, words.device.removeNote)],
      yes: words.device.removeYes,
      danger: true,
      run: async () => {
        const outcome = await this.#ask({ do: 'delete', device: device.id })
        if (!outcome.ok) return refusal(outcome)
        toast(words.device.removed(device.name))
        return null
      },
    })
  }
}
