// Numbers, units and times as P1 writes them, read without strings and without floating point:
// a number is an integer and a count of decimals. DSMR P1 5.0.2 section 6.4 (Fn(x,y), TST).
// Local times become UTC by their letter alone (S = UTC+2, W = UTC+1), never by a time-zone table:
// Sweden stays on W all summer. What cannot be read is NaN; nothing throws.

import type { Bytes } from '../base/bytes.ts'

/** Digits that always fit a JavaScript integer. */
const MAX_DIGITS = 15
const SMALL_DIGITS = 9

/** A number with unit: value = `[MANTISSA]` / 10^`[DECIMALS]` in the unit without its "k" or "M". */
export const MANTISSA = 0
export const DECIMALS = 1
export const UNIT = 2
/** Powers of ten by which the digits were multiplied to come to the unit. */
export const SHIFTED = 3
export type Decimal = Float64Array

export function newDecimal(): Decimal {
  return Float64Array.of(Number.NaN, 0, UNIT_NONE, 0)
}

/** Units without prefix. Index into UNIT_NAMES. */
export const UNIT_NONE = 0
export const UNIT_W = 1
export const UNIT_WH = 2
export const UNIT_VAR = 3
export const UNIT_VARH = 4
export const UNIT_VA = 5
export const UNIT_V = 6
export const UNIT_A = 7
export const UNIT_HZ = 8
const UNIT_S = 9
export const UNIT_M3 = 10
export const UNIT_J = 11
const UNIT_OTHER = 12
export const UNIT_NAMES: readonly string[] = [
  '',
  'W',
  'Wh',
  'var',
  'varh',
  'VA',
  'V',
  'A',
  'Hz',
  's',
  'm3',
  'J',
  '?',
]

/**
 * Reads `b[from..to)`: sign, digits, point, digits, `*` and unit. Prefixes k, M and G move the point, so
 * that 00.244 kW is 244 with no decimals. Returns false, and NaN, for anything else and for more
 * than 15 digits.
 */
export function readDecimal(b: Bytes, from: number, to: number, out: Decimal): boolean {
  let i = from
  const negative = b[i] === 45
  if (negative) i++
  // Nine digits at a time fit a small integer.
  let value = 0
  let high = 0
  let digits = 0
  let point = -1
  for (; i < to; i++) {
    const c = b[i]! - 48
    if (c >= 0 && c <= 9) {
      if (digits === SMALL_DIGITS) {
        high = value
        value = 0
      }
      value = (value * 10 + c) | 0
      digits++
    } else if (c === -2 && point < 0 && digits > 0) point = digits
    else break
  }
  out[MANTISSA] = Number.NaN
  out[DECIMALS] = 0
  out[UNIT] = UNIT_NONE
  out[SHIFTED] = 0
  if (digits === 0 || digits > MAX_DIGITS || point === digits) return false
  const whole = digits > SMALL_DIGITS ? high * 10 ** (digits - SMALL_DIGITS) + value : value
  const bare = i === to
  if (!bare && b[i] !== 42) return false
  out[MANTISSA] = negative && whole !== 0 ? -whole : whole
  out[DECIMALS] = point < 0 ? 0 : digits - point
  return bare || readUnit(b, i + 1, to, out)
}

/** Reads a unit alone (`m3`, `kWh`) and applies it to the number that `out` holds. */
export function readUnit(b: Bytes, from: number, to: number, out: Decimal): boolean {
  const prefix = prefixOf(b, from, to)
  out[UNIT] = unitOf(b, prefix > 0 ? from + 1 : from, to)
  let decimals = out[DECIMALS]! - prefix
  let value = out[MANTISSA]!
  out[SHIFTED] = decimals < 0 ? -decimals : 0
  for (; decimals < 0; decimals++) value *= 10
  const exact = Math.abs(value) <= Number.MAX_SAFE_INTEGER
  out[MANTISSA] = exact ? value : Number.NaN
  out[DECIMALS] = exact ? decimals : 0
  return exact
}

