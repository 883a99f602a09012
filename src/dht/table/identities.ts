// Overlay: who proved possession of which key from which address, and until when. The least lasting
// proof gives way to a new one, so the table never grows; losing a row only costs another proof.

import type { Bytes } from '../../base/bytes.ts'
import type { Address } from '../krpc/address.ts'
import { sameId, type Words } from '../math/id.ts'
import type { Slab } from '../slab.ts'

export class Identities {
  readonly capacity: number
  count: number
  readonly #ids: Words
  readonly #hosts: Int32Array
  readonly #ports: Uint16Array
  readonly #until: Uint32Array
  readonly #keys: Uint8Array

  constructor(slab: Slab, capacity: number) {
    this.capacity = capacity
    this.count = 0
    this.#ids = slab.i32(5 * capacity)
    this.#hosts = slab.i32(4 * capacity)
    this.#until = slab.u32(capacity)
    this.#ports = slab.u16(capacity)
    this.#keys = slab.u8(32 * capacity)
  }

  #find(words: Words, at: number): number {
    for (let i = 0; i < this.count; i++) if (sameId(this.#ids, 5 * i, words, at)) return i
    return -1
  }

  /** Tick until which this id is proven at this address; 0 where it is not. */
  until(words: Words, at: number, a: Address): number {
    const i = this.#find(words, at)
    if (i < 0) return 0
    const h = this.#hosts
    const there =
      this.#ports[i] === a.port &&
      h[4 * i] === a.w0 &&
      h[4 * i + 1] === a.w1 &&
      h[4 * i + 2] === a.w2 &&
      h[4 * i + 3] === a.w3
    return there ? this.#until[i]! : 0
  }

  /** Copies the key behind an id into `into`; false where it is not known. */
  key(words: Words, at: number, into: Bytes): boolean {
    const i = this.#find(words, at)
    if (i < 0) return false
    for (let j = 0; j < 32; j++) into[j] = this.#keys[32 * i + j]!
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
    for (let w = 0; w < 5; w++) this.#ids[5 * i + w] = words[at + w]!
    this.#hosts[4 * i] = a.w0
    this.#hosts[4 * i + 1] = a.w1
    this.#hosts[4 * i + 2] = a.w2
    this.#hosts[4 * i + 3] = a.w3
    this.#ports[i] = a.port
    this.#until[i] = until
    for (let j = 0; j < 32; j++) this.#keys[32 * i + j] = key[j]!
  }
}
