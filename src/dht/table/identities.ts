// Overlay: who proved possession of which key from which address, and until when. The least lasting
// proof gives way to a new one, so the table never grows; losing a row only costs another proof.

import type { Bytes } from '../../base/bytes.ts'
import type { Address } from '../krpc/address.ts'
import { Hosts } from '../krpc/hosts.ts'
import { copyId, findId, type Words } from '../math/id.ts'
import type { Slab } from '../slab.ts'

export class Identities {
  readonly capacity: number
  count: number
  readonly #ids: Words
  readonly #hosts: Hosts
  readonly #until: Uint32Array
  readonly #keys: Uint8Array

  constructor(slab: Slab, capacity: number) {
    this.capacity = capacity
    this.count = 0
    this.#ids = slab.i32(5 * capacity)
    this.#until = slab.u32(capacity)
    this.#hosts = new Hosts(slab, capacity, 4)
    this.#keys = slab.u8(32 * capacity)
  }

  #find(words: Words, at: number): number {
    return findId(this.#ids, this.count, words, at)
  }

  /** Tick until which this id is proven at this address; 0 where it is not. */
  until(words: Words, at: number, a: Address): number {
    const i = this.#find(words, at)
    return i >= 0 && this.#hosts.is(i, a) ? this.#until[i]! : 0
  }

  /** Copies the key behind an id into `into`; false where it is not known. */
  key(words: Words, at: number, into: Bytes): boolean {
    const i = this.#find(words, at)
    if (i < 0) return false
    into.set(this.#keys.subarray(32 * i, 32 * i + 32))
    return true
  }

  /** Keeps a proof that was verified. */
  prove(words: Words, at: number, a: Address, key: Bytes, until: number): void {
    let i = this.#find(words, at)
    if (i < 0 && this.count < this.capacity) i = this.count++
    if (i < 0) {
      i = 0
      for (let j = 1; j < this.count; j++) if (this.#until[j]! < this.#until[i]!) i = j
    }
    copyId(words, at, this.#ids, 5 * i)
    this.#hosts.set(i, a)
    this.#until[i] = until
    this.#keys.set(key, 32 * i)
  }
}
