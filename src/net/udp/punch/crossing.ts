// TCP simultaneous open between two peers that have a session over a relay, for networks without UDP:
// each reaches the relay by TCP from one fixed port, so the relay sees the address that a router gives to
// that port; both then connect from it to the other's at the same moment, and the two first segments
// meet (RFC 9293 section 3.5). Which of them speaks first on the connection is settled before. Here is
// who says what when; sockets are its owner's. docs/wire/datagrams.md, "By TCP, directly".

import type { Bytes } from '../../../base/bytes.ts'
import { Reader, Writer } from '../../../base/cursor.ts'
import { LIMITS } from '../../../base/limits.ts'
import { type Place, putPlace, scopeOf, takePlace } from '../address.ts'
import type { Datagrams, Part } from '../datagrams.ts'
import { FRAME } from '../frames.ts'
import type { Session } from '../session/session.ts'
import { direct } from './puncher.ts'

const NONE: Bytes = new Uint8Array(0)
const AGAIN_MS = 500
const ROUND_MS = 8_000

export interface CrossingOptions {
  /** Our address by TCP as a relay sees it; null while none has said so. */
  place: () => Place | null
  /** Sees to it that a relay can. */
  prepare: () => void
  /** Connects to `place` from the port that the relay saw, until the round is over. @param first we speak first. */
  cross: (session: Session, place: Place, first: boolean) => void
}

interface Round {
  readonly session: Session
  readonly number: number
  readonly ours: boolean
  readonly began: number
  them: Place | null
  saidAt: number
  startAt: number
}

export class Crossing implements Part {
  readonly #plane: Datagrams
  readonly #options: CrossingOptions
  readonly #rounds: Map<Session, Round>

  constructor(plane: Datagrams, options: CrossingOptions) {
    this.#plane = plane
    this.#options = options
    this.#rounds = new Map()
    plane.attach(this)
    plane.handle(FRAME.cross, (session, body, now) => this.#onCross(session, body, now))
    plane.handle(FRAME.crossAnswer, (session, body, now) => this.#onAnswer(session, body, now))
    plane.handle(FRAME.crossGo, (session, body, now) => this.#onGo(session, body, now))
  }

  /** One attempt with a peer that is reached by a relay; what comes of it is one more path, or nothing. */
  begin(session: Session, now: number): void {
    if (direct(session) || !session.up || this.#rounds.has(session)) return
    const four = new Uint8Array(4)
    this.#plane.random(four)
    this.#round(session, new Reader(four).u32(), true, now)
  }

  tick(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const round of this.#rounds.values()) next = Math.min(next, this.#advance(round, now))
    return next
  }

  onClosed(session: Session): void {
    this.#rounds.delete(session)
  }

  #round(session: Session, number: number, ours: boolean, now: number): Round | null {
    if (this.#rounds.size >= LIMITS.udp.crossings) return null
    const [saidAt, startAt] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
    const round: Round = { session, number, ours, began: now, them: null, saidAt, startAt }
    this.#rounds.set(session, round)
    if (!this.#options.place()) this.#options.prepare()
    this.#plane.stirred = true
    return round
  }

  #advance(round: Round, now: number): number {
    const { session } = round
    if (direct(session) || session.closed || now - round.began >= ROUND_MS) {
      this.#rounds.delete(session)
      return Number.POSITIVE_INFINITY
    }
    if (round.startAt <= now) {
      round.startAt = Number.POSITIVE_INFINITY
      this.#options.cross(session, round.them!, round.ours)
    }
    // The answering side says its address once it has heard the other's; the asking side until it has an answer.
    const silent = round.ours === (round.them !== null)
    if (!silent && now - round.saidAt >= AGAIN_MS) this.#say(round, now)
    return Math.min(round.startAt, now + AGAIN_MS / 5)
  }

  #say(round: Round, now: number): void {
    const place = this.#options.place()
    if (!place) return
    round.saidAt = now
    const w = new Writer(new Uint8Array(23)).u32(round.number)
    putPlace(w, place.host, place.port)
    round.session.send(round.ours ? FRAME.cross : FRAME.crossAnswer, w.done(), NONE, now)
  }

  #onCross(session: Session, body: Bytes, now: number): void {
    const said = decode(body)
    // Strangers do not make us connect to anybody.
    if (!said || direct(session) || this.#plane.stranger(session)) return
    const known = this.#rounds.get(session)
    // Both began: the larger number goes on. Else one round at a time.
    if (known && (!known.ours || known.them || known.number > said.number)) return
    if (known) this.#rounds.delete(session)
    const round = this.#round(session, said.number, false, now)
    if (round) round.them = said.place
  }

  #onAnswer(session: Session, body: Bytes, now: number): void {
    const said = decode(body)
    const round = this.#rounds.get(session)
    if (!said || !round?.ours || round.number !== said.number || round.them) return
    round.them = said.place
    session.send(FRAME.crossGo, new Writer(new Uint8Array(4)).u32(round.number).bytes, NONE, now)
    // Go takes half a round trip; then both begin at the same moment.
    round.startAt = now + Math.min(2_000, now - round.saidAt) / 2
    this.#plane.stirred = true
  }

  #onGo(session: Session, body: Bytes, now: number): void {
    const round = this.#rounds.get(session)
    const r = new Reader(body)
    if (!round || round.ours || r.u32() !== round.number || !r.done || !round.them) return
    round.saidAt = Number.POSITIVE_INFINITY
    round.startAt = now
    this.#plane.stirred = true
  }
}

/** Only an address that somebody outside may have seen; never this machine or its own network. */
function decode(body: Bytes): { number: number; place: Place } | null {
  const r = new Reader(body)
  const number = r.u32()
  const place = takePlace(r)
  return place && r.done && scopeOf(place.host) === 3 ? { number, place } : null
}
