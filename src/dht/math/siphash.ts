// SipHash-2-4 (Aumasson and Bernstein, 2012) in 32-bit halves: the keyed hash behind write tokens and
// the limiter's buckets. The result is left in `low` and `high`, so that nothing is allocated.

import type { Bytes } from '../../base/bytes.ts'

export class SipHash {
  /** Result of the last `hash`: the 64-bit value is high · 2^32 + low. */
  low: number
  high: number
  // Four 64-bit lanes as (low, high) pairs.
  readonly #v: Int32Array

  constructor() {
    this.low = 0
    this.high = 0
    this.#v = new Int32Array(8)
  }

  /** Hashes `bytes[from..to)` under a 16-byte key, given as four little-endian words at `key[at..at+4)`. */
  hash(key: Int32Array, at: number, bytes: Bytes, from: number, to: number): void {
    const v = this.#v
    v[0] = key[at]! ^ 0x70736575
    v[1] = key[at + 1]! ^ 0x736f6d65
    v[2] = key[at + 2]! ^ 0x6e646f6d
    v[3] = key[at + 3]! ^ 0x646f7261
    v[4] = key[at]! ^ 0x6e657261
    v[5] = key[at + 1]! ^ 0x6c796765
    v[6] = key[at + 2]! ^ 0x79746573
    v[7] = key[at + 3]! ^ 0x74656462
    const length = to - from
    let i = from
    for (; i + 8 <= to; i += 8) this.#block(word(bytes, i), word(bytes, i + 4))
    let low = 0
    let high = length << 24
    for (let j = 0; i + j < to; j++)
      if (j < 4) low |= bytes[i + j]! << (8 * j)
      else high |= bytes[i + j]! << (8 * (j - 4))
    this.#block(low, high)
    v[4] = v[4]! ^ 0xff
    for (let r = 0; r < 4; r++) this.#round()
    this.low = v[0]! ^ v[2]! ^ v[4]! ^ v[6]!
    this.high = v[1]! ^ v[3]! ^ v[5]! ^ v[7]!
  }

  #block(low: number, high: number): void {
    const v = this.#v
    v[6] = v[6]! ^ low
    v[7] = v[7]! ^ high
    this.#round()
    this.#round()
    v[0] = v[0]! ^ low
    v[1] = v[1]! ^ high
  }

  #round(): void {
    const v = this.#v
    this.#mix(0, 2, 13)
    const a = v[0]!
    v[0] = v[1]!
    v[1] = a
    this.#mix(4, 6, 16)
    this.#mix(0, 6, 21)
    this.#mix(4, 2, 17)
    const b = v[4]!
    v[4] = v[5]!
    v[5] = b
  }

  /** v[a] += v[b]; v[b] = rotl(v[b], bits) ^ v[a], with bits < 32. */
  #mix(a: number, b: number, bits: number): void {
    const v = this.#v
    const low = (v[a]! >>> 0) + (v[b]! >>> 0)
    v[a + 1] = v[a + 1]! + v[b + 1]! + (low > 0xffff_ffff ? 1 : 0)
    v[a] = low
    const l = v[b]!
    const h = v[b + 1]!
    v[b] = ((l << bits) | (h >>> (32 - bits))) ^ v[a]!
    v[b + 1] = ((h << bits) | (l >>> (32 - bits))) ^ v[a + 1]!
  }
}

function word(b: Bytes, i: number): number {
  return b[i]! | (b[i + 1]! << 8) | (b[i + 2]! << 16) | (b[i + 3]! << 24)
}
