// Peers announced under a topic (BEP-5 info_hash): topics and peers as flat columns in the slab; a peer
// names its topic by slot. A topic keeps LIMITS.dht.peersPerTopic peers, the longest silent one gives
// way; a source may hold a sixteenth of topics and peers. A peer is forgotten unless it announces again.

import { LIMITS } from '../../base/limits.ts'
import type { Address, Family } from '../krpc/address.ts'
import { Hosts } from '../krpc/hosts.ts'
import { copyId, findId, type Words } from '../math/id.ts'
import type { Slab } from '../slab.ts'

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
  /** Peers of each topic; 0: the slot is free. */
  readonly #size: Uint16Array
  readonly #seen: Uint32Array
  readonly #maker: Int32Array
  readonly #hosts: Hosts
  /** Topic of each peer; a peer whose host has no family is free. */
  readonly #topic: Uint16Array
  readonly #source: Int32Array
  readonly #time: Uint32Array
  #hand: number

  constructor(slab: Slab, topics: number, capacity: number) {
    this.capacity = capacity
    this.topics = topics
    this.count = 0
    this.topicCount = 0
    this.#ids = slab.i32(5 * topics)
    this.#seen = slab.u32(topics)
    this.#maker = slab.i32(topics)
    this.#size = slab.u16(topics)
    this.#source = slab.i32(capacity)
    this.#time = slab.u32(capacity)
    this.#topic = slab.u16(capacity)
    this.#hosts = new Hosts(slab, capacity, 4)
    this.#hand = 0
  }

  /** Slot of a topic, or -1. */
  find(topic: Words, at: number): number {
    return findId(this.#ids, this.topics, topic, at, this.#size)
  }

  #isOf(p: number, topic: number): boolean {
    return this.#topic[p] === topic && this.#hosts.family(p) !== 0
  }

  /** Keeps a peer under a topic; false where a quota speaks against it. */
  announce(topic: Words, at: number, a: Address, from: { source: number; tick: number }): boolean {
    let slot = this.find(topic, at)
    let free = -1
    let oldest = -1
    let held = 0
    for (let p = 0; p < this.capacity; p++) {
      if (this.#hosts.family(p) === 0) {
        if (free < 0) free = p
        continue
      }
      if (this.#source[p] === from.source) held++
      if (this.#topic[p] !== slot) continue
      if (this.#hosts.is(p, a)) {
        this.#time[p] = from.tick
        this.#seen[slot] = from.tick
        return true
      }
      if (oldest < 0 || this.#time[p]! < this.#time[oldest]!) oldest = p
    }
    if (held >= Math.max(8, this.capacity / QUOTA)) return false
    if (slot >= 0 && this.#size[slot]! >= LIMITS.dht.peersPerTopic) {
      this.#drop(oldest)
      free = oldest
    }
    if (free < 0) free = this.#giveWay(from.tick, slot)
    if (slot < 0 && free >= 0) slot = this.#open(topic, at, from)
    if (slot < 0 || free < 0) return false
    this.count++
    this.#hosts.set(free, a)
    this.#topic[free] = slot
    this.#source[free] = from.source
    this.#time[free] = from.tick
    this.#size[slot]!++
    this.#seen[slot] = from.tick
    return true
  }

  /** A slot for a new topic: a free one, or that of the longest silent; -1 where a quota speaks against it. */
  #open(topic: Words, at: number, from: { source: number; tick: number }): number {
    let slot = -1
    let made = 0
    for (let i = 0; i < this.topics; i++)
      if (this.#size[i] === 0) slot = i
      else if (this.#maker[i] === from.source) made++
    if (made >= Math.max(4, this.topics / QUOTA)) return -1
    if (slot < 0) {
      const p = this.#giveWay(from.tick, -1)
      if (p < 0) return -1
      slot = this.#topic[p]!
    }
    copyId(topic, at, this.#ids, 5 * slot)
    this.#maker[slot] = from.source
    this.topicCount++
    return slot
  }

  /** Closes the longest silent topic but `except`; one of its peers, or -1 where none is silent enough. */
  #giveWay(tick: number, except: number): number {
    let stalest = -1
    for (let i = 0; i < this.topics; i++)
      if (i !== except && this.#size[i] !== 0 && (stalest < 0 || this.#seen[i]! < this.#seen[stalest]!))
        stalest = i
    if (stalest < 0 || this.#seen[stalest]! + STALE > tick) return -1
    let freed = -1
    for (let p = 0; p < this.capacity; p++)
      if (this.#isOf(p, stalest)) {
        this.#drop(p)
        freed = p
      }
    return freed
  }

  #drop(p: number): void {
    this.#hosts.free(p)
    this.count--
    if (--this.#size[this.#topic[p]!]! === 0) this.topicCount--
  }

  /** First peer of a topic slot in this family behind `p` (-1: of all); -1 at the end. */
  next(slot: number, p: number, family: Family): number {
    while (++p < this.capacity) if (this.#topic[p] === slot && this.#hosts.family(p) === family) return p
    return -1
  }

  /** Peers of a topic slot in this family. */
  size(slot: number, family: Family): number {
    let n = 0
    for (let p = this.next(slot, -1, family); p >= 0; p = this.next(slot, p, family)) n++
    return n
  }

  address(p: number, into: Address): Address {
    return this.#hosts.get(p, into)
  }

  /** Forgets silent ones among the next `steps` peers. */
  sweep(tick: number, steps: number): void {
    for (let n = 0; n < steps; n++) {
      this.#hand = (this.#hand + 1) % this.capacity
      const p = this.#hand
      if (this.#hosts.family(p) !== 0 && this.#time[p]! + TTL <= tick) this.#drop(p)
    }
  }
}
