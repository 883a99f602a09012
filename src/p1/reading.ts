// The values of one telegram in one shape for every meter (docs/reading.md): W, Wh, V, A, m3, UTC.
// One Reading is filled again for each telegram and allocates nothing. Numbers are exact inside
// (integer and decimals); the getters give JavaScript numbers, NaN where the meter said nothing.
// Where a reference comes twice the first one counts.

import type { Bytes } from '../base/bytes.ts'
import {
  DECIMALS,
  type Decimal,
  MANTISSA,
  newDecimal,
  newTime,
  OFFSET_MINUTES,
  readDecimal,
  readDigits,
  readTime,
  readUnit,
  SHIFTED,
  type Time,
  UNIT,
  UNIT_M3,
  UNIT_NONE,
  UTC_MS,
} from './decimal.ts'
import { KEY, SLOT_UNITS, SLOTS, slot, slotOf } from './obis.ts'
import { MAX_OBJECTS, type Telegram } from './telegram.ts'

/** M-Bus channels of a meter: 1 to 4 in every standard. */
const MAX_CHANNELS = 8
/** A meter clock that is off by more than this is flagged. */
const CLOCK_SKEW_MS = 86_400_000
/** Times before 2001 are those of a clock that was never set. */
const UNSET_BEFORE_MS = 978_307_200_000

/** M-Bus device types (EN 13757-3) that meters in the field report. */
export const MBUS_GAS = 3
export const MBUS_HEAT = 4
export const MBUS_WARM_WATER = 6
export const MBUS_WATER = 7

/** What an object gave, where it is no slot: nothing; the meter's time; anything else. */
const IGNORED = -1
const CLOCK = -2
const SPECIAL = -3

const POWERS_OF_TEN: Float64Array = Float64Array.from({ length: 23 }, (_, n) => 10 ** n)

/** A meter on the M-Bus of the electricity meter. */
export class Channel {
  /** n of `0-n:`. */
  readonly number: number
  /** Device type, or -1 where the telegram does not say. */
  type: number
  /** Value in `unit`: mantissa, decimals, unit. */
  readonly value: Decimal
  /** When it was read: UTC ms. Local ms (no offset) in DSMR 2.2 and 3.0. */
  readonly time: Time
  /** Its id, as text: group index in the telegram, or -1. */
  idGroup: number
  /** Valve or relay: 0, 1, or -1. */
  valve: number
  /** Mentioned in this telegram. */
  present: boolean

  constructor(number: number) {
    this.number = number
    this.type = -1
    this.value = newDecimal()
    this.time = newTime()
    this.idGroup = -1
    this.valve = -1
    this.present = false
  }

  clear(): void {
    this.type = -1
    this.value[MANTISSA] = Number.NaN
    this.value[DECIMALS] = 0
    this.value[UNIT] = UNIT_NONE
    this.time[UTC_MS] = Number.NaN
    this.time[OFFSET_MINUTES] = Number.NaN
    this.idGroup = -1
    this.valve = -1
    this.present = false
  }

  /** Has a value that was read at a real time: not a place where no meter is, or is any longer. */
  get live(): boolean {
    return this.time[UTC_MS]! >= UNSET_BEFORE_MS && !Number.isNaN(this.value[MANTISSA]!)
  }
}

