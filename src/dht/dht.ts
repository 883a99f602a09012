// A Mainline DHT node (BEP-5, 32, 42, 43, 44) as a plain machine: datagrams and time in, datagrams and
// results out, everything that traffic can fill inside one ArrayBuffer. The same engine serves the
// private signed overlay and, as a separate instance, the public network; the two never share a table.
// It holds no timer and no socket; `tick` says when it wants to be called again.

import type { Bytes } from '../base/bytes.ts'
import { Answers } from './answer/answers.ts'
import { Asker } from './ask/asker.ts'
import { Operations } from './ask/operations.ts'
import { Replies } from './ask/replies.ts'
import { Upkeep } from './ask/upkeep.ts'
import { Core } from './core.ts'
import * as C from './counts.ts'
import { addressOf, type Family } from './krpc/address.ts'
import * as F from './krpc/fields.ts'
import { reachable } from './krpc/reach.ts'
import { fitTo } from './math/bep42.ts'
import { ID_BYTES, idBytes, idOf, sameId } from './math/id.ts'
import { contactOf, itemOf } from './objects.ts'
import type { Contact, DhtOptions, Found, Item, Wanted } from './options.ts'
import { idOfKey } from './overlay/proof.ts'
import { readState, writeState } from './save.ts'
import { OWN } from './store/items.ts'
import { PING, PROBE, PROVE } from './table/transactions.ts'

/** A datagram outside these bounds is no KRPC message. */
const LEAST_DATAGRAM = 20
const MOST_DATAGRAM = 2_048
/** Newcomers that asked us something are looked at this often, in ms. */
const NEWCOMER_MS = 50
/** In the overlay, somebody who may be about to write is challenged at most this often, in ms. */
const CHALLENGE_MS = 2

export class Dht {
  readonly #core: Core
  readonly #answers: Answers
  readonly #operations: Operations
  readonly #asker: Asker
  readonly #replies: Replies
  readonly #upkeep: Upkeep
  #newcomerAt: number
  #challengeAt: number

