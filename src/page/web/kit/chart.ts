// The live power chart over at most the last ten minutes, on a canvas: zero line always in view, what is
// used above it and what is returned below it in another colour and on the other side. A gap in the
// telegrams is a gap in the line. The canvas is an image to a screen reader, described by `summary`.

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
  readonly #canvas: HTMLCanvasElement
  #width: number
  /** The minutes that are shown, and the range of power, as of the last drawing. */
  #from: number
  #to: number
  #range: readonly [number, number]
  /** Where the pointer is, in CSS pixels; null: nowhere. */
  #pointer: number | null

  constructor(place: HTMLElement, options: ChartOptions) {
    this.#place = place
    this.#options = options
    this.#at = []
    this.#watts = []
    this.#canvas = document.createElement('canvas')
    this.#width = 0
    this.#from = 0
    this.#to = 1
    this.#range = [0, 100]
    this.#pointer = null
    place.append(this.#canvas)
    new ResizeObserver(() => this.#fit()).observe(place)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#paint())
    this.#canvas.addEventListener('pointermove', (event) => this.#point(event.offsetX))
    this.#canvas.addEventListener('pointerleave', () => this.#point(null))
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
    this.#from = now - minutes * MINUTE_MS
    this.#to = now
    const drawn = this.summary()
    this.#range = rangeOf(drawn?.low ?? 0, drawn?.high ?? 0)
    this.#paint()
    if (this.#pointer !== null) this.#point(this.#pointer)
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
    this.#paint()
  }

  /** Tells which point lies nearest to the pointer. */
  #point(x: number | null): void {
    this.#pointer = x
    let nearest = -1
    if (x !== null) {
      const at = this.#from + ((x - LEFT) / this.#plotWidth) * (this.#to - this.#from)
      for (let i = 0; i < this.#at.length; i++)
        if (nearest < 0 || Math.abs(this.#at[i]! - at) < Math.abs(this.#at[nearest]! - at)) nearest = i
    }
    this.#options.onPoint(this.#at[nearest] ?? 0, this.#watts[nearest] ?? null)
  }

  get #plotWidth(): number {
    return this.#width - LEFT - RIGHT
  }

  #x(at: number): number {
    return LEFT + ((at - this.#from) / (this.#to - this.#from)) * this.#plotWidth
  }

  #y(watts: number): number {
    const [low, high] = this.#range
    return TOP + ((high - watts) / (high - low)) * (this.#options.height - TOP - BOTTOM)
  }

  #paint(): void {
    const { height } = this.#options
    const width = this.#width
    const pen = this.#canvas.getContext('2d')
    if (width === 0 || !pen) return
    const scale = devicePixelRatio || 1
    this.#canvas.width = Math.round(width * scale)
    this.#canvas.height = Math.round(height * scale)
    this.#canvas.style.inlineSize = `${width}px`
    this.#canvas.style.blockSize = `${height}px`
    pen.scale(scale, scale)
    const style = getComputedStyle(this.#place)
    const ink = (name: string): string => style.getPropertyValue(name).trim()
    pen.font = '12px system-ui, sans-serif'
    this.#paintGrid(pen, ink('--grid'), ink('--quiet'))
    const zero = this.#y(0)
    // One colour above the zero line and another below it: the same line twice, each time clipped.
    for (const [kind, top, bottom] of [
      ['using', 0, zero],
      ['returning', zero, height],
    ] as const) {
      pen.save()
      pen.beginPath()
      pen.rect(LEFT, top, this.#plotWidth + RIGHT, bottom - top)
      pen.clip()
      this.#paintLine(pen, ink(`--${kind}`), ink(`--${kind}-fill`), zero)
      pen.restore()
    }
  }

  #paintGrid(pen: CanvasRenderingContext2D, grid: string, quiet: string): void {
    const { height } = this.#options
    pen.fillStyle = quiet
    pen.strokeStyle = grid
    pen.textAlign = 'right'
    pen.textBaseline = 'middle'
    for (const watts of ticks(this.#range, Math.max(2, Math.floor(height / 50)))) {
      const y = Math.round(this.#y(watts)) + 0.5
      pen.beginPath()
      pen.moveTo(LEFT, y)
      pen.lineTo(this.#width - RIGHT, y)
      pen.stroke()
      pen.fillText(axisPower(watts), LEFT - 6, y)
    }
    const step =
      TIME_STEPS.find((ms) => ((this.#to - this.#from) / ms) * TIME_SPACE <= this.#plotWidth) ?? 300_000
    pen.textAlign = 'center'
    pen.textBaseline = 'alphabetic'
    for (let at = Math.ceil(this.#from / step) * step; at <= this.#to; at += step) {
      const text = step < MINUTE_MS ? secondText(at) : timeText(at)
      const half = pen.measureText(text).width / 2
      const x = this.#x(at)
      if (x - half >= LEFT - 20 && x + half <= this.#width) pen.fillText(text, x, height - 4)
    }
  }

  #paintLine(pen: CanvasRenderingContext2D, stroke: string, fill: string, zero: number): void {
    pen.strokeStyle = stroke
    pen.fillStyle = fill
    pen.lineWidth = 2
    pen.lineJoin = 'round'
    let i = 0
    while (i < this.#at.length) {
      if (this.#watts[i] === null) {
        i++
        continue
      }
      const first = i
      pen.beginPath()
      pen.moveTo(this.#x(this.#at[i]!), this.#y(this.#watts[i]!))
      while (++i < this.#at.length && this.#watts[i] !== null)
        pen.lineTo(this.#x(this.#at[i]!), this.#y(this.#watts[i]!))
      pen.stroke()
      pen.lineTo(this.#x(this.#at[i - 1]!), zero)
      pen.lineTo(this.#x(this.#at[first]!), zero)
      pen.fill()
    }
  }
}

/** Room for the axes, CSS pixels. */
const LEFT = 56
const RIGHT = 12
const TOP = 8
const BOTTOM = 24
const TIME_STEPS = [10_000, 20_000, 30_000, 60_000, 120_000, 300_000]
const TIME_SPACE = 84

/** Round values within a range, `most` at most. */
function ticks([low, high]: readonly [number, number], most: number): number[] {
  let step = 10
  for (let i = 0; (high - low) / step > most; i++) step *= i % 3 === 1 ? 2.5 : 2
  const out: number[] = []
  for (let w = Math.ceil(low / step) * step; w <= high; w += step) out.push(w)
  return out
}

/** Zero is always in view, with some air above and below. */
function rangeOf(low: number, high: number): [number, number] {
  const top = Math.max(high, 0)
  const bottom = Math.min(low, 0)
  const air = Math.max((top - bottom) * 0.08, 20)
  return [bottom < 0 ? bottom - air / 2 : 0, top > 0 ? Math.max(top + air, 100) : air]
}
