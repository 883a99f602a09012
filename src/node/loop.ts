// The one owner of time: named timers over the machine's single wake-up (STYLE, "node/loop.ts holds
// the only timer"). Their number is capped; setting and firing a timer allocates nothing
// after its first use.

import { LIMITS } from '../base/limits.ts'
import type { Clock } from '../hw/hardware.ts'

interface Timer {
  readonly name: string
  at: number
  every: number
  run: ((now: number) => void) | null
}

export class Loop {
  readonly clock: Clock
  readonly #timers: Timer[]
  readonly #most: number
  readonly #onWake: () => void
  #armed: number
  /** Timers are running: what they set is looked at once, afterwards. */
  #firing: boolean

  /** @param most timers at once. */
  constructor(clock: Clock, most: number = LIMITS.node.timers) {
    this.#most = most
    this.clock = clock
    this.#timers = []
    this.#armed = Number.POSITIVE_INFINITY
    this.#firing = false
    this.#onWake = () => this.#fire()
  }

  now(): number {
    return this.clock.now()
  }

  /** Runs once, `ms` from now; replaces a timer of the same name. */
  after(name: string, ms: number, run: (now: number) => void): void {
    this.#set(name, this.clock.now() + ms, 0, run)
  }

  /**
   * Runs once, when the clock has reached `at`. For machines that say themselves when they want to be
   * called: `after(at - now)` may round to a moment just before, and never end.
   */
  at(name: string, at: number, run: (now: number) => void): void {
    this.#set(name, at, 0, run)
  }

  /** Runs every `ms`; a late round is not made up for. */
  every(name: string, ms: number, run: (now: number) => void): void {
    this.#set(name, this.clock.now() + ms, ms, run)
  }

  cancel(name: string): void {
    const timer = this.#find(name)
    if (timer) timer.run = null
  }

  /** Milliseconds left of a timer, or -1 where none runs under this name. */
  left(name: string): number {
    const timer = this.#find(name)
    return timer?.run ? Math.max(0, timer.at - this.clock.now()) : -1
  }

  #find(name: string): Timer | undefined {
    for (let i = 0; i < this.#timers.length; i++) if (this.#timers[i]!.name === name) return this.#timers[i]
    return undefined
  }

  #set(name: string, at: number, every: number, run: (now: number) => void): void {
    let timer = this.#find(name)
    if (!timer) {
      timer = this.#timers.find((t) => t.run === null)
      if (timer && this.#timers.length >= this.#most) this.#timers.splice(this.#timers.indexOf(timer), 1)
      if (this.#timers.length >= this.#most) throw new RangeError(`more than ${this.#most} timers`)
      timer = { name, at: 0, every: 0, run: null }
      this.#timers.push(timer)
    }
    timer.at = at
    timer.every = every
    timer.run = run
    if (!this.#firing) this.#arm()
  }

  #arm(): void {
    let next = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.#timers.length; i++) {
      const timer = this.#timers[i]!
      if (timer.run !== null && timer.at < next) next = timer.at
    }
    if (next === this.#armed || next === Number.POSITIVE_INFINITY) return
    this.#armed = next
    this.clock.wake(next, this.#onWake)
  }

  #fire(): void {
    this.#armed = Number.POSITIVE_INFINITY
    const now = this.clock.now()
    this.#firing = true
    try {
      for (let i = 0; i < this.#timers.length; i++) {
        const timer = this.#timers[i]!
        const run = timer.run
        if (run === null || timer.at > now) continue
        if (timer.every > 0) timer.at = now + timer.every
        else timer.run = null
        run(now)
      }
    } finally {
      this.#firing = false
      this.#arm()
    }
  }
}
