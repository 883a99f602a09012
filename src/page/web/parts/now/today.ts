// One day by quarter-hour: what was taken upwards, what was returned downwards, a bar each. A day goes
// from midnight to midnight by this phone's clock and so has 92, 96 or 100 quarters. Quarters that were
// not measured stay empty. The bars are an image to a screen reader, described in words beside them.

import type { PageReading, QuarterRow } from '../../../protocol.ts'
import { type Bar, drawBars, extremes } from '../../kit/bars.ts'
import { button, h, redraw, say } from '../../kit/dom.ts'
import { shortEnergy, timeText, weekdayText } from '../../kit/format.ts'
import { words } from '../../words/words.ts'

const QUARTER_MS = 900_000
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
  const slots = Math.round((to - from) / QUARTER_MS)
  const shown = rows.map(
    ([start, energyIn, energyOut]): Bar => [
      Math.round((start - from) / QUARTER_MS),
      energyIn ?? 0,
      energyOut ?? 0,
    ],
  )
  const [up, down] = extremes(shown, LEAST_WH)
  const label = words.today.chart(rows.length, shortEnergy(up), shortEnergy(down))
  return drawBars({ slots, bars: shown, marks: hourMarks(from, slots), least: LEAST_WH, label })
}

/** Every six hours of a day, by the local clock. */
export function hourMarks(from: number, slots: number): (readonly [number, string])[] {
  const marks: (readonly [number, string])[] = []
  for (let i = 0; i < slots; i++) {
    const at = new Date(from + i * QUARTER_MS)
    if (at.getMinutes() === 0 && at.getHours() % 6 === 0) marks.push([i, timeText(at.getTime())])
  }
  return marks
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0)
}
