// Routing table of one address family (BEP-5 "Routing Table", BEP-32): flat columns in the slab, used
// entries first, removal by swapping with the last. A bucket is the number of leading bits shared with
// our own id; the first four are larger, which shortens lookups.
// Only nodes that answered a query of ours come in; one id per address, few per subnet; old and
// verified entries stay, a newcomer takes only the place of one that fails.

import type { Address, Family } from '../krpc/address.ts'
import { Hosts } from '../krpc/hosts.ts'
import { sameSubnet, scopeOf } from '../krpc/reach.ts'
import { copyId, findId, flip, sharedBits, type Words } from '../math/id.ts'
import type { Slab } from '../slab.ts'

/** Nodes of one answer, and places of an ordinary bucket. */
export const K = 8
/** After so many unanswered queries in a row a node is not passed on any more. */
const DOUBTFUL = 2
/** After so many it leaves, unless nobody answers, in which case the fault is ours. */
const GONE = 4
/** Ticks before a node is pinged again. */
const PING_AGAIN = 50
/** Nodes of one subnet in one bucket, and in the whole table. */
const SUBNET_PER_BUCKET = 1
const SUBNET_PER_TABLE = 4

/** Nodes so close to one another that a network of the estimated size would not have them. */
const CLUSTER = 3

/** Flags: proven by key (overlay) or fitting its address (BEP-42); read from a file, not yet heard of. */
export const VERIFIED = 1
const RESTORED = 2

export class Table {
  readonly family: Family
  readonly capacity: number
  count: number
  /** Entries that share this many bits with one another are a cluster; CLUSTER of them may enter. */
  clusterBits: number
  /** Result of `closest`: slots, nearest first. */
  readonly near: Uint16Array
  readonly #first: Int32Array
  /** Five words per slot. */
  readonly ids: Words
  /** Time of the last answer, in ticks. */
  readonly seen: Uint32Array
  readonly rtt: Uint16Array
  readonly fails: Uint8Array
  readonly flags: Uint8Array
  /** Overlay: proof of possession is good until this tick. */
  readonly until: Uint32Array
  readonly #self: Words
  readonly #hosts: Hosts
  readonly #since: Uint32Array
  readonly #asked: Uint32Array
  readonly #bucket: Uint8Array
  readonly #sizes: Uint16Array
  readonly #strict: boolean
  readonly #proof: boolean
  readonly #a: Address
  #lastAnswer: number

  /**
   * @param self our id, five words; call `rehome` when they change.
   * @param rules `strict`: subnet rules also for local addresses; `proof`: only nodes whose proof has
   *   not run out are passed on.
   * @param a an Address to work with.
   */
  constructor(
    slab: Slab,
    shape: { family: Family; capacity: number },
    self: Words,
    rules: { strict: boolean; proof: boolean },
    a: Address,
  ) {
    const n = shape.capacity
    this.family = shape.family
    this.capacity = n
    this.count = 0
    this.clusterBits = 20
    this.near = new Uint16Array(64)
    this.#first = new Int32Array(64)
    this.ids = slab.i32(5 * n)
    this.seen = slab.u32(n)
    this.rtt = slab.u16(n)
    this.fails = slab.u8(n)
    this.flags = slab.u8(n)
    this.until = slab.u32(n)
    this.#self = self
    this.#since = slab.u32(n)
    this.#asked = slab.u32(n)
    this.#bucket = slab.u8(n)
    this.#hosts = new Hosts(slab, n, shape.family === 4 ? 1 : 4)
    this.#sizes = new Uint16Array(161)
    this.#strict = rules.strict
    this.#proof = rules.proof
    this.#a = a
    this.#lastAnswer = 0
  }

  /** Slot of an id, or -1. */
  find(words: Words, at: number): number {
    return findId(this.ids, this.count, words, at)
  }

  /** Slot of an address with port, or -1. */
  findAddress(a: Address): number {
    return this.#hosts.find(this.count, a)
  }

  /** True when the node in this slot is the one at this address. */
  at(slot: number, a: Address): boolean {
    return this.#hosts.is(slot, a)
  }

  address(slot: number, into: Address): Address {
    return this.#hosts.get(slot, into)
  }

  /** True when this node may be passed on to others and asked first. */
  good(slot: number, tick: number): boolean {
    if (this.fails[slot]! >= DOUBTFUL || (this.flags[slot]! & RESTORED) !== 0) return false
    return !this.#proof || this.until[slot]! > tick
  }