export class Reading {
  /** By slot (obis.ts): value = mantissa / 10^decimals in the slot's unit; NaN where absent. */
  readonly mantissa: Float64Array
  readonly decimals: Uint8Array
  readonly limit: Decimal
  readonly meterTime: Time
  readonly monthPeakTime: Time
  readonly channels: readonly Channel[]
  /** Belgian order: tariff 1 is the day's (normal), 2 the night's (low); else the other way round. */
  belgian: boolean
  /** The telegram carried a CRC and it fits. */
  verified: boolean
  /** The telegram came encrypted, and its tag was verified. */
  encrypted: boolean
  authenticated: boolean
  /** Byte for byte the telegram before. */
  duplicate: boolean
  /** Meter clock and ours differ by more than a day. */
  clockSkew: boolean
  /** `[0]` wall clock in ms when it came; NaN where we do not know the time. */
  readonly received: Float64Array
  readonly #decimal: Decimal
  readonly #time: Time
  /** What each object of the telegram gave: a slot, or one of the roles below zero. */
  readonly #roles: Int16Array
  /** By slot: powers of ten from its digits to its mantissa. */
  readonly #shifted: Uint8Array
  /** The meter has no total register: ours is the sum of the tariffs'. */
  #summedIn: boolean
  #summedOut: boolean
  /** The telegram that was read last, and its count of reads then. */
  #telegram: Telegram | null
  #reads: number

  constructor() {
    this.mantissa = new Float64Array(SLOTS).fill(Number.NaN)
    this.decimals = new Uint8Array(SLOTS)
    this.limit = newDecimal()
    this.meterTime = newTime()
    this.monthPeakTime = newTime()
    this.channels = Array.from({ length: MAX_CHANNELS }, (_, n) => new Channel(n + 1))
    this.belgian = false
    this.verified = false
    this.encrypted = false
    this.authenticated = false
    this.duplicate = false
    this.clockSkew = false
    this.received = new Float64Array(1)
    this.#decimal = newDecimal()
    this.#time = newTime()
    this.#roles = new Int16Array(MAX_OBJECTS)
    this.#shifted = new Uint8Array(SLOTS)
    this.#summedIn = false
    this.#summedOut = false
    this.#telegram = null
    this.#reads = 0
  }

  /** Takes every value out of `telegram`. `wallMs`: our clock, NaN where it is not to be trusted. */
  read(telegram: Telegram, wallMs: number): void {
    const next = this.#telegram === telegram && this.#reads === telegram.reads - 1
    this.#telegram = telegram
    this.#reads = telegram.reads
    this.received[0] = wallMs
    this.verified = false
    this.encrypted = false
    this.authenticated = false
    this.duplicate = false
    if (!next || !telegram.sameForm || !this.#refresh(telegram)) this.#readAll(telegram)
    this.clockSkew = Math.abs(this.meterTime[UTC_MS]! - wallMs) > CLOCK_SKEW_MS
  }

  #readAll(telegram: Telegram): void {
    const roles = this.#roles
    this.mantissa.fill(Number.NaN)
    this.limit[MANTISSA] = Number.NaN
    this.meterTime[UTC_MS] = Number.NaN
    this.monthPeakTime[UTC_MS] = Number.NaN
    this.belgian = false
    for (let n = 0; n < MAX_CHANNELS; n++) if (this.channels[n]!.present) this.channels[n]!.clear()
    for (let i = 0; i < telegram.count; i++) {
      const medium = telegram.medium[i]!
      if (medium >>> 8 === 1) roles[i] = this.#electricity(telegram, i)
      else if (medium === 0) roles[i] = this.#device(telegram, i)
      else if (medium <= MAX_CHANNELS) roles[i] = this.#mbus(telegram, i, this.channels[medium - 1]!)
      else roles[i] = IGNORED
    }
    this.#summedIn = Number.isNaN(this.mantissa[ENERGY_IN]!) && this.#sum(ENERGY_IN)
    this.#summedOut = Number.isNaN(this.mantissa[ENERGY_OUT]!) && this.#sum(ENERGY_OUT)
  }

