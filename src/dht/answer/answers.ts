// Answers to queries of others (BEP-5, 32, 42, 43, 44): one datagram in, at most one out, no
// allocation but for signatures. Every answer is bounded in relation to its question, so the node is
// no amplifier; every refusal is counted.

import type { Core } from '../core.ts'
import * as C from '../counts.ts'
import { compactBytes } from '../krpc/address.ts'
import * as F from '../krpc/fields.ts'
import { MAX_DATAGRAM, type Writer } from '../krpc/writer.ts'
import { loadId } from '../math/id.ts'
import { MUTABLE, SIGNED_BYTES } from '../store/items.ts'
import { TOKEN_BYTES } from '../store/tokens.ts'
import { K } from '../table/table.ts'
import { Storing } from './storing.ts'

/** Bytes of an answer per byte of its question. */
const CEILING_NODES = 3.3
const CEILING_PEERS = 10
/** Longest answer over IPv6 but for items, which may fill the least MTU. */
const MOST6 = 1_024
const MOST6_ITEM = 1_232
/** Room for the end of an answer: transaction id (≤ 16), tag, proof. */
const TAIL = 44
const PROOF = 110
const MAX_TID = 16

export class Answers {
  readonly #core: Core
  readonly #storing: Storing
  /** Called after an answer that carried our proof. */
  onProof: () => void
  #proved: boolean

  constructor(core: Core) {
    this.#core = core
    this.#storing = new Storing(core)
    this.onProof = () => {}
    this.#proved = false
  }

  /** Answers the query in the reader, from `core.from`. False where nothing was answered. */
  onQuery(host: string): boolean {
    const core = this.#core
    const reader = core.reader
    const tid = reader.length(F.t)
    if (tid < 1 || tid > MAX_TID) return this.#drop(C.malformed)
    const whole = reader.length(F.id) === 20 && reader.length(F.q) > 0
    if (whole) loadId(core.sender, 0, reader.bytes, reader.from[F.id]!)
    const source = core.limiter.source(core.from)
    if (!core.limiter.admit(source, core.now)) return this.#drop(C.limited)
    // A read-only node keeps silent, but proves its key to a node that it wrote to (docs/wire/dht.md).
    if (core.readOnly && !(this.#challenged() && reader.is(F.q, 'ping'))) return false
    core.counts[C.queries]!++
    const code = whole ? this.#answer(source) : 203
    if (code !== 0) {
      core.counts[C.refused]!++
      this.#refuse(code)
    }
    // Cannot be; but no question may be able to make the node throw.
    if (core.writer.left < 0) return this.#drop(C.limited)
    if (!core.limiter.answer(core.writer.at, core.now, this)) return this.#drop(C.limited)
    core.send(host, core.from.port)
    if (this.#proved) {
      this.#proved = false
      this.onProof()
    }
    return true
  }

  /** True when the sender of the query is in our routing table. */
  known(): boolean {
    const core = this.#core
    const table = core.table(core.from.family)
    const slot = table.find(core.sender, 0)
    return core.reader.length(F.id) === 20 && slot >= 0 && table.at(slot, core.from)
  }

  #drop(count: number): false {
    this.#core.counts[count]!++
    return false
  }

  #challenged(): boolean {
    return this.#core.prover !== null && this.#core.reader.length(F.wc) === 8
  }

