// Time and randomness of a Linux machine: the monotonic clock, one timer for the whole process's loop,
// and the kernel's random bytes.

import { randomFillSync } from 'node:crypto'
import type { Clock, Random } from '../hardware.ts'

/** Longest delay that setTimeout takes, ms; a later wake-up is reached in steps. */
const LONGEST = 0x7fff_ffff

export class LinuxClock implements Clock {
  #timer: NodeJS.Timeout | null = null
  #at = Number.POSITIVE_INFINITY
  #onWake: () => void = () => {}
  readonly #fire: () => void = () => this.#check()

  now(): number {
    return performance.now()
  }

  wall(): number {
    return Date.now()
  }

  wake(at: number, onWake: () => void): void {
    this.#at = at
    this.#onWake = onWake
    this.#arm()
  }

  /** Forgets the pending wake-up, so that a process may end. */
  stop(): void {
    this.#at = Number.POSITIVE_INFINITY
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }

  #arm(): void {
    if (this.#timer) clearTimeout(this.#timer)
    // Rounded up: a timer that fires early would only be set again.
    const ms = Math.min(LONGEST, Math.max(1, Math.ceil(this.#at - performance.now())))
    this.#timer = setTimeout(this.#fire, ms)
  }

  #check(): void {
    this.#timer = null
    if (performance.now() < this.#at) this.#arm()
    else this.#onWake()
  }
}

export const linuxRandom: Random = (into) => {
  randomFillSync(into)
}
