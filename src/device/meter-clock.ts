// Whether the meter's time may be believed on a board whose own clock is wrong (there is no battery on
// it, and the network may be away): telegram after telegram it has to go on as fast as the time since the
// start of the program does. Nothing here reads a clock; it never says what the time is.

/** So many telegrams in a row make it sure. */
const STEADY = 10
/** Telegrams wait on the line, and meters round to seconds. */
const SLACK_MS = 5_000

export class MeterClock {
  /** Meter's time less ours, when the row began. */
  #offset: number
  #row: number

  constructor() {
    this.#offset = Number.NaN
    this.#row = 0
  }

  /** A telegram said `meterMs` (since 1970) at `now` (ms, monotonic). True where that is to be believed. */
  steady(meterMs: number, now: number): boolean {
    if (Math.abs(meterMs - now - this.#offset) <= SLACK_MS) this.#row++
    else {
      this.#offset = meterMs - now
      this.#row = 1
    }
    return this.#row >= STEADY
  }
}
