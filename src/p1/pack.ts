// Packs a telegram, byte for byte, for sealing: by itself against a fixed dictionary of lines (key
// form), or against an earlier telegram (delta form). docs/wire/telegrams.md defines both forms to the
// byte; unpack.ts reads them. Lines find their counterpart by their OBIS reference, so that
// lines which come and go cost only themselves. Never allocates; never throws.

import type { Bytes } from '../base/bytes.ts'
import { crc32 } from '../base/crc32.ts'
import { putU32 } from '../base/cursor.ts'
import { LIMITS } from '../base/limits.ts'
import { DICTIONARY } from './dictionary.ts'
import { crc16 } from './frame/crc.ts'

const { telegramBytes } = LIMITS.p1

/** The telegram itself: where packing would make it longer. */
export const FORM_RAW = 0
export const FORM_KEY = 1
export const FORM_DELTA = 2
/** Form; in a delta also the CRC-32 of the reference. */
export const KEY_HEAD = 1
export const DELTA_HEAD = 5

const OP_END = 0
export const OP_END_CRC = 1
export const OP_COPY = 2
export const OP_COPY_LONG = 3
export const OP_LINE = 4
export const OP_SEEK = 5
export const OP_OPEN = 6
export const OP_BYTES = 7
/** 8 to 14: one to seven digits. */
export const OP_DIGITS = 8
export const OP_DIGITS_LONG = 15

const COPY_MAX = 16
export const COPY_LONG_MIN = 17
const COPY_LONG_MAX = 272
const BYTES_MAX = 16
const DIGITS_MAX = 7
export const DIGITS_LONG_MIN = 8
const DIGITS_LONG_MAX = 23

const LF = 10
const OPEN = 40
const BANG = 33
/** Equal digits between two that differ: sending three of them costs what leaving them out does. */
const GAP = 3

/** Value of an upper-case hex digit, -1 for any other byte. */
function digit(c: number): number {
  return c >= 48 && c <= 57 ? c - 48 : c >= 65 && c <= 70 ? c - 55 : -1
}

class Packer {
  #ref: Bytes
  #text: Bytes
  #out: Bytes
  /** Nibbles written, from the start of `#out`. */
  #at: number
  #full: boolean
  /** Where the reader's pointer into the reference is, copies that are still held back included. */
  #pointer: number
  /** Bytes to copy that are not written yet; they end at `#pointer`. */
  #held: number

  constructor() {
    this.#ref = DICTIONARY
    this.#text = DICTIONARY
    this.#out = DICTIONARY
    this.#at = 0
    this.#full = false
    this.#pointer = 0
    this.#held = 0
  }

  /** Returns the length in bytes, or -1 where `out` is too small. */
  pack(ref: Bytes, text: Bytes, out: Bytes, head: number): number {
    this.#ref = ref
    this.#text = text
    this.#out = out
    this.#at = 2 * head
    this.#full = false
    this.#pointer = 0
    this.#held = 0
    const crc = crcStart(text)
    const to = crc < 0 ? text.length : crc
    let cursor = 0
    for (let line = 0; line < to; ) {
      const end = lineEnd(text, line, to)
      const match = this.#match(line, end, cursor)
      if (match < 0) this.#literals(line, end)
      else {
        cursor = lineEnd(ref, match, ref.length)
        this.#diff(line, end, match, cursor)
      }
      line = end
    }
    this.#flush()
    this.#nibble(crc < 0 ? OP_END : OP_END_CRC)
    if ((this.#at & 1) !== 0) this.#nibble(0)
    return this.#full ? -1 : this.#at >> 1
  }

  /** Start of the reference line that has the same beginning, searched from `cursor` on; or -1. */
  #match(line: number, end: number, cursor: number): number {
    const ref = this.#ref
    let key = line
    while (key < end && this.#text[key] !== OPEN) key++
    // Up to its bracket; else four bytes (a header's letters) or the whole line.
    const length = key < end ? key - line + 1 : Math.min(4, end - line)
    for (let round = 0; round < 2; round++) {
      const stop = round === 0 ? ref.length : cursor
      for (let at = round === 0 ? cursor : 0; at < stop; ) {
        let i = 0
        while (i < length && ref[at + i] === this.#text[line + i]) i++
        if (i === length) return at
        while (at < ref.length && ref[at] !== LF) at++
        at++
      }
    }
    return -1
  }

  /** The line `[line..end)` by what differs from `[match..stop)` of the reference. */
  #diff(line: number, end: number, match: number, stop: number): void {
    const text = this.#text
    const ref = this.#ref
    const same = end - line === stop - match
    const shorter = Math.min(end - line, stop - match)
    let tail = 0
    if (!same) while (tail < shorter && text[end - 1 - tail] === ref[stop - 1 - tail]) tail++
    const shift = match - line
    this.#seek(match)
    // Equal lengths: position by position. Else: common beginning, what is new, common end.
    let i = line
    const last = same ? end : Math.min(line + shorter, end) - tail
    while (i < last) {
      if (text[i] === ref[i + shift]) {
        this.#held++
        this.#pointer++
        i++
        continue
      }
      if (!same) break
      i = this.#replace(i, end, shift)
    }
    if (same) return
    this.#literals(i, end - tail)
    if (tail === 0) return
    this.#seek(stop - tail)
    this.#held += tail
    this.#pointer += tail
  }

  /** A run of bytes that differ, beginning at `i`. Returns where it ended. */
  #replace(i: number, end: number, shift: number): number {
    const text = this.#text
    const ref = this.#ref
    let to = i + 1
    if (digit(text[i]!) >= 0) {
      for (let j = to; j < end && digit(text[j]!) >= 0 && j - to <= GAP; j++)
        if (text[j] !== ref[j + shift]) to = j + 1
    } else while (to < end && text[to] !== ref[to + shift] && digit(text[to]!) < 0) to++
    this.#literals(i, to)
    return to
  }

  /** `[from..to)` itself: digits as nibbles where three or more stand together. */
  #literals(from: number, to: number): void {
    const text = this.#text
    this.#flush()
    for (let i = from; i < to; ) {
      let digits = i
      while (digits < to && digit(text[digits]!) >= 0 && digits - i < DIGITS_LONG_MAX) digits++
      if (digits - i >= 3 || digits === to) {
        this.#digits(i, digits)
        i = digits
        continue
      }
      // Bytes up to where three digits begin.
      let bytes = i
      for (let run = 0; bytes < to && bytes - i < BYTES_MAX; bytes++) {
        run = digit(text[bytes]!) >= 0 ? run + 1 : 0
        if (run === 3) {
          bytes -= 2
          break
        }
      }
      this.#nibble(OP_BYTES)
      this.#nibble(bytes - i - 1)
      for (; i < bytes; i++) {
        this.#nibble(text[i]! >> 4)
        this.#nibble(text[i]! & 15)
      }
    }
    this.#pointer += to - from
  }

