// The live power chart: uPlot over at most the last ten minutes, zero line always in view, what is used above
// it and what is returned below it in another colour and on the other side. A gap in the telegrams is a
// gap in the line. The canvas is an image to a screen reader, described by `summary`.

import uPlot from 'uplot'
import type { TracePoint } from '../../protocol.ts'
import { axisPower, secondText, timeText } from './format.ts'

const MINUTE_MS = 60_000
/** How much the chart spans: the first of these that holds all there is. */
const SPANS_MIN = [1, 2, 5, 10]
const LONGEST_MS = 10 * MINUTE_MS
/** Two telegrams further apart than this have a gap between them (the slowest meters send every 10 s). */
const GAP_MS = 25_000
/** A meter's clock that was set back by more than this begins a new line. */
const JUMP_MS = 60_000
const MOST_POINTS = 2_000

export interface Summary {
  readonly low: number
  readonly mean: number
  readonly high: number
}

export interface ChartOptions {
  readonly height: number
  /** Called with the point under the pointer, or null. */
  onPoint(at: number, watts: number | null): void
}

export class PowerChart {
  readonly #place: HTMLElement
  readonly #options: ChartOptions
  #at: number[]
  #watts: (number | null)[]
  #plot: uPlot | null
  #width: number

  constructor(place: HTMLElement, options: ChartOptions) {
    this.#place = place
    this.#options = options
    this.#at = []
    this.#watts = []
    this.#plot = null
    this.#width = 0
    new ResizeObserver(() => this.#fit()).observe(place)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#rebuild())
  }

  /** Everything known, oldest first; replaces what was shown. */
  set(points: readonly TracePoint[]): void {
    this.#at = []
    this.#watts = []
    for (const [at, watts] of points) this.#push(at, watts)
  }

  add(at: number, watts: number): void {
    this.#push(at, watts)
  }

  /** Draws the minutes that end at `now`; answers how many. */
  draw(now: number): number {
    let old = 0
    while (old < this.#at.length && this.#at[old]! < now - LONGEST_MS - GAP_MS) old++
    if (old > 0) {
      this.#at.splice(0, old)
      this.#watts.splice(0, old)
    }
    const known = now - (this.#at[0] ?? now)
    const minutes = SPANS_MIN.find((span) => span * MINUTE_MS >= known) ?? 10
    this.#plot ??= this.#build()
    this.#plot?.batch((plot: uPlot) => {
      plot.setData([this.#at.map((ms) => ms / 1000), this.#watts], false)
      plot.setScale('x', { min: (now - minutes * MINUTE_MS) / 1000, max: now / 1000 })
    })
    return minutes
  }

  /** Lowest, mean and highest of what is shown, or null where nothing is. */
  summary(): Summary | null {
    let low = Number.POSITIVE_INFINITY
    let high = Number.NEGATIVE_INFINITY
    let sum = 0
    let n = 0
    for (const watts of this.#watts) {
      if (watts === null) continue
      low = Math.min(low, watts)
      high = Math.max(high, watts)
      sum += watts
      n++
    }
    return n === 0 ? null : { low, mean: sum / n, high }
  }

  #push(at: number, watts: number): void {
    const last = this.#at[this.#at.length - 1]
    if (last !== undefined && at <= last) {
      if (last - at < JUMP_MS) return
      this.#at.length = 0
      this.#watts.length = 0
    }
    if (last !== undefined && at - last > GAP_MS) {
      this.#at.push(last + 1)
      this.#watts.push(null)
    }
    this.#at.push(at)
    this.#watts.push(watts)
    if (this.#at.length <= MOST_POINTS) return
    this.#at.shift()
    this.#watts.shift()
  }

  #fit(): void {
    const width = Math.floor(this.#place.clientWidth)
    if (width === this.#width || width === 0) return
    this.#width = width
    this.#plot?.setSize({ width, height: this.#options.height })
  }

  #rebuild(): void {
    this.#plot?.destroy()
    this.#plot = null
  }

  #build(): uPlot | null {
    const width = Math.floor(this.#place.clientWidth)
    if (width === 0) return null
    this.#width = width
    const style = getComputedStyle(this.#place)
    const ink = (name: string): string => style.getPropertyValue(name).trim()
    const font = '12px system-ui, sans-serif'
    const grid = { stroke: ink('--grid'), width: 1 }
    const options: uPlot.Options = {
      width,
      height: this.#options.height,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
      scales: {
        x: { time: true },
        y: { range: (_u, low, high) => rangeOf(low, high) },
      },
      axes: [
        {
          stroke: ink('--quiet'),
          font,
          grid: { show: false },
          ticks: { show: false },
          size: 24,
          gap: 4,
          space: 84,
          values: (u, splits, _axis, _space, step) => splits.map((s) => timeLabel(u, s, step)),
        },
        {
          stroke: ink('--quiet'),
          font,
          grid,
          ticks: { show: false },
          size: 56,
          gap: 6,
          space: 36,
          values: (_u, splits) => splits.map((w) => axisPower(w)),
        },
      ],
      series: [
        {},
        {
          width: 2,
          stroke: (u) => split(u, ink('--using'), ink('--returning')),
          fill: (u) => split(u, ink('--using-fill'), ink('--returning-fill')),
          fillTo: 0,
          points: { show: false },
        },
      ],
      hooks: {
        setCursor: [
          (u) => {
            const i = u.cursor.idx ?? null
            const watts = i === null ? null : (this.#watts[i] ?? null)
            this.#options.onPoint(i === null ? 0 : this.#at[i]!, watts)
          },
        ],
      },
    }
    return new uPlot(options, [[], []], this.#place)
  }
}

/** The time at `s` seconds, left out where it would be cut off at an edge. */
function timeLabel(u: uPlot, s: number, step: number): string {
  const text = step < 60 ? secondText(s * 1000) : timeText(s * 1000)
  const half = text.length * 3.6
  const x = u.valToPos(s, 'x')
  return x + half > u.over.clientWidth + 12 ? '' : text
}

/** Zero is always in view, with some air above and below. */
function rangeOf(low: number | null, high: number | null): [number, number] {
  const top = Math.max(high ?? 0, 0)
  const bottom = Math.min(low ?? 0, 0)
  const air = Math.max((top - bottom) * 0.08, 20)
  return [bottom < 0 ? bottom - air / 2 : 0, top > 0 ? Math.max(top + air, 100) : air]
}

/** One colour above the zero line and another below it. */
function split(u: uPlot, above: string, below: string): CanvasGradient | string {
  const { top, height } = u.bbox
  if (!(height > 0)) return above
  const zero = (u.valToPos(0, 'y', true) - top) / height
  if (!Number.isFinite(zero)) return above
  const at = Math.min(1, Math.max(0, zero))
  const gradient = u.ctx.createLinearGradient(0, top, 0, top + height)
  gradient.addColorStop(0, above)
  gradient.addColorStop(at, above)
  gradient.addColorStop(at, below)
  gradient.addColorStop(1, below)
  return gradient
}
