// Who answers `/wattle/peers/1.0.0` (docs/wire/peers.md): a plain machine, one message in, messages out.
// Anybody hears what we think of him and sees the vouches our owner released; an owner also sees and
// changes everything. Statements cost a signature, so there are a few of them a minute.

import { type Bytes, equal, unbase64url } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Signer } from '../../crypto/native.ts'
import {
  decodeAct,
  decodeStatement,
  encodeBare,
  encodePeer,
  encodePeersRefused,
  encodeStatement,
  encodeVouches,
  PEERS,
} from '../../wire/net/peers.ts'
import type { Reputation } from './reputation.ts'
import { readVouch, signOpinion } from './statement.ts'
import type { Vouches } from './vouches.ts'

export interface DeskOptions {
  signer: Signer
  reputation: Reputation
  /** Vouches for us. */
  vouches: Vouches
  isOwner: (key: Bytes) => boolean
  /** Something that is to be kept has changed. */
  onChange: () => void
}

export class Desk {
  readonly #options: DeskOptions
  #statements: number
  #refilled: number

  constructor(options: DeskOptions, now: number) {
    this.#options = options
    this.#statements = LIMITS.reputation.statementsAtOnce
    this.#refilled = now
  }

  /**
   * @param from the key that the connection proved
   * @param wall milliseconds since 1970
   * @returns answers in order; null: malformed, end the stream
   */
  onMessage(message: Bytes, from: Bytes, wall: number): Bytes[] | null {
    switch (message[0]) {
      case PEERS.askOpinion:
        return message.length === 1 ? [this.#opinion(from, wall)] : null
      case PEERS.vouch:
        return this.#onVouch(message, from, wall)
      case PEERS.askVouches:
        return message.length === 1 ? [encodeVouches(this.#options.vouches.released(wall))] : null
      case PEERS.askPeers:
        return message.length === 1 ? this.#peers(from, wall) : null
      case PEERS.show:
      case PEERS.forgive:
        return this.#act(message, from)
      default:
        return null
    }
  }

  /** A vouch that others show about themselves or that somebody handed us: ours to keep, or one that counts. */
  #onVouch(message: Bytes, from: Bytes, wall: number): Bytes[] | null {
    const { vouches, reputation, signer, onChange } = this.#options
    const jws = decodeStatement(message)
    if (jws === null) return null
    if (!this.#mayWork(wall)) return [encodePeersRefused('busy')]
    const vouch = readVouch(jws)
    if (!vouch) return [encodePeersRefused('malformed')]
    if (equal(vouch.about, signer.publicKey)) {
      // Whoever hands it over is the voucher or an owner: strangers do not fill the places.
      if (!equal(vouch.by, from) && !this.#options.isOwner(from)) return [encodePeersRefused('not-yours')]
      if (!this.#options.isOwner(from) && reputation.score(from, wall) < 0)
        return [encodePeersRefused('not-wanted')]
      const kept = vouches.keep(jws, wall)
      if (kept === 'kept') onChange()
      return [kept === 'kept' ? encodeBare(PEERS.done) : encodePeersRefused(kept)]
    }
    if (vouch.until <= wall) return [encodePeersRefused('over')]
    const counted = equal(vouch.about, from) && reputation.vouched(vouch.by, vouch.about)
    return [counted ? encodeBare(PEERS.done) : encodePeersRefused('not-counted')]
  }

  #opinion(from: Bytes, wall: number): Bytes {
    const { signer, reputation } = this.#options
    if (!this.#mayWork(wall)) return encodePeersRefused('busy')
    const opinion = reputation.explain(from, wall)
    return encodeStatement(PEERS.opinion, signOpinion(signer, from, { at: Math.floor(wall), opinion }))
  }

  #peers(from: Bytes, wall: number): Bytes[] {
    const { reputation, isOwner } = this.#options
    if (!isOwner(from)) return [encodePeersRefused('owners-only')]
    const out: Bytes[] = []
    for (const name of reputation.known()) {
      const key = unbase64url(name)
      if (key?.length === 32) out.push(encodePeer({ key, ...reputation.explain(key, wall) }))
    }
    out.push(encodeBare(PEERS.peersEnd))
    return out
  }

  #act(message: Bytes, from: Bytes): Bytes[] | null {
    const { reputation, vouches, isOwner, onChange } = this.#options
    const act = decodeAct(message)
    if (!act) return null
    if (!isOwner(from)) return [encodePeersRefused('owners-only')]
    if (message[0] === PEERS.forgive) reputation.forgive(act.key)
    else if (!vouches.release(act.key, act.on)) return [encodePeersRefused('unknown')]
    onChange()
    return [encodeBare(PEERS.done)]
  }

  /** One signature made or verified for somebody else; they come back one every few seconds. */
  #mayWork(now: number): boolean {
    const { statementsAtOnce, statementMs } = LIMITS.reputation
    const earned = Math.floor((now - this.#refilled) / statementMs)
    if (earned > 0 || now < this.#refilled) {
      this.#statements = Math.min(statementsAtOnce, this.#statements + Math.max(0, earned))
      this.#refilled = earned > 0 ? this.#refilled + earned * statementMs : now
    }
    if (this.#statements === 0) return false
    this.#statements--
    return true
  }
}
