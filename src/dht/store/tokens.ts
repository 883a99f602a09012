// Write tokens (BEP-5 "announce_peer", BEP-44): SipHash-2-4 over the asker's address and the target,
// under a secret that changes every five minutes; the one before is still accepted. A token therefore
// proves a round trip from that address about that target, and nothing is remembered for it.

import type { Bytes } from '../../base/bytes.ts'
import type { Address } from '../krpc/address.ts'
import type { Dice } from '../math/dice.ts'
import { getWord, putWord, storeId, type Words } from '../math/id.ts'
import { SipHash } from '../math/siphash.ts'
import type { Slab } from '../slab.ts'

export const TOKEN_BYTES = 8
const ROTATE_MS = 300_000

export class Tokens {
  readonly #sip: SipHash
  readonly #dice: Dice
  /** Two keys of four words: the present secret and the one before. */
  readonly #keys: Int32Array
  readonly #input: Uint8Array
  #rotateAt: number

  constructor(slab: Slab, dice: Dice) {
    this.#sip = new SipHash()
    this.#dice = dice
    this.#keys = slab.i32(8)
    this.#input = slab.u8(36)
    this.#rotateAt = 0
    dice.words(this.#keys, 0, 8)
  }

  /** Leaves the hash under one of the keys in `#sip`. The port is left out (BEP-5: the address only). */
  #hash(key: number, a: Address, target: Words): void {
    const input = this.#input
    const end = a.store(input, 0)
    input.fill(0, end - 2, 16)
    storeId(target, 0, input, 16)
    this.#sip.hash(this.#keys, 4 * key, input, 0, 36)
  }

  #rotate(now: number): void {
    if (now < this.#rotateAt) return
    if (now >= this.#rotateAt + ROTATE_MS) this.#dice.words(this.#keys, 4, 4)
    else this.#keys.copyWithin(4, 0, 4)
    this.#dice.words(this.#keys, 0, 4)
    this.#rotateAt = now + ROTATE_MS
  }

  /** Writes the 8-byte token for this address and target at `out[at]`. */
  make(a: Address, target: Words, now: number, out: Bytes, at: number): void {
    this.#rotate(now)
    this.#hash(0, a, target)
    putWord(out, putWord(out, at, this.#sip.low), this.#sip.high)
  }

  /** True when the bytes at `at` are the present or the previous token. */
  check(a: Address, target: Words, now: number, bytes: Bytes, at: number): boolean {
    this.#rotate(now)
    const low = getWord(bytes, at)
    const high = getWord(bytes, at + 4)
    for (let key = 0; key < 2; key++) {
      this.#hash(key, a, target)
      if (((low ^ this.#sip.low) | (high ^ this.#sip.high)) === 0) return true
    }
    return false
  }
}
