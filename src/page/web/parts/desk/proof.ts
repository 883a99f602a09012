// Who could read what, for each consent that ever was: which frames its keys open, from and to when, and
// what went out last. Computed by the home from entries that the device has signed (docs/proof.md); all
// of it can be saved as it was signed.

import type { DeskConsent, DeskPlace } from '../../../desk/desk.ts'
import type { PageDevice } from '../../../protocol.ts'
import type { ServerClock } from '../../kit/clock.ts'
import { toast } from '../../kit/dialog.ts'
import { button, type Child, h, redraw } from '../../kit/dom.ts'
import { count, momentText } from '../../kit/format.ts'
import { icon } from '../../kit/icons.ts'
import { desk, refusal, words } from '../../words/words.ts'
import { saveFile, type Talk } from './talk.ts'

export class ProofCard {
  readonly element: HTMLDetailsElement
  readonly #talk: Talk
  readonly #clock: ServerClock
  readonly #list: HTMLElement = h('div', {})
  #device: PageDevice | null = null
  /** Consents as they were when we asked: asked again when they change. */
  #of = ''

  constructor(talk: Talk, clock: ServerClock) {
    this.#talk = talk
    this.#clock = clock
    this.element = h(
      'details',
      { class: 'card proof' },
      h('summary', {}, desk.proof.title),
      h('p', { class: 'quiet' }, desk.proof.why),
      this.#list,
      button({ class: 'plain' }, [desk.proof.save], () => void this.#save()),
    )
    this.element.addEventListener('toggle', () => void this.#load())
  }

  device(device: PageDevice): void {
    const of = JSON.stringify([device.id, device.grants.map((g) => [g.id, g.state])])
    this.#device = device
    if (of === this.#of) return
    this.#of = of
    void this.#load()
  }

  async #load(): Promise<void> {
    const device = this.#device
    if (!this.element.open || !device) return
    const { ok, result } = await this.#talk.ask('proof', device.id)
    // With the next state, then.
    if (!ok) this.#of = ''
    if (!ok) return
    const list = result as DeskConsent[]
    const now = this.#clock.now()
    redraw(this.#list, list, () =>
      list.length === 0 ? [h('p', {}, desk.proof.nobody)] : list.map((c) => consent(c, now)),
    )
  }

  async #save(): Promise<void> {
    const content = await this.#talk.fetch('export', this.#device?.id ?? '')
    if (content instanceof Blob) saveFile(`${this.#device?.id ?? 'wattle'}-proof.json`, content)
    else toast(refusal(content))
  }
}

function consent(c: DeskConsent, now: number): HTMLElement {
  const ends = desk.proof.ends
  const why = c.why !== null && Object.hasOwn(ends, c.why) ? ` · ${ends[c.why as keyof typeof ends]}` : ''
  const fine = words.share.classes[c.class as 'raw'] ?? c.class
  const when = (at: DeskPlace | null): string => (at ? momentText(at.at, now) : '')
  const lines: Child[] = c.read.flatMap((r): Child[] => [
    h('li', {}, desk.proof.frames(placeText(r.from), when(r.from), r.to && placeText(r.to), when(r.to))),
    r.differs && h('li', { class: 'state warn' }, icon('warn'), desk.proof.differs),
  ])
  if (lines.length === 0) lines.push(h('li', {}, desk.proof.noKey))
  if (c.delivered) lines.push(h('li', {}, desk.proof.delivered(placeText(c.delivered), when(c.delivered))))
  return h(
    'div',
    { class: 'grant' },
    h('h3', {}, c.provider),
    c.domain !== '' && h('p', { class: 'quiet' }, c.domain),
    h('p', {}, h('strong', {}, fine), ` · ${desk.proof.states[c.state]}${c.state === 'ended' ? why : ''}`),
    h('p', { class: 'quiet' }, c.purpose || words.share.noPurpose),
    h('ul', { class: 'safety small' }, ...lines),
  )
}

function placeText({ epoch, index }: DeskPlace): string {
  return `${count(epoch)}/${count(index)}`
}
