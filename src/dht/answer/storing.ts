// announce_peer and put: what others ask us to keep. Checks go from cheap to dear: shape, sizes,
// token, the stored item, the budget, the signature (BEP-44 "Mutable Items"). Hash and signature are
// taken over the bytes as they came, never over a re-encoding.

import { LIMITS } from '../../base/limits.ts'
import type { Core } from '../core.ts'
import * as C from '../counts.ts'
import * as F from '../krpc/fields.ts'
import { loadId } from '../math/id.ts'
import { type ItemMeta, MUTABLE, SIGNED_BYTES } from '../store/items.ts'
import { TOKEN_BYTES, type TokenSlot } from '../store/tokens.ts'
import { Signed } from './signed.ts'

/** Ticks that an item lasts without being put again: two hours (BEP-44 "Expiration"). */
export const ITEM_TICKS = 72_000

export class Storing {
  readonly #core: Core
  readonly #token: TokenSlot
  readonly #meta: ItemMeta
  readonly #numbers: Uint32Array
  readonly #signed: Signed
  readonly #other: { bytes: Uint8Array; at: number }

  constructor(core: Core) {
    this.#core = core
    this.#token = { bytes: core.writer.bytes, at: 0, now: 0 }
    this.#numbers = new Uint32Array(4)
    this.#signed = new Signed(core)
    this.#other = { bytes: core.writer.bytes, at: 0 }
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

  /** Overlay: only a proven sender may leave anything here. */
  #proven(): boolean {
    const core = this.#core
    return core.prover === null || core.identities.until(core.sender, 0, core.from) > core.tick
  }

  #tokenFits(): boolean {
    const core = this.#core
    if (core.reader.length(F.token) !== TOKEN_BYTES) return false
    this.#token.bytes = core.reader.bytes
    this.#token.at = core.reader.from[F.token]!
    this.#token.now = core.now
    const fits = core.tokens.check(core.from, core.target, 0, this.#token)
    this.#token.bytes = core.writer.bytes
    return fits
  }

  #wrongToken(): number {
    this.#core.counts[C.wrongToken]!++
    return 203
  }

  #unproven(): number {
    this.#core.counts[C.unproven]!++
    return 401
  }

  /** Keeps an announced peer; 0 or the code of the refusal. */
  announce(source: number): number {
    const core = this.#core
    const reader = core.reader
    if (reader.length(F.info_hash) !== 20) return 203
    const implied = reader.int(F.implied_port) > 0
    const port = implied ? core.from.port : reader.int(F.port)
    if (port < 1 || port > 65_535) return 203
    loadId(core.target, 0, reader.bytes, reader.from[F.info_hash]!)
    if (!this.#tokenFits()) return this.#wrongToken()
    if (!this.#proven()) return this.#unproven()
    core.a.copy(core.from).port = port
    if (!core.peers.announce(core.target, 0, core.a, { source, tick: core.tick })) return 202
    core.counts[C.announced]!++
    return 0
  }

  /** Keeps an item; 0 or the code of the refusal. Lets go of the datagram afterwards. */
  put(source: number): number {
    const code = this.#put(source)
    this.#other.bytes = this.#core.writer.bytes
    this.#signed.release()
    return code
  }

  #put(source: number): number {
    const core = this.#core
    const reader = core.reader
    if (!reader.has(F.v)) return 203
    const from = reader.raw[F.v]!
    const length = this.#valueEnd() - from
    if (length > LIMITS.dht.valueBytes) return 205
    if (!reader.canonical(F.v)) return 203
    this.#meta.source = source
    this.#meta.valueLength = length
    this.#meta.expires = core.tick + ITEM_TICKS
    if (reader.has(F.k)) return this.#mutable(from, length)
    this.#meta.mutable = false
    this.#meta.seqHigh = 0
    this.#meta.seqLow = 0
    this.#meta.saltLength = 0
    core.hash(reader.bytes, from, from + length, core.target)
    if (!this.#tokenFits()) return this.#wrongToken()
    if (!this.#proven()) return this.#unproven()
    this.#stage(0, from, length)
    return this.#keep()
  }

  #valueEnd(): number {
    return this.#core.reader.rawEnd(F.v)
  }

  #mutable(from: number, length: number): number {
    const core = this.#core
    const reader = core.reader
    const meta = this.#meta
    const seq = this.#numbers
    if (reader.length(F.k) !== 32 || reader.length(F.sig) !== 64) return 203
    if (!reader.u64(F.seq, seq, 0)) return 203
    const salt = reader.has(F.salt) ? reader.length(F.salt) : 0
    if (salt < 0) return 203
    if (salt > LIMITS.dht.saltBytes) return 207
    if (reader.has(F.cas) && !reader.u64(F.cas, seq, 2)) return 203
    this.#signed.target(core.target)
    if (!this.#tokenFits()) return this.#wrongToken()
    if (!this.#proven()) return this.#unproven()
    const slot = core.items.find(core.target, 0)
    const old = slot >= 0 ? this.#compare(slot, from, length) : 0
    if (old > 0) return old
    if (!core.limiter.signature(core.now)) return 202
    if (!this.#signed.verify()) {
      core.counts[C.badSignature]!++
      return 206
    }
    meta.mutable = true
    meta.seqHigh = seq[0]!
    meta.seqLow = seq[1]!
    meta.saltLength = salt
    this.#signed.stage()
    this.#stage(SIGNED_BYTES + salt, from, length)
    return this.#keep()
  }

  /** Against the stored item: cas first, then seq; 0 where the new one may replace it. */
  #compare(slot: number, from: number, length: number): number {
    const core = this.#core
    const items = core.items
    const seq = this.#numbers
    const high = items.seqHigh[slot]!
    const low = items.seqLow[slot]!
    if (core.reader.has(F.cas) && (seq[2] !== high || seq[3] !== low)) return 301
    if (seq[0]! < high || (seq[0] === high && seq[1]! < low)) return 302
    if (seq[0] === high && seq[1] === low) {
      const start = items.contentLength(slot) - items.valueLength[slot]!
      this.#other.bytes = core.reader.bytes
      this.#other.at = from
      const same = items.valueLength[slot] === length && items.same(slot, start, start + length, this.#other)
      if (!same) return 302
    }
    return 0
  }

  #stage(at: number, from: number, length: number): void {
    const { stage } = this.#core.items
    const bytes = this.#core.reader.bytes
    for (let i = 0; i < length; i++) stage[at + i] = bytes[from + i]!
  }

  #keep(): number {
    const core = this.#core
    const slot = core.items.find(core.target, 0)
    // Two kinds under one target cannot be: a hash would have collided.
    if (slot >= 0 && ((core.items.flags[slot]! & MUTABLE) !== 0) !== this.#meta.mutable) return 203
    if (core.items.put(core.target, 0, this.#meta) < 0) return 202
    core.counts[C.stored]!++
    return 0
  }
}
