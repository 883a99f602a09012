// Button and LEDs of a Linux machine without either: the button is pressed by lines of NDJSON on
// standard input ({"do":"press"}, {"do":"hold","ms":10500}) or by calling it, the LEDs report each
// change of pattern to whoever wants to show it.

import { type Bytes, text } from '../../base/bytes.ts'
import type { LedName, LedPattern } from '../../base/lights/leds.ts'
import type { Button, Clock, Leds } from '../hardware.ts'

const PRESS_MS = 200
const LONGEST_HOLD_MS = 60_000
/** A longer line is dropped whole. */
const LINE_BYTES = 1_024

/** What of a readable stream the button needs: process.stdin, or a test's. */
export interface Lines {
  on(event: 'data', listener: (data: Bytes) => void): unknown
  pause(): unknown
}

export class LineButton implements Button {
  readonly #clock: Clock
  #listener: ((pressed: boolean, now: number) => void) | null = null
  #pressed = false
  #release: NodeJS.Timeout | null = null
  #input: Lines | null = null
  #line = ''
  /** Lines that were no order to the button. */
  refused = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes orders from there; other lines are counted and dropped. */
  listen(input: Lines): void {
    this.#input = input
    input.on('data', (data) => this.#onData(text(data)))
  }

  pressed(): boolean {
    return this.#pressed
  }

  onChange(listener: (pressed: boolean, now: number) => void): void {
    this.#listener = listener
    if (this.#pressed) setImmediate(() => this.#listener?.(true, this.#clock.now()))
  }

  /** Down now, up `ms` later; a press during a press makes it last `ms` from now. */
  press(ms: number = PRESS_MS): void {
    setImmediate(() => {
      this.#level(true)
      if (this.#release) clearTimeout(this.#release)
      this.#release = setTimeout(() => this.#level(false), Math.min(ms, LONGEST_HOLD_MS))
    })
  }

  close(): void {
    this.#listener = null
    if (this.#release) clearTimeout(this.#release)
    this.#input?.pause()
  }

  #level(pressed: boolean): void {
    if (pressed === this.#pressed) return
    this.#pressed = pressed
    if (!pressed) this.#release = null
    this.#listener?.(pressed, this.#clock.now())
  }

  #onData(data: string): void {
    this.#line += data
    let end = this.#line.indexOf('\n')
    while (end >= 0) {
      this.#order(this.#line.slice(0, end))
      this.#line = this.#line.slice(end + 1)
      end = this.#line.indexOf('\n')
    }
    if (this.#line.length > LINE_BYTES) {
      this.#line = ''
      this.refused++
    }
  }

  #order(line: string): void {
    const order = parse(line)
    if (order?.do === 'press') this.press()
    else if (order?.do === 'hold' && typeof order.ms === 'number' && order.ms > 0) this.press(order.ms)
    else this.refused++
  }
}

function parse(line: string): { do?: unknown; ms?: unknown } | null {
  try {
    return JSON.parse(line) as { do?: unknown; ms?: unknown } | null
  } catch {
    return null
  }
}

/** LEDs that somebody else shows: `onChange` hears of each change of pattern, once. */
export class ReportedLeds implements Leds {
  readonly #onChange: (led: LedName, pattern: LedPattern) => void
  readonly #showing: Map<LedName, LedPattern> = new Map()

  constructor(onChange: (led: LedName, pattern: LedPattern) => void) {
    this.#onChange = onChange
  }

  show(led: LedName, pattern: LedPattern): void {
    // A pattern that runs once is shown again each time; a lasting one only when it is new.
    if (pattern.repeat && this.#showing.get(led)?.name === pattern.name) return
    this.#showing.set(led, pattern)
    this.#onChange(led, pattern)
  }
}
