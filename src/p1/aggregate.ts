// Quarter-hour and day summaries of readings: counter values at both ends, the highest powers between,
// gas. Made from the meter's own clock; a period is reported when the first reading of the next one
// comes, beginning with the first period that was seen from its start.
// Layout: docs/wire/telegrams.md section 7. Missing values are all ones.

import type { Bytes } from '../base/bytes.ts'
import { getU32, getU48, putU32, putU48 } from '../base/cursor.ts'
import { OFFSET_MINUTES } from './decimal.ts'
import { slot } from './obis.ts'
import type { Reading } from './reading.ts'

export const KIND_QUARTER = 1
export const KIND_DAY = 2
export type Kind = 1 | 2

export const SUMMARY_BYTES = 64
const VERSION = 1

/** A period counts as seen from its start when the first reading came within this time. */
const LATE_MS = 60_000
/** Readings further apart than this leave a gap that the summary admits to. */
const GAP_MS = 60_000
const QUARTER_MS = 900_000
const DAY_MS = 86_400_000

/** Summary flag: readings were missing inside. */
const FLAG_GAP = 1

/** Numbers held while a period runs. */
const PERIOD = 0
const START = 1
const LAST = 2
const ENERGY_IN = 3
const ENERGY_OUT = 4
const GAS = 5
const MAX_IN = 6
const MAX_IN_AT = 7
const MAX_OUT = 8
const MAX_OUT_AT = 9
const MIN_V = 10
const MAX_V = 11

const VOLTAGES: readonly number[] = [slot('voltageL1'), slot('voltageL2'), slot('voltageL3')]

export class Aggregator {
  readonly kind: Kind
  /** The newest summary; valid until the next one is made. */
  readonly summary: Bytes
  readonly #v: Float64Array
  #samples: number
  #flags: number
  #running: boolean

  constructor(kind: Kind) {
    this.kind = kind
    this.summary = new Uint8Array(SUMMARY_BYTES)
    this.#v = new Float64Array(12).fill(Number.NaN)
    this.#samples = 0
    this.#flags = 0
    this.#running = false
  }

  /** When the period that will be reported began (milliseconds since 1970), or NaN while none runs. */
  get start(): number {
    return this.#running ? this.#v[START]! : Number.NaN
  }

  /** Time of the newest reading, or NaN before the first. */
  get last(): number {
    return this.#v[LAST]!
  }

  /**
   * Takes one reading. True when it closed a period, which is in `summary` then. Readings without
   * a meter time use the time of receipt; without both they are not counted.
   */
  add(reading: Reading): boolean {
    const v = this.#v
    const told = reading.meterTimeMs
    const at = Number.isNaN(told) ? reading.received[0]! : told
    if (Number.isNaN(at)) return false
    const offset = Number.isNaN(told) ? 0 : reading.meterTime[OFFSET_MINUTES]! * 60_000
    const length = this.kind === KIND_DAY ? DAY_MS : QUARTER_MS
    // Days are those of the meter's own calendar (23 to 25 hours), quarters are the same everywhere.
    const shift = this.kind === KIND_DAY ? offset : 0
    const period = Math.floor((at + shift) / length)
    const start = period * length - shift
    const first = Number.isNaN(v[LAST]!)
    const inTime = at - start <= LATE_MS
    if (at < v[LAST]!) this.#running = false
    else if (at - v[LAST]! > GAP_MS) this.#flags |= FLAG_GAP
    let closed = false
    if (period !== v[PERIOD]) {
      closed = this.#running && inTime && period === v[PERIOD]! + 1
      if (closed) this.#close(start, reading)
      v[PERIOD] = period
      this.#running = at === start || (!first && inTime)
      if (this.#running) this.#open(start, reading)
    }
    v[LAST] = at
    if (this.#running) this.#count(at, reading)
    return closed
  }

  #open(start: number, reading: Reading): void {
    const v = this.#v
    this.#samples = 0
    this.#flags = 0
    v.fill(Number.NaN, MAX_IN)
    v[START] = start
    v[ENERGY_IN] = reading.energyInWh
    v[ENERGY_OUT] = reading.energyOutWh
    v[GAS] = reading.gasDm3
  }

  #count(at: number, reading: Reading): void {
    const v = this.#v
    this.#samples++
    if (!(reading.powerInW <= v[MAX_IN]!) && !Number.isNaN(reading.powerInW)) {
      v[MAX_IN] = reading.powerInW
      v[MAX_IN_AT] = at
    }
    if (!(reading.powerOutW <= v[MAX_OUT]!) && !Number.isNaN(reading.powerOutW)) {
      v[MAX_OUT] = reading.powerOutW
      v[MAX_OUT_AT] = at
    }
    for (let i = 0; i < VOLTAGES.length; i++) {
      const volts = reading.value(VOLTAGES[i]!)
      if (volts > 0 && !(volts <= v[MAX_V]!)) v[MAX_V] = volts
      if (volts > 0 && !(volts >= v[MIN_V]!)) v[MIN_V] = volts
    }
  }

