// Writes KRPC messages into one buffer of the engine's own. Callers write keys in sorted order
// (BEP-3); constant pieces are text. Nothing is allocated per message: `done` hands out
// a view that is kept.

import type { Bytes } from '../../base/bytes.ts'
import { putWord } from '../math/id.ts'

/** No datagram of ours is longer: it must not be fragmented on any ordinary path. */
export const MAX_DATAGRAM = 1_400

const VIEWS = 128

export class Writer {
  readonly bytes: Bytes
  at: number
  // Views by the low bits of their length: messages have few lengths, and VIEWS is the cap.
  readonly #views: Bytes[]

  /** @param bytes MAX_DATAGRAM bytes of the slab. */
  constructor(bytes: Bytes) {
    this.bytes = bytes
    this.at = 0
    this.#views = new Array<Bytes>(VIEWS).fill(bytes.subarray(0, 0))
  }

  begin(): this {
    this.at = 0
    return this
  }

  get left(): number {
    return MAX_DATAGRAM - this.at
  }

  /** The message so far. Valid until the next `begin`. */
  done(): Bytes {
    const length = this.at
    if (length > MAX_DATAGRAM) throw new RangeError(`KRPC message of ${length} bytes`)
    const view = this.#views[length % VIEWS]!
    if (view.length === length) return view
    const made = this.bytes.subarray(0, length)
    this.#views[length % VIEWS] = made
    return made
  }

  byte(value: number): this {
    this.bytes[this.at++] = value
    return this
  }

  /** ASCII text. */
  text(text: string): this {
    const out = this.bytes
    let at = this.at
    for (let i = 0; i < text.length; i++) out[at++] = text.charCodeAt(i)
    this.at = at
    return this
  }

  put(part: Bytes): this {
    return this.slice(part, 0, part.length)
  }

  /** Copies `from..to`. Past the end nothing is written, but `at` advances and `done` throws. */
  slice(part: Bytes, from: number, to: number): this {
    const out = this.bytes
    let at = this.at
    if (to - from > 48) {
      if (at + to - from <= out.length) out.set(part.subarray(from, to), at)
      at += to - from
    } else for (let i = from; i < to; i++) out[at++] = part[i]!
    this.at = at
    return this
  }

  /** Decimal digits of an integer 0 ≤ n ≤ 2^53. */
  digits(n: number): this {
    let width = 1
    for (let m = n; m >= 10; m = Math.floor(m / 10)) width++
    for (let i = this.at + width - 1; i >= this.at; i--) {
      const tenth = Math.floor(n / 10)
      this.bytes[i] = 48 + n - tenth * 10
      n = tenth
    }
    this.at += width
    return this
  }

  /** `length:` and the bytes `from..to`. */
  string(part: Bytes, from: number, to: number): this {
    this.digits(to - from)
    return this.byte(0x3a).slice(part, from, to)
  }

  /** `i…e` of a 64-bit number in two halves. */
  u64(high: number, low: number): this {
    this.byte(0x69)
    if (high === 0) this.digits(low)
    else {
      // high · 2^32 + low, divided by 10^9 twice: three limbs in base 10^9.
      const BASE = 1_000_000_000
      const q1 = Math.floor(high / BASE)
      let rest = high - q1 * BASE
      // rest · 2^32 + low < 10^9 · 2^32 < 2^62: split into 16-bit steps to stay exact.
      let q2 = 0
      for (const part of [low >>> 16, low & 0xffff]) {
        const v = rest * 65_536 + part
        const q = Math.floor(v / BASE)
        q2 = q2 * 65_536 + q
        rest = v - q * BASE
      }
      const upper = q1 * 0x1_0000_0000 + q2
      this.digits(upper)
      for (let div = BASE / 10; div >= 1; div /= 10)
        this.bytes[this.at++] = 48 + (Math.floor(rest / div) % 10)
    }
    return this.byte(0x65)
  }

  /** Big-endian words. */
  words(words: Int32Array, from: number, n: number): this {
    for (let i = from; i < from + n; i++) this.at = putWord(this.bytes, this.at, words[i]!)
    return this
  }
}