  /** Puts the up to `max` (≤ 64) good nodes closest to `target` into `near`; returns how many. */
  closest(target: Words, max: number, tick: number): number {
    const near = this.near
    const first = this.#first
    const ids = this.ids
    const count = this.count
    const t = flip(target[0]!)
    let n = 0
    // Flipped first words of the distances decide nearly always; equal ones are compared in full.
    let worst = 0x7fff_ffff
    for (let i = 0, j = 0; i < count; i++, j += 5) {
      const d = ids[j]! ^ t
      if (d > worst || !this.good(i, tick)) continue
      let p = n
      if (n < max) n++
      else {
        p = n - 1
        if (d === worst && !this.#before(j, 5 * near[p]!, target)) continue
      }
      while (p > 0) {
        const other = first[p - 1]!
        if (d > other || (d === other && !this.#before(j, 5 * near[p - 1]!, target))) break
        first[p] = other
        near[p] = near[p - 1]!
        p--
      }
      first[p] = d
      near[p] = i
      if (n === max) worst = first[n - 1]!
    }
    return n
  }

  #before(j: number, other: number, target: Words): boolean {
    const ids = this.ids
    for (let i = 1; i < 5; i++) {
      const x = ids[j + i]! ^ target[i]!
      const y = ids[other + i]! ^ target[i]!
      if (x !== y) return flip(x) < flip(y)
    }
    return false
  }

  /**
   * A node answered a query of ours from the address we asked. Refreshes or inserts it; returns its
   * slot, or -1 where the table has no place for it. `until` 0 means no proof was given now.
   */
  answered(words: Words, at: number, a: Address, heard: Heard): number {
    const tick = heard.tick
    this.#lastAnswer = tick
    let slot = this.find(words, at)
    if (slot >= 0 && !this.at(slot, a)) {
      // The same id from elsewhere: whoever was here first and still answers keeps the place.
      if (this.fails[slot] === 0 && (this.flags[slot]! & RESTORED) === 0) return -1
      this.remove(slot)
      slot = -1
    }
    if (slot < 0) {
      const former = this.findAddress(a)
      if (former >= 0) this.remove(former)
      slot = this.#insert(words, at, a, heard)
      if (slot < 0) return -1
    }
    this.seen[slot] = tick
    this.fails[slot] = 0
    this.rtt[slot] = Math.min(heard.rtt, 65_535)
    this.flags[slot] = heard.verified ? VERIFIED : 0
    if (heard.until > 0) this.until[slot] = heard.until
    return slot
  }

  /** True when an answer from this node would find a place. Asked before a newcomer is pinged. */
  room(words: Words, at: number, a: Address, verified: boolean): boolean {
    if (!this.#diverse(words, at, a)) return false
    return this.#victim(sharedBits(words, at, this.#self, 0), verified) >= -1
  }

  #insert(words: Words, at: number, a: Address, heard: Heard): number {
    const bucket = sharedBits(words, at, this.#self, 0)
    if (bucket === 160 || !this.#diverse(words, at, a)) return -1
    const victim = this.#victim(bucket, heard.verified)
    if (victim < -1) return -1
    if (victim >= 0) this.remove(victim)
    const i = this.count++
    copyId(words, at, this.ids, 5 * i)
    this.#hosts.set(i, a)
    this.#bucket[i] = bucket
    this.#sizes[bucket]!++
    this.#since[i] = heard.tick
    this.#asked[i] = 0
    this.until[i] = 0
    return i
  }

  /** One id per address, SUBNET_PER_BUCKET per /24 or /64 in a bucket, SUBNET_PER_TABLE in all. */
  #diverse(words: Words, at: number, a: Address): boolean {
    if (a.family !== this.family || this.#clustered(words, at)) return false
    if (!this.#strict && scopeOf(a) !== 3) return true
    const bucket = sharedBits(words, at, this.#self, 0)
    let inBucket = 0
    let inTable = 0
    for (let i = 0; i < this.count; i++) {
      if (!sameSubnet(this.address(i, this.#a), a)) continue
      if (this.#hosts.sameHost(i, a)) return false
      inTable++
      if (this.#bucket[i] === bucket) inBucket++
    }
    return inBucket < SUBNET_PER_BUCKET && inTable < SUBNET_PER_TABLE
  }

  /** Made-up ids around one target would otherwise be all that this table tells about it. */
  #clustered(words: Words, at: number): boolean {
    let near = 0
    for (let i = 0; i < this.count; i++)
      if (sharedBits(words, at, this.ids, 5 * i) >= this.clusterBits && ++near >= CLUSTER) return true
    return false
  }

  /** Slot that a newcomer to this bucket replaces; -1 where there is room; -2 where there is none. */
  #victim(bucket: number, verified: boolean): number {
    const full = this.#sizes[bucket]! >= Math.max(K, (this.capacity >> 2) >> bucket)
    if (!full && this.count < this.capacity) return -1
    let from = bucket
    if (!full) for (let b = 0; b < 161; b++) if (this.#sizes[b]! > this.#sizes[from]!) from = b
    let worst = -2
    let rank = full ? 0 : -1
    for (let i = 0; i < this.count; i++) {
      if (this.#bucket[i] !== from) continue
      let r = this.fails[i]! * 2
      if ((this.flags[i]! & RESTORED) !== 0) r += 2
      else if (verified && (this.flags[i]! & VERIFIED) === 0) r += 1
      if (r > rank || (worst >= 0 && r === rank && this.#since[i]! > this.#since[worst]!)) {
        worst = i
        rank = r
      }
    }
    return worst
  }

  /** A query to this node went unanswered. */
  failed(slot: number): void {
    this.fails[slot] = Math.min(255, this.fails[slot]! + 1)
    if (this.fails[slot]! < GONE) return
    // Nobody answered since this node did last: our own network is down, keep what we know.
    if (this.#lastAnswer > this.seen[slot]!) this.remove(slot)
  }

  /** Read from a file: to be asked, not to be passed on. */
  restore(words: Words, at: number, a: Address): boolean {
    if (this.find(words, at) >= 0 || this.findAddress(a) >= 0) return false
    const slot = this.#insert(words, at, a, { tick: 0, rtt: 0, verified: false, until: 0 })
    if (slot < 0) return false
    this.flags[slot] = RESTORED
    this.fails[slot] = 0
    this.seen[slot] = 0
    this.rtt[slot] = 0
    return true
  }

  remove(slot: number): void {
    this.#sizes[this.#bucket[slot]!]!--
    const last = --this.count
    if (slot === last) return
    copyId(this.ids, 5 * last, this.ids, 5 * slot)
    this.#hosts.move(last, slot)
    this.#since[slot] = this.#since[last]!
    this.#asked[slot] = this.#asked[last]!
    this.#bucket[slot] = this.#bucket[last]!
    this.seen[slot] = this.seen[last]!
    this.rtt[slot] = this.rtt[last]!
    this.fails[slot] = this.fails[last]!
    this.flags[slot] = this.flags[last]!
    this.until[slot] = this.until[last]!
  }

  /**
   * Slot that should be pinged now, or -1: read from a file, failing, silent for `stale` ticks, or with
   * a proof that runs out within a minute. The one not pinged for longest comes first.
   */
  due(tick: number, stale: number): number {
    let best = -1
    for (let i = 0; i < this.count; i++) {
      const asked = this.#asked[i]!
      if (asked > 0 && asked + PING_AGAIN > tick) continue
      const needed =
        this.fails[i]! > 0 ||
        (this.flags[i]! & RESTORED) !== 0 ||
        this.seen[i]! + stale < tick ||
        (this.#proof && this.until[i]! < tick + 600)
      if (needed && (best < 0 || asked < this.#asked[best]!)) best = i
    }
    return best
  }

  /** This slot was pinged. */
  pinged(slot: number, tick: number): void {
    this.#asked[slot] = Math.max(1, tick)
  }

  /** Nodes that may be passed on. */
  goodCount(tick: number): number {
    let n = 0
    for (let i = 0; i < this.count; i++) if (this.good(i, tick)) n++
    return n
  }

  /** Deepest bucket in use, or 0. */
  depth(): number {
    for (let b = 160; b > 0; b--) if (this.#sizes[b]! > 0) return b
    return 0
  }

  /** Our own id changed: puts every entry into its new bucket and drops what does not fit there. */
  rehome(): void {
    this.#sizes.fill(0)
    for (let i = this.count - 1; i >= 0; i--) {
      const bucket = sharedBits(this.ids, 5 * i, this.#self, 0)
      this.#bucket[i] = bucket
      this.#sizes[bucket]!++
    }
    for (let i = this.count - 1; i >= 0; i--) {
      const bucket = this.#bucket[i]!
      if (this.#sizes[bucket]! > Math.max(K, (this.capacity >> 2) >> bucket)) this.remove(i)
    }
  }
}

/** What is known of a node that just answered. */
export interface Heard {
  /** Deciseconds. */
  tick: number
  /** Milliseconds. */
  rtt: number
  verified: boolean
  /** Proof good until this tick; 0 none. */
  until: number
}
