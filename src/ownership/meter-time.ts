// What time it is, by the meter (docs/wire/owners.md "Time"): consents end and recoveries ripen by it, on
// a board without a clock of its own and whatever the network says. The meter's word is taken as far as
// the board's own counting of seconds bears it out: after a start once three telegrams agree, from then
// on within a few minutes and a thousandth. It never runs backwards. SNTP has no say.

/** Telegrams that must agree with our counting before the first of them is believed. */
const AGREEING = 3
/** How far apart two of them may be counted, ms: a telegram's time has whole seconds. */
const APART_MS = 2_500
/** A quartz without temperature control is ten times better. */
const DRIFT = 0.001
/** A meter may be set right by as much while we run, ms. */
const SLACK_MS = 300_000
/** At a start: the longest time that a device was switched off, ms. */
const AWAY_MS = 400 * 86_400_000

export class MeterTime {
  #floor: number
  #time: number
  /** The meter's time when we began to believe it, and ours. */
  #anchor: number
  #anchorAt: number
  #candidate: number
  #candidateAt: number
  #agreeing: number
  #last: number
  #lastAt: number

  /** @param floor the time that was written down last, ms since 1970; 0 where none was. */
  constructor(floor: number) {
    this.#floor = floor
    this.#time = Number.NaN
    this.#anchor = Number.NaN
    this.#anchorAt = 0
    this.#candidate = Number.NaN
    this.#candidateAt = 0
    this.#agreeing = 0
    this.#last = Number.NaN
    this.#lastAt = 0
  }

  /** The time of now, ms since 1970; NaN while it is not known. */
  get now(): number {
    return this.#time
  }

  /** Where nothing was written down yet: an owner's signed word, for meters that send no time at all. */
  hint(at: number): void {
    if (this.#floor === 0) this.#floor = at
  }

  /**
   * A telegram whose CRC fits. `utcMs`: its time, NaN where it has none; `now`: monotonic ms. Returns
   * how many milliseconds went by since the telegram before: never more than we counted ourselves.
   */
  onTelegram(utcMs: number, now: number): number {
    if (Number.isFinite(utcMs)) this.#follow(utcMs, now)
    else this.#count(now)
    return this.#passed(now)
  }

  #follow(utcMs: number, now: number): void {
    if (!Number.isNaN(this.#anchor)) return this.#move(utcMs, now)
    const apart = utcMs - this.#candidate - (now - this.#candidateAt)
    if (Math.abs(apart) <= APART_MS) this.#agreeing++
    else {
      this.#candidate = utcMs
      this.#candidateAt = now
      this.#agreeing = 1
    }
    if (this.#agreeing < AGREEING) return
    this.#begin(this.ifTrue(utcMs), now)
  }

  /** Before the time is known: what it becomes when this telegram is borne out. NaN for one without a time. */
  ifTrue(utcMs: number): number {
    const latest = this.#floor > 0 ? this.#floor + AWAY_MS : Number.POSITIVE_INFINITY
    return Math.min(latest, Math.max(this.#floor, utcMs))
  }

  /** No time in the telegram: the last one known, and our own counting since. */
  #count(now: number): void {
    if (!Number.isNaN(this.#anchor)) this.#move(this.#anchor + (now - this.#anchorAt), now)
    else if (this.#floor > 0) this.#begin(this.#floor, now)
  }

  #begin(time: number, now: number): void {
    this.#anchor = time
    this.#anchorAt = now
    this.#time = time
  }

  #move(utcMs: number, now: number): void {
    const counted = now - this.#anchorAt
    const low = this.#anchor + counted * (1 - DRIFT) - SLACK_MS
    const high = this.#anchor + counted * (1 + DRIFT) + SLACK_MS
    const time = Math.min(high, Math.max(low, utcMs))
    if (time > this.#time) this.#time = time
  }

  #passed(now: number): number {
    const passed = Math.min(this.#time - this.#last, now - this.#lastAt)
    this.#last = this.#time
    this.#lastAt = now
    return passed > 0 ? passed : 0
  }
}
