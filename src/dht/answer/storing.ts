// announce_peer and put: what others ask us to keep. Checks go from cheap to dear: shape, sizes,
// token, the stored item, the budget, the signature (BEP-44 "Mutable Items").

import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Core } from '../core.ts'
import * as C from '../counts.ts'
import * as F from '../krpc/fields.ts'
import { loadId } from '../math/id.ts'
import { type ItemMeta, MUTABLE, SIGNED_BYTES } from '../store/items.ts'
import { TOKEN_BYTES } from '../store/tokens.ts'
import { signatureHolds, signedTarget } from './signed.ts'

const NO_SALT: Bytes = new Uint8Array(0)

export class Storing {
  readonly #core: Core
  readonly #meta: ItemMeta
  /** High and low half of the seq and of the cas at hand. */
  readonly #numbers: Uint32Array

  constructor(core: Core) {
    this.#core = core
    this.#numbers = new Uint32Array(4)
    this.#meta = {
      mutable: false,
      seqHigh: 0,
      seqLow: 0,
      saltLength: 0,
      valueLength: 0,
      source: 0,
      own: false,
      expires: 0,
    }
  }

  /** 0 for a sender that may leave something under `core.target`, or the code of the refusal. */
  #mayStore(): number {
    const { reader, tokens, identities, prover, counts, from, now } = this.#core
    const fits =
      reader.length(F.token) === TOKEN_BYTES &&
      tokens.check(from, this.#core.target, now, reader.bytes, reader.from[F.token]!)
    if (!fits) {
      counts[C.wrongToken]!++
      return 203
    }
    // Overlay: only who has proven its key.
    if (!prover || identities.until(this.#core.sender, 0, from) > this.#core.tick) return 0
    counts[C.unproven]!++
    return 401
  }

  /** Keeps an announced peer; 0 or the code of the refusal. */
  announce(source: number): number {
    const core = this.#core
    const reader = core.reader
    if (reader.length(F.info_hash) !== 20) return 203
    const port = reader.int(F.implied_port) > 0 ? core.from.port : reader.int(F.port)
    if (port < 1 || port > 65_535) return 203
    loadId(core.target, 0, reader.bytes, reader.from[F.info_hash]!)
    const code = this.#mayStore()
    if (code > 0) return code
    core.a.copy(core.from).port = port
    if (!core.peers.announce(core.target, 0, core.a, { source, tick: core.tick })) return 202
    core.counts[C.announced]!++
    return 0
  }

  /** Keeps an item; 0 or the code of the refusal. */
  put(source: number): number {
    const core = this.#core
    const reader = core.reader
    const meta = this.#meta
    if (!reader.has(F.v)) return 203
    const from = reader.raw[F.v]!
    meta.valueLength = reader.rawEnd(F.v) - from
    if (meta.valueLength > LIMITS.dht.valueBytes) return 205
    if (!reader.canonical(F.v)) return 203
    meta.source = source
    meta.expires = core.tick + core.ttl
    meta.mutable = reader.has(F.k)
    meta.saltLength = 0
    this.#numbers.fill(0)
    if (!meta.mutable) core.hash(reader.bytes, from, from + meta.valueLength, core.target)
    const code = meta.mutable ? this.#signed() : this.#mayStore()
    if (code > 0) return code
    meta.seqHigh = this.#numbers[0]!
    meta.seqLow = this.#numbers[1]!
    const { items } = core
    items.stage.set(reader.encoding(F.v), meta.mutable ? SIGNED_BYTES + meta.saltLength : 0)
    const slot = items.find(core.target, 0)
    // Two kinds under one target cannot be: a hash would have collided.
    if (slot >= 0 && ((items.flags[slot]! & MUTABLE) !== 0) !== meta.mutable) return 203
    if (items.put(core.target, 0, meta) < 0) return 202
    core.counts[C.stored]!++
    return 0
  }

  /** What a mutable item must have beside; key, signature and salt are then on the store's stage. */
  #signed(): number {
    const core = this.#core
    const { reader, items } = core
    if (reader.length(F.k) !== 32 || reader.length(F.sig) !== 64) return 203
    if (!reader.u64(F.seq, this.#numbers, 0)) return 203
    const salted = reader.has(F.salt)
    if (salted && reader.length(F.salt) < 0) return 203
    const salt = salted ? reader.content(F.salt) : NO_SALT
    if (salt.length > LIMITS.dht.saltBytes) return 207
    if (reader.has(F.cas) && !reader.u64(F.cas, this.#numbers, 2)) return 203
    signedTarget(core, salt, core.target)
    const slot = items.find(core.target, 0)
    const code = this.#mayStore() || (slot < 0 ? 0 : this.#compare(slot))
    if (code > 0) return code
    if (!core.limiter.signature(core.now)) return 202
    if (!signatureHolds(core, salt)) {
      core.counts[C.badSignature]!++
      return 206
    }
    this.#meta.saltLength = salt.length
    items.stage.set(reader.content(F.k), 0)
    items.stage.set(reader.content(F.sig), 32)
    items.stage.set(salt, SIGNED_BYTES)
    return 0
  }

  /** Against the stored item: cas first, then seq; 0 where the new one may replace it. */
  #compare(slot: number): number {
    const { items, reader } = this.#core
    const n = this.#numbers
    const high = n[0]!
    const low = n[1]!
    const oldHigh = items.seqHigh[slot]!
    const oldLow = items.seqLow[slot]!
    if (reader.has(F.cas) && (n[2] !== oldHigh || n[3] !== oldLow)) return 301
    if (high !== oldHigh || low !== oldLow)
      return high < oldHigh || (high === oldHigh && low < oldLow) ? 302 : 0
    // The same seq again: only with the same value.
    const length = items.valueLength[slot]!
    const end = items.contentLength(slot)
    if (length !== this.#meta.valueLength) return 302
    return items.same(slot, end - length, end, reader.bytes, reader.raw[F.v]!) ? 0 : 302
  }
}
