// Reads one KRPC message (BEP-3 bencoding, BEP-5 envelope) in a single pass and records where each
// known field begins and ends. It makes no objects and no strings, keeps no view, and refuses what is
// not exact bencoding: leading zeros, -0, trailing bytes, a known key twice, depth above 16.
// An envelope whose keys are out of order is tolerated; a value `v` is judged by `canonical`.

import type { Bytes } from '../../base/bytes.ts'
import * as F from './fields.ts'

const NONE = 0
/** Kinds of value. */
export const STRING = 1
export const INTEGER = 2
export const OTHER = 3

const MAX_DEPTH = 16
const MAX_LENGTH_DIGITS = 5
const MAX_INT_DIGITS = 20

/** Bytes of the longest known key. */
const LONGEST_KEY = 12
const NAMES = [...F.OUTER, ...F.INNER]
const OUTER = byLength(F.OUTER, 0)
const INNER = byLength(F.INNER, F.OUTER.length)

/** Numbers of the fields by the length of their names. */
function byLength(names: readonly string[], first: number): readonly (readonly number[])[] {
  const out: number[][] = Array.from({ length: LONGEST_KEY + 1 }, () => [])
  names.forEach((name, i) => {
    out[name.length]!.push(first + i)
  })
  return out
}

export class Reader {
  bytes: Bytes
  end: number
  /** Per field: kind, where its encoding begins, where its content begins, where both end. */
  readonly kind: Uint8Array
  readonly raw: Int32Array
  readonly from: Int32Array
  readonly to: Int32Array
  /** Content of the string read last. */
  #from: number
  #unsorted: boolean
  // Per depth: is it a dictionary, is a key due, where the last key was.
  readonly #dict: Uint8Array
  readonly #keyDue: Uint8Array
  readonly #keyFrom: Int32Array
  readonly #keyTo: Int32Array

  constructor() {
    this.bytes = new Uint8Array(0)
    this.end = 0
    this.kind = new Uint8Array(F.FIELDS)
    this.raw = new Int32Array(F.FIELDS)
    this.from = new Int32Array(F.FIELDS)
    this.to = new Int32Array(F.FIELDS)
    this.#from = 0
    this.#unsorted = false
    this.#dict = new Uint8Array(MAX_DEPTH + 1)
    this.#keyDue = new Uint8Array(MAX_DEPTH + 1)
    this.#keyFrom = new Int32Array(MAX_DEPTH + 1)
    this.#keyTo = new Int32Array(MAX_DEPTH + 1)
  }

  /** True for one well-formed message; the fields then stay valid until the next call. */
  read(bytes: Bytes): boolean {
    this.bytes = bytes
    this.end = bytes.length
    this.kind.fill(NONE)
    if (this.end < 2 || bytes[0] !== 0x64) return false
    const at = this.#dictionary(0, OUTER)
    return at === this.end && (this.kind[F.a] === NONE || this.kind[F.r] === NONE)
  }

  /** Lets go of the datagram, which is only lent. */
  release(): void {
    this.bytes = EMPTY
    this.end = 0
    this.kind.fill(NONE)
  }

  has(field: number): boolean {
    return this.kind[field] !== NONE
  }

  /** Bytes of a string field, or -1 where it is missing or of another kind. */
  length(field: number): number {
    return this.kind[field] === STRING ? this.to[field]! - this.from[field]! : -1
  }

  /** Value of an integer field up to 2^53, or -1: missing, negative, too large or of another kind. */
  int(field: number): number {
    if (this.kind[field] !== INTEGER) return -1
    const from = this.from[field]!
    const to = this.to[field]!
    if (this.bytes[from] === 0x2d || to - from > 15) return -1
    let v = 0
    for (let i = from; i < to; i++) v = v * 10 + this.bytes[i]! - 48
    return v
  }

  /** Puts an integer of 0 to 2^63 - 1 into `out[at]` (high) and `out[at+1]` (low); false for any other. */
  u64(field: number, out: Uint32Array, at: number): boolean {
    if (this.kind[field] !== INTEGER) return false
    const from = this.from[field]!
    const to = this.to[field]!
    if (this.bytes[from] === 0x2d || to - from > 19) return false
    let high = 0
    let low = 0
    for (let i = from; i < to; i++) {
      low = low * 10 + this.bytes[i]! - 48
      high = high * 10 + Math.floor(low / 0x1_0000_0000)
      low %= 0x1_0000_0000
    }
    if (high > 0x7fff_ffff) return false
    out[at] = high
    out[at + 1] = low
    return true
  }

  /** Where the encoding of a field ends. */
  rawEnd(field: number): number {
    return this.kind[field] === INTEGER ? this.to[field]! + 1 : this.to[field]!
  }

  /** Content of a string field, a view. */
  content(field: number): Bytes {
    return this.bytes.subarray(this.from[field], this.to[field])
  }

  /** A field as it came, with its length or its i and e, a view. */
  encoding(field: number): Bytes {
    return this.bytes.subarray(this.raw[field], this.rawEnd(field))
  }

  /** First byte of a string field, or 0. */
  first(field: number): number {
    return this.length(field) > 0 ? this.bytes[this.from[field]!]! : 0
  }

  /** True when the string field has exactly this ASCII content. */
  is(field: number, text: string): boolean {
    return this.length(field) === text.length && this.#spells(this.from[field]!, text)
  }

