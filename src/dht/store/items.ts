// BEP-44 items, immutable and mutable, in chains of 64-byte blocks: one pool serves every size, so no
// size class can be full while another is empty (docs/dht.md, "Decisions"). Content is copied in:
// [key 32, signature 64 when mutable] salt, encoded value. Full: the item farthest from our own id
// leaves, if the newcomer is nearer. No source and no key may hold more than a sixteenth.

import { closer, copyId, findId, getWord, type Words } from '../math/id.ts'
import { BLOCK, type Slab } from '../slab.ts'

export const MUTABLE = 1
/** One of our own, to be republished; never evicted. */
export const OWN = 2
const TAKEN = 128
const NIL = 0xffff
/** Key and signature before the salt. */
export const SIGNED_BYTES = 96
/** Quota of one source or key: this part of all items. */
const QUOTA = 16

/** What describes an item beside its content. */
export interface ItemMeta {
  mutable: boolean
  seqHigh: number
  seqLow: number
  saltLength: number
  valueLength: number
  /** Keyed name of who brought it; 0 ourselves. */
  source: number
  own: boolean
  /** Tick at which it is forgotten. */
  expires: number
}

export class Items {
  readonly capacity: number
  readonly blocks: number
  count: number
  freeBlocks: number
  /** Content of the item being stored: key, signature, salt, value. */
  readonly stage: Uint8Array
  readonly ids: Words
  readonly seqHigh: Uint32Array
  readonly seqLow: Uint32Array
  readonly valueLength: Uint16Array
  readonly saltLength: Uint8Array
  readonly flags: Uint8Array
  readonly expires: Uint32Array
  readonly #self: Words
  readonly #key: Int32Array
  readonly #source: Int32Array
  readonly #first: Uint16Array
  readonly #data: Uint8Array
  readonly #next: Uint16Array
  #free: number
  #hand: number

  constructor(slab: Slab, capacity: number, blocks: number, self: Words) {
    this.capacity = capacity
    this.blocks = blocks
    this.count = 0
    this.freeBlocks = blocks
    this.#self = self
    this.ids = slab.i32(5 * capacity)
    this.seqHigh = slab.u32(capacity)
    this.seqLow = slab.u32(capacity)
    this.expires = slab.u32(capacity)
    this.#key = slab.i32(capacity)
    this.#source = slab.i32(capacity)
    this.valueLength = slab.u16(capacity)
    this.#first = slab.u16(capacity)
    this.#next = slab.u16(blocks)
    this.saltLength = slab.u8(capacity)
    this.flags = slab.u8(capacity)
    this.stage = slab.u8(1_160)
    this.#data = slab.u8(BLOCK * blocks)
    for (let i = 0; i < blocks; i++) this.#next[i] = i + 1 < blocks ? i + 1 : NIL
    this.#free = blocks > 0 ? 0 : NIL
    this.#hand = 0
  }

  /** Slot of a target, or -1. Slots are below `capacity`; free ones have no flags. */
  find(target: Words, at: number): number {
    return findId(this.ids, this.capacity, target, at, this.flags)
  }

  /** Bytes of an item's content. */
  contentLength(slot: number): number {
    const signed = (this.flags[slot]! & MUTABLE) !== 0 ? SIGNED_BYTES : 0
    return signed + this.saltLength[slot]! + this.valueLength[slot]!
  }

  /** Copies `from..to` of an item's content to `into[at..]`. */
  copy(slot: number, from: number, to: number, into: Uint8Array, at: number): void {
    let block = this.#first[slot]!
    for (let start = 0; block !== NIL && start < to; start += BLOCK, block = this.#next[block]!) {
      const low = Math.max(from, start)
      const high = Math.min(to, start + BLOCK)
      for (let i = low; i < high; i++) into[at++] = this.#data[BLOCK * block + i - start]!
    }
  }

