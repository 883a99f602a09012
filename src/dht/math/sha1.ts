// SHA-1 (FIPS 180-4 section 6.1) over typed arrays, without allocation: targets of BEP-44 items.
// It names things and never vouches for them: a mutable item stands on its signature, an immutable
// one should carry a SHA-256 inside where integrity matters.

import type { Bytes } from '../../base/bytes.ts'

export class Sha1 {
  readonly #w: Int32Array
  readonly #h: Int32Array
  readonly #block: Uint8Array
  #held: number
  #length: number

  constructor() {
    this.#w = new Int32Array(80)
    this.#h = new Int32Array(5)
    this.#block = new Uint8Array(64)
    this.#held = 0
    this.#length = 0
    this.begin()
  }

  begin(): this {
    this.#h[0] = 0x67452301
    this.#h[1] = 0xefcdab89
    this.#h[2] = 0x98badcfe
    this.#h[3] = 0x10325476
    this.#h[4] = 0xc3d2e1f0
    this.#held = 0
    this.#length = 0
    return this
  }

  /** Hashes `bytes[from..to)`. */
  update(bytes: Bytes, from = 0, to: number = bytes.length): this {
    for (let i = from; i < to; i++) {
      this.#block[this.#held++] = bytes[i]!
      if (this.#held === 64) this.#round()
    }
    this.#length += to - from
    return this
  }

  /** Ends the message and writes the five words to `words[at..at+5)`. Begin again afterwards. */
  finish(words: Int32Array, at = 0): void {
    const bits = this.#length * 8
    this.#block[this.#held++] = 0x80
    if (this.#held > 56) {
      this.#block.fill(0, this.#held)
      this.#round()
    }
    this.#block.fill(0, this.#held, 60)
    // Messages are a datagram at most, so 32 bits of length are enough.
    for (let i = 0; i < 4; i++) this.#block[60 + i] = bits >>> (24 - 8 * i)
    this.#round()
    for (let i = 0; i < 5; i++) words[at + i] = this.#h[i]!
  }

  #round(): void {
    const w = this.#w
    const h = this.#h
    const block = this.#block
    for (let i = 0, at = 0; i < 16; i++, at += 4)
      w[i] = (block[at]! << 24) | (block[at + 1]! << 16) | (block[at + 2]! << 8) | block[at + 3]!
    for (let i = 16; i < 80; i++) {
      const x = w[i - 3]! ^ w[i - 8]! ^ w[i - 14]! ^ w[i - 16]!
      w[i] = (x << 1) | (x >>> 31)
    }
    let a = h[0]!
    let b = h[1]!
    let c = h[2]!
    let d = h[3]!
    let e = h[4]!
    for (let i = 0; i < 80; i++) {
      let f: number
      if (i < 20) f = ((b & c) | (~b & d)) + 0x5a827999
      else if (i < 40) f = (b ^ c ^ d) + 0x6ed9eba1
      else if (i < 60) f = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
      else f = (b ^ c ^ d) + 0xca62c1d6
      const next = (((a << 5) | (a >>> 27)) + f + e + w[i]!) | 0
      e = d
      d = c
      c = (b << 30) | (b >>> 2)
      b = a
      a = next
    }
    h[0] = h[0]! + a
    h[1] = h[1]! + b
    h[2] = h[2]! + c
    h[3] = h[3]! + d
    h[4] = h[4]! + e
    this.#held = 0
  }
}
