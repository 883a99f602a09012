// Queries under way: which node was asked what, and until when. An id of four bytes names the slot
// and carries 24 random bits, so an answer counts only from the address that was asked, with the id
// that was expected (BEP-5 "KRPC Protocol"). After a short time the query is `late`: it no longer
// holds up a lookup, but its answer is still welcome.

import type { Address } from '../krpc/address.ts'
import { Hosts } from '../krpc/hosts.ts'
import type { Dice } from '../math/dice.ts'
import { copyId, type Words } from '../math/id.ts'
import type { Slab } from '../slab.ts'

export const FREE = 0
const WAITING = 1
const LATE = 2

/** What a query is for. */
export const PING = 0
export const BOOT = 1
export const SEARCH = 2
export const STORE = 3
/** Ping of the application. */
export const PROBE = 4
/** Ping of a node that only reads: it proves its key and does not enter the table. */
export const PROVE = 5

export class Transactions {
  readonly capacity: number
  readonly state: Uint8Array
  readonly kind: Uint8Array
  readonly sentAt: Float64Array
  readonly dueAt: Float64Array
  /** Slot of the lookup and of its candidate, or the application's number. */
  readonly owner: Uint16Array
  readonly part: Uint16Array
  /** Five words: the id that must answer; `expects` says whether there is one. */
  readonly ids: Words
  readonly expects: Uint8Array
  /** Two words: challenge sent along (overlay). */
  readonly challenge: Int32Array
  readonly #secret: Int32Array
  readonly #hosts: Hosts
  readonly #dice: Dice
  active: number

  constructor(slab: Slab, capacity: number, dice: Dice) {
    this.capacity = capacity
    this.sentAt = slab.f64(capacity)
    this.dueAt = slab.f64(capacity)
    this.ids = slab.i32(5 * capacity)
    this.challenge = slab.i32(2 * capacity)
    this.#secret = slab.i32(capacity)
    this.owner = slab.u16(capacity)
    this.part = slab.u16(capacity)
    this.state = slab.u8(capacity)
    this.kind = slab.u8(capacity)
    this.expects = slab.u8(capacity)
    this.#hosts = new Hosts(slab, capacity, 4)
    this.#dice = dice
    this.active = 0
  }

  /** A free slot for a query to `a`, or -1. The oldest late one gives way first. */
  open(kind: number, a: Address, now: number, dueAt: number): number {
    let slot = -1
    for (let i = 0; i < this.capacity; i++) {
      if (this.state[i] === FREE) {
        slot = i
        break
      }
      if (this.state[i] === LATE && (slot < 0 || this.sentAt[i]! < this.sentAt[slot]!)) slot = i
    }
    if (slot < 0) return -1
    if (this.state[slot] === FREE) this.active++
    this.state[slot] = WAITING
    this.kind[slot] = kind
    this.sentAt[slot] = now
    this.dueAt[slot] = dueAt
    this.owner[slot] = 0
    this.part[slot] = 0
    this.expects[slot] = 0
    this.#secret[slot] = (this.#dice.word() & 0x00ff_ffff) | (slot << 24)
    this.#hosts.set(slot, a)
    return slot
  }

  /** The word that goes out as transaction id, as an array with one word. */
  get secrets(): Int32Array {
    return this.#secret
  }

  /** Slot that the four bytes of a transaction id name, sent from this address; -1 for any other. */
  match(word: number, a: Address): number {
    const slot = word >>> 24
    if (slot >= this.capacity || this.state[slot] === FREE || this.#secret[slot] !== word) return -1
    return this.#hosts.is(slot, a) ? slot : -1
  }

  /** True when a ping to this address is under way already. */
  pinging(a: Address): boolean {
    for (let i = 0; i < this.capacity; i++)
      if (this.state[i] !== FREE && this.kind[i] !== STORE && this.#hosts.is(i, a)) return true
    return false
  }

  address(slot: number, into: Address): Address {
    return this.#hosts.get(slot, into)
  }

  expect(slot: number, words: Words, at: number): void {
    copyId(words, at, this.ids, 5 * slot)
    this.expects[slot] = 1
  }

  isLate(slot: number): boolean {
    return this.state[slot] === LATE
  }

  /** The short time is over; the answer may come until `dueAt`. */
  late(slot: number, dueAt: number): void {
    this.state[slot] = LATE
    this.dueAt[slot] = dueAt
  }

  close(slot: number): void {
    if (this.state[slot] === FREE) return
    this.state[slot] = FREE
    this.active--
  }

  /** Drops the queries of one lookup. */
  closeAll(lookup: number): void {
    for (let i = 0; i < this.capacity; i++)
      if (
        this.state[i] !== FREE &&
        (this.kind[i] === SEARCH || this.kind[i] === STORE) &&
        this.owner[i] === lookup
      )
        this.close(i)
  }

  clear(): void {
    for (let i = 0; i < this.capacity; i++) this.close(i)
  }

  /** Earliest due time, or Infinity. */
  next(): number {
    let at = Number.POSITIVE_INFINITY
    if (this.active > 0)
      for (let i = 0; i < this.capacity; i++)
        if (this.state[i] !== FREE && this.dueAt[i]! < at) at = this.dueAt[i]!
    return at
  }
}
