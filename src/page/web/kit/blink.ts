// Makes a drawn light blink exactly as the device's light does (base/lights/leds.ts). One timer for one light;
// a reader who asked for less motion sees the light steady, the words beside it say how it blinks.

import { type LedPattern, STATUS } from '../../../base/lights/leds.ts'

export class Blink {
  readonly #light: Element
  readonly #rounds: 'as-device' | 'again'
  #name: string | null
  #timer: ReturnType<typeof setTimeout> | undefined

  /** `again` shows a pattern that the device plays once over and over, to explain it. */
  constructor(light: Element, rounds: 'as-device' | 'again' = 'as-device') {
    this.#light = light
    this.#rounds = rounds
    this.#name = null
    this.#timer = undefined
  }

  /** Null: nothing is known, the light is dark. */
  show(name: string | null, table: Readonly<Record<string, LedPattern>> = STATUS): void {
    if (name === this.#name) return
    this.#name = name
    clearTimeout(this.#timer)
    const row = name === null || !Object.hasOwn(table, name) ? null : table[name]!
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches
    if (row === null || row.times.length === 0) this.#lit(false)
    else if (row.times.length === 1 || still) this.#lit(true)
    else this.#step(row.times, row.repeat || this.#rounds === 'again', 0)
  }

  #step(times: readonly number[], repeat: boolean, at: number): void {
    const next = at === times.length ? 0 : at
    if (at === times.length && !repeat) {
      this.#lit(false)
      return
    }
    this.#lit(next % 2 === 0)
    this.#timer = setTimeout(() => this.#step(times, repeat, next + 1), times[next])
  }

  #lit(on: boolean): void {
    this.#light.classList.toggle('lit', on)
  }
}
