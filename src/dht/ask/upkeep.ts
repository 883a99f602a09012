// What happens with time: queries run out, lookups go on, the node joins, silent nodes are pinged,
// buckets refreshed, own items republished, old records forgotten. Bounded work a tick.

import { LIMITS } from '../../base/limits.ts'
import type { Core } from '../core.ts'
import * as C from '../counts.ts'
import { Address, type Family } from '../krpc/address.ts'
import { idBytes, idOf } from '../math/id.ts'
import { itemAt } from '../objects.ts'
import { OWN } from '../store/items.ts'
import { FREE, PING, SEARCH } from '../table/transactions.ts'
import { ANSWER_MS, type Asker } from './asker.ts'
import type { Operations } from './operations.ts'
import type { Replies } from './replies.ts'

/** Idle ticks, in ms. */
const IDLE_MS = 1_000
/** A node silent for so many ticks (deciseconds) is pinged: 15 minutes (BEP-5). */
const STALE_TICKS = 9_000
/** Between two upkeep pings; and while nodes read from a file await theirs. */
const PING_MS = 2_000
const RESTORE_MS = 100
const REFRESH_MS = 900_000
const BOOT_MS = 1_000
const BOOT_MOST_MS = 120_000
/** Slots of items looked through each second; of peers, which are smaller, four times as many. */
const SWEEP = 16
/** An own item that nobody took is put again after a minute. */
const RETRY_TICKS = 600

export interface Bootstrap {
  readonly address: Address
  /** Five words of the pinned key's id, or null. */
  readonly id: Int32Array | null
}

export class Upkeep {
  readonly bootstrap: Bootstrap[]
  readonly #core: Core
  readonly #asker: Asker
  readonly #operations: Operations
  readonly #replies: Replies
  readonly #a: Address
  #bootAt: number
  #bootWait: number
  #pingAt: number
  #refreshAt: number
  #idleAt: number
  #join: number
  joined: boolean
  #stopped: boolean

  constructor(core: Core, parts: { asker: Asker; operations: Operations; replies: Replies }) {
    this.bootstrap = []
    this.#core = core
    this.#asker = parts.asker
    this.#operations = parts.operations
    this.#replies = parts.replies
    this.#a = new Address()
    this.#bootAt = 0
    this.#bootWait = BOOT_MS
    this.#pingAt = 0
    this.#refreshAt = Number.POSITIVE_INFINITY
    this.#idleAt = 0
    this.#join = -1
    this.joined = false
    this.#stopped = false
    this.#replies.onBoot = () => this.#onBoot()
  }

  add(peer: Bootstrap): boolean {
    if (this.bootstrap.length >= LIMITS.dht.bootstrap) return false
    this.bootstrap.push(peer)
    this.#bootAt = 0
    this.#idleAt = 0
    return true
  }

  stop(): void {
    this.#stopped = true
  }

  /** Does what is due at `core.now`; returns the time of the next call. */
  tick(): number {
    const core = this.#core
    if (this.#stopped) return Number.POSITIVE_INFINITY
    this.#timeouts()
    for (const lookup of core.lookups) if (lookup.active) this.#operations.advance(lookup)
    if (core.now >= this.#idleAt) {
      this.#idleAt = core.now + IDLE_MS
      core.items.sweep(core.tick, SWEEP)
      core.peers.sweep(core.tick, 4 * SWEEP)
      this.#republish()
      this.#boot()
      this.#refresh()
    }
    if (core.now >= this.#pingAt) this.#ping()
    return this.#next()
  }

  #next(): number {
    const core = this.#core
    let at = Math.min(this.#idleAt, core.transactions.next(), this.#operations.nextRetry(), this.#pingAt)
    for (const lookup of core.lookups)
      if (lookup.active && this.#operations.idle(lookup)) at = Math.min(at, core.now + 20)
    return at
  }

  #timeouts(): void {
    const { transactions, lookups, now } = this.#core
    if (transactions.active === 0) return
    for (let i = 0; i < transactions.capacity; i++) {
      if (transactions.state[i] === FREE || transactions.dueAt[i]! > now) continue
      if (transactions.kind[i] === SEARCH && !transactions.isLate(i)) {
        transactions.late(i, transactions.sentAt[i]! + ANSWER_MS)
        this.#operations.onLate(lookups[transactions.owner[i]!]!, transactions.part[i]!)
        continue
      }
      this.#silent(i)
      this.#replies.failed(i, -1)
    }
  }

  #silent(i: number): void {
    const core = this.#core
    core.counts[C.timeouts]!++
    if (core.transactions.expects[i] === 0) return
    const a = core.transactions.address(i, this.#a)
    const table = core.table(a.family)
    const slot = table.find(core.transactions.ids, 5 * i)
    if (slot >= 0 && table.at(slot, a)) table.failed(slot)
  }

  #boot(): void {
    const core = this.#core
    if (this.bootstrap.length === 0 || core.now < this.#bootAt) return
    const alone = core.table4.goodCount(core.tick) + core.table6.goodCount(core.tick) === 0
    if (this.joined && !alone) {
      this.#bootWait = BOOT_MS
      return
    }
    for (const peer of this.bootstrap) this.#asker.boot(peer.address, peer.id)
    this.#bootAt = core.now + this.#bootWait + core.dice.below(this.#bootWait)
    this.#bootWait = Math.min(BOOT_MOST_MS, 2 * this.#bootWait)
  }

  /** A bootstrap peer answered: begin looking for ourselves, in the family it answered in. */
  #onBoot(): number {
    const core = this.#core
    const running = core.lookups[this.#join]
    if (this.#join >= 0 && running?.active && running.family === core.from.family) return this.#join
    const join = this.#lookSelf(core.from.family)
    if (join >= 0) this.#join = join
    return join
  }

  #lookSelf(family: Family): number {
    return this.#operations.start({ kind: 'find', target: idBytes(this.#core.self) }, family, (found) => {
      this.#join = -1
      if (found.nodes.length === 0) return
      if (!this.joined) this.#refreshAt = this.#core.now
      this.joined = true
    })
  }

