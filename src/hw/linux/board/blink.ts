// Blinks an LED from a timer of ours: for GPIO pins without an LED class entry, and for kernels
// without the trigger that a pattern wants. The table of base/lights/leds.ts, step by step.

import type { LedPattern } from '../../../base/lights/leds.ts'
import { roundMs } from '../../../base/lights/leds.ts'

export class Blinker {
  readonly #set: (lit: boolean) => void
  #pattern: LedPattern | null = null
  #step = 0
  #timer: NodeJS.Timeout | null = null

  constructor(set: (lit: boolean) => void) {
    this.#set = set
  }

  show(pattern: LedPattern): void {
    this.close()
    this.#pattern = pattern
    this.#step = 0
    this.#go()
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#pattern = null
  }

  #go(): void {
    const pattern = this.#pattern
    if (!pattern) return
    const { times, repeat } = pattern
    if (roundMs(pattern) === 0) return this.#set(times.length > 0)
    while (this.#step < times.length && times[this.#step] === 0) this.#step++
    if (this.#step >= times.length) {
      if (!repeat) return this.#set(false)
      this.#step = 0
      return this.#go()
    }
    this.#set(this.#step % 2 === 0)
    this.#timer = setTimeout(() => this.#go(), times[this.#step]!)
    this.#timer.unref()
    this.#step++
  }
}