  /** True when this part of the content equals `other[at..at+to-from)`. */
  same(slot: number, from: number, to: number, other: Uint8Array, at: number): boolean {
    let block = this.#first[slot]!
    for (let start = 0; block !== NIL && start < to; start += BLOCK, block = this.#next[block]!) {
      const low = Math.max(from, start)
      const high = Math.min(to, start + BLOCK)
      for (let i = low; i < high; i++)
        if (other[at + i - from] !== this.#data[BLOCK * block + i - start]) return false
    }
    return true
  }

  /** Keeps what `stage` holds; returns its slot, or -1 where quota or distance speaks against it. */
  put(target: Words, at: number, meta: ItemMeta): number {
    const signed = meta.mutable ? SIGNED_BYTES : 0
    const length = signed + meta.saltLength + meta.valueLength
    const need = Math.max(1, Math.ceil(length / BLOCK))
    let slot = this.find(target, at)
    const own = meta.own || (slot >= 0 && (this.flags[slot]! & OWN) !== 0)
    const key = meta.mutable ? getWord(this.stage, 0) : 0
    if (slot >= 0) this.remove(slot)
    else if (!own && this.#overQuota(meta.source, key)) return -1
    while (this.count >= this.capacity || this.freeBlocks < need) {
      const far = this.#farthest()
      if (far < 0) return -1
      if (!own && !closer(target, at, this.ids, 5 * far, this.#self)) return -1
      this.remove(far)
    }
    slot = 0
    while (this.flags[slot] !== 0) slot++
    this.count++
    copyId(target, at, this.ids, 5 * slot)
    this.flags[slot] = TAKEN | (meta.mutable ? MUTABLE : 0) | (own ? OWN : 0)
    this.seqHigh[slot] = meta.seqHigh
    this.seqLow[slot] = meta.seqLow
    this.expires[slot] = meta.expires
    this.#key[slot] = key
    this.#source[slot] = meta.source
    this.valueLength[slot] = meta.valueLength
    this.saltLength[slot] = meta.saltLength
    this.#write(slot, need, length)
    return slot
  }

  #write(slot: number, blocks: number, length: number): void {
    let at = 0
    let last = NIL
    for (let n = 0; n < blocks; n++) {
      const block = this.#free
      this.#free = this.#next[block]!
      this.freeBlocks--
      this.#next[block] = NIL
      if (last === NIL) this.#first[slot] = block
      else this.#next[last] = block
      last = block
      for (let i = 0; i < BLOCK && at < length; i++) this.#data[BLOCK * block + i] = this.stage[at++]!
    }
  }

  #overQuota(source: number, key: number): boolean {
    if (source === 0) return false
    let sources = 0
    let keys = 0
    for (let i = 0; i < this.capacity; i++) {
      if (this.flags[i] === 0) continue
      if (this.#source[i] === source) sources++
      if (key !== 0 && this.#key[i] === key) keys++
    }
    const most = Math.max(4, Math.floor(this.capacity / QUOTA))
    return sources >= most || keys >= most
  }

  #farthest(): number {
    let far = -1
    for (let i = 0; i < this.capacity; i++) {
      if (this.flags[i] === 0 || (this.flags[i]! & OWN) !== 0) continue
      if (far < 0 || closer(this.ids, 5 * far, this.ids, 5 * i, this.#self)) far = i
    }
    return far
  }

  remove(slot: number): void {
    if (this.flags[slot] === 0) return
    let block = this.#first[slot]!
    while (block !== NIL) {
      const next = this.#next[block]!
      this.#next[block] = this.#free
      this.#free = block
      this.freeBlocks++
      block = next
    }
    this.flags[slot] = 0
    this.count--
  }

  /** An own item is to be republished at the next occasion. */
  due(slot: number): void {
    if (slot >= 0) this.expires[slot] = 0
  }

  /** Forgets expired items among the next `steps` slots. */
  sweep(tick: number, steps: number): void {
    for (let n = 0; n < steps; n++) {
      this.#hand = this.#hand + 1 < this.capacity ? this.#hand + 1 : 0
      const i = this.#hand
      if (this.flags[i] !== 0 && (this.flags[i]! & OWN) === 0 && this.expires[i]! <= tick) this.remove(i)
    }
  }
}
