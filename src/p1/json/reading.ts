// Readings as JSON, for programs, pages and files, in the shape of docs/reading.md: the edge, nowhere
// else. A number here prints with exactly the digits that the meter sent (15 at most).

import { text, unhex } from '../../base/bytes.ts'
import {
  DECIMALS,
  MANTISSA,
  newTime,
  OFFSET_MINUTES,
  readTime,
  type Time,
  UNIT,
  UNIT_NAMES,
  UTC_MS,
} from '../decimal.ts'
import { KEY, SLOT_NAMES, slot } from '../obis.ts'
import { type Channel, MBUS_GAS, MBUS_HEAT, MBUS_WATER, type Reading } from '../reading.ts'
import type { Telegram } from '../telegram.ts'
import { iso, type Json, type JsonObject, latin } from './telegram.ts'
import { variantOf, versionOf } from './variant.ts'

const time = newTime()

function timeJson(t: Time): Json {
  const at = iso(t[UTC_MS]!)
  return at === null || !Number.isNaN(t[OFFSET_MINUTES]!) ? at : at.slice(0, -1)
}

/** Hex pairs of printable ASCII as that text (equipment ids); everything else as it is. */
function octets(raw: string): string {
  const bytes = raw.length > 0 ? unhex(raw) : null
  return bytes?.every((c) => c >= 32 && c < 127) ? text(bytes) : raw
}

function idOf(t: Telegram, medium: number, ...keys: number[]): string | null {
  for (const key of keys) {
    const i = t.find(medium, key)
    if (i < 0) continue
    const raw = latin(t, t.groupFrom[t.first[i]!]!, t.groupTo[t.first[i]!]!)
    if (raw !== '') return octets(raw)
  }
  return null
}

const PHASE = /^(.*)L([123])$/
const TARIFF = /^(energyIn|energyOut)T([1-4])$/
const SUFFIX: Readonly<Record<string, string>> = {
  power: 'W',
  energy: 'Wh',
  voltage: 'V',
  current: 'A',
  reactivePower: 'Var',
  reactiveEnergy: 'Varh',
  apparentPower: 'Va',
  frequency: 'Hz',
  quarter: 'W',
  month: 'W',
  fuse: 'A',
}

/** `powerIn` → `powerInW`: the name says the unit. */
function named(name: string): string {
  const stem = Object.keys(SUFFIX)
    .sort((a, b) => b.length - a.length)
    .find((s) => name.startsWith(s))
  return stem === undefined ? name : name + SUFFIX[stem]!
}

/** The reading of `telegram` in the shape of docs/reading.md. */
export function readingJson(reading: Reading, telegram: Telegram): JsonObject {
  const out: JsonObject = {
    variant: variantOf(telegram),
    version: versionOf(telegram),
    equipmentId: idOf(telegram, 0, KEY.equipmentId, KEY.equipmentIdLu, KEY.equipmentIdHu),
    meterTime: timeJson(reading.meterTime),
    receivedTime: iso(reading.received[0]!),
    flags: {
      crc: reading.verified,
      encrypted: reading.encrypted,
      authenticated: reading.authenticated,
      duplicate: reading.duplicate,
      clockSkew: reading.clockSkew,
    },
  }
  const phases: JsonObject[] = []
  const tariffs: JsonObject[] = []
  for (let at = 0; at < SLOT_NAMES.length; at++) {
    const value = reading.value(at)
    if (Number.isNaN(value)) continue
    const name = SLOT_NAMES[at]!
    const phase = PHASE.exec(name)
    const tariff = TARIFF.exec(name)
    if (phase !== null) put(phases, 'phase', Number(phase[2]))[named(phase[1]!)] = value
    else if (tariff !== null) put(tariffs, 'tariff', Number(tariff[2]))[named(tariff[1]!)] = value
    else out[named(name)] = value
  }
  for (const tariff of tariffs) tariff['name'] = tariffName(tariff['tariff'] as number, reading)
  const current = reading.value(slot('tariff'))
  if (!Number.isNaN(current)) out['tariffName'] = tariffName(current, reading)
  if (tariffs.length > 0) out['tariffs'] = tariffs
  if (phases.length > 0) out['phases'] = phases
  if (!Number.isNaN(reading.limit[MANTISSA]!))
    out['limit'] = { value: numberOf(reading.limit), unit: UNIT_NAMES[reading.limit[UNIT]!]! }
  if (!Number.isNaN(reading.monthPeakTime[UTC_MS]!)) out['monthPeakTime'] = timeJson(reading.monthPeakTime)
  put3(out, reading, 'gas', 'M3', MBUS_GAS)
  put3(out, reading, 'water', 'M3', MBUS_WATER)
  put3(out, reading, 'heat', 'GJ', MBUS_HEAT)
  const mbus = reading.channels.filter((c) => c.present).map((c) => channelJson(c, telegram))
  if (mbus.length > 0) out['mbus'] = mbus
  const failures = failureLog(telegram)
  if (failures.length > 0) out['failureLog'] = failures
  const peaks = peakHistory(telegram)
  if (peaks.length > 0) out['monthPeaks'] = peaks
  const message = idOf(telegram, 0, KEY.textMessage)
  if (message !== null) out['message'] = message
  return out
}