  /** Writes the answer; or returns the code of a refusal. */
  #answer(source: number): number {
    const reader = this.#core.reader
    if (reader.is(F.q, 'find_node')) return this.#findNode()
    if (reader.is(F.q, 'ping')) return this.#plain()
    if (reader.is(F.q, 'get_peers')) return this.#getPeers()
    if (reader.is(F.q, 'get')) return this.#get()
    if (reader.is(F.q, 'put')) return this.#storing.put(source) || this.#plain()
    if (reader.is(F.q, 'announce_peer')) return this.#storing.announce(source) || this.#plain()
    return 204
  }

  #begin(withAddress: boolean): Writer {
    const core = this.#core
    const w = core.writer.begin()
    w.byte(0x64)
    if (withAddress) {
      w.text(core.from.family === 4 ? '2:ip6:' : '2:ip18:')
      w.at = core.from.store(w.bytes, w.at)
    }
    return w.text('1:rd2:id20:').words(core.self, 0, 5)
  }

  #plain(): 0 {
    this.#begin(true)
    return this.#end()
  }

  /** Ends the dictionary `r` and the message. */
  #end(): 0 {
    const core = this.#core
    const w = core.writer
    if (this.#challenged()) this.#prove()
    w.byte(0x65)
    this.#close('1:y1:re')
    return 0
  }

  #close(kind: string): void {
    const core = this.#core
    const w = core.writer
    w.text('1:t').string(core.reader.bytes, core.reader.from[F.t]!, core.reader.to[F.t]!)
    if (core.prover) w.text('1:w8:').put(core.prover.tag)
    w.text(kind)
  }

  #refuse(code: number): void {
    const w = this.#core.writer.begin().text('d1:eli').digits(code)
    const text = TEXTS[code]!
    w.text('e').digits(text.length).text(':').text(text).text('e')
    this.#close('1:y1:ee')
  }

  #prove(): void {
    const core = this.#core
    if (!core.prover || core.writer.left < PROOF + TAIL || !core.limiter.signature(core.now)) return
    const { prover, reader, self, sender, from } = core
    const proof = prover.sign({ prover: self, asker: sender, challenge: reader.content(F.wc), address: from })
    core.writer.text('2:wk32:').put(prover.publicKey).text('2:ws64:').put(proof)
    this.#proved = true
  }

  /** Bytes that nodes and peers may still take. */
  #room(factor: number): number {
    const core = this.#core
    const most = core.from.family === 4 ? MAX_DATAGRAM : MOST6
    const limit = Math.min(most, Math.floor(factor * core.reader.end))
    return limit - core.writer.at - TAIL - (this.#challenged() ? PROOF : 0)
  }

  /** Nodes nearest to the target, of the families asked for (BEP-32), as many as `room` holds. */
  #nodes(room: number): void {
    const want = this.#wanted()
    if ((want & 4) !== 0) room = this.#nodesOf(4, room)
    if ((want & 2) !== 0) this.#nodesOf(6, room)
  }

  /** 4: n4, 2: n6, 6: both. */
  #wanted(): number {
    const reader = this.#core.reader
    let want = 0
    if (reader.has(F.want)) {
      let at = reader.from[F.want]!
      for (let i = 0; i < 4; i++) {
        at = reader.element(at, F.want)
        if (at < 0) break
        const b = reader.bytes
        const s = reader.stringFrom
        if (at - s !== 2 || b[s] !== 0x6e) continue
        if (b[s + 1] === 0x34) want |= 4
        if (b[s + 1] === 0x36) want |= 2
      }
    }
    if (want !== 0) return want
    return this.#core.from.family === 4 ? 4 : 2
  }

  #nodesOf(family: 4 | 6, room: number): number {
    const core = this.#core
    const table = core.table(family)
    const size = 20 + compactBytes(family)
    const fit = Math.min(K, Math.floor((room - 12) / size))
    const n = fit > 0 ? table.closest(core.target, fit, core.tick) : 0
    const w = core.writer.text(family === 4 ? '5:nodes' : '6:nodes6').digits(n * size)
    w.byte(0x3a)
    for (let i = 0; i < n; i++) {
      const slot = table.near[i]!
      w.words(table.ids, 5 * slot, 5)
      w.at = table.address(slot, core.a).store(w.bytes, w.at)
    }
    return room - n * size - 12
  }

  #writeToken(): void {
    const core = this.#core
    const w = core.writer.text('5:token8:')
    core.tokens.make(core.from, core.target, core.now, w.bytes, w.at)
    w.at += TOKEN_BYTES
  }

  #findNode(): number {
    const core = this.#core
    if (core.reader.length(F.target) !== 20) return 203
    loadId(core.target, 0, core.reader.bytes, core.reader.from[F.target]!)
    this.#begin(true)
    this.#nodes(this.#room(CEILING_NODES))
    return this.#end()
  }

  #getPeers(): number {
    const core = this.#core
    if (core.reader.length(F.info_hash) !== 20) return 203
    loadId(core.target, 0, core.reader.bytes, core.reader.from[F.info_hash]!)
    const w = this.#begin(true)
    this.#nodes(this.#room(CEILING_PEERS))
    this.#writeToken()
    const topic = core.peers.find(core.target, 0)
    if (topic >= 0) {
      const family = core.from.family
      const each = compactBytes(family) + (family === 4 ? 2 : 3)
      const total = core.peers.size(topic, family)
      const fit = Math.min(total, Math.floor((this.#room(CEILING_PEERS) - 12) / each))
      if (fit > 0) {
        w.text('6:valuesl')
        // Where not all fit, a random run of them, so that all have their turn.
        let skip = fit < total ? core.dice.below(total) : 0
        let p = -1
        for (let i = 0; i < fit; ) {
          p = core.peers.next(topic, p, family)
          if (p < 0) continue
          if (skip-- > 0) continue
          w.text(family === 4 ? '6:' : '18:')
          w.at = core.peers.address(p, core.a).store(w.bytes, w.at)
          i++
        }
        w.byte(0x65)
      }
    }
    return this.#end()
  }

  #get(): number {
    const core = this.#core
    const reader = core.reader
    if (reader.length(F.target) !== 20) return 203
    loadId(core.target, 0, reader.bytes, reader.from[F.target]!)
    const items = core.items
    const slot = items.find(core.target, 0)
    const mutable = slot >= 0 && (items.flags[slot]! & MUTABLE) !== 0
    // `seq` in the question: the value only if ours is newer (BEP-44).
    let value = slot >= 0
    if (mutable && reader.u64(F.seq, SEQ, 0)) {
      const high = items.seqHigh[slot]!
      value = high > SEQ[0]! || (high === SEQ[0] && items.seqLow[slot]! > SEQ[1]!)
    }
    const length = slot >= 0 && value ? items.valueLength[slot]! : 0
    const large = length > 512
    const w = this.#begin(!large)
    if (mutable && value) {
      w.text('1:k32:')
      this.#content(slot, 0, 32)
    }
    // A large item leaves no room for nodes over IPv6; its reader has them from other answers.
    const after = length + SIGNED_BYTES + 60
    const most = core.from.family === 4 ? MAX_DATAGRAM : MOST6_ITEM
    const proof = this.#challenged() ? PROOF : 0
    this.#nodes(
      large ? Math.min(most - w.at - proof - TAIL - after, 3 * 26 + 24) : this.#room(CEILING_PEERS) - after,
    )
    if (mutable) {
      w.text('3:seq').u64(items.seqHigh[slot]!, items.seqLow[slot]!)
      if (value) {
        w.text('3:sig64:')
        this.#content(slot, 32, SIGNED_BYTES)
      }
    }
    this.#writeToken()
    if (value) {
      w.text('1:v')
      const from = items.contentLength(slot) - length
      this.#content(slot, from, from + length)
    }
    return this.#end()
  }

  #content(slot: number, from: number, to: number): void {
    const w = this.#core.writer
    this.#core.items.copy(slot, from, to, w.bytes, w.at)
    w.at += to - from
  }
}

const SEQ = new Uint32Array(2)

/** Texts of refusals (BEP-5 "Errors", BEP-44 "Errors"). */
const TEXTS: Readonly<Record<number, string>> = {
  202: 'Server Error',
  203: 'Protocol Error',
  204: 'Method Unknown',
  205: 'Value Too Big',
  206: 'Invalid Signature',
  207: 'Salt Too Big',
  301: 'CAS Mismatch',
  302: 'Sequence Number Too Low',
  401: 'Key Not Proven',
}
