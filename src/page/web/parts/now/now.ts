// What the house does now: one big number with its word, the age of the telegram it comes from, the
// last ten minutes, and below it phases, gas with its own time and the meter's totals.

import type { PageDevice, PageReading, QuarterRow, TracePoint } from '../../../protocol.ts'
import { PowerChart } from '../../kit/chart.ts'
import type { ServerClock } from '../../kit/clock.ts'
import { fill, h, redraw, say, show } from '../../kit/dom.ts'
import { power, powerText, secondText, signedPower } from '../../kit/format.ts'
import { icon } from '../../kit/icons.ts'
import { words } from '../../words/words.ts'
import { meterCards, phaseCard, quarterCard, totalsCard } from './details.ts'
import { DayPanel } from './today.ts'

/** Longest silence of a meter that is well: the slowest send every 10 s. */
const SILENT_MS = 15_000

export class NowPanel {
  readonly #clock: ServerClock
  readonly #chart: PowerChart
  readonly #hero: HTMLElement = h('div', { class: 'hero' })
  readonly #word: HTMLElement = h('p', { class: 'word' })
  readonly #figure: HTMLElement = h('span', { class: 'figure' })
  readonly #unit: HTMLElement = h('span', { class: 'unit' })
  readonly #age: HTMLElement = h('p', { class: 'age' })
  readonly #why: HTMLElement = h('p', { class: 'why' })
  readonly #point: HTMLElement = h('p', { class: 'quiet point' })
  readonly #span: HTMLElement = h('h2', {})
  readonly #plot: HTMLElement = h('div', { class: 'plot', role: 'img' })
  readonly #low: HTMLElement = h('dd', {})
  readonly #mean: HTMLElement = h('dd', {})
  readonly #high: HTMLElement = h('dd', {})
  readonly #details: HTMLElement = h('div', { class: 'details' })
  readonly #day: DayPanel = new DayPanel()
  #device: PageDevice | null = null
  #reading: PageReading | null = null
  /** When the newest telegram came, by the server's clock. */
  #heard: number | null = null

  constructor(root: HTMLElement, clock: ServerClock) {
    this.#clock = clock
    const line = h('p', { class: 'number' }, this.#figure, this.#unit)
    this.#hero.append(this.#word, line, this.#age, this.#why)
    const chart = h(
      'div',
      { class: 'card' },
      h('div', { class: 'row' }, this.#span, this.#point),
      this.#plot,
      h(
        'dl',
        { class: 'triple' },
        h('div', {}, h('dt', {}, words.now.low), this.#low),
        h('div', {}, h('dt', {}, words.now.mean), this.#mean),
        h('div', {}, h('dt', {}, words.now.high), this.#high),
      ),
    )
    fill(root, [this.#hero, chart, this.#day.element, this.#details])
    this.#chart = new PowerChart(this.#plot, {
      height: 200,
      onPoint: (at, watts) =>
        say(this.#point, watts === null ? '' : words.now.at(secondText(at), powerText(watts), wordOf(watts))),
    })
    show(this.#why, false)
  }

  /** Another device, or the same one in another state. */
  device(device: PageDevice | null): void {
    if (device?.id !== this.#device?.id) {
      this.#reading = null
      this.#heard = null
      this.#chart.set([])
      this.#day.clear()
    }
    this.#device = device
    if (device?.lastTelegram != null) {
      const last = Math.min(device.lastTelegram, this.#clock.now())
      this.#heard = Math.max(this.#heard ?? 0, last)
    }
    this.tick()
  }

  history(points: readonly TracePoint[]): void {
    this.#chart.set(points)
    this.tick()
  }

  /** Quarter-hours of this device, ascending: all that are known. */
  quarters(rows: readonly QuarterRow[]): void {
    this.#day.set(rows)
    this.tick()
  }

  /** @param heard when it came, by the server's clock. */
  reading(reading: PageReading, heard: number): void {
    this.#reading = reading
    this.#day.reading(reading)
    this.#heard = heard
    this.#chart.add(reading.at, netOf(reading))
    redraw(
      this.#details,
      [
        reading.phases,
        reading.gas,
        reading.others,
        reading.quarter,
        reading.tariff,
        reading.energyIn,
        reading.energyOut,
      ],
      () => [
        quarterCard(reading, this.#clock.now()),
        phaseCard(reading),
        ...meterCards(reading, this.#clock.now()),
        totalsCard(reading),
      ],
    )
    this.tick()
  }

  /** The number in short, for the top of the page; null before the first telegram. */
  brief(): string | null {
    if (this.#reading === null) return null
    const net = netOf(this.#reading)
    return `${powerText(net)} ${wordOf(net)}`
  }

  /** Once a second and on each telegram. */
  tick(): void {
    const now = this.#clock.now()
    const since = this.#heard === null ? null : Math.max(0, now - this.#heard)
    const silent = since !== null && since > SILENT_MS
    this.#hero.classList.toggle('stale', silent)
    this.#number()
    if (since === null) say(this.#age, words.now.waitingWhy)
    else say(this.#age, silent ? words.now.silent(words.span(since)) : words.now.telegram(words.age(since)))
    const why = this.#reason(silent)
    show(this.#why, why !== null)
    say(this.#why, why ?? '')
    this.#day.draw(this.#edge(now))
    say(this.#span, words.now.chart(this.#chart.draw(this.#edge(now))))
    const summary = this.#chart.summary()
    say(this.#low, summary === null ? '–' : signedPower(summary.low))
    say(this.#mean, summary === null ? '–' : signedPower(summary.mean))
    say(this.#high, summary === null ? '–' : signedPower(summary.high))
    const label =
      summary === null
        ? words.now.chartEmpty
        : words.now.chartIs(signedPower(summary.low), signedPower(summary.high))
    if (this.#plot.getAttribute('aria-label') !== label) this.#plot.setAttribute('aria-label', label)
  }

  #number(): void {
    const reading = this.#reading
    const net = reading === null ? 0 : netOf(reading)
    const way = reading === null || net === 0 ? 'none' : net > 0 ? 'using' : 'returning'
    redraw(this.#word, way + String(reading === null), () =>
      reading === null ? [words.now.waiting] : [way === 'none' ? null : (icon(way) as Node), wordOf(net)],
    )
    this.#hero.dataset['way'] = way
    const shown = power(net)
    say(this.#figure, reading === null ? '–' : shown.figure)
    say(this.#unit, reading === null ? '' : shown.unit)
  }

  #reason(silent: boolean): string | null {
    const device = this.#device
    if (device === null) return null
    if (device.access !== 'open') return words.now.access[device.access]
    if (device.link === 'offline') return words.now.offline
    if (device.link === 'connecting' && (silent || this.#heard === null)) return words.now.connecting
    return silent ? words.now.silentWhy : null
  }

  /** The chart's right edge: the newest telegram's own time, moved on by how long ago it came. */
  #edge(now: number): number {
    if (this.#reading === null || this.#heard === null) return now
    return this.#reading.at + (now - this.#heard)
  }
}

export function netOf(reading: PageReading): number {
  return reading.powerInW - reading.powerOutW
}

function wordOf(net: number): string {
  return net > 0 ? words.now.using : net < 0 ? words.now.returning : words.now.nothing
}
