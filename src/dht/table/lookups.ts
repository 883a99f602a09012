// Candidates of one iterative lookup, ordered by distance to its target (BEP-5, Kademlia section 2.3).
// A lookup ends when the k nearest live candidates have answered. Candidates implausibly close for a
// network of the estimated size do not count towards k and have a quota: a swarm of made-up ids around
// a target then cannot keep a search or a put away from honest nodes.

import { LIMITS } from '../../base/limits.ts'
import type { Address, Family } from '../krpc/address.ts'
import { Hosts } from '../krpc/hosts.ts'
import { sameSubnet, scopeOf } from '../krpc/reach.ts'
import { closer, copyId, logDistance, sameId, type Words } from '../math/id.ts'
import { CANDIDATES, type Slab } from '../slab.ts'

/** States of a candidate; from ANSWERED on it has answered. */
const NEW = 0
export const ASKED = 1
export const LATE = 2
export const FAILED = 3
export const ANSWERED = 4
/** To be stored on; being stored on; wants our proof first; being stored on for the last time. */
export const HOLDER = 5
export const STORING = 6
export const AGAIN = 7
export const LAST = 8
export const STORED = 9
export const REFUSED = 10

/** Candidates of one subnet, and candidates too close to be true, in one lookup. */
const PER_SUBNET = 2
const MAX_CLOSE = 24
/** Bits beyond log2 of the network's size that make a candidate implausible: one honest node in 32. */
export const CLOSE_BITS = 5

export class Lookup {
  readonly index: number
  active: boolean
  family: Family
  /** Asked and neither answered nor late. */
  inFlight: number
  startedAt: number
  count: number
  asked: number
  readonly target: Words
  /** Candidates, nearest first. */
  readonly order: Uint8Array
  readonly ids: Words
  readonly state: Uint8Array
  /** Hops from us: 0 for nodes of our own table. */
  readonly depth: Uint8Array
  readonly tokens: Uint8Array
  readonly tokenLength: Uint8Array
  readonly #close: Uint8Array
  readonly #hosts: Hosts
  readonly #strict: boolean
  readonly #k: number
  readonly #a: Address
  #horizon: number
  #closeCount: number

  /** @param a an Address to work with. */
  constructor(slab: Slab, index: number, rules: { strict: boolean; k: number }, a: Address) {
    this.index = index
    this.active = false
    this.family = 4
    this.inFlight = 0
    this.startedAt = 0
    this.count = 0
    this.asked = 0
    this.target = new Int32Array(5)
    this.order = slab.u8(CANDIDATES)
    this.state = slab.u8(CANDIDATES)
    this.depth = slab.u8(CANDIDATES)
    this.tokenLength = slab.u8(CANDIDATES)
    this.#close = slab.u8(CANDIDATES)
    this.tokens = slab.u8(LIMITS.dht.tokenBytes * CANDIDATES)
    this.ids = slab.i32(5 * CANDIDATES)
    this.#hosts = new Hosts(slab, CANDIDATES, 4)
    this.#strict = rules.strict
    this.#k = rules.k
    this.#a = a
    this.#horizon = -161
    this.#closeCount = 0
  }

  /** @param logSize log2 of the estimated number of nodes, or -1 where it is not known. */
  begin(target: Words, family: Family, logSize: number, now: number): void {
    this.active = true
    this.family = family
    this.inFlight = 0
    this.startedAt = now
    this.count = 0
    this.asked = 0
    this.#closeCount = 0
    this.target.set(target)
    this.#horizon = logSize < 0 ? -161 : -logSize - CLOSE_BITS
  }

  address(c: number, into: Address): Address {
    return this.#hosts.get(c, into)
  }

