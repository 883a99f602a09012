// Peers announced under a topic (BEP-5 info_hash): headers and records in the slab, chained by index.
// A topic keeps LIMITS.dht.peersPerTopic peers, the longest silent one gives way; a source may hold a
// sixteenth of topics and peers. A peer is forgotten unless it announces again.

import { LIMITS } from '../../base/limits.ts'
import type { Address, Family } from '../krpc/address.ts'
import { sameId, type Words } from '../math/id.ts'
import type { Slab } from '../slab.ts'

const NIL = 0xffff
const QUOTA = 16
/** Ticks that an announcement lasts: 45 minutes, as announcing every 15 to 30 is customary. */
const TTL = 27_000
/** A topic may be pushed out by a new one once it has been silent for five minutes. */
const STALE = 3_000

export class Peers {
  readonly capacity: number
  readonly topics: number
  count: number
  topicCount: number
  readonly #ids: Words
  readonly #first: Uint16Array
  readonly #length: Uint16Array
  readonly #seen: Uint32Array
  readonly #maker: Int32Array
  readonly #hosts: Int32Array
  readonly #source: Int32Array
  readonly #time: Uint32Array
  readonly #ports: Uint16Array
  readonly #next: Uint16Array
  readonly #family: Uint8Array
  #free: number
  #hand: number

  constructor(slab: Slab, topics: number, capacity: number) {
    this.capacity = capacity
    this.topics = topics
    this.count = 0
    this.topicCount = 0
    this.#ids = slab.i32(5 * topics)
    this.#seen = slab.u32(topics)
    this.#maker = slab.i32(topics)
    this.#first = slab.u16(topics)
    this.#length = slab.u16(topics)
    this.#hosts = slab.i32(4 * capacity)
    this.#source = slab.i32(capacity)
    this.#time = slab.u32(capacity)
    this.#ports = slab.u16(capacity)
    this.#next = slab.u16(capacity)
    this.#family = slab.u8(capacity)
    for (let i = 0; i < capacity; i++) this.#next[i] = i + 1 < capacity ? i + 1 : NIL
    this.#free = 0
    this.#hand = 0
  }

