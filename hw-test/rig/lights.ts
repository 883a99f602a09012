// The lights of a board as seen from outside: levels of pins, sampled, kept as a timeline, and compared
// with the patterns of src/base/leds.ts.

import { createWriteStream, type WriteStream } from 'node:fs'
import type { LedPattern } from '../../src/base/leds.ts'

export interface Change {
  /** Milliseconds, monotonic. */
  readonly at: number
  readonly lit: boolean
}

/** Levels of pins 0 to 31, one bit each. */
export type Sample = () => Promise<number>

const EVERY_MS = 8

export class Lights {
  readonly changes: Record<string, Change[]> = {}
  readonly #pins: Readonly<Record<string, number>>
  readonly #sample: Sample
  readonly #log: WriteStream
  readonly #lit: Record<string, boolean> = {}
  #stopped = false
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
      const levels = await this.#sample().catch(() => null)
      if (levels === null) return
      const at = performance.now()
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

  /** Lengths of what was shown since `from`, ms, beginning with the first time lit. */
  times(name: string, from: number): number[] {
    const seen = this.changes[name]!.filter((change) => change.at >= from)
    while (seen.length > 0 && !seen[0]!.lit) seen.shift()
    return seen.slice(1).map((change, i) => change.at - seen[i]!.at)
  }

  /** Waits until the light shows the pattern for two whole rounds; says what it showed when it does not. */
  async shows(name: string, pattern: LedPattern, ms: number): Promise<string> {
    const until = performance.now() + ms
    const from = performance.now()
    const wanted = merged(pattern)
    while (performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      if (wanted.length <= 1) {
        // Steady: no change for a second and a half, and at the right level.
        const last = this.changes[name]!.at(-1)
        const steady = !last || performance.now() - Math.max(last.at, from) > 1_500
        if (steady && (this.#lit[name] ?? false) === pattern.times.length > 0) return ''
      } else if (fits(this.times(name, from), wanted)) return ''
    }
    const seen = this.times(name, from)
      .slice(-12)
      .map((n) => Math.round(n))
    return `${name}: expected ${pattern.name} (${wanted.join(' ')} ms), seen ${seen.join(' ')} ms, now ${this.#lit[name] ? 'on' : 'off'}`
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

/** Do the last two rounds of `times` follow `wanted`, whichever pair they begin with? */
export function fits(times: readonly number[], wanted: readonly number[]): boolean {
  const rounds = times.length - (times.length % 2)
  if (rounds < wanted.length * 2) return false
  const last = times.slice(rounds - wanted.length * 2, rounds)
  for (let shift = 0; shift < wanted.length; shift += 2)
    if (last.every((ms, i) => near(ms, wanted[(i + shift) % wanted.length]!))) return true
  return false
}

/** Sampling, a loaded computer and the kernel's ticks of 10 ms. */
function near(seen: number, wanted: number): boolean {
  return Math.abs(seen - wanted) <= Math.max(45, wanted * 0.15)
}