/** The digits of a number that `readDecimal` reads, as an integer; sign, point and unit aside. */
export function readDigits(b: Bytes, from: number, to: number): number {
  let value = 0
  let high = 0
  let digits = 0
  for (let i = from; i < to; i++) {
    const c = b[i]! - 48
    if (c >= 0 && c <= 9) {
      if (digits === SMALL_DIGITS) {
        high = value
        value = 0
      }
      value = (value * 10 + c) | 0
      digits++
    } else if (c === -6) break
  }
  return digits > SMALL_DIGITS ? high * 10 ** (digits - SMALL_DIGITS) + value : value
}

/** Powers of ten of k, M and G; "m3" has none. */
function prefixOf(b: Bytes, at: number, to: number): number {
  if (to - at < 2) return 0
  const c = b[at]!
  return c === 107 ? 3 : c === 77 ? 6 : c === 71 ? 9 : 0
}

function unitOf(b: Bytes, at: number, to: number): number {
  const n = to - at
  if (n < 1 || n > 4) return UNIT_OTHER
  const c = b[at]! | 32
  const last = b[to - 1]! | 32
  if (n === 1)
    return c === 119
      ? UNIT_W
      : c === 118
        ? UNIT_V
        : c === 97
          ? UNIT_A
          : c === 115
            ? UNIT_S
            : c === 106
              ? UNIT_J
              : UNIT_OTHER
  if (c === 118 && (b[at + 1]! | 32) === 97) {
    if (n === 2) return UNIT_VA
    if ((b[at + 2]! | 32) !== 114) return UNIT_OTHER
    return n === 3 ? UNIT_VAR : last === 104 ? UNIT_VARH : UNIT_OTHER
  }
  if (n !== 2) return UNIT_OTHER
  if (c === 119) return last === 104 ? UNIT_WH : UNIT_OTHER
  if (c === 104) return last === 122 ? UNIT_HZ : UNIT_OTHER
  // Some meters send the cubic sign as byte B3, alone or after C2.
  return c === 109 && (b[at + 1] === 51 || b[at + 1] === 0xb3) ? UNIT_M3 : UNIT_OTHER
}

const DAYS_BEFORE: readonly number[] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
const DAYS_IN: readonly number[] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** What `readTime` puts into its output. */
export const UTC_MS = 0
export const OFFSET_MINUTES = 1
export type Time = Float64Array

export function newTime(): Time {
  return new Float64Array(2).fill(Number.NaN)
}

function pair(b: Bytes, at: number): number {
  const high = b[at]! - 48
  const low = b[at + 1]! - 48
  return high < 0 || high > 9 || low < 0 || low > 9 ? -1 : high * 10 + low
}

/**
 * Reads `YYMMDDhhmmssX` in `b[from..to)`. `[UTC_MS]` is NaN where it is no time; `[OFFSET_MINUTES]` is 120
 * for S, 60 for W, and NaN for the 12 digits of DSMR 3.0, whose time is local and stays so.
 * Years from 70 on are 19xx (an unset clock).
 */
export function readTime(b: Bytes, from: number, to: number, out: Time): boolean {
  out[UTC_MS] = Number.NaN
  out[OFFSET_MINUTES] = Number.NaN
  const n = to - from
  if (n !== 12 && n !== 13) return false
  const letter = n === 13 ? b[to - 1]! : 0
  if (n === 13 && letter !== 83 && letter !== 87) return false
  const yy = pair(b, from)
  const month = pair(b, from + 2)
  const day = pair(b, from + 4)
  const hour = pair(b, from + 6)
  const minute = pair(b, from + 8)
  const second = pair(b, from + 10)
  if (yy < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || minute < 0 || second < 0) return false
  const year = yy < 70 ? 2000 + yy : 1900 + yy
  const leap = year % 4 === 0
  if (day > DAYS_IN[month - 1]! + (leap && month === 2 ? 1 : 0)) return false
  if (hour > 23 || minute > 59 || second > 59) return false
  const days =
    (year - 1970) * 365 +
    ((year - 1969) >> 2) +
    DAYS_BEFORE[month - 1]! +
    (leap && month > 2 ? 1 : 0) +
    day -
    1
  const offset = letter === 83 ? 120 : letter === 87 ? 60 : 0
  out[UTC_MS] = (((days * 24 + hour) * 60 + minute - offset) * 60 + second) * 1000
  if (letter !== 0) out[OFFSET_MINUTES] = offset
  return true
}