  #digits(from: number, to: number): void {
    if (from === to) return
    const n = to - from
    if (n <= DIGITS_MAX) this.#nibble(OP_DIGITS + n - 1)
    else {
      this.#nibble(OP_DIGITS_LONG)
      this.#nibble(n - DIGITS_LONG_MIN)
    }
    for (let i = from; i < to; i++) this.#nibble(digit(this.#text[i]!))
  }

  /** Moves the reader's pointer to `at`. */
  #seek(at: number): void {
    if (this.#pointer === at) return
    this.#flush()
    this.#nibble(OP_SEEK)
    this.#nibble(at >> 8)
    this.#nibble((at >> 4) & 15)
    this.#nibble(at & 15)
    this.#pointer = at
  }

  /** Writes the copies held back, in the shortest of the ways there are. */
  #flush(): void {
    const ref = this.#ref
    const end = this.#pointer
    let at = end - this.#held
    this.#held = 0
    while (at < end) {
      const left = end - at
      const line = after(ref, LF, at, end)
      const open = after(ref, OPEN, at, end)
      if (open === end && left > 0) {
        this.#nibble(OP_OPEN)
        at = open
      } else if (line === end || (line > 0 && left > COPY_MAX && after(ref, OPEN, line, end) === end)) {
        this.#nibble(OP_LINE)
        at = line
      } else if (left <= COPY_MAX) {
        this.#nibble(OP_COPY)
        this.#nibble(left - 1)
        at = end
      } else {
        const n = Math.min(left, COPY_LONG_MAX)
        this.#nibble(OP_COPY_LONG)
        this.#nibble((n - COPY_LONG_MIN) >> 4)
        this.#nibble((n - COPY_LONG_MIN) & 15)
        at += n
      }
    }
  }

  #nibble(v: number): void {
    const at = this.#at >> 1
    if (at >= this.#out.length) {
      this.#full = true
      return
    }
    if ((this.#at & 1) === 0) this.#out[at] = v << 4
    else this.#out[at]! |= v
    this.#at++
  }
}

/** Index after the first `c` in `[from..to)`, or -1. */
function after(b: Bytes, c: number, from: number, to: number): number {
  for (let i = from; i < to; i++) if (b[i] === c) return i + 1
  return -1
}

/** Index after the LF of the line at `from`, or `to`. */
function lineEnd(b: Bytes, from: number, to: number): number {
  const end = after(b, LF, from, to)
  return end < 0 ? to : end
}

/** Index of the closing "!" where exactly the right CRC follows, four upper-case digits; else -1. */
function crcStart(b: Bytes): number {
  const bang = b.length - 5
  if (bang < 0 || b[bang] !== BANG) return -1
  let value = 0
  for (let i = bang + 1; i < b.length; i++) {
    const d = digit(b[i]!)
    if (d < 0) return -1
    value = (value << 4) | d
  }
  return value === crc16(b, 0, bang + 1) ? bang : -1
}

/** `n` packed bytes in `out`, or the telegram as it is where that is shorter; -1 where neither fits. */
function shorter(n: number, telegram: Bytes, out: Bytes): number {
  if (n >= 0 && n <= telegram.length) return n
  if (out.length <= telegram.length) return n
  out[0] = FORM_RAW
  out.set(telegram, 1)
  return telegram.length + 1
}

const packer: Packer = /* @__PURE__ */ new Packer()

/**
 * Packs `telegram` by itself into `out`. Returns its length in bytes, or -1 where `out` is too small or the
 * telegram over the cap; `LIMITS.p1.packedBytes` are always enough..
 */
export function packKey(telegram: Bytes, out: Bytes): number {
  if (telegram.length > telegramBytes || out.length < KEY_HEAD) return -1
  out[0] = FORM_KEY
  return shorter(packer.pack(DICTIONARY, telegram, out, KEY_HEAD), telegram, out)
}

/**
 * Packs `telegram` as what differs from `reference`, an earlier telegram that the reader has, too.
 * Returns the length, or -1 as `packKey` does..
 */
export function packDelta(reference: Bytes, telegram: Bytes, out: Bytes): number {
  if (telegram.length > telegramBytes || reference.length > telegramBytes || out.length < DELTA_HEAD)
    return -1
  out[0] = FORM_DELTA
  putU32(out, 1, crc32(reference))
  return shorter(packer.pack(reference, telegram, out, DELTA_HEAD), telegram, out)
}
