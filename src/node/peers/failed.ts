// Addresses that did not answer, and until when they are left alone: a second at first, twice as long
// each time, ten minutes at most. The oldest makes room.

import { LIMITS } from '../../base/limits.ts'

interface Failure {
  until: number
  delay: number
  why: string
}

const WHY_CHARS = 160

export class FailedAddresses {
  readonly #failures: Map<string, Failure>

  constructor() {
    this.#failures = new Map()
  }

  get size(): number {
    return this.#failures.size
  }

  /** @param why in words, for a person */
  add(address: string, now: number, why = ''): void {
    const { failed, failedFirstMs, failedMostMs } = LIMITS.peers
    const before = this.#failures.get(address)
    const delay = before ? Math.min(failedMostMs, before.delay * 2) : failedFirstMs
    // Put last: the map's order is that of the failures.
    this.#failures.delete(address)
    if (this.#failures.size >= failed) this.#failures.delete(this.#failures.keys().next().value!)
    this.#failures.set(address, { until: now + delay, delay, why: why.slice(0, WHY_CHARS) })
  }

  worked(address: string): void {
    this.#failures.delete(address)
  }

  /** Why it did not answer last, in words; null where it is not known to have failed. */
  why(address: string): string | null {
    return this.#failures.get(address)?.why ?? null
  }

  /** Is it to be left alone? */
  has(address: string, now: number): boolean {
    const failure = this.#failures.get(address)
    return failure !== undefined && now < failure.until
  }
}
