// Unpacks what pack.ts packed (docs/wire/telegrams.md). The bytes may come from anybody: every step is
// checked, the output is capped, and anything that is not exactly the format gives -1. Never throws,
// never allocates, takes time in proportion to input and output.

import type { Bytes } from '../base/bytes.ts'
import { crc32 } from '../base/crc32.ts'
import { getU32 } from '../base/cursor.ts'
import { LIMITS } from '../base/limits.ts'
import { DICTIONARY } from './dictionary.ts'
import { crc16 } from './frame/crc.ts'
import {
  COPY_LONG_MIN,
  DELTA_HEAD,
  DIGITS_LONG_MIN,
  FORM_DELTA,
  FORM_KEY,
  FORM_RAW,
  KEY_HEAD,
  OP_BYTES,
  OP_COPY,
  OP_COPY_LONG,
  OP_DIGITS,
  OP_DIGITS_LONG,
  OP_END_CRC,
  OP_LINE,
  OP_OPEN,
  OP_SEEK,
} from './pack.ts'

const HEX = '0123456789ABCDEF'

class Unpacker {
  #ref: Bytes
  #in: Bytes
  #out: Bytes
  #cap: number
  /** Next nibble of `#in`. */
  #at: number
  #pointer: number
  #n: number

  constructor() {
    this.#ref = DICTIONARY
    this.#in = DICTIONARY
    this.#out = DICTIONARY
    this.#cap = 0
    this.#at = 0
    this.#pointer = 0
    this.#n = 0
  }

  unpack(ref: Bytes, bytes: Bytes, out: Bytes, head: number): number {
    this.#ref = ref
    this.#in = bytes
    this.#out = out
    this.#cap = Math.min(out.length, LIMITS.p1.telegramBytes)
    this.#at = 2 * head
    this.#pointer = 0
    this.#n = 0
    for (;;) {
      const op = this.#nibble()
      if (op < 0) return -1
      if (op <= OP_END_CRC) return this.#end(op)
      if (!this.#step(op)) return -1
    }
  }

  #nibble(): number {
    const byte = this.#in[this.#at >> 1]
    if (byte === undefined) return -1
    return (this.#at++ & 1) === 0 ? byte >> 4 : byte & 15
  }

  /** Number of `n` nibbles, or -1. */
  #number(n: number): number {
    let value = 0
    for (; n > 0; n--) {
      const v = this.#nibble()
      if (v < 0) return -1
      value = (value << 4) | v
    }
    return value
  }

  #put(c: number): boolean {
    if (this.#n === this.#cap) return false
    this.#out[this.#n++] = c
    return true
  }

  #step(op: number): boolean {
    const n =
      op === OP_LINE || op === OP_OPEN
        ? 0
        : op < OP_DIGITS || op === OP_DIGITS_LONG
          ? this.#number(WIDTH[op]!)
          : op
    if (n < 0) return false
    switch (op) {
      case OP_COPY:
        return this.#copy(n + 1)
      case OP_COPY_LONG:
        return this.#copy(n + COPY_LONG_MIN)
      case OP_LINE:
        return this.#copyThrough(10)
      case OP_OPEN:
        return this.#copyThrough(40)
      case OP_SEEK:
        this.#pointer = n
        return true
      case OP_BYTES:
        return this.#bytes(n + 1)
      case OP_DIGITS_LONG:
        return this.#digits(n + DIGITS_LONG_MIN)
      default:
        return this.#digits(op - OP_DIGITS + 1)
    }
  }

  #copy(n: number): boolean {
    if (this.#pointer + n > this.#ref.length) return false
    for (; n > 0; n--) if (!this.#put(this.#ref[this.#pointer++]!)) return false
    return true
  }

  #copyThrough(last: number): boolean {
    while (this.#pointer < this.#ref.length) {
      const c = this.#ref[this.#pointer++]!
      if (!this.#put(c)) return false
      if (c === last) return true
    }
    return false
  }

  #bytes(n: number): boolean {
    this.#pointer += n
    for (; n > 0; n--) {
      const c = this.#number(2)
      if (c < 0 || !this.#put(c)) return false
    }
    return true
  }

  #digits(n: number): boolean {
    this.#pointer += n
    for (; n > 0; n--) {
      const d = this.#nibble()
      if (d < 0 || !this.#put(HEX.charCodeAt(d))) return false
    }
    return true
  }

  /** Nothing may follow but the zero that fills the last byte. */
  #end(op: number): number {
    if ((this.#at & 1) !== 0 && this.#nibble() !== 0) return -1
    if (this.#at >> 1 !== this.#in.length) return -1
    if (op === OP_END_CRC) {
      if (!this.#put(33)) return -1
      const crc = crc16(this.#out, 0, this.#n)
      for (let shift = 12; shift >= 0; shift -= 4)
        if (!this.#put(HEX.charCodeAt((crc >> shift) & 15))) return -1
    }
    return this.#n
  }
}

/** Nibbles of each operation's number. */
const WIDTH: readonly number[] = [0, 0, 1, 2, 0, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]

function unpackRaw(bytes: Bytes, out: Bytes): number {
  const n = bytes.length - 1
  if (n > out.length || n > LIMITS.p1.telegramBytes) return -1
  out.set(bytes.subarray(1))
  return n
}

const unpacker = new Unpacker()

/** Unpacks the key form into `out`. Returns the telegram's length, or -1 where it is not one or does not fit. */
export function unpackKey(bytes: Bytes, out: Bytes): number {
  if (bytes[0] === FORM_RAW) return unpackRaw(bytes, out)
  if (bytes.length <= KEY_HEAD || bytes[0] !== FORM_KEY) return -1
  return unpacker.unpack(DICTIONARY, bytes, out, KEY_HEAD)
}

/** Unpacks the delta form. -1 also where `reference` is not the telegram it was packed against. */
export function unpackDelta(reference: Bytes, bytes: Bytes, out: Bytes): number {
  if (bytes[0] === FORM_RAW) return unpackRaw(bytes, out)
  if (bytes.length <= DELTA_HEAD || bytes[0] !== FORM_DELTA) return -1
  if (getU32(bytes, 1) !== crc32(reference)) return -1
  return unpacker.unpack(reference, bytes, out, DELTA_HEAD)
}