  constructor(options: DhtOptions) {
    const core = new Core(options)
    this.#core = core
    this.#answers = new Answers(core)
    this.#asker = new Asker(core)
    this.#operations = new Operations(core, this.#asker)
    this.#replies = new Replies(core, this.#operations)
    this.#upkeep = new Upkeep(core, {
      asker: this.#asker,
      operations: this.#operations,
      replies: this.#replies,
    })
    this.#newcomerAt = 0
    this.#challengeAt = 0
    this.#answers.onProof = () => this.#operations.proved(core.from)
    this.#replies.onAddress = () => this.#onAddress()
  }

  /** Our node id, 20 bytes. */
  get id(): Bytes {
    return idBytes(this.#core.self)
  }

  /** True once a lookup of ourselves has found somebody. */
  get joined(): boolean {
    return this.#upkeep.joined
  }

  /** BEP-43: ask, never answer. */
  get readOnly(): boolean {
    return this.#core.readOnly
  }

  set readOnly(value: boolean) {
    this.#core.readOnly = value
  }

  /** Operations and queries under way. */
  get busy(): number {
    return this.#operations.active + this.#core.transactions.active
  }

  /** Takes one datagram. `bytes` is only lent; nothing it holds can throw, grow or stall. */
  onDatagram(bytes: Bytes, host: string, port: number, now: number): void {
    const core = this.#core
    core.clock(now)
    core.counts[C.received]!++
    const reader = core.reader
    if (
      bytes.length < LEAST_DATAGRAM ||
      bytes.length > MOST_DATAGRAM ||
      !core.from.parse(host, port) ||
      !reader.read(bytes) ||
      reader.length(F.y) !== 1
    ) {
      core.counts[C.malformed]!++
    } else if (!reachable(core.from, core.reach) || !this.#ours()) {
      core.counts[C.foreign]!++
    } else {
      const y = reader.first(F.y)
      if (y === 0x71) {
        this.#answers.onQuery(host)
        this.#newcomer()
      } else if (y === 0x72) this.#replies.onReply()
      else if (y === 0x65) this.#replies.onError()
      else core.counts[C.malformed]!++
    }
    reader.release()
  }

  /** Overlay: exactly our network's tag. Mainline: none of anybody's. */
  #ours(): boolean {
    const { prover, reader } = this.#core
    return prover ? reader.same(F.w, prover.tag) : !reader.has(F.w)
  }

  /** A stranger asked: ping it, so that it may enter the table or store here once it has answered. */
  #newcomer(): void {
    const core = this.#core
    // In the overlay also who only reads, and whom no bucket has room for, proves its key before a put.
    const challenge = core.prover !== null && this.#mayWrite()
    if (core.now < (challenge ? this.#challengeAt : this.#newcomerAt) || core.readOnly) return
    const reader = core.reader
    if (reader.length(F.id) !== ID_BYTES || sameId(core.sender, 0, core.self, 0)) return
    const unproven = core.prover !== null && core.identities.until(core.sender, 0, core.from) <= core.tick
    const table = core.table(core.from.family)
    const slot = table.find(core.sender, 0)
    if (slot >= 0 && table.at(slot, core.from) && !unproven) return
    const asksOnly = reader.int(F.ro) > 0
    if (challenge && unproven) this.#challengeAt = core.now + CHALLENGE_MS
    else {
      this.#newcomerAt = core.now + NEWCOMER_MS
      if (asksOnly || !table.room(core.sender, 0, core.from, false)) return
    }
    const { transactions } = core
    if (transactions.active * 2 > transactions.capacity || transactions.pinging(core.from)) return
    core.a.copy(core.from)
    this.#asker.ping(core.a, asksOnly ? PROVE : PING, core.sender)
  }

  /** True for queries that come before a write, and for writes. */
  #mayWrite(): boolean {
    const { reader } = this.#core
    return reader.is(F.q, 'get') || reader.is(F.q, 'get_peers') || reader.is(F.q, 'put')
  }

  /** Does what is due; returns when to call again. Call it also soon after starting an operation. */
  tick(now: number): number {
    this.#core.clock(now)
    return this.#upkeep.tick()
  }

  /**
   * Begins an operation in one address family; its number, or -1 where all lookups are taken.
   * `done` is called once, from a later `onDatagram` or `tick`.
   */
  start(wanted: Wanted, family: Family, now: number, done: (found: Found) => void): number {
    this.#core.clock(now)
    return this.#operations.start(wanted, family, done)
  }

  /** Ends an operation; its `done` is not called. */
  cancel(operation: number): void {
    this.#operations.cancel(operation)
  }

  /**
   * Pings `host:port`; `done` gets the time in ms and who answered (in the overlay with the key it
   * proved), or -1 and null. False where it cannot be sent now.
   */
  ping(address: string, now: number, done: (ms: number, contact: Contact | null) => void): boolean {
    this.#core.clock(now)
    const a = addressOf(address)
    const slot = a ? this.#asker.ping(a, PROBE, null) : -1
    if (slot < 0) return false
    this.#replies.probes[slot] = done
    return true
  }

  /** Adds a bootstrap peer, `host:port`, in the overlay pinned to its key where that is known. */
  addBootstrap(address: string, publicKey: Bytes | null = null): boolean {
    const a = addressOf(address)
    return a !== null && this.#upkeep.add({ address: a, id: publicKey ? idOf(idOfKey(publicKey)) : null })
  }

  /** Nodes of the table that may be passed on, nearest to `target` first. */
  closest(target: Bytes, family: Family, now: number, max = 8): Contact[] {
    const core = this.#core
    core.clock(now)
    const table = core.table(family)
    const n = table.closest(idOf(target), Math.min(max, 64), core.tick)
    return Array.from({ length: n }, (_, i) => {
      const slot = table.near[i]!
      return contactOf(core, table.ids, 5 * slot, table.address(slot, core.a))
    })
  }

  /** What is kept here under a target. */
  item(target: Bytes): Item | null {
    return itemOf(this.#core, idOf(target))
  }

  /** An item of our own is no longer kept alive; the network forgets it in its time. */
  forget(target: Bytes): void {
    const { items } = this.#core
    const slot = items.find(idOf(target), 0)
    if (slot >= 0 && (items.flags[slot]! & OWN) !== 0) items.remove(slot)
  }

  /** Our address as others see it (BEP-42), or null before enough of them agree. */
  externalAddress(): string | null {
    return this.#core.votes.known ? this.#core.votes.address.text() : null
  }

  /** Our external address is known: take an id that fits it, unless ours was given or is a key's. */
  #onAddress(): void {
    const core = this.#core
    if (core.prover || core.options.id) return
    core.dice.words(core.self, 0, 5)
    fitTo(core.self, 0, core.votes.address, core.dice.below(256))
    core.table4.rehome()
    core.table6.rehome()
  }

  /** Table and own items as bytes for a file (docs/wire/dht.md "The file"). */
  save(): Bytes {
    return writeState(this.#core)
  }

  /** Takes back what `save` gave, or its nodes alone; false and no change for a damaged or foreign file. */
  restore(bytes: Bytes, what: 'all' | 'nodes' = 'all'): boolean {
    return readState(this.#core, bytes, what)
  }

  /** Counters, and how full each region is. */
  stats(now: number): Stats {
    const core = this.#core
    core.clock(now)
    const counts = Object.fromEntries(C.COUNTED.map((name, i) => [name, core.counts[i]!]))
    return {
      counts: counts as Record<C.Count, number>,
      bytes: core.slab.buffer.byteLength,
      used: core.slab.used,
      nodes4: core.table4.count,
      nodes6: core.table6.count,
      good4: core.table4.goodCount(core.tick),
      good6: core.table6.goodCount(core.tick),
      items: core.items.count,
      freeBlocks: core.items.freeBlocks,
      topics: core.peers.topicCount,
      peers: core.peers.count,
      identities: core.identities.count,
      transactions: core.transactions.active,
      lookups: this.#operations.active,
      logSize: this.#operations.logSize(),
    }
  }

  /** Drops everything under way; no datagram leaves any more. */
  stop(): void {
    this.#operations.stop()
    this.#upkeep.stop()
    this.#core.transactions.clear()
    this.#replies.probes.length = 0
  }
}

export interface Stats {
  readonly counts: Readonly<Record<C.Count, number>>
  /** Bytes of the ArrayBuffer, and handed out of it. */
  readonly bytes: number
  readonly used: number
  readonly nodes4: number
  readonly nodes6: number
  readonly good4: number
  readonly good6: number
  readonly items: number
  readonly freeBlocks: number
  readonly topics: number
  readonly peers: number
  readonly identities: number
  readonly transactions: number
  readonly lookups: number
  readonly logSize: number
}
