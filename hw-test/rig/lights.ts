// The lights of a board as seen from outside: levels of pins, sampled, kept as a timeline, and compared
// with the patterns of src/base/lights/leds.ts. All times are the board's own: an emulated one that gets less of a
// busy computer blinks more slowly for us, and not for itself.

import { createWriteStream, type WriteStream } from 'node:fs'
import type { LedPattern } from '../../src/base/lights/leds.ts'

export interface Change {
  /** Milliseconds of the board's own clock. */
  readonly at: number
  readonly lit: boolean
}

/** The board's clock, ms, and levels of pins 0 to 31, one bit each. */
export type Sample = () => Promise<{ at: number; levels: number }>

const EVERY_MS = 8
/** How much longer than the board's own time we wait at most. */
const PATIENCE = 30

export class Lights {
  readonly changes: Record<string, Change[]> = {}
  readonly #pins: Readonly<Record<string, number>>
  readonly #sample: Sample
  readonly #log: WriteStream
  readonly #lit: Record<string, boolean> = {}
  #stopped = false
  #now = 0
  #done: Promise<void>

  /** @param pins light: its pin. */
  constructor(pins: Readonly<Record<string, number>>, sample: Sample, file: string) {
    this.#pins = pins
    this.#sample = sample
    this.#log = createWriteStream(file, { flags: 'a' })
    for (const name of Object.keys(pins)) this.changes[name] = []
    this.#done = Object.keys(pins).length > 0 ? this.#watch() : Promise.resolve()
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      const seen = await this.#sample().catch(() => null)
      if (seen === null) return
      const { at, levels } = seen
      this.#now = at
      for (const [name, pin] of Object.entries(this.#pins)) {
        const lit = ((levels >>> pin) & 1) === 1
        if (this.#lit[name] === lit) continue
        this.#lit[name] = lit
        this.changes[name]!.push({ at, lit })
        this.#log.write(`${(at / 1_000).toFixed(3)} ${name} ${lit ? 'on' : 'off'}\n`)
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
    }
  }

  /** The board's clock when it was looked at last, ms. */
  get now(): number {
    return this.#now
  }

  /** Waits for so long of the board's own time. @throws Error when that takes PATIENCE times as long of ours. */
  async wait(ms: number): Promise<void> {
    const [from, since] = [this.#now, performance.now()]
    while (this.#now - from < ms) {
      if (performance.now() - since > ms * PATIENCE + 30_000)
        throw new Error(`the machine stands still: ${Math.round(this.#now - from)} of ${ms} ms`)
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
    }
  }

  /** Lengths of what was shown since `from`, ms, beginning with the first time lit. */
  times(name: string, from: number): number[] {
    const seen = this.changes[name]!.filter((change) => change.at >= from)
    while (seen.length > 0 && !seen[0]!.lit) seen.shift()
    return seen.slice(1).map((change, i) => change.at - seen[i]!.at)
  }

  /**
   * Waits until the light has shown the pattern for two whole rounds since `from`, which is now unless told;
   * says what it showed when it does not.
   */
  async shows(name: string, pattern: LedPattern, ms: number, from: number = this.#now): Promise<string> {
    const until = this.#now + ms
    const wanted = merged(pattern)
    while (this.#now < until) {
      await this.wait(50)
      if (wanted.length <= 1) {
        // Steady: no change for a second and a half, and at the right level.
        const last = this.changes[name]!.at(-1)
        const steady = this.#now - Math.max(last?.at ?? from, from) > 1_500
        if (steady && (this.#lit[name] ?? false) === pattern.times.length > 0) return ''
      } else if (fits(this.times(name, from), wanted)) return ''
    }
    const seen = this.times(name, from)
      .slice(-12)
      .map((n) => Math.round(n))
    return `${name}: expected ${pattern.name} (${wanted.join(' ')} ms), seen ${seen.join(' ')} ms, now ${this.#lit[name] ? 'on' : 'off'}`
  }

  /** As `shows`. @throws Error with what it showed. */
  async expect(name: string, pattern: LedPattern, ms: number, from?: number): Promise<void> {
    const bad = await this.shows(name, pattern, ms, from)
    if (bad !== '') throw new Error(bad)
  }

  async close(): Promise<void> {
    this.#stopped = true
    await this.#done
    this.#log.end()
  }
}

/** On and off times without the zeros in between, beginning with on. */
export function merged(pattern: LedPattern): number[] {
  const out: number[] = []
  pattern.times.forEach((ms, i) => {
    if (ms === 0 && pattern.times.length > 1) return
    const lit = i % 2 === 0
    if (out.length % 2 === (lit ? 0 : 1)) out.push(ms)
    else if (out.length > 0) out[out.length - 1]! += ms
  })
  return out
}

/** Do two rounds in a row of `times`, which begin with on, follow `wanted`, wherever they begin? */
export function fits(times: readonly number[], wanted: readonly number[]): boolean {
  const rounds = wanted.length * 2
  for (let at = 0; at + rounds <= times.length; at++)
    for (let shift = at % 2; shift < wanted.length; shift += 2)
      if (times.slice(at, at + rounds).every((ms, i) => near(ms, wanted[(i + shift) % wanted.length]!)))
        return true
  return false
}

/** Sampling, a loaded computer and the kernel's ticks of 10 ms. */
function near(seen: number, wanted: number): boolean {
  return Math.abs(seen - wanted) <= Math.max(45, wanted * 0.15)
}