  /** Looks for ourselves and for a random id, one a quarter of an hour; several right after joining. */
  #refresh(): void {
    const core = this.#core
    if (!this.joined) {
      // Nodes restored from a file answered before any bootstrap peer did.
      for (const family of [4, 6] as const)
        if (core.table(family).goodCount(core.tick) > 0 && this.#operations.active === 0)
          this.#lookSelf(family)
      return
    }
    if (core.now < this.#refreshAt || this.#operations.active > 1) return
    const few = this.#operations.logSize() < 0
    this.#refreshAt = core.now + (few ? 2_000 : REFRESH_MS / 2 + core.dice.below(REFRESH_MS))
    for (const family of [4, 6] as const) {
      const table = core.table(family)
      if (table.count === 0) continue
      core.other.set(core.self)
      // A random id in a random bucket: the first `bits` are ours, the next is not.
      const bits = core.dice.below(Math.max(1, table.depth() + 1))
      scatter(core, bits)
      this.#operations.start({ kind: 'find', target: idBytes(core.other) }, family, null)
    }
  }

  #ping(): void {
    const core = this.#core
    let wait = PING_MS
    for (const family of [4, 6] as const) {
      const table = core.table(family)
      const slot = table.due(core.tick, STALE_TICKS)
      if (slot < 0 || core.transactions.active * 2 > core.transactions.capacity) continue
      if (table.seen[slot] === 0) wait = RESTORE_MS
      const a = table.address(slot, this.#a)
      if (!core.transactions.pinging(a)) this.#asker.ping(a, PING, table.ids, 5 * slot)
      table.pinged(slot, core.tick)
    }
    this.#pingAt = core.now + wait
  }

  /** Own items whose hour has come (with jitter, so that a mass restart is no storm). */
  #republish(): void {
    const core = this.#core
    const { items } = core
    if (!this.joined) return
    for (let i = 0; i < items.capacity; i++) {
      if ((items.flags[i]! & OWN) === 0 || items.expires[i]! > core.tick) continue
      // One slot stays free for the application.
      if (this.#operations.active + 2 > core.lookups.length) return
      const item = itemAt(core, i)
      for (const family of [4, 6] as const)
        if (core.table(family).goodCount(core.tick) > 0)
          this.#operations.start({ kind: 'put', item, keep: true }, family, (found) => {
            const slot = items.find(idOf(item.target), 0)
            if (found.stored === 0 && slot >= 0) items.expires[slot] = core.tick + RETRY_TICKS
          })
    }
  }
}

/** Keeps `bits` bits of `core.other`, flips the next and makes the rest random. */
function scatter(core: Core, bits: number): void {
  const words = core.other
  for (let i = 0; i < 5; i++) {
    const first = 32 * i
    if (bits >= first + 32) continue
    const keep = Math.max(0, bits - first)
    const mask = keep === 0 ? 0 : -1 << (32 - keep)
    let w = (words[i]! & mask) | (core.dice.word() & ~mask)
    if (bits >= first) {
      const bit = 1 << (31 - keep)
      w = (w & ~bit) | (~words[i]! & bit)
    }
    words[i] = w
  }
}
