// What others say our external address is (the `ip` of answers, BEP-42). One vote per subnet; an
// address counts once several subnets agree and most of the recent votes say the same, and is
// then kept for a while, so that liars cannot make the node change its id back and forth.

import { Address } from '../krpc/address.ts'
import { sameSubnet } from '../krpc/reach.ts'

const SLOTS = 12
const NEEDED = 4
/** A change of address is believed at most this often, in ms. */
const HOLD_MS = 600_000

export class Votes {
  /** The agreed address, once `known`. */
  readonly address: Address
  known: boolean
  readonly #voters: readonly Address[]
  readonly #said: readonly Address[]
  #count: number
  #next: number
  #since: number

  constructor() {
    this.address = new Address()
    this.known = false
    this.#voters = Array.from({ length: SLOTS }, () => new Address())
    this.#said = Array.from({ length: SLOTS }, () => new Address())
    this.#count = 0
    this.#next = 0
    this.#since = 0
  }

  /** Takes one vote; true when the agreed host is new or has changed. */
  vote(voter: Address, said: Address, now: number): boolean {
    let slot = -1
    for (let i = 0; i < this.#count; i++) if (sameSubnet(this.#voters[i]!, voter)) slot = i
    if (slot < 0) {
      slot = this.#count < SLOTS ? this.#count++ : this.#next
      this.#next = (slot + 1) % SLOTS
    }
    this.#voters[slot]!.copy(voter)
    this.#said[slot]!.copy(said)
    if (this.known && (this.address.sameHost(said) || now - this.#since < HOLD_MS)) return false
    let same = 0
    for (let i = 0; i < this.#count; i++) if (this.#said[i]!.sameHost(said)) same++
    if (same < NEEDED || same * 2 <= this.#count) return false
    this.address.copy(said)
    this.known = true
    this.#since = now
    return true
  }
}