function put(list: JsonObject[], name: string, n: number): JsonObject {
  let entry = list.find((e) => e[name] === n)
  if (entry === undefined) {
    entry = { [name]: n }
    list.push(entry)
    list.sort((a, b) => (a[name] as number) - (b[name] as number))
  }
  return entry
}

function numberOf(d: Float64Array): number {
  return d[MANTISSA]! / 10 ** d[DECIMALS]!
}

/** NL: 1 low, 2 normal. BE: 1 day, 2 night. Others number theirs without a meaning that we know. */
function tariffName(n: number, reading: Reading): string | null {
  if (n !== 1 && n !== 2) return null
  return (n === 1) === reading.belgian ? 'normal' : 'low'
}

function put3(out: JsonObject, reading: Reading, name: string, unit: string, type: number): void {
  const channel = reading.newest(type)
  if (channel === null) return
  out[name + unit] = channelValue(channel)
  out[`${name}Time`] = timeJson(channel.time)
}

/** In m3, GJ, Wh or the bare number. */
function channelValue(channel: Channel): Json {
  const d = channel.value
  if (Number.isNaN(d[MANTISSA]!)) return null
  return UNIT_NAMES[d[UNIT]!] === 'J' ? d[MANTISSA]! / 10 ** (d[DECIMALS]! + 9) : numberOf(d)
}

const MBUS_NAMES: Readonly<Record<number, string>> = {
  2: 'electricity',
  3: 'gas',
  4: 'heat',
  6: 'warm-water',
  7: 'water',
  10: 'cooling',
  11: 'cooling',
  12: 'heat',
  13: 'heat-cooling',
}

function channelJson(c: Channel, t: Telegram): JsonObject {
  const unit = UNIT_NAMES[c.value[UNIT]!]!
  const out: JsonObject = {
    channel: c.number,
    type: c.type < 0 ? null : (MBUS_NAMES[c.type] ?? `type-${c.type}`),
    id: c.idGroup < 0 ? null : octets(latin(t, t.groupFrom[c.idGroup]!, t.groupTo[c.idGroup]!)),
    time: timeJson(c.time),
    value: channelValue(c),
    unit: unit === 'J' ? 'GJ' : unit,
    live: c.live,
  }
  if (c.valve >= 0) out['valve'] = c.valve
  return out
}

/** `1-0:99.97.0`: pairs of time (of the end) and duration, behind count and reference. */
export function failureLog(t: Telegram): JsonObject[] {
  const i = t.find(-1, KEY.failureLog)
  const out: JsonObject[] = []
  if (i < 0) return out
  for (let g = t.first[i]! + 2; g + 1 < t.first[i + 1]!; g += 2) {
    const seconds = /^(\d+)\*s$/.exec(latin(t, t.groupFrom[g + 1]!, t.groupTo[g + 1]!))
    readTime(t.mem, t.groupFrom[g]!, t.groupTo[g]!, time)
    out.push({ end: iso(time[UTC_MS]!), seconds: seconds === null ? null : Number(seconds[1]) })
  }
  return out
}

/** `0-0:98.1.0` of Belgium: month, time of its peak, W. Hungary has other things under this reference. */
export function peakHistory(t: Telegram): JsonObject[] {
  const i = t.find(0, KEY.peakHistory)
  const out: JsonObject[] = []
  if (i < 0) return out
  const first = t.first[i]!
  const count = Number(latin(t, t.groupFrom[first]!, t.groupTo[first]!))
  if (!(count <= 13)) return out
  for (let g = first + 3; g + 2 < t.first[i + 1]!; g += 3) {
    const power = /^(\d+)\.(\d{3})\*kW$/.exec(latin(t, t.groupFrom[g + 2]!, t.groupTo[g + 2]!))
    readTime(t.mem, t.groupFrom[g]!, t.groupTo[g]!, time)
    const month = iso(time[UTC_MS]!)
    readTime(t.mem, t.groupFrom[g + 1]!, t.groupTo[g + 1]!, time)
    out.push({
      month,
      time: iso(time[UTC_MS]!),
      powerW: power === null ? null : Number(power[1]! + power[2]!),
    })
  }
  return out
}
