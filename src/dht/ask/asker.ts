// Writes and sends our own queries (BEP-5, 43, 44; keys in sorted order). Each opens a transaction; where
// none is free the query is not sent and the caller tries again at its next tick.

import { LIMITS } from '../../base/limits.ts'
import type { Core } from '../core.ts'
import type { Address } from '../krpc/address.ts'
import type { Writer } from '../krpc/writer.ts'
import type { Put } from '../options.ts'
import type { Lookup } from '../table/lookups.ts'
import { BOOT, type PING, type PROBE, type PROVE, SEARCH, STORE } from '../table/transactions.ts'

/** Longest wait for an answer, in ms; after `Core.patience` the query is late. */
export const ANSWER_MS = 4_000

export class Asker {
  readonly #core: Core

  constructor(core: Core) {
    this.#core = core
  }

  /** Pings a node; `expected` says which words it must answer with. Returns the transaction or -1. */
  ping(
    a: Address,
    kind: typeof PING | typeof PROBE | typeof PROVE,
    expected: Int32Array | null,
    at = 0,
  ): number {
    const slot = this.#open(kind, a, ANSWER_MS)
    if (slot < 0) return -1
    if (expected) this.#core.transactions.expect(slot, expected, at)
    this.#begin()
    this.#challenge(slot)
    this.#core.writer.text('e1:q4:ping')
    return this.#send(slot, a)
  }

  /** Asks a bootstrap peer for the nodes nearest to us. `expected`: the id of its pinned key. */
  boot(a: Address, expected: Int32Array | null): number {
    const slot = this.#open(BOOT, a, ANSWER_MS)
    if (slot < 0) return -1
    if (expected) this.#core.transactions.expect(slot, expected, 0)
    this.#begin().text('6:target20:').words(this.#core.self, 0, 5)
    this.#challenge(slot)
    this.#core.writer.text('e1:q9:find_node')
    return this.#send(slot, a)
  }

  /** Asks a candidate on behalf of a lookup. */
  search(lookup: Lookup, c: number, kind: 'find' | 'peers' | 'get'): number {
    const core = this.#core
    const a = lookup.address(c, core.a)
    const slot = this.#open(SEARCH, a, core.patience())
    if (slot < 0) return -1
    core.transactions.owner[slot] = lookup.index
    core.transactions.part[slot] = c
    core.transactions.expect(slot, lookup.ids, 5 * c)
    const w = this.#begin()
    w.text(kind === 'peers' ? '9:info_hash20:' : '6:target20:').words(lookup.target, 0, 5)
    if (this.#unproven(lookup.ids, 5 * c, a)) this.#challenge(slot)
    w.text(kind === 'find' ? 'e1:q9:find_node' : kind === 'peers' ? 'e1:q9:get_peers' : 'e1:q3:get')
    return this.#send(slot, a)
  }

  /** Announces us at a candidate under the lookup's target. */
  announce(lookup: Lookup, c: number, port: number): number {
    const slot = this.#store(lookup, c)
    if (slot < 0) return -1
    const w = this.#begin()
    if (port === 0) w.text('12:implied_porti1e')
    w.text('9:info_hash20:').words(lookup.target, 0, 5).text('4:port')
    this.#int(port === 0 ? 1 : port)
    this.#token(lookup, c)
    w.text('e1:q13:announce_peer')
    return this.#send(slot, this.#core.a)
  }

  /** Stores an item at a candidate. */
  put(lookup: Lookup, c: number, item: Put): number {
    const slot = this.#store(lookup, c)
    if (slot < 0) return -1
    const w = this.#core.writer.begin().text('d1:ad')
    if (item.cas !== undefined) {
      w.text('3:cas')
      u64(w, item.cas)
    }
    w.text('2:id20:').words(this.#core.self, 0, 5)
    if (item.publicKey && item.signature) {
      w.text('1:k32:').put(item.publicKey)
      if (item.salt.length > 0) w.text('4:salt').string(item.salt, 0, item.salt.length)
      w.text('3:seq')
      u64(w, item.seq)
      w.text('3:sig64:').put(item.signature)
    }
    this.#token(lookup, c)
    w.text('1:v').put(item.value).text('e1:q3:put')
    return this.#send(slot, this.#core.a)
  }

  #store(lookup: Lookup, c: number): number {
    const core = this.#core
    const slot = this.#open(STORE, lookup.address(c, core.a), ANSWER_MS / 2)
    if (slot < 0) return -1
    core.transactions.owner[slot] = lookup.index
    core.transactions.part[slot] = c
    core.transactions.expect(slot, lookup.ids, 5 * c)
    return slot
  }

  #open(kind: number, a: Address, ms: number): number {
    const core = this.#core
    return core.transactions.open(kind, a, core.now, core.now + ms)
  }

  #begin(): Writer {
    const core = this.#core
    return core.writer.begin().text('d1:ad').text('2:id20:').words(core.self, 0, 5)
  }

  #unproven(words: Int32Array, at: number, a: Address): boolean {
    const core = this.#core
    return core.prover !== null && core.identities.until(words, at, a) <= core.tick + 600
  }

  /** Asks for a proof of possession along with the query (overlay). */
  #challenge(slot: number): void {
    const core = this.#core
    if (!core.prover) return
    const { challenge } = core.transactions
    core.dice.words(challenge, 2 * slot, 2)
    core.writer.text('2:wc8:').words(challenge, 2 * slot, 2)
  }

  #token(lookup: Lookup, c: number): void {
    const at = LIMITS.dht.tokenBytes * c
    this.#core.writer.text('5:token').string(lookup.tokens, at, at + lookup.tokenLength[c]!)
  }

  #int(n: number): void {
    const w = this.#core.writer
    w.byte(0x69)
    w.digits(n)
    w.byte(0x65)
  }

  #send(slot: number, a: Address): number {
    const core = this.#core
    const w = core.writer
    if (core.readOnly) w.text('2:roi1e')
    w.text('1:t4:').words(core.transactions.secrets, slot, 1)
    if (core.prover) w.text('1:w8:').put(core.prover.tag)
    w.text('1:y1:qe')
    core.send(a.host(), a.port)
    return slot
  }
}

function u64(w: Writer, value: bigint): void {
  w.u64(Number(value >> 32n), Number(value & 0xffff_ffffn))
}