  /** Adds a candidate; returns it, or -1 where it is known, too many of its kind or too far. */
  add(words: Words, at: number, a: Address, depth: number): number {
    if (a.family !== this.family || !this.#fresh(words, at, a)) return -1
    const close = logDistance(words, at, this.target, 0) < this.#horizon
    if (close && this.#closeCount >= MAX_CLOSE) return -1
    let c = this.count
    if (c === CANDIDATES) {
      c = this.#drop(words, at)
      if (c < 0) return -1
    }
    let place = this.count
    while (place > 0 && closer(words, at, this.ids, 5 * this.order[place - 1]!, this.target)) {
      this.order[place] = this.order[place - 1]!
      place--
    }
    this.order[place] = c
    this.count++
    copyId(words, at, this.ids, 5 * c)
    this.#hosts.set(c, a)
    this.state[c] = NEW
    this.depth[c] = Math.min(depth, 255)
    this.tokenLength[c] = 0
    this.#close[c] = close ? 1 : 0
    if (close) this.#closeCount++
    return c
  }

  #fresh(words: Words, at: number, a: Address): boolean {
    const limited = this.#strict || scopeOf(a) === 3
    let subnet = 0
    for (let c = 0; c < this.count; c++) {
      if (sameId(this.ids, 5 * c, words, at)) return false
      if (limited ? this.#hosts.sameHost(c, a) : this.#hosts.is(c, a)) return false
      if (limited && sameSubnet(this.address(c, this.#a), a)) subnet++
    }
    return subnet < PER_SUBNET
  }

  /** Frees the farthest candidate that nothing hangs on, if it is farther than the new one. */
  #drop(words: Words, at: number): number {
    for (let p = this.count - 1; p >= 0; p--) {
      const c = this.order[p]!
      if (this.state[c] !== NEW && this.state[c] !== FAILED) continue
      if (!closer(words, at, this.ids, 5 * c, this.target)) return -1
      this.order.copyWithin(p, p + 1, this.count)
      this.count--
      if (this.#close[c] === 1) this.#closeCount--
      return c
    }
    return -1
  }

  /** The next candidate to ask, or -1: none, or the nearest ones are still to answer. */
  next(): number {
    let good = 0
    for (let p = 0; p < this.count && good < this.#k; p++) {
      const c = this.order[p]!
      const s = this.state[c]!
      if (s === NEW) return c
      if ((s === ANSWERED || s === ASKED) && this.#close[c] === 0) good++
    }
    return -1
  }

  /** True when nothing nearer can come. Late answers are waited for only while there is no other. */
  converged(): boolean {
    let good = 0
    let answered = 0
    let late = 0
    for (let p = 0; p < this.count; p++) {
      const c = this.order[p]!
      const s = this.state[c]!
      if (s === NEW || s === ASKED) return false
      if (s === LATE) late++
      if (s !== ANSWERED) continue
      answered++
      if (this.#close[c] === 0 && ++good === this.#k) return true
    }
    return answered > 0 || late === 0
  }

  /** Keeps the token that a candidate gave; longer ones than we keep make it useless for storing. */
  setToken(c: number, bytes: Uint8Array, from: number, to: number): void {
    const most = LIMITS.dht.tokenBytes
    const n = to - from
    if (n < 1 || n > most) return
    for (let i = 0; i < n; i++) this.tokens[most * c + i] = bytes[from + i]!
    this.tokenLength[c] = n
  }

  /** Chooses whom to store on: all that answered up to the k-th plausible one. */
  chooseHolders(): void {
    let good = 0
    for (let p = 0; p < this.count && good < this.#k; p++) {
      const c = this.order[p]!
      if (this.state[c] !== ANSWERED) continue
      if (this.#close[c] === 0) good++
      if (this.tokenLength[c]! > 0) this.state[c] = HOLDER
    }
  }

  /** log2 of the distance of the k-th answered candidate, as a share of the space; 1 if there is none. */
  reachOfK(): number {
    let good = 0
    for (let p = 0; p < this.count; p++) {
      const c = this.order[p]!
      if (this.#close[c] === 1) continue
      if (this.state[c]! >= ANSWERED && ++good === this.#k)
        return logDistance(this.ids, 5 * c, this.target, 0)
    }
    return 1
  }

  /** Candidates in a state. */
  tally(state: number): number {
    let n = 0
    for (let c = 0; c < this.count; c++) if (this.state[c] === state) n++
    return n
  }

  /** Hops to the nearest node that answered. */
  hops(): number {
    for (let p = 0; p < this.count; p++) {
      const c = this.order[p]!
      if (this.state[c]! >= ANSWERED) return this.depth[c]! + 1
    }
    return 0
  }
}