  /** Slot of a topic, or -1. */
  find(topic: Words, at: number): number {
    const first = topic[at]!
    for (let i = 0, j = 0; i < this.topics; i++, j += 5)
      if (this.#length[i] !== 0 && this.#ids[j] === first && sameId(this.#ids, j, topic, at)) return i
    return -1
  }

  /** Keeps a peer under a topic; false where a quota speaks against it. */
  announce(topic: Words, at: number, a: Address, from: { source: number; tick: number }): boolean {
    let slot = this.find(topic, at)
    if (slot >= 0) {
      for (let p = this.#first[slot]!; p !== NIL; p = this.#next[p]!)
        if (this.#is(p, a)) {
          this.#time[p] = from.tick
          this.#seen[slot] = from.tick
          return true
        }
    }
    if (this.#held(from.source) >= Math.max(8, this.capacity / QUOTA)) return false
    if (slot >= 0 && this.#length[slot]! >= LIMITS.dht.peersPerTopic) this.#dropOldest(slot)
    if (this.#free === NIL && !this.#makeRoom(from.tick, slot)) return false
    if (slot < 0) slot = this.#open(topic, at, from)
    if (slot < 0) return false
    const p = this.#free
    this.#free = this.#next[p]!
    this.count++
    this.#hosts[4 * p] = a.w0
    this.#hosts[4 * p + 1] = a.w1
    this.#hosts[4 * p + 2] = a.w2
    this.#hosts[4 * p + 3] = a.w3
    this.#ports[p] = a.port
    this.#family[p] = a.family
    this.#source[p] = from.source
    this.#time[p] = from.tick
    this.#next[p] = this.#length[slot] === 0 ? NIL : this.#first[slot]!
    this.#first[slot] = p
    this.#length[slot]!++
    this.#seen[slot] = from.tick
    return true
  }

  #is(p: number, a: Address): boolean {
    const h = this.#hosts
    return (
      this.#ports[p] === a.port &&
      this.#family[p] === a.family &&
      h[4 * p] === a.w0 &&
      h[4 * p + 1] === a.w1 &&
      h[4 * p + 2] === a.w2 &&
      h[4 * p + 3] === a.w3
    )
  }

  #held(source: number): number {
    let n = 0
    for (let t = 0; t < this.topics; t++) {
      if (this.#length[t] === 0) continue
      for (let p = this.#first[t]!; p !== NIL; p = this.#next[p]!) if (this.#source[p] === source) n++
    }
    return n
  }

  #open(topic: Words, at: number, from: { source: number; tick: number }): number {
    let slot = -1
    let stalest = -1
    let made = 0
    for (let i = 0; i < this.topics; i++) {
      if (this.#length[i] === 0) {
        slot = i
        continue
      }
      if (this.#maker[i] === from.source) made++
      if (stalest < 0 || this.#seen[i]! < this.#seen[stalest]!) stalest = i
    }
    if (made >= Math.max(4, this.topics / QUOTA)) return -1
    if (slot < 0) {
      if (stalest < 0 || this.#seen[stalest]! + STALE > from.tick) return -1
      this.#close(stalest)
      slot = stalest
    }
    for (let w = 0; w < 5; w++) this.#ids[5 * slot + w] = topic[at + w]!
    this.#maker[slot] = from.source
    this.#first[slot] = NIL
    this.topicCount++
    return slot
  }

  #makeRoom(tick: number, except: number): boolean {
    let stalest = -1
    for (let i = 0; i < this.topics; i++)
      if (i !== except && this.#length[i] !== 0 && (stalest < 0 || this.#seen[i]! < this.#seen[stalest]!))
        stalest = i
    if (stalest < 0 || this.#seen[stalest]! + STALE > tick) return false
    this.#close(stalest)
    return true
  }

  #close(slot: number): void {
    while (this.#length[slot]! > 0) this.#unlink(slot, NIL, this.#first[slot]!)
  }

  #dropOldest(slot: number): void {
    let before = NIL
    let oldest = this.#first[slot]!
    let oldestBefore = NIL
    for (let p = oldest; p !== NIL; p = this.#next[p]!) {
      if (this.#time[p]! < this.#time[oldest]!) {
        oldest = p
        oldestBefore = before
      }
      before = p
    }
    this.#unlink(slot, oldestBefore, oldest)
  }

  #unlink(slot: number, before: number, p: number): void {
    const next = this.#next[p]!
    if (before === NIL) this.#first[slot] = next
    else this.#next[before] = next
    this.#next[p] = this.#free
    this.#free = p
    this.count--
    this.#length[slot]!--
    if (this.#length[slot] === 0) this.topicCount--
  }

  /** First peer of a topic slot in this family, from `p` on (-1: from the start); -1 at the end. */
  next(slot: number, p: number, family: Family): number {
    let q = p < 0 ? this.#first[slot]! : this.#next[p]!
    while (q !== NIL && this.#family[q] !== family) q = this.#next[q]!
    return q === NIL ? -1 : q
  }

  /** Peers of a topic slot in this family. */
  size(slot: number, family: Family): number {
    let n = 0
    for (let p = this.next(slot, -1, family); p >= 0; p = this.next(slot, p, family)) n++
    return n
  }

  address(p: number, into: Address): Address {
    into.family = this.#family[p] as Family
    into.w0 = this.#hosts[4 * p]!
    into.w1 = this.#hosts[4 * p + 1]!
    into.w2 = this.#hosts[4 * p + 2]!
    into.w3 = this.#hosts[4 * p + 3]!
    into.port = this.#ports[p]!
    return into
  }

  /** Forgets silent peers in the next `steps` topics. */
  sweep(tick: number, steps: number): void {
    for (let n = 0; n < steps; n++) {
      this.#hand = this.#hand + 1 < this.topics ? this.#hand + 1 : 0
      const slot = this.#hand
      if (this.#length[slot] === 0) continue
      let before = NIL
      let p = this.#first[slot]!
      while (p !== NIL) {
        const next = this.#next[p]!
        if (this.#time[p]! + TTL <= tick) this.#unlink(slot, before, p)
        else before = p
        p = next
      }
    }
  }
}