  /** The period ended at `end`; its totals are those of the first reading after it. */
  #close(end: number, reading: Reading): void {
    const v = this.#v
    const out = this.summary
    out[0] = VERSION
    out[1] = this.kind
    out[2] = this.#flags
    out[3] = 0
    putU32(out, 4, v[START]! / 1000)
    putU32(out, 8, end / 1000)
    putU32(out, 12, this.#samples)
    putCount(out, 16, reading.energyInWh)
    putDelta(out, 22, v[ENERGY_IN]!, reading.energyInWh)
    putCount(out, 26, reading.energyOutWh)
    putDelta(out, 32, v[ENERGY_OUT]!, reading.energyOutWh)
    putCount(out, 36, reading.gasDm3)
    putDelta(out, 42, v[GAS]!, reading.gasDm3)
    putSmall(out, 46, v[MAX_IN]!)
    putTime(out, 50, v[MAX_IN_AT]!)
    putSmall(out, 54, v[MAX_OUT]!)
    putTime(out, 58, v[MAX_OUT_AT]!)
    out[62] = voltByte(v[MIN_V]!)
    out[63] = voltByte(v[MAX_V]!)
  }
}

function putCount(out: Bytes, at: number, value: number): void {
  putU48(out, at, value >= 0 && value < NO_COUNT ? Math.floor(value) : NO_COUNT)
}

function putSmall(out: Bytes, at: number, value: number): void {
  putU32(out, at, value >= 0 && value < NO_SMALL ? Math.round(value) : NO_SMALL)
}

function putDelta(out: Bytes, at: number, from: number, to: number): void {
  putSmall(out, at, Math.floor(to) - Math.floor(from))
}

function putTime(out: Bytes, at: number, ms: number): void {
  putU32(out, at, Number.isNaN(ms) ? NO_SMALL : Math.floor(ms / 1000))
}

const NO_COUNT = 2 ** 48 - 1
const NO_SMALL = 2 ** 32 - 1

/** Whole volts above 100, capped: 101 to 354 V; 255 for none. */
function voltByte(volts: number): number {
  return Number.isNaN(volts) ? 255 : Math.max(0, Math.min(254, Math.round(volts) - 100))
}

/** A summary as numbers; null where a value is missing. */
export interface Summary {
  kind: 'quarter' | 'day'
  gap: boolean
  startMs: number
  endMs: number
  samples: number
  energyInWh: number | null
  energyInDeltaWh: number | null
  energyOutWh: number | null
  energyOutDeltaWh: number | null
  gasDm3: number | null
  gasDeltaDm3: number | null
  maxPowerInW: number | null
  maxPowerInMs: number | null
  maxPowerOutW: number | null
  maxPowerOutMs: number | null
  minVoltageV: number | null
  maxVoltageV: number | null
}

/** Reads a summary; null where `bytes` is not one. */
export function readSummary(bytes: Bytes): Summary | null {
  const kind = bytes[1]
  if (bytes.length !== SUMMARY_BYTES || bytes[0] !== VERSION || (kind !== KIND_QUARTER && kind !== KIND_DAY))
    return null
  const count = (at: number): number | null => noneIf(getU48(bytes, at), NO_COUNT)
  const small = (at: number): number | null => noneIf(getU32(bytes, at), NO_SMALL)
  const ms = (at: number): number | null => {
    const seconds = small(at)
    return seconds === null ? null : seconds * 1000
  }
  const volts = (at: number): number | null => (bytes[at] === 255 ? null : bytes[at]! + 100)
  return {
    kind: kind === KIND_DAY ? 'day' : 'quarter',
    gap: (bytes[2]! & FLAG_GAP) !== 0,
    startMs: getU32(bytes, 4) * 1000,
    endMs: getU32(bytes, 8) * 1000,
    samples: getU32(bytes, 12),
    energyInWh: count(16),
    energyInDeltaWh: small(22),
    energyOutWh: count(26),
    energyOutDeltaWh: small(32),
    gasDm3: count(36),
    gasDeltaDm3: small(42),
    maxPowerInW: small(46),
    maxPowerInMs: ms(50),
    maxPowerOutW: small(54),
    maxPowerOutMs: ms(58),
    minVoltageV: volts(62),
    maxVoltageV: volts(63),
  }
}

function noneIf(value: number, none: number): number | null {
  return value === none ? null : value
}
