// A column of addresses in the slab, as routing table, lookups, queries, peers and proofs keep them.

import type { Slab } from '../slab.ts'
import type { Address, Family } from './address.ts'

export class Hosts {
  readonly #words: Int32Array
  readonly #ports: Uint16Array
  readonly #family: Uint8Array
  readonly #width: number

  /** @param width 32-bit words of an address: 1 where all are IPv4, else 4. */
  constructor(slab: Slab, n: number, width: 1 | 4) {
    this.#width = width
    this.#words = slab.i32(width * n)
    this.#ports = slab.u16(n)
    this.#family = slab.u8(n)
  }

  set(i: number, a: Address): void {
    const h = this.#words
    const j = this.#width * i
    h[j] = a.w0
    if (this.#width === 4) {
      h[j + 1] = a.w1
      h[j + 2] = a.w2
      h[j + 3] = a.w3
    }
    this.#ports[i] = a.port
    this.#family[i] = a.family
  }

  get(i: number, into: Address): Address {
    const h = this.#words
    const j = this.#width * i
    const wide = this.#width === 4
    into.w0 = h[j]!
    into.w1 = wide ? h[j + 1]! : 0
    into.w2 = wide ? h[j + 2]! : 0
    into.w3 = wide ? h[j + 3]! : 0
    into.port = this.#ports[i]!
    into.family = this.#family[i] as Family
    return into
  }

  /** Address and port are these. */
  is(i: number, a: Address): boolean {
    return this.#ports[i] === a.port && this.sameHost(i, a)
  }

  sameHost(i: number, a: Address): boolean {
    const h = this.#words
    const j = this.#width * i
    if (h[j] !== a.w0 || this.#family[i] !== a.family) return false
    return this.#width === 1 || (h[j + 1] === a.w1 && h[j + 2] === a.w2 && h[j + 3] === a.w3)
  }

  /** The first of `n` slots with this address and port, or -1. */
  find(n: number, a: Address): number {
    for (let i = 0; i < n; i++) if (this.is(i, a)) return i
    return -1
  }

  /** Family of the address in a slot; 0 where none was ever set, or it was freed. */
  family(i: number): number {
    return this.#family[i]!
  }

  free(i: number): void {
    this.#family[i] = 0
  }

  /** Slot `from` takes the place of slot `to`. */
  move(from: number, to: number): void {
    const w = this.#width
    this.#words.copyWithin(w * to, w * from, w * from + w)
    this.#ports[to] = this.#ports[from]!
    this.#family[to] = this.#family[from]!
  }
}
