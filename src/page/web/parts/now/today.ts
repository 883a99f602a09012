// One day by quarter-hour: what was taken upwards, what was returned downwards, a bar each. A day goes
// from midnight to midnight by this phone's clock and so has 92, 96 or 100 quarters. Quarters that were
// not measured stay empty. The bars are an image to a screen reader, described in words beside them.

import type { PageReading, QuarterRow } from '../../../protocol.ts'
import { button, h, redraw, say } from '../../kit/dom.ts'
import { shortEnergy, timeText, weekdayText } from '../../kit/format.ts'
import { shape } from '../../kit/icons.ts'
import { words } from '../../words/words.ts'

const QUARTER_MS = 900_000
const WIDTH = 336
const HEIGHT = 120
/** The scale never gets finer than this, so that a quiet night does not look like a storm, Wh. */
const LEAST_WH = 50

/** Midnight of the day that holds `ms`, and of the one `days` later, by the local calendar. */
export function midnight(ms: number, days = 0): number {
  const date = new Date(ms)
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime()
}

export class DayPanel {
  readonly element: HTMLElement
  readonly #title: HTMLElement = h('h2', {})
  readonly #sums: HTMLElement = h('p', { class: 'quiet sums' })
  readonly #place: HTMLElement = h('div', { class: 'bars' })
  readonly #empty: HTMLElement = h('p', { class: 'quiet' })
  readonly #back: HTMLButtonElement
  readonly #on: HTMLButtonElement
  #rows: readonly QuarterRow[]
  /** Days before today. */
  #ago: number
  #now: number
  /** The quarter that runs: its start, and the counters when it was first seen. */
  #running: { start: number; energyIn: number; energyOut: number } | null
  #soFar: QuarterRow | null

  constructor() {
    this.#rows = []
    this.#ago = 0
    this.#now = 0
    this.#running = null
    this.#soFar = null
    this.#back = button({ class: 'step', 'aria-label': words.today.before }, ['‹'], () => this.#turn(1))
    this.#on = button({ class: 'step', 'aria-label': words.today.after }, ['›'], () => this.#turn(-1))
    this.element = h(
      'div',
      { class: 'card today' },
      h('div', { class: 'row' }, this.#title, h('span', { class: 'steps' }, this.#back, this.#on)),
      this.#place,
      this.#sums,
      this.#empty,
    )
  }

  set(rows: readonly QuarterRow[]): void {
    this.#rows = rows
    this.draw(this.#now)
  }

  /** Counts the quarter that runs from the meter's own registers. */
  reading(reading: PageReading): void {
    const energyIn = sum(reading.energyIn)
    const energyOut = sum(reading.energyOut)
    const start = Math.floor(reading.at / QUARTER_MS) * QUARTER_MS
    if (this.#running?.start !== start) this.#running = { start, energyIn, energyOut }
    const { energyIn: fromIn, energyOut: fromOut } = this.#running
    this.#soFar = [start, energyIn - fromIn, energyOut - fromOut, null]
  }

  clear(): void {
    this.#rows = []
    this.#running = null
    this.#soFar = null
    this.#ago = 0
  }

  /** @param now by the server's clock. */
  draw(now: number): void {
    if (now <= 0) return
    this.#now = now
    const from = midnight(now, -this.#ago)
    const to = midnight(now, 1 - this.#ago)
    const rows = this.#rows.filter((row) => row[0] >= from && row[0] < to)
    const soFar = this.#soFar
    if (soFar && soFar[0] >= from && soFar[0] < to && !rows.some((row) => row[0] === soFar[0]))
      rows.push(soFar)
    redraw(this.#place, [from, to, rows, words.tag], () => [bars(from, to, rows)])
    say(
      this.#title,
      this.#ago === 0 ? words.today.title : this.#ago === 1 ? words.today.yesterday : weekdayText(from),
    )
    const energyIn = rows.reduce((n, row) => n + (row[1] ?? 0), 0)
    const energyOut = rows.reduce((n, row) => n + (row[2] ?? 0), 0)
    say(this.#sums, rows.length === 0 ? '' : words.today.sums(shortEnergy(energyIn), shortEnergy(energyOut)))
    say(this.#empty, rows.length === 0 ? words.today.empty : '')
    this.#on.disabled = this.#ago === 0
    this.#back.disabled = (this.#rows[0]?.[0] ?? now) >= from
  }

  #turn(days: number): void {
    this.#ago = Math.max(0, this.#ago + days)
    this.draw(this.#now)
  }
}

/** A bar for each quarter between the two midnights. */
function bars(from: number, to: number, rows: readonly QuarterRow[]): Node {
  const count = Math.round((to - from) / QUARTER_MS)
  let up = LEAST_WH
  let down = 0
  for (const [, energyIn, energyOut] of rows) {
    up = Math.max(up, energyIn ?? 0)
    down = Math.max(down, energyOut ?? 0)
  }
  const scale = (HEIGHT - 24) / (up + down)
  const zero = 4 + up * scale
  const width = WIDTH / count
  const svg = shape('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'data-quarters': String(count) })
  svg.setAttribute('aria-label', words.today.chart(rows.length, shortEnergy(up), shortEnergy(down)))
  for (let hour = from, i = 0; i < count; i++, hour += QUARTER_MS)
    if (new Date(hour).getMinutes() === 0 && new Date(hour).getHours() % 6 === 0)
      mark(svg, i * width, timeText(hour))
  for (const [start, energyIn, energyOut] of rows) {
    const x = Math.round((start - from) / QUARTER_MS) * width
    if (energyIn) svg.append(bar('using', x, zero - energyIn * scale, width, energyIn * scale))
    if (energyOut) svg.append(bar('returning', x, zero, width, energyOut * scale))
  }
  svg.append(shape('line', { class: 'zero', x1: '0', x2: String(WIDTH), y1: String(zero), y2: String(zero) }))
  return svg
}

function mark(svg: SVGElement, x: number, label: string): void {
  svg.append(shape('line', { class: 'hour', x1: String(x), x2: String(x), y1: '0', y2: String(HEIGHT - 16) }))
  const text = shape('text', { x: String(x + 4), y: String(HEIGHT - 4), 'aria-hidden': 'true' })
  text.textContent = label
  svg.append(text)
}

function bar(kind: string, x: number, y: number, width: number, height: number): SVGElement {
  return shape('rect', {
    class: kind,
    x: (x + width * 0.1).toFixed(2),
    y: y.toFixed(2),
    width: (width * 0.8).toFixed(2),
    height: Math.max(1, height).toFixed(2),
  })
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0)
}
