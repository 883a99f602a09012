// What the application asked for: iterative lookups, and after them the storing of an announcement or
// an item on the nodes found. One job per lookup slot; the number of slots is the cap.
// Mutable items are read to the end of the lookup and the highest valid seq wins (BEP-44); an immutable
// item is its own proof and ends the lookup.

import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { signatureHolds, signedTarget } from '../answer/signed.ts'
import type { Core } from '../core.ts'
import { Address, type Family } from '../krpc/address.ts'
import * as F from '../krpc/fields.ts'
import { idBytes, idOf, sameId } from '../math/id.ts'
import { contactOf, itemOf, keepItem } from '../objects.ts'
import type { Contact, Found, Item, Wanted } from '../options.ts'
import {
  AGAIN,
  ANSWERED,
  ASKED,
  FAILED,
  HOLDER,
  LAST,
  LATE,
  type Lookup,
  REFUSED,
  STORED,
  STORING,
} from '../table/lookups.ts'
import type { Asker } from './asker.ts'
import { Census } from './census.ts'

/** Queries of one lookup in all; at most alpha of them may hold it up. */
const IN_FLIGHT = 16
/** Puts under way for one job. */
const STORES = 8
/** A holder that wants our proof first asks for it; without that we try again after so many ms. */
const RETRY_MS = 400
/** To whom we proved our key lately, and for how long that counts, in ms. */
const PROVED = 32
const PROVED_MS = 5_000
const SEEDS = 16
const MAX_PEERS = 256

interface Job {
  readonly wanted: Wanted
  readonly done: ((found: Found) => void) | null
  storing: boolean
  /** When those that wanted our proof first are tried again. */
  retryAt: number
  item: Item | null
  peers: Set<string>
  codes: number[]
}

export class Operations {
  readonly #core: Core
  readonly #asker: Asker
  readonly #jobs: (Job | null)[]
  readonly #census: Census
  readonly #a: Address
  readonly #proved: readonly Address[]
  readonly #provedAt: Float64Array
  #nextProved: number

  constructor(core: Core, asker: Asker) {
    this.#core = core
    this.#asker = asker
    this.#jobs = core.lookups.map(() => null)
    this.#census = new Census(core)
    this.#a = new Address()
    this.#proved = Array.from({ length: PROVED }, () => new Address())
    this.#provedAt = new Float64Array(PROVED)
    this.#nextProved = 0
  }

