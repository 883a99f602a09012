// The form of a telegram, for those that carry no CRC (DSMR 2.2 and 3.0, IEC 62056-21 mode D):
// there the form is all there is to check, so nothing is forgiven. DSMR P1 3.0 sections 5.2 and 6.
// Also what a header looks like, which tells a start of telegram from any other "/".

import type { Bytes } from '../../base/bytes.ts'

const CR = 13
const OPEN = 40
const CLOSE = 41
const BANG = 33

/** Bytes at which the framer stops: what each is, by byte. */
export const KIND: Uint8Array = new Uint8Array(256)
export const LF = 1
export const SLASH = 2
export const NUL = 3
/** Of HDLC. */
export const FLAG = 4
/** First byte of an encrypted frame (general-glo-ciphering). */
export const GLO = 5
KIND[10] = LF
KIND[0x2f] = SLASH
KIND[0xaf] = SLASH
KIND[0] = NUL
KIND[0x7e] = FLAG
KIND[0xdb] = GLO

export function isBracket(c: number): boolean {
  return c === OPEN || c === CLOSE
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57
}

function isLetter(c: number): boolean {
  return (c >= 65 && c <= 90) || (c >= 97 && c <= 122)
}

/**
 * Index of the first "!" at the start of a line in `[from..end)`, NULs before it aside; or -1. Writes
 * to `b[end]`, a place that is free: it stops the search there.
 */
export function nextBang(b: Bytes, from: number, end: number): number {
  b[end] = BANG
  for (let i = b.indexOf(BANG, from); i < end; i = b.indexOf(BANG, i + 1)) {
    let before = i - 1
    while (b[before] === 0) before--
    if (b[before] === 10) return i
  }
  return -1
}

/** "/" and three letters at `at`; `mask` is 0x7F where bit 7 is parity, else 0xFF. */
export function startsHeader(b: Bytes, at: number, to: number, mask: number): boolean {
  return (
    at + 4 < to &&
    (b[at]! & mask) === 47 &&
    isLetter(b[at + 1]! & mask) &&
    isLetter(b[at + 2]! & mask) &&
    isLetter(b[at + 3]! & mask)
  )
}

/** Every byte of `b[from..to)` has an even number of ones (the E of 7E1). */
export function evenParity(b: Bytes, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const x = b[i]! ^ (b[i]! >> 4)
    if (((0x6996 >> (x & 15)) & 1) !== 0) return false
  }
  return true
}

export type Form = 'ok' | 'malformed' | 'needs-crc'

/** After the object id that starts at `at`: the index of its "(", or -1. */
function afterId(b: Bytes, at: number, to: number): number {
  let i = at
  for (const mark of SEPARATORS) {
    const first = i
    while (i < to && isDigit(b[i]!)) i++
    if (i === first || i - first > 3) return -1
    if (mark === OPEN) break
    // The 4.x standards print ":" for "." in their own examples.
    if (b[i] !== mark && !(mark === 46 && b[i] === 58)) return -1
    i++
  }
  if (b[i] === 42 || b[i] === 46) for (i++; i < to && isDigit(b[i]!); ) i++
  return b[i] === OPEN ? i : -1
}

const SEPARATORS: readonly number[] = [45, 58, 46, 46, OPEN]

/** One or more "(...)" from `at` to `to`, printable and nothing else. */
function areGroups(b: Bytes, at: number, to: number): boolean {
  let depth = 0
  if (b[at] !== OPEN) return false
  for (let i = at; i < to; i++) {
    const c = b[i]!
    if (c < 32 || c > 126) return false
    if (c === OPEN) depth++
    else if (c === CLOSE) depth--
    else if (depth === 0) return false
    if (depth < 0 || depth > 1) return false
  }
  return depth === 0
}

/**
 * Form of a telegram without CRC, header to last line in `b[from..to)`; a closing "!" may be there.
 * `needs-crc` where it tells its version or the time, which only versions with a CRC do.
 */
export function formOf(b: Bytes, from: number, to: number): Form {
  if (!startsHeader(b, from, to, 0xff)) return 'malformed'
  let energy = false
  let line = from
  while (line < to) {
    let end = line
    while (end < to && b[end] !== 10) end++
    if (end === to) {
      if (b[line] === 33 && line === to - 1) break
      return 'malformed'
    }
    if (end === line || b[end - 1] !== CR) return 'malformed'
    const last = end - 1
    if (line === from) {
      for (let i = line; i < last; i++) if (b[i]! < 32 || b[i]! > 126) return 'malformed'
    } else if (last > line && b[line] !== OPEN) {
      const groups = afterId(b, line, last)
      if (groups < 0 || !areGroups(b, groups, last)) return 'malformed'
      if (idIs(b, line, VERSION) || idIs(b, line, VERSION_BE) || idIs(b, line, TIME)) return 'needs-crc'
      energy ||= idIs(b, line, ENERGY, 4)
    } else if (last > line && !areGroups(b, line, last)) return 'malformed'
    line = end + 1
  }
  return energy ? 'ok' : 'malformed'
}

const VERSION: readonly number[] = ascii('1-3:0.2.8')
const VERSION_BE: readonly number[] = ascii('0-0:96.1.4')
const TIME: readonly number[] = ascii('0-0:1.0.0')
const ENERGY: readonly number[] = ascii('1-0:1.8.')

function ascii(s: string): number[] {
  return [...s].map((c) => c.charCodeAt(0))
}

/** The bytes at `at` begin with `id` (its first `skip` bytes aside). */
function idIs(b: Bytes, at: number, id: readonly number[], skip = 0): boolean {
  for (let i = skip; i < id.length; i++) if (b[at + i] !== id[i]) return false
  return true
}
