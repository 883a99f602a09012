// One channel of a provider: a verdict in words, the last reading, a chart, and the latest frames as a
// row of cells, each either opened or sealed, so that the moment of a revocation can be seen.

import type { PageReading, ProviderChannel, TracePoint } from '../../../protocol.ts'
import { PowerChart } from '../../kit/chart.ts'
import type { ServerClock } from '../../kit/clock.ts'
import { fill, h, redraw, say } from '../../kit/dom.ts'
import { count, dayText, powerText, secondText } from '../../kit/format.ts'
import { icon } from '../../kit/icons.ts'
import { more, words } from '../../words/words.ts'
import { netOf } from './now.ts'

const CELLS = 36

export class ChannelCard {
  readonly element: HTMLElement = h('article', { class: 'card channel' })
  readonly #clock: ServerClock
  readonly #chart: PowerChart
  readonly #verdict: HTMLElement = h('div', { class: 'verdict', role: 'status' })
  readonly #about: HTMLElement = h('p', { class: 'quiet small' })
  readonly #figure: HTMLElement = h('p', { class: 'medium' })
  readonly #word: HTMLElement = h('p', { class: 'quiet' })
  readonly #plot: HTMLElement = h('div', { class: 'plot', role: 'img' })
  readonly #cells: HTMLElement = h('div', { class: 'cells', role: 'img' })
  readonly #line: HTMLElement = h('p', { class: 'frameline' })
  readonly #facts: HTMLElement = h('dl', { class: 'facts' })
  readonly #gaps: HTMLElement = h('div', {})
  readonly #opened: HTMLElement = h('dd', {})
  readonly #sealed: HTMLElement = h('dd', {})
  readonly #last: HTMLElement = h('dd', {})
  #channel: ProviderChannel | null = null
  #edge: number | null = null
  #heard = 0
  #frames: boolean[] = []

  constructor(clock: ServerClock) {
    this.#clock = clock
    this.#cells.setAttribute('aria-label', more.provider.framesAre(0, 0))
    this.#chart = new PowerChart(this.#plot, { height: 128, onPoint: () => {} })
    const counts = h(
      'dl',
      { class: 'triple' },
      h('div', {}, h('dt', {}, more.provider.opened), this.#opened),
      h('div', {}, h('dt', {}, more.provider.sealed), this.#sealed),
      h('div', {}, h('dt', {}, more.provider.last), this.#last),
    )
    const latest = h('div', { class: 'latest' }, this.#figure, this.#word)
    fill(this.element, [
      h('div', { class: 'row' }, this.#verdict, latest),
      this.#cells,
      this.#line,
      this.#plot,
      counts,
      this.#facts,
      this.#gaps,
      this.#about,
    ])
  }

  show(channel: ProviderChannel): void {
    this.#channel = channel
    const open = channel.state === 'open'
    redraw(this.#verdict, [channel.state, channel.text], () => [
      h(
        'p',
        { class: open ? 'state on' : 'state' },
        icon(open ? 'eye' : 'lock'),
        more.provider.states[channel.state],
      ),
      h('p', { class: 'quiet' }, channel.text || more.provider.statesWhy[channel.state]),
    ])
    this.element.dataset['state'] = channel.state
    const { until, purpose, gaps } = channel
    redraw(this.#facts, [until, purpose], () => [
      h('dt', {}, words.share.purpose),
      h('dd', {}, purpose || words.share.noPurpose),
      h('dt', {}, words.share.until),
      h('dd', {}, until === null ? words.share.noEnd : dayText(until)),
    ])
    redraw(this.#gaps, gaps, () => [
      gaps.length === 0
        ? h('p', { class: 'quiet' }, more.provider.noGaps)
        : h(
            'details',
            {},
            h('summary', {}, more.provider.gaps(gaps.length)),
            h(
              'ul',
              { class: 'safety small' },
              ...gaps.map((gap) => h('li', {}, more.provider.gap(gap.from, gap.to, secondText(gap.at)))),
            ),
          ),
    ])
    say(this.#about, `${channel.name} · ${words.share.classes[channel.class]}`)
    this.#count(channel.opened, channel.sealed)
    this.tick()
  }

  history(points: readonly TracePoint[]): void {
    this.#chart.set(points)
    const last = points[points.length - 1]
    if (last !== undefined && this.#edge === null) {
      this.#edge = last[0]
      this.#heard = this.#channel?.last ?? this.#clock.now()
      this.#number(last[1])
    }
    this.tick()
  }

  reading(index: number, reading: PageReading): void {
    const net = netOf(reading)
    this.#chart.add(reading.at, net)
    this.#edge = reading.at
    this.#heard = this.#clock.now()
    this.#number(net)
    this.#frame(true, more.provider.frameOpened(count(index)))
    if (this.#channel !== null) {
      const { opened, sealed } = this.#channel
      this.#channel = { ...this.#channel, opened: opened + 1, last: this.#clock.now() }
      this.#count(opened + 1, sealed)
    }
    this.tick()
  }

  sealed(index: number): void {
    this.#frame(false, more.provider.frameSealed(count(index)))
    if (this.#channel === null) return
    const { opened, sealed } = this.#channel
    this.#channel = { ...this.#channel, sealed: sealed + 1 }
    this.#count(opened, sealed + 1)
  }

  tick(): void {
    const now = this.#clock.now()
    const last = this.#channel?.last ?? null
    say(this.#last, last === null ? more.provider.never : words.age(Math.max(0, now - last)))
    const minutes = this.#chart.draw(this.#edge === null ? now : this.#edge + (now - this.#heard))
    const label = words.now.chart(minutes)
    if (this.#plot.getAttribute('aria-label') !== label) this.#plot.setAttribute('aria-label', label)
  }

  #number(net: number): void {
    say(this.#figure, powerText(net))
    say(this.#word, net < 0 ? words.now.returning : net > 0 ? words.now.using : words.now.nothing)
  }

  #count(opened: number, sealed: number): void {
    say(this.#opened, count(opened))
    say(this.#sealed, count(sealed))
  }

  #frame(open: boolean, line: string): void {
    this.#frames.push(open)
    if (this.#frames.length > CELLS) this.#frames.shift()
    this.#cells.append(h('span', { class: open ? 'cell open' : 'cell shut' }))
    while (this.#cells.childElementCount > CELLS) this.#cells.firstElementChild!.remove()
    const opened = this.#frames.filter((o) => o).length
    this.#cells.setAttribute('aria-label', more.provider.framesAre(opened, this.#frames.length - opened))
    redraw(this.#line, [open, line], () => [icon(open ? 'check' : 'lock'), line])
    this.#line.classList.toggle('shut', !open)
  }
}
