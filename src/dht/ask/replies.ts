// Answers and errors that others send to our queries. An answer counts only from the address that was
// asked, under the transaction id that went out, with the id that was expected; in the overlay only
// with a proof of the key. Only then may its sender enter the routing table.

import type { Core } from '../core.ts'
import * as C from '../counts.ts'
import { Address, compactBytes, type Family } from '../krpc/address.ts'
import * as F from '../krpc/fields.ts'
import { reachable, scopeOf } from '../krpc/reach.ts'
import { STRING } from '../krpc/reader.ts'
import { fitsAddress } from '../math/bep42.ts'
import { getWord, loadId, putWord, sameId } from '../math/id.ts'
import { contactOf } from '../objects.ts'
import type { Contact } from '../options.ts'
import { CHALLENGE_BYTES, PROOF_TICKS } from '../overlay/proof.ts'
import type { Heard } from '../table/table.ts'
import { BOOT, PROBE, PROVE, SEARCH, STORE } from '../table/transactions.ts'
import type { Operations } from './operations.ts'

/** Nodes taken from one answer and family: more than anybody needs to send. */
const MAX_NODES = 16

export class Replies {
  readonly #core: Core
  readonly #operations: Operations
  readonly #heard: Heard
  readonly #a: Address
  /** The application's pings by transaction slot. */
  readonly probes: ((ms: number, contact: Contact | null) => void)[]
  /** Called when a bootstrap peer answered: the join lookup takes its nodes. */
  onBoot: () => number
  /** Called when our external address became known or changed. */
  onAddress: () => void

  constructor(core: Core, operations: Operations) {
    this.#core = core
    this.#operations = operations
    this.#heard = { tick: 0, rtt: 0, verified: false, until: 0 }
    this.#a = new Address()
    this.probes = []
    this.onBoot = () => -1
    this.onAddress = () => {}
  }