  get active(): number {
    let n = 0
    for (const job of this.#jobs) if (job) n++
    return n
  }

  /** log2 of the estimated number of nodes, or -1 before three lookups. */
  logSize(): number {
    return this.#census.logSize()
  }

  /** Begins a job; its lookup, or -1 where all slots are taken. `done` is called once, later. */
  start(wanted: Wanted, family: Family, done: ((found: Found) => void) | null): number {
    const core = this.#core
    const lookup = core.lookups.find((l) => !l.active)
    if (!lookup) return -1
    const target = idOf(wanted.kind === 'put' ? wanted.item.target : wanted.target)
    lookup.begin(target, family, this.logSize(), core.now)
    this.#jobs[lookup.index] = {
      wanted,
      done,
      storing: false,
      retryAt: Number.POSITIVE_INFINITY,
      item: wanted.kind === 'get' && !wanted.foreign ? itemOf(core, target) : null,
      peers: new Set(),
      codes: [],
    }
    if (wanted.kind === 'put') keepItem(core, wanted.item, wanted.keep ?? false)
    const table = core.table(family)
    const n = table.closest(target, SEEDS, core.tick)
    for (let i = 0; i < n; i++) {
      const slot = table.near[i]!
      lookup.add(table.ids, 5 * slot, table.address(slot, this.#a), 0)
    }
    if (wanted.kind === 'peers') this.#ownPeers(lookup, this.#jobs[lookup.index]!)
    this.#ask(lookup)
    return lookup.index
  }

  #ownPeers(lookup: Lookup, job: Job): void {
    const { peers } = this.#core
    const topic = peers.find(lookup.target, 0)
    if (topic < 0) return
    for (let p = peers.next(topic, -1, lookup.family); p >= 0; p = peers.next(topic, p, lookup.family))
      job.peers.add(peers.address(p, this.#a).text())
  }

  /** The answer in the reader belongs to this lookup's candidate. */
  onAnswer(lookup: Lookup, c: number, wasLate: boolean): void {
    const job = this.#jobs[lookup.index]
    if (!job) return
    if (!wasLate) lookup.inFlight--
    lookup.state[c] = ANSWERED
    const reader = this.#core.reader
    if (reader.length(F.token) > 0)
      lookup.setToken(c, reader.bytes, reader.from[F.token]!, reader.to[F.token]!)
    if (job.wanted.kind === 'peers' && reader.has(F.values)) this.#values(lookup, job)
    if (job.wanted.kind === 'get' && reader.has(F.v)) this.#value(lookup, job)
  }

  /** A candidate's answer cannot be used, or none came: wrong id, no proof, an error, silence. */
  onUseless(lookup: Lookup, c: number, wasLate: boolean): void {
    if (!wasLate) lookup.inFlight--
    lookup.state[c] = FAILED
    this.advance(lookup)
  }

  onLate(lookup: Lookup, c: number): void {
    lookup.inFlight--
    lookup.state[c] = LATE
  }

  /** A put or announcement ended: code 0 stored, 401 wants proof first, -1 silence. */
  onStored(lookup: Lookup, c: number, code: number): void {
    const job = this.#jobs[lookup.index]
    if (!job) return
    const again = code === 401 && lookup.state[c] === STORING
    lookup.state[c] = code === 0 ? STORED : again ? AGAIN : REFUSED
    if (again) job.retryAt = Math.min(job.retryAt, this.#core.now + RETRY_MS)
    else if (code > 0) job.codes.push(code)
    this.advance(lookup)
  }

  #values(lookup: Lookup, job: Job): void {
    const reader = this.#core.reader
    const size = lookup.family === 4 ? 6 : 18
    let at = reader.from[F.values]!
    for (;;) {
      at = reader.element(at, F.values)
      if (at < 0 || job.peers.size >= MAX_PEERS) return
      if (at - reader.stringFrom !== size) continue
      this.#a.load(reader.bytes, reader.stringFrom, lookup.family)
      if (this.#a.port > 0) job.peers.add(this.#a.text())
    }
  }

  #value(lookup: Lookup, job: Job): void {
    if (job.wanted.kind !== 'get') return
    const core = this.#core
    const reader = core.reader
    const from = reader.raw[F.v]!
    const to = reader.rawEnd(F.v)
    if (to - from > LIMITS.dht.valueBytes) return
    if (!reader.has(F.k)) {
      if (job.wanted.publicKey) return
      core.hash(reader.bytes, from, to, core.other)
      if (!sameId(core.other, 0, lookup.target, 0)) return
      job.item = made(lookup, copy(reader.encoding(F.v)))
      return
    }
    if (reader.length(F.k) !== 32 || reader.length(F.sig) !== 64) return
    const seq = new Uint32Array(2)
    if (!reader.u64(F.seq, seq, 0)) return
    const number = (BigInt(seq[0]!) << 32n) | BigInt(seq[1]!)
    if (job.item && number <= job.item.seq) return
    const salt = job.wanted.salt ?? new Uint8Array(0)
    signedTarget(core, salt, core.other)
    if (!sameId(core.other, 0, lookup.target, 0) || !signatureHolds(core, salt)) return
    job.item = {
      target: idBytes(lookup.target),
      value: copy(reader.encoding(F.v)),
      publicKey: copy(reader.content(F.k)),
      signature: copy(reader.content(F.sig)),
      seq: number,
      salt: salt.slice(),
    }
  }

  #ask(lookup: Lookup): void {
    const job = this.#jobs[lookup.index]
    if (!job || job.storing || this.#settled(job)) return
    const kind = job.wanted.kind
    const method = kind === 'find' ? 'find' : kind === 'get' || kind === 'put' ? 'get' : 'peers'
    while (lookup.inFlight < this.#core.alpha && lookup.inFlight + lookup.tally(LATE) < IN_FLIGHT) {
      const c = lookup.next()
      if (c < 0 || this.#asker.search(lookup, c, method) < 0) return
      lookup.state[c] = ASKED
      lookup.inFlight++
      lookup.asked++
    }
  }

  #settled(job: Job): boolean {
    return job.wanted.kind === 'get' && job.item !== null && job.item.publicKey === null
  }

  /** Asks, stores or ends, as far as this lookup has come. */
  advance(lookup: Lookup): void {
    const job = this.#jobs[lookup.index]
    if (!job) return
    if (!job.storing) {
      this.#ask(lookup)
      if (!this.#settled(job) && !lookup.converged()) return
      this.#census.sample(lookup)
      if (job.wanted.kind !== 'announce' && job.wanted.kind !== 'put') {
        this.#end(lookup, job)
        return
      }
      job.storing = true
      lookup.chooseHolders()
    }
    this.#store(lookup, job)
    for (let c = 0; c < lookup.count; c++) if (lookup.state[c]! >= HOLDER && lookup.state[c]! <= LAST) return
    this.#end(lookup, job)
  }

  #store(lookup: Lookup, job: Job): void {
    const due = job.retryAt <= this.#core.now
    if (due) job.retryAt = Number.POSITIVE_INFINITY
    let room = STORES - lookup.tally(STORING) - lookup.tally(LAST)
    for (let p = 0; p < lookup.count && room > 0; p++) {
      const c = lookup.order[p]!
      const first = lookup.state[c] === HOLDER
      const again = lookup.state[c] === AGAIN && (due || this.#provedTo(lookup.address(c, this.#a)))
      if (!first && !again) continue
      if (!this.#put(lookup, job, c)) break
      lookup.state[c] = first ? STORING : LAST
      room--
    }
    if (due && lookup.tally(AGAIN) > 0) job.retryAt = this.#core.now + RETRY_MS
  }

  /** We answered a challenge from this address: a put that it refused for want of it may go again. */
  proved(a: Address): void {
    this.#provedAt[this.#nextProved] = this.#core.now
    this.#proved[this.#nextProved]!.copy(a)
    this.#nextProved = (this.#nextProved + 1) % PROVED
    for (const lookup of this.#core.lookups)
      if (lookup.active && lookup.tally(AGAIN) > 0) this.advance(lookup)
  }

  #provedTo(a: Address): boolean {
    for (let i = 0; i < PROVED; i++)
      if (this.#proved[i]!.same(a) && this.#provedAt[i]! + PROVED_MS > this.#core.now) return true
    return false
  }

  #put(lookup: Lookup, { wanted }: Job, c: number): boolean {
    if (wanted.kind === 'put') return this.#asker.put(lookup, c, wanted.item) >= 0
    return this.#asker.announce(lookup, c, wanted.kind === 'announce' ? wanted.port : 0) >= 0
  }

  #end(lookup: Lookup, job: Job): void {
    const found = job.done ? this.#found(lookup, job) : null
    this.#drop(lookup)
    if (found) job.done!(found)
  }

  #drop(lookup: Lookup): void {
    lookup.active = false
    this.#jobs[lookup.index] = null
    this.#core.transactions.closeAll(lookup.index)
  }

  /** Ends a job early; its `done` is not called. */
  cancel(index: number): void {
    const lookup = this.#core.lookups[index]
    if (lookup?.active) this.#drop(lookup)
  }

  /** Drops all jobs. */
  stop(): void {
    for (const lookup of this.#core.lookups) this.cancel(lookup.index)
  }

  /** True while this job has nothing under way and waits for the next tick. */
  idle(lookup: Lookup): boolean {
    return lookup.inFlight === 0 && lookup.tally(STORING) + lookup.tally(LAST) === 0
  }

  /** When the earliest retry is due. */
  nextRetry(): number {
    let at = Number.POSITIVE_INFINITY
    for (const job of this.#jobs) if (job && job.retryAt < at) at = job.retryAt
    return at
  }

  #found(lookup: Lookup, job: Job): Found {
    const core = this.#core
    const nodes: Contact[] = []
    for (let p = 0; p < lookup.count && nodes.length < core.k; p++) {
      const c = lookup.order[p]!
      if (lookup.state[c]! < ANSWERED) continue
      nodes.push(contactOf(core, lookup.ids, 5 * c, lookup.address(c, this.#a)))
    }
    return {
      kind: job.wanted.kind,
      nodes,
      peers: [...job.peers],
      item: job.wanted.kind === 'put' ? job.wanted.item : job.item,
      stored: lookup.tally(STORED),
      refusal: most(job.codes),
      asked: lookup.asked,
      silent: lookup.tally(LATE) + lookup.tally(FAILED),
      hops: lookup.hops(),
      ms: core.now - lookup.startedAt,
      family: lookup.family,
    }
  }
}

/** Memory of its own; the slice() of a Buffer would be a view. */
function copy(bytes: Bytes): Bytes {
  return Uint8Array.from(bytes)
}

function made(lookup: Lookup, value: Bytes): Item {
  return {
    target: idBytes(lookup.target),
    value,
    publicKey: null,
    signature: null,
    seq: 0n,
    salt: new Uint8Array(0),
  }
}

function most(codes: readonly number[]): number {
  let best = 0
  let count = 0
  for (const code of codes) {
    const n = codes.filter((c) => c === code).length
    if (n > count) {
      best = code
      count = n
    }
  }
  return best
}
