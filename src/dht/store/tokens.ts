// Write tokens (BEP-5 "announce_peer", BEP-44): SipHash-2-4 over the asker's address and the target,
// under a secret that changes every five minutes; the one before is still accepted. A token therefore
// proves a round trip from that address about that target, and nothing is remembered for it.

import type { Bytes } from '../../base/bytes.ts'
import type { Address } from '../krpc/address.ts'
import type { Dice } from '../math/dice.ts'
import { storeId, type Words } from '../math/id.ts'
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
    this.#rotateAt = Number.NEGATIVE_INFINITY
  }

  #hash(key: number, a: Address, target: Words, at: number): void {
    const input = this.#input
    const end = a.store(input, 0)
    // The port is left out (BEP-5: the address only), so zeros stand in its place and behind it.
    input.fill(0, end - 2, 16)
    storeId(target, at, input, 16)
    this.#sip.hash(this.#keys, 4 * key, input, 0, 36)
  }

  #rotate(now: number): void {
    if (now < this.#rotateAt) return
    const missed = now >= this.#rotateAt + ROTATE_MS
    this.#keys.copyWithin(4, 0, 4)
    this.#dice.words(this.#keys, 0, 4)
    if (missed) this.#dice.words(this.#keys, 4, 4)
    this.#rotateAt = now + ROTATE_MS
  }

  /** Writes the 8-byte token for this address and target at `out[at]`. */
  make(a: Address, target: Words, targetAt: number, slot: TokenSlot): void {
    this.#rotate(slot.now)
    this.#hash(0, a, target, targetAt)
    put(slot.bytes, slot.at, this.#sip.low)
    put(slot.bytes, slot.at + 4, this.#sip.high)
  }

  /** True when the bytes are the present or the previous token. */
  check(a: Address, target: Words, targetAt: number, slot: TokenSlot): boolean {
    this.#rotate(slot.now)
    for (let key = 0; key < 2; key++) {
      this.#hash(key, a, target, targetAt)
      const wrong =
        (get(slot.bytes, slot.at) ^ this.#sip.low) | (get(slot.bytes, slot.at + 4) ^ this.#sip.high)
      if (wrong === 0) return true
    }
    return false
  }
}

/** Where a token stands, and the time. */
export interface TokenSlot {
  bytes: Bytes
  at: number
  now: number
}

function put(b: Bytes, at: number, w: number): void {
  b[at] = w >>> 24
  b[at + 1] = w >>> 16
  b[at + 2] = w >>> 8
  b[at + 3] = w
}

function get(b: Bytes, at: number): number {
  return (b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!
}
