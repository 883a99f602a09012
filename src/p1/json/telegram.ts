// Telegrams as JSON in the shape `p1-expected/1` (test/p1/ORIGIN.md): every object in order, every value
// as sent, and beside it what it reads as. The edge, nowhere else.

import { newTime, readTime, UTC_MS } from '../decimal.ts'
import { KEY } from '../obis.ts'
import type { Telegram } from '../telegram.ts'

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json }
export type JsonObject = { [name: string]: Json }

const time = newTime()

/** ISO 8601 in UTC to the second; null for NaN. */
export function iso(ms: number): string | null {
  return Number.isNaN(ms) ? null : new Date(ms).toISOString().replace('.000Z', 'Z')
}

/** One group: `raw`, and `num` with `unit`, or `time`, or `local` where it reads as one. */
function groupJson(t: Telegram, group: number): JsonObject {
  const from = t.groupFrom[group]!
  const to = t.groupTo[group]!
  const raw = latin(t, from, to)
  const out: JsonObject = { raw }
  const number = /^(-?\d{1,15}(?:\.\d{1,15})?)(?:\*(\S+))?$/.exec(raw)
  // Digits alone may be an id as well: more than twelve are.
  const isNumber = number !== null && number[1]!.length <= 17 && (/\D/.test(raw) || raw.length <= 12)
  if (/^\d{12}[SW]$/.test(raw)) {
    readTime(t.mem, from, to, time)
    out['time'] = iso(time[UTC_MS]!)
  } else if (t.groupTo[group]! - from === 12 && readTime(t.mem, from, to, time) && LOCAL.test(raw)) {
    out['local'] = iso(time[UTC_MS]!)!.slice(0, -1)
  }
  if (isNumber) {
    out['num'] = number[1]!
    if (number[2] !== undefined) out['unit'] = number[2]
  }
  return out
}

const LOCAL = /^\d{12}$/

/** Bytes as they are, one character each: a telegram may hold any byte. */
export function latin(t: Telegram, from: number, to: number): string {
  let out = ''
  for (let i = from; i < to; i++) out += String.fromCharCode(t.mem[i]!)
  return out
}

/** `{header, meterTime, objects, other}` of `p1-expected/1`. */
export function telegramJson(t: Telegram): JsonObject {
  const raw = latin(t, t.from + 1, t.headerTo)
  const objects: Json[] = []
  let meterTime: Json = null
  for (let i = 0; i < t.count; i++) {
    const groups: Json[] = []
    for (let g = t.first[i]!; g < t.first[i + 1]!; g++) groups.push(groupJson(t, g))
    objects.push({ id: latin(t, t.idFrom[i]!, t.idTo[i]!), groups })
    if (meterTime === null && t.medium[i] === 0 && t.key[i] === KEY.time) {
      const first = groups[0] as JsonObject
      meterTime = { raw: first['raw']!, utc: first['time'] ?? null }
    }
  }
  const header = { raw, flag: raw.slice(0, 3), baud: raw.slice(3, 4), ident: raw.slice(4) }
  return { header, meterTime, objects, other: otherLines(t) }
}

/** Lines that are no object: not empty, not header, not end. */
function otherLines(t: Telegram): string[] {
  const out: string[] = []
  let object = 0
  let line = t.headerTo
  while (line < t.to && t.mem[line] !== 10) line++
  for (line++; line < t.to && t.mem[line] !== 33; ) {
    let end = line
    while (end < t.to && t.mem[end] !== 10) end++
    const last = end > line && t.mem[end - 1] === 13 ? end - 1 : end
    while (object < t.count && t.idFrom[object]! < line) object++
    const known = object < t.count && t.idFrom[object] === line
    if (last > line && !known && (t.mem[line] !== 40 || object === 0)) out.push(latin(t, line, last))
    line = end + 1
  }
  return out
}
