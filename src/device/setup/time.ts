// Which time it is, on a board without a clock of its own. The card's last time and the build's are the
// floor that stage 1 sets; the meter's telegrams, checked and steady, raise it; SNTP makes it exact as
// long as it does not contradict the meter. A plain machine: times in, a step of the clock out. Nothing
// that expires hangs on this (DESIGN: only bounded telegram time moves expiry, SNTP never does).

import type { Sample } from './sntp.ts'

/** Telegrams that must agree before they are believed. */
const STEADY = 3
/** And by how much they may differ from each other's pace, ms. */
const PACE_MS = 5_000
/** A clock that is off by less is left alone, ms. */
const STEP_MS = 1_000
/** The meter's clock may be wrong by so much; SNTP beyond that is not believed, ms. */
const METER_WRONG_MS = 3_600_000
/** A sample that may be off by more is of no use, ms. */
const WORST_SAMPLE_MS = 2_000

export type TimeSource = 'none' | 'meter' | 'sntp'

export class TimeKeeper {
  #source: TimeSource = 'none'
  /** Telegram time less monotonic time, of the last telegram; how many agreed with it. */
  #meterOffset = 0
  #steady = 0

  get source(): TimeSource {
    return this.#source
  }

  /** Confirmed telegram time. Returns the time to set, or null. */
  onTelegram(utcMs: number, now: number, wall: number): number | null {
    const offset = utcMs - now
    this.#steady = Math.abs(offset - this.#meterOffset) < PACE_MS ? Math.min(STEADY, this.#steady + 1) : 1
    this.#meterOffset = offset
    if (this.#steady < STEADY || this.#source === 'sntp') return null
    this.#source = 'meter'
    return Math.abs(wall - utcMs) >= STEP_MS ? utcMs : null
  }

  /** An answer of a time server. Returns the time to set, or null: it fits already, or is not believed. */
  onSample({ utcMs, errorMs }: Sample, now: number, wall: number): number | null {
    if (errorMs > WORST_SAMPLE_MS || !this.believes(utcMs, now)) return null
    this.#source = 'sntp'
    return Math.abs(wall - utcMs) >= STEP_MS ? utcMs : null
  }

  /** Whether a time is near the meter's, where there is one. */
  believes(utcMs: number, now: number): boolean {
    return this.#steady < STEADY || Math.abs(utcMs - now - this.#meterOffset) <= METER_WRONG_MS
  }
}
