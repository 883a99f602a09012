// Bars beside each other, one for each step of a span: what was taken upwards, what was returned
// downwards, and behind them, wider and pale, what they are compared with. An image to a screen reader,
// described by its label; the figures stand beside it in words.

import { shape } from './icons.ts'

/** Which place, how much upwards, how much downwards. */
export type Bar = readonly [slot: number, up: number, down: number]

export interface BarsShown {
  readonly slots: number
  readonly bars: readonly Bar[]
  readonly behind?: readonly Bar[]
  /** Words below the begin of a place. */
  readonly marks: readonly (readonly [slot: number, text: string])[]
  /** The scale is never finer than this. */
  readonly least: number
  /** Values on the axis and their unit; no axis where it is left out. */
  readonly axis?: { readonly unit: string; text(value: number): string }
  readonly label: string
  readonly height?: number
  /** The other measures' colour. */
  readonly kind?: 'using' | 'other'
}

const WIDTH = 336
/** Room for the axis. */
const AXIS = 34

/** Largest value upwards and downwards. */
export function extremes(bars: readonly Bar[], least: number): readonly [number, number] {
  let up = least
  let down = 0
  for (const [, above, below] of bars) {
    up = Math.max(up, above)
    down = Math.max(down, below)
  }
  return [up, down]
}

export function drawBars(o: BarsShown): SVGElement {
  const { slots, bars, behind = [], marks, axis, height = 120, kind = 'using' } = o
  const [up, down] = extremes([...bars, ...behind], o.least)
  const top = axis ? 16 : 4
  const left = axis ? AXIS : 0
  const scale = (height - top - 20) / (up + down)
  const zero = top + up * scale
  const width = (WIDTH - left) / slots
  const svg = shape('svg', { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'data-slots': String(slots) })
  svg.setAttribute('aria-label', o.label)
  for (const [slot, text] of marks) {
    const x = left + slot * width
    line(svg, 'hour', [x, x, top, height - 16])
    word(svg, x + 4, height - 4, text)
  }
  for (const [part, bar] of [
    [1, behind],
    [0.8, bars],
  ] as const) {
    const pale = part === 1 ? ' pale' : ''
    for (const [slot, above, below] of bar) {
      const x = left + slot * width
      if (above) svg.append(rect(kind + pale, x, zero - above * scale, width * part, above * scale, width))
      if (below) svg.append(rect(`returning${pale}`, x, zero, width * part, below * scale, width))
    }
  }
  line(svg, 'zero', [left, WIDTH, zero, zero])
  if (axis) {
    const step = roundStep(up + down)
    const tick = (value: number): void => {
      line(svg, 'hour', [left, WIDTH, zero - value * scale, zero - value * scale])
      word(svg, 0, zero - value * scale + 4, axis.text(Math.abs(value)))
    }
    for (let value = 0; value <= up; value += step) tick(value)
    for (let value = step; value <= down; value += step) tick(-value)
    word(svg, 0, 10, axis.unit)
  }
  return svg
}

/** A round step of which two or three fit in. */
function roundStep(range: number): number {
  let step = 1
  for (let i = 0; range / step > 3.5; i++) step *= i % 3 === 1 ? 2.5 : 2
  return step
}

/** The place of a drawing with an axis that lies under the pointer. */
export function slotUnder(svg: Element, clientX: number): number {
  const box = svg.getBoundingClientRect()
  const x = ((clientX - box.left) / box.width) * WIDTH
  return Math.floor(((x - AXIS) / (WIDTH - AXIS)) * Number(svg.getAttribute('data-slots')))
}

function line(svg: SVGElement, kind: string, [x1, x2, y1, y2]: readonly number[]): void {
  const at = { x1: fixed(x1!), x2: fixed(x2!), y1: fixed(y1!), y2: fixed(y2!) }
  svg.append(shape('line', { class: kind, ...at }))
}

function word(svg: SVGElement, x: number, y: number, content: string): void {
  const text = shape('text', { x: fixed(x), y: fixed(y), 'aria-hidden': 'true' })
  text.textContent = content
  svg.append(text)
}

/** In the middle of a place of `room`. */
function rect(kind: string, x: number, y: number, width: number, height: number, room: number): SVGElement {
  return shape('rect', {
    class: kind,
    x: fixed(x + (room - width) / 2),
    y: fixed(y),
    width: fixed(width),
    height: fixed(Math.max(1, height)),
  })
}

function fixed(n: number): string {
  return n.toFixed(2)
}