  /** Only digits are new since the last time: takes those. False where that is not enough. */
  #refresh(t: Telegram): boolean {
    const { mantissa } = this
    let energy = false
    for (let k = 0; k < t.changedCount; k++) {
      const i = t.changed[k]!
      const role = this.#roles[i]!
      if (role >= 0) {
        const group = t.first[i]!
        const from = t.groupFrom[group]!
        const digits = readDigits(t.mem, from, t.groupTo[group]!) * POWERS_OF_TEN[this.#shifted[role]!]!
        if (digits > Number.MAX_SAFE_INTEGER) return false
        mantissa[role] = t.mem[from] === 45 && digits !== 0 ? -digits : digits
        energy ||= role < POWER_IN
      } else if (role === CLOCK) {
        const group = t.first[i]!
        if (!readTime(t.mem, t.groupFrom[group]!, t.groupTo[group]!, this.meterTime)) return false
      } else if (role !== IGNORED) return false
    }
    if (energy && this.#summedIn) this.#summedIn = this.#sum(ENERGY_IN)
    if (energy && this.#summedOut) this.#summedOut = this.#sum(ENERGY_OUT)
    return true
  }

  /** Value of a slot in its unit, NaN where absent. */
  value(slot: number): number {
    return this.mantissa[slot]! / POWERS_OF_TEN[this.decimals[slot]!]!
  }

  /** Power from the grid, W. */
  get powerInW(): number {
    return this.value(POWER_IN)
  }

  /** Power to the grid, W. */
  get powerOutW(): number {
    return this.value(POWER_OUT)
  }

  /** Energy from the grid, Wh: the total register, or the sum of the tariffs'. */
  get energyInWh(): number {
    return this.value(ENERGY_IN)
  }

  get energyOutWh(): number {
    return this.value(ENERGY_OUT)
  }

  /** UTC in ms by the meter's clock, NaN where it tells none. */
  get meterTimeMs(): number {
    return this.meterTime[UTC_MS]!
  }

  /** The channel of this type that was read last; the lowest number of two. Null where none is live. */
  newest(type: number): Channel | null {
    let best: Channel | null = null
    for (let n = 0; n < MAX_CHANNELS; n++) {
      const channel = this.channels[n]!
      if (channel.type !== type || !channel.live) continue
      if (best === null || channel.time[UTC_MS]! > best.time[UTC_MS]!) best = channel
    }
    return best
  }

  /** Gas meter, dm3; NaN where there is none. */
  get gasDm3(): number {
    const gas = this.newest(MBUS_GAS)
    return gas === null || gas.value[UNIT] !== UNIT_M3
      ? Number.NaN
      : (gas.value[MANTISSA]! * 1000) / POWERS_OF_TEN[gas.value[DECIMALS]!]!
  }

  /** UTC in ms at which the gas meter was read. */
  get gasTimeMs(): number {
    return this.newest(MBUS_GAS)?.time[UTC_MS] ?? Number.NaN
  }

  /** These take one object and say what it gave. */
  #electricity(t: Telegram, i: number): number {
    const at = slotOf(1, t.key[i]!)
    if (at < 0) return IGNORED
    if (t.key[i] !== KEY.monthPeak) return this.#store(t, at, t.first[i]!)
    // The month's peak has its time in front.
    const group = t.first[i]! + 1
    if (group >= t.first[i + 1]! || !Number.isNaN(this.mantissa[at]!)) return SPECIAL
    this.#store(t, at, group)
    readTime(t.mem, t.groupFrom[group - 1]!, t.groupTo[group - 1]!, this.monthPeakTime)
    return SPECIAL
  }

  #store(t: Telegram, at: number, group: number): number {
    if (!Number.isNaN(this.mantissa[at]!)) return IGNORED
    const decimal = this.#decimal
    if (!readDecimal(t.mem, t.groupFrom[group]!, t.groupTo[group]!, decimal)) return SPECIAL
    if (decimal[UNIT] !== SLOT_UNITS[at]) return SPECIAL
    this.mantissa[at] = decimal[MANTISSA]!
    this.decimals[at] = decimal[DECIMALS]!
    this.#shifted[at] = decimal[SHIFTED]!
    return at
  }

