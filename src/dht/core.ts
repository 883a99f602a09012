// All state of one instance, in one slab, and the scratch that its parts share. The parts (answers,
// asker, replies, operations, upkeep) are code over this; none of them holds state that traffic grows.

import type { Bytes } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import { sha1 } from '../crypto/native.ts'
import * as C from './counts.ts'
import { Address } from './krpc/address.ts'
import type { Reach } from './krpc/reach.ts'
import { Reader } from './krpc/reader.ts'
import { MAX_DATAGRAM, Writer } from './krpc/writer.ts'
import { Dice } from './math/dice.ts'
import { idOf, loadId } from './math/id.ts'
import type { DhtOptions } from './options.ts'
import { Prover } from './overlay/proof.ts'
import { type Plan, plan, Slab } from './slab.ts'
import { Items } from './store/items.ts'
import { Limiter, LOCAL_RATES, RATES } from './store/limiter.ts'
import { Peers } from './store/peers.ts'
import { Tokens } from './store/tokens.ts'
import { Identities } from './table/identities.ts'
import { Lookup } from './table/lookups.ts'
import { K, Table } from './table/table.ts'
import { Transactions } from './table/transactions.ts'
import { Votes } from './table/votes.ts'

/** How long an item lasts without being put again: two hours (BEP-44 "Expiration"). */
const ITEM_MS = 7_200_000

function within(name: string, n: number, least: number, most: number): number {
  if (Number.isInteger(n) && n >= least && n <= most) return n
  throw new RangeError(`${name}: expected a whole number from ${least} to ${most}, got ${n}`)
}

export class Core {
  readonly options: DhtOptions
  readonly plan: Plan
  readonly slab: Slab
  readonly self: Int32Array
  readonly reach: Reach
  readonly prover: Prover | null
  readonly reader: Reader
  readonly writer: Writer
  readonly dice: Dice
  readonly table4: Table
  readonly table6: Table
  readonly transactions: Transactions
  readonly lookups: readonly Lookup[]
  readonly items: Items
  readonly peers: Peers
  readonly tokens: Tokens
  readonly limiter: Limiter
  readonly identities: Identities
  readonly votes: Votes
  readonly counts: Float64Array
  /** Sender of the datagram at hand, and two addresses to work with. */
  readonly from: Address
  readonly a: Address
  readonly b: Address
  /** Ids of the message at hand: sender, target, and one to work with. */
  readonly sender: Int32Array
  readonly target: Int32Array
  readonly other: Int32Array
  /** As in DhtOptions; the last in ticks. */
  readonly k: number
  readonly alpha: number
  readonly ttl: number
  readOnly: boolean
  now: number
  /** Deciseconds of `now`. */
  tick: number
  /** Smoothed answer time of the network and its deviation, in ms. */
  srtt: number
  rttvar: number

  constructor(options: DhtOptions) {
    const shape = plan(options.maxBytes ?? LIMITS.dht.maxBytes)
    const slab = new Slab(shape.maxBytes)
    const rules = { strict: options.strictLocal ?? false, proof: options.overlay !== undefined }
    this.options = options
    this.k = within('k', options.k ?? K, 4, 16)
    this.alpha = within('alpha', options.alpha ?? 4, 1, 16)
    this.ttl = within('storeTtl', options.storeTtl ?? ITEM_MS, 600_000, 604_800_000) / 100
    this.plan = shape
    this.slab = slab
    this.reach = options.reach ?? (options.overlay ? 'private' : 'public')
    this.dice = new Dice(options.random)
    this.prover = options.overlay ? new Prover(options.overlay) : null
    this.self = slab.i32(5)
    if (this.prover) this.self.set(idOf(this.prover.id))
    else if (options.id) this.self.set(idOf(options.id))
    else this.dice.words(this.self, 0, 5)
    this.reader = new Reader()
    this.writer = new Writer(slab.u8(MAX_DATAGRAM))
    this.from = new Address()
    this.a = new Address()
    this.b = new Address()
    const work = new Address()
    this.table4 = new Table(slab, { family: 4, capacity: shape.nodes4 }, this.self, rules, work)
    this.table6 = new Table(slab, { family: 6, capacity: shape.nodes6 }, this.self, rules, work)
    this.transactions = new Transactions(slab, shape.transactions, this.dice)
    this.lookups = Array.from(
      { length: shape.lookups },
      (_, i) => new Lookup(slab, i, { strict: rules.strict, k: this.k }, work),
    )
    this.items = new Items(slab, shape.items, shape.blocks, this.self)
    this.peers = new Peers(slab, shape.topics, shape.peers)
    this.tokens = new Tokens(slab, this.dice)
    this.limiter = new Limiter(slab, shape.sources, this.dice, {
      rates: { ...(this.reach === 'loopback' && !rules.strict ? LOCAL_RATES : RATES), ...options.rates },
      byPort: !rules.strict,
    })
    this.identities = new Identities(slab, shape.identities)
    this.votes = new Votes()
    this.counts = slab.f64(C.COUNTED.length)
    this.sender = slab.i32(5)
    this.target = slab.i32(5)
    this.other = slab.i32(5)
    this.readOnly = options.readOnly ?? false
    this.now = 0
    this.tick = 0
    this.srtt = 0
    this.rttvar = 0
  }

  /** Sets the time of everything that follows, in ms. Whole ones: fractions would be boxed at every call. */
  clock(now: number): void {
    this.now = Math.floor(now)
    this.tick = Math.floor(now / 100)
  }

  table(family: number): Table {
    return family === 4 ? this.table4 : this.table6
  }

  /** Gives the writer's message to the socket. */
  send(host: string, port: number): void {
    this.counts[C.sent]!++
    this.options.send(this.writer.done(), host, port)
  }

  /** How long a query may hold up a lookup: adapts to the network, 100 to 1,500 ms. */
  patience(): number {
    if (this.srtt === 0) return 1_000
    return Math.min(1_500, Math.max(100, this.srtt + 4 * this.rttvar))
  }

  measured(rtt: number): void {
    if (this.srtt === 0) {
      this.srtt = Math.max(1, rtt)
      this.rttvar = rtt / 2
    } else {
      this.rttvar += (Math.abs(rtt - this.srtt) - this.rttvar) / 8
      this.srtt = Math.max(1, this.srtt + (rtt - this.srtt) / 16)
    }
  }

  /** SHA-1 of `bytes[from..to)` into five words: the target of an immutable item. */
  hash(bytes: Bytes, from: number, to: number, into: Int32Array): void {
    loadId(into, 0, sha1(bytes.subarray(from, to)), 0)
  }
}
