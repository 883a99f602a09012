// Unpredictable numbers for transaction ids, challenges and jitter: a pool that the machine's
// randomness fills, so that one draw costs no call and no allocation.

import type { Bytes } from '../../base/bytes.ts'

const POOL = 512

export class Dice {
  readonly #fill: (into: Bytes) => void
  readonly #bytes: Uint8Array
  readonly #words: Int32Array
  #at: number

  /** @param fill fills the whole array with unpredictable bytes. */
  constructor(fill: (into: Bytes) => void) {
    this.#fill = fill
    this.#bytes = new Uint8Array(POOL)
    this.#words = new Int32Array(this.#bytes.buffer)
    this.#at = POOL / 4
  }

  /** 32 random bits, signed. */
  word(): number {
    if (this.#at === POOL / 4) {
      this.#fill(this.#bytes)
      this.#at = 0
    }
    const v = this.#words[this.#at]!
    this.#words[this.#at++] = 0
    return v
  }

  /** 0 ≤ result < n; n up to 2^31. The bias is below n / 2^32. */
  below(n: number): number {
    return Math.floor(((this.word() >>> 0) / 0x1_0000_0000) * n)
  }

  /** `n` words at `words[at..]`. */
  words(words: Int32Array, at: number, n: number): void {
    for (let i = 0; i < n; i++) words[at + i] = this.word()
  }
}