  /** True when the string field has exactly this content. */
  same(field: number, content: Bytes): boolean {
    const from = this.from[field]!
    let i = this.length(field) === content.length ? 0 : -1
    while (i >= 0 && i < content.length) i = this.bytes[from + i] === content[i] ? i + 1 : -1
    return i >= 0
  }

  #spells(from: number, text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.bytes[from + i] !== text.charCodeAt(i)) return false
    return true
  }

  /** True when the value's dictionaries, at any depth, have their keys in strictly rising order. */
  canonical(field: number): boolean {
    this.#unsorted = false
    return this.#skip(this.raw[field]!) === this.rawEnd(field) && !this.#unsorted
  }

  /**
   * The string that begins at `at` inside a list field: its end, with its content's start in
   * `stringFrom`; -1 at the end of the list or where something else stands.
   */
  element(at: number, field: number): number {
    return at >= this.to[field]! - 1 ? -1 : this.#string(at)
  }

  get stringFrom(): number {
    return this.#from
  }

  #dictionary(at: number, keys: readonly (readonly number[])[]): number {
    at++
    while (at < this.end && this.bytes[at] !== 0x65) {
      const keyEnd = this.#string(at)
      if (keyEnd < 0 || keyEnd >= this.end) return -1
      const field = this.#known(keys, this.#from, keyEnd)
      const c = this.bytes[keyEnd]!
      if ((field === F.a || field === F.r) && c === 0x64) at = this.#dictionary(keyEnd, INNER)
      else at = this.#skip(keyEnd)
      if (at < 0) return -1
      if (field >= 0) {
        if (this.kind[field] !== NONE) return -1
        this.raw[field] = keyEnd
        this.to[field] = at
        if (c === 0x69) {
          this.kind[field] = INTEGER
          this.from[field] = keyEnd + 1
          this.to[field] = at - 1
        } else if (c === 0x6c || c === 0x64) {
          this.kind[field] = OTHER
          this.from[field] = keyEnd + 1
        } else {
          this.kind[field] = STRING
          this.from[field] = this.#from
        }
      }
    }
    return at < this.end ? at + 1 : -1
  }

  #known(keys: readonly (readonly number[])[], from: number, to: number): number {
    if (to - from > LONGEST_KEY) return -1
    const fields = keys[to - from]!
    for (let i = 0; i < fields.length; i++) if (this.#spells(from, NAMES[fields[i]!]!)) return fields[i]!
    return -1
  }

  /** End of the string at `at`, or -1. */
  #string(at: number): number {
    const start = at
    let length = 0
    let c = 0
    for (; at < this.end; at++) {
      c = this.bytes[at]! - 48
      if (c < 0 || c > 9) break
      length = length * 10 + c
    }
    const digits = at - start
    if (at >= this.end || c !== 10 || digits === 0 || digits > MAX_LENGTH_DIGITS) return -1
    if (digits > 1 && this.bytes[start] === 48) return -1
    this.#from = at + 1
    return at + 1 + length <= this.end ? at + 1 + length : -1
  }

  /** End of the integer at `at`, or -1. */
  #integer(at: number): number {
    let from = at + 1
    const negative = this.bytes[from] === 0x2d
    if (negative) from++
    let i = from
    while (i < this.end && this.bytes[i]! >= 48 && this.bytes[i]! <= 57) i++
    const digits = i - from
    if (digits === 0 || digits > MAX_INT_DIGITS || i >= this.end || this.bytes[i] !== 0x65) return -1
    if (this.bytes[from] === 48 && (digits > 1 || negative)) return -1
    return i + 1
  }

  /** End of the value at `at`, or -1; notes whether dictionary keys were in order. */
  #skip(at: number): number {
    let depth = 0
    this.#dict[0] = 0
    while (at < this.end) {
      const c = this.bytes[at]!
      if (c === 0x65) {
        if (depth === 0 || (this.#dict[depth] === 1 && this.#keyDue[depth] === 0)) return -1
        depth--
        at++
      } else if (this.#dict[depth] === 1 && this.#keyDue[depth] === 1) {
        const end = this.#string(at)
        if (end < 0) return -1
        this.#order(depth, this.#from, end)
        this.#keyDue[depth] = 0
        at = end
        continue
      } else if (c === 0x6c || c === 0x64) {
        if (++depth > MAX_DEPTH) return -1
        this.#dict[depth] = c === 0x64 ? 1 : 0
        this.#keyDue[depth] = 1
        this.#keyFrom[depth] = -1
        at++
        continue
      } else {
        at = c === 0x69 ? this.#integer(at) : this.#string(at)
        if (at < 0) return -1
      }
      if (depth === 0) return at
      this.#keyDue[depth] = 1
    }
    return -1
  }

  #order(depth: number, from: number, to: number): void {
    const lastFrom = this.#keyFrom[depth]!
    if (lastFrom >= 0) {
      const last = this.#keyTo[depth]! - lastFrom
      const length = to - from
      const n = Math.min(last, length)
      let i = 0
      while (i < n && this.bytes[lastFrom + i] === this.bytes[from + i]) i++
      if (i === n ? length <= last : this.bytes[from + i]! < this.bytes[lastFrom + i]!) this.#unsorted = true
    }
    this.#keyFrom[depth] = from
    this.#keyTo[depth] = to
  }
}

const EMPTY = new Uint8Array(0)
