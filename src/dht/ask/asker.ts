// Writes and sends our own queries (BEP-5, 43, 44; keys in sorted order). Each opens a transaction; where
// none is free the query is not sent and the caller tries again at its next tick.

import { LIMITS } from '../../base/limits.ts'
import type { Core } from '../core.ts'
import type { Address } from '../krpc/address.ts'
import { piece, type Writer } from '../krpc/writer.ts'
import type { Put } from '../options.ts'
import type { Lookup } from '../table/lookups.ts'
import { BOOT, type PING, type PROBE, type PROVE, SEARCH, STORE } from '../table/transactions.ts'

/** Longest wait for an answer, in ms; after `Core.patience` the query is late. */
export const ANSWER_MS = 4_000

const P = {
  a: piece('d1:ad'),
  cas: piece('3:cas'),
  id: piece('2:id20:'),
  implied: piece('12:implied_porti1e'),
  info: piece('9:info_hash20:'),
  key: piece('1:k32:'),
  port: piece('4:port'),
  salt: piece('4:salt'),
  seq: piece('3:seq'),
  sig: piece('3:sig64:'),
  target: piece('6:target20:'),
  token: piece('5:token'),
  v: piece('1:v'),
  wc: piece('2:wc8:'),
  ping: piece('e1:q4:ping'),
  find: piece('e1:q9:find_node'),
  peers: piece('e1:q9:get_peers'),
  announce: piece('e1:q13:announce_peer'),
  get: piece('e1:q3:get'),
  put: piece('e1:q3:put'),
  ro: piece('2:roi1e'),
  t: piece('1:t4:'),
  w: piece('1:w8:'),
  yq: piece('1:y1:qe'),
}

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
    this.#core.writer.put(P.ping)
    return this.#send(slot, a)
  }

  /** Asks a bootstrap peer for the nodes nearest to us. `expected`: the id of its pinned key. */
  boot(a: Address, expected: Int32Array | null): number {
    const slot = this.#open(BOOT, a, ANSWER_MS)
    if (slot < 0) return -1
    if (expected) this.#core.transactions.expect(slot, expected, 0)
    this.#begin().put(P.target).words(this.#core.self, 0, 5)
    this.#challenge(slot)
    this.#core.writer.put(P.find)
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
    w.put(kind === 'peers' ? P.info : P.target).words(lookup.target, 0, 5)
    if (this.#unproven(lookup.ids, 5 * c, a)) this.#challenge(slot)
    w.put(kind === 'find' ? P.find : kind === 'peers' ? P.peers : P.get)
    return this.#send(slot, a)
  }

  /** Announces us at a candidate under the lookup's target. */
  announce(lookup: Lookup, c: number, port: number): number {
    const slot = this.#store(lookup, c)
    if (slot < 0) return -1
    const w = this.#begin()
    if (port === 0) w.put(P.implied)
    w.put(P.info).words(lookup.target, 0, 5).put(P.port)
    this.#int(port === 0 ? 1 : port)
    this.#token(lookup, c)
    w.put(P.announce)
    return this.#send(slot, this.#core.a)
  }

  /** Stores an item at a candidate. */
  put(lookup: Lookup, c: number, item: Put): number {
    const slot = this.#store(lookup, c)
    if (slot < 0) return -1
    const w = this.#core.writer.begin().put(P.a)
    if (item.cas !== undefined) {
      w.put(P.cas)
      u64(w, item.cas)
    }
    w.put(P.id).words(this.#core.self, 0, 5)
    if (item.publicKey && item.signature) {
      w.put(P.key).put(item.publicKey)
      if (item.salt.length > 0) w.put(P.salt).string(item.salt, 0, item.salt.length)
      w.put(P.seq)
      u64(w, item.seq)
      w.put(P.sig).put(item.signature)
    }
    this.#token(lookup, c)
    w.put(P.v).put(item.value).put(P.put)
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
    return core.writer.begin().put(P.a).put(P.id).words(core.self, 0, 5)
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
    core.writer.put(P.wc).words(challenge, 2 * slot, 2)
  }

  #token(lookup: Lookup, c: number): void {
    const at = LIMITS.dht.tokenBytes * c
    this.#core.writer.put(P.token).string(lookup.tokens, at, at + lookup.tokenLength[c]!)
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
    if (core.readOnly) w.put(P.ro)
    w.put(P.t).words(core.transactions.secrets, slot, 1)
    if (core.prover) w.put(P.w).put(core.prover.tag)
    w.put(P.yq)
    core.send(a.host(), a.port)
    return slot
  }
}

function u64(w: Writer, value: bigint): void {
  w.u64(Number(value >> 32n), Number(value & 0xffff_ffffn))
}