  /** Transaction slot of the message in the reader, or -1. */
  #transaction(): number {
    const core = this.#core
    const reader = core.reader
    if (reader.length(F.t) !== 4) return -1
    return core.transactions.match(getWord(reader.bytes, reader.from[F.t]!), core.from)
  }

  /** Takes an error (`y` = e). */
  onError(): void {
    const core = this.#core
    const slot = this.#transaction()
    if (slot < 0) {
      this.#count(C.unsolicited)
      return
    }
    core.counts[C.errors]!++
    this.failed(slot, this.#code())
  }

  /** The query in this slot has ended without an answer that counts: the code of a refusal, or -1. */
  failed(slot: number, code: number): void {
    const { transactions, lookups } = this.#core
    const kind = transactions.kind[slot]!
    const lookup = lookups[transactions.owner[slot]!]!
    const c = transactions.part[slot]!
    const late = transactions.isLate(slot)
    transactions.close(slot)
    if (kind === PROBE) this.#probed(slot, -1, null)
    if (kind === SEARCH) this.#operations.onUseless(lookup, c, late)
    if (kind === STORE) this.#operations.onStored(lookup, c, code)
  }

  /** The number in `e: [code, text]`. */
  #code(): number {
    const reader = this.#core.reader
    if (!reader.has(F.e)) return 203
    let code = 0
    const b = reader.bytes
    for (let i = reader.from[F.e]! + 1; i < reader.to[F.e]! && b[i]! >= 48 && b[i]! <= 57; i++)
      code = Math.min(9_999, code * 10 + b[i]! - 48)
    return code === 0 ? 203 : code
  }

  #count(which: number): void {
    this.#core.counts[which]!++
  }

  /** Takes an answer (`y` = r). */
  onReply(): void {
    const core = this.#core
    const reader = core.reader
    const transactions = core.transactions
    const slot = this.#transaction()
    if (slot < 0) {
      this.#count(C.unsolicited)
      return
    }
    if (reader.length(F.id) !== 20) {
      this.#count(C.malformed)
      return
    }
    loadId(core.sender, 0, reader.bytes, reader.from[F.id]!)
    const kind = transactions.kind[slot]!
    const c = transactions.part[slot]!
    const late = transactions.isLate(slot)
    const lookup = core.lookups[transactions.owner[slot]!]!
    const rightId =
      (transactions.expects[slot] === 0 || sameId(transactions.ids, 5 * slot, core.sender, 0)) &&
      !sameId(core.self, 0, core.sender, 0)
    const rtt = core.now - transactions.sentAt[slot]!
    if (!rightId || !this.#proven(slot)) {
      this.#count(rightId ? C.unproven : C.wrongId)
      if (!rightId) this.#lost(slot)
      this.failed(slot, -1)
      return
    }
    transactions.close(slot)
    this.#count(C.answers)
    core.measured(rtt)
    this.#vote()
    if (kind !== PROVE) this.#enter(rtt)
    if (kind === SEARCH) {
      this.#operations.onAnswer(lookup, c, late)
      if (lookup.active) this.#nodes(lookup.index, lookup.depth[c]! + 1)
      this.#operations.advance(lookup)
    } else if (kind === STORE) {
      this.#operations.onStored(lookup, c, 0)
    } else if (kind === BOOT) {
      const join = this.onBoot()
      if (join >= 0) {
        this.#nodes(join, 1)
        this.#operations.advance(core.lookups[join]!)
      }
    } else if (kind === PROBE) {
      this.#probed(slot, rtt, contactOf(core, core.sender, 0, core.from))
    }
  }

  /** Ends a ping of the application; -1: no answer, or none that counts. */
  #probed(slot: number, ms: number, contact: Contact | null): void {
    const probe = this.probes[slot]
    delete this.probes[slot]
    probe?.(ms, contact)
  }

  /** A node at this address has another id than it had: what we knew is void. */
  #lost(slot: number): void {
    const core = this.#core
    if (core.transactions.expects[slot] === 0) return
    const table = core.table(core.from.family)
    const entry = table.find(core.transactions.ids, 5 * slot)
    if (entry >= 0 && table.at(entry, core.from)) table.remove(entry)
  }

  /** Overlay: true when the sender has proven its key, now or within the hour. */
  #proven(slot: number): boolean {
    const core = this.#core
    const reader = core.reader
    const prover = core.prover
    if (!prover) return true
    const until = core.identities.until(core.sender, 0, core.from)
    if (reader.length(F.wk) !== 32 || reader.length(F.ws) !== 64) return until > core.tick
    if (reader.length(F.ip) !== compactBytes(core.from.family)) return until > core.tick
    const key = reader.content(F.wk)
    if (!prover.fits(key, core.sender)) return false
    this.#a.load(reader.bytes, reader.from[F.ip]!, core.from.family)
    if (this.#elsewhere(this.#a)) return false
    const challenge = new Uint8Array(CHALLENGE_BYTES)
    putWord(challenge, 0, core.transactions.challenge[2 * slot]!)
    putWord(challenge, 4, core.transactions.challenge[2 * slot + 1]!)
    const exchange = { prover: core.sender, asker: core.self, challenge, address: this.#a }
    const good = prover.verify(exchange, key, reader.content(F.ws))
    if (!good) {
      this.#count(C.badSignature)
      return false
    }
    this.#count(C.proven)
    core.identities.prove(core.sender, 0, core.from, key, core.tick + PROOF_TICKS)
    return true
  }

  /** A proof made for another public address than ours was relayed by somebody in between. */
  #elsewhere(ours: Address): boolean {
    const { known, address } = this.#core.votes
    if (!known || scopeOf(address) !== 3 || scopeOf(ours) !== 3) return false
    return ours.family === address.family && !ours.sameHost(address)
  }

  #vote(): void {
    const core = this.#core
    const reader = core.reader
    const family = core.from.family
    if (reader.length(F.ip) !== compactBytes(family)) return
    this.#a.load(reader.bytes, reader.from[F.ip]!, family)
    if (!reachable(this.#a, core.reach)) return
    if (core.votes.vote(core.from, this.#a, core.now)) this.onAddress()
  }

  #enter(rtt: number): void {
    const core = this.#core
    if (!reachable(core.from, core.reach)) return
    const table = core.table(core.from.family)
    const heard = this.#heard
    const known = core.options.onContact ? table.find(core.sender, 0) : 0
    heard.tick = core.tick
    heard.rtt = rtt
    heard.until = core.prover ? core.identities.until(core.sender, 0, core.from) : 0
    heard.verified = core.prover !== null || fitsAddress(core.sender, 0, core.from)
    const slot = table.answered(core.sender, 0, core.from, heard)
    if (known < 0 && slot >= 0) core.options.onContact!(contactOf(core, core.sender, 0, core.from))
  }

  /** Hands the nodes of the answer to a lookup of their family. */
  #nodes(index: number, depth: number): void {
    const core = this.#core
    const lookup = core.lookups[index]!
    const family: Family = lookup.family
    const field = family === 4 ? F.nodes : F.nodes6
    const reader = core.reader
    if (reader.kind[field] !== STRING) return
    const size = 20 + compactBytes(family)
    const length = reader.length(field)
    if (length % size !== 0) {
      this.#count(C.malformed)
      return
    }
    let at = reader.from[field]!
    for (let i = 0; i < Math.min(length / size, MAX_NODES); i++, at += size) {
      loadId(core.other, 0, reader.bytes, at)
      this.#a.load(reader.bytes, at + 20, family)
      if (!reachable(this.#a, core.reach) || sameId(core.other, 0, core.self, 0)) continue
      if (core.votes.known && this.#a.sameHost(core.votes.address) && scopeOf(this.#a) === 3) continue
      lookup.add(core.other, 0, this.#a, depth)
    }
  }
}