  #device(t: Telegram, i: number): number {
    const key = t.key[i]!
    const group = t.first[i]!
    const from = t.groupFrom[group]!
    const to = t.groupTo[group]!
    if (key === KEY.time) {
      if (!Number.isNaN(this.meterTime[UTC_MS]!)) return IGNORED
      return readTime(t.mem, from, to, this.meterTime) ? CLOCK : SPECIAL
    }
    if (key === KEY.versionBe) this.belgian = isBelgian(t.mem, from, to)
    else if (key === KEY.limit) {
      if (Number.isNaN(this.limit[MANTISSA]!)) readDecimal(t.mem, from, to, this.limit)
    } else {
      const at = slotOf(0, key)
      return at < 0 ? IGNORED : this.#store(t, at, group)
    }
    return SPECIAL
  }

  #mbus(t: Telegram, i: number, channel: Channel): number {
    channel.present = true
    const key = t.key[i]!
    const group = t.first[i]!
    const from = t.groupFrom[group]!
    const to = t.groupTo[group]!
    if (key === KEY.mbusId || key === KEY.mbusIdBe) {
      if (channel.idGroup < 0) channel.idGroup = group
      return IGNORED
    }
    if (key === KEY.mbusType) {
      if (channel.type < 0) channel.type = smallInteger(t.mem, from, to)
    } else if (key === KEY.mbusValve) channel.valve = smallInteger(t.mem, from, to)
    else if (key === KEY.mbusValue || key === KEY.mbusValueBe) this.#mbusValue(t, group + 1, i, channel)
    else if (key === KEY.mbusValueV3) this.#mbusValue(t, t.first[i + 1]! - 1, i, channel)
    else return IGNORED
    return SPECIAL
  }

  /** Time in the object's first group, value in `group`; DSMR 3.0 has the unit in the group before. */
  #mbusValue(t: Telegram, group: number, i: number, channel: Channel): void {
    const first = t.first[i]!
    if (!Number.isNaN(channel.value[MANTISSA]!) || group <= first || group >= t.first[i + 1]!) return
    if (!readTime(t.mem, t.groupFrom[first]!, t.groupTo[first]!, this.#time)) this.#time.fill(Number.NaN)
    if (!readDecimal(t.mem, t.groupFrom[group]!, t.groupTo[group]!, channel.value)) return
    if (t.key[i] === KEY.mbusValueV3)
      readUnit(t.mem, t.groupFrom[group - 1]!, t.groupTo[group - 1]!, channel.value)
    channel.time[UTC_MS] = this.#time[UTC_MS]!
    channel.time[OFFSET_MINUTES] = this.#time[OFFSET_MINUTES]!
  }

  /** Sets a total that the meter does not send: the sum of the four tariffs behind it. */
  #sum(total: number): boolean {
    let decimals = 0
    for (let at = total + 1; at <= total + 4; at++)
      if (!Number.isNaN(this.mantissa[at]!)) decimals = Math.max(decimals, this.decimals[at]!)
    let sum = Number.NaN
    for (let at = total + 1; at <= total + 4; at++) {
      const m = this.mantissa[at]!
      if (Number.isNaN(m)) continue
      sum = (Number.isNaN(sum) ? 0 : sum) + m * POWERS_OF_TEN[decimals - this.decimals[at]!]!
    }
    const exact = Math.abs(sum) <= Number.MAX_SAFE_INTEGER
    this.mantissa[total] = exact ? sum : Number.NaN
    this.decimals[total] = decimals
    return exact
  }
}

export const ENERGY_IN: number = slot('energyIn')
export const ENERGY_OUT: number = slot('energyOut')
const POWER_IN = slot('powerIn')
const POWER_OUT = slot('powerOut')

/** eMUCs versions are five digits, 50213 and up: `502xx`. */
function isBelgian(b: Bytes, from: number, to: number): boolean {
  return to - from === 5 && b[from] === 53 && b[from + 1] === 48 && b[from + 2] === 50
}

/** Up to three digits, or -1. */
function smallInteger(b: Bytes, from: number, to: number): number {
  if (to === from || to - from > 3) return -1
  let value = 0
  for (let i = from; i < to; i++) {
    const digit = b[i]! - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}
