// Hole punching between two peers that already have a session over a relay. Offer, answer and go travel
// inside it; each side first sends a datagram that dies before it reaches the other's NAT (a router that
// accepts input would otherwise take the very port that is needed: notes, section 3), then challenges of
// the session go to every plausible address. The first one answered makes a direct path, and the session
// moves over by itself. Sans-I/O.

import type { Bytes } from '../../../base/bytes.ts'
import { Reader, Writer } from '../../../base/cursor.ts'
import { LIMITS } from '../../../base/limits.ts'
import { type Place, scopeOf } from '../address.ts'
import type { Datagrams, Part } from '../datagrams.ts'
import { FRAME } from '../frames.ts'
import { type Path, RANK } from '../session/path.ts'
import type { Session } from '../session/session.ts'
import { Guess, type GuessTools } from './guess.ts'
import { OPENER_HOPS } from './hops.ts'
import { decodeOffer, encodeOffer, guessing, plausible, type Reachable } from './offer.ts'

const NONE: Bytes = new Uint8Array(0)
/** When challenges go out, ms after the start. */
const SCHEDULE: readonly number[] = [0, 40, 100, 200, 350, 600, 1_000, 1_600, 2_400]
/** An offer is repeated after this; a round that came to nothing ends. */
const AGAIN_MS = 500
const ROUND_MS = 6_000
/** Where it is not known how a NAT maps, ports are tried this long after the plain punch. */
const UNSURE_MS = 1_000
/** Time for the other side's sockets. */
const SOCKETS_MS = 200

export interface PuncherOptions extends GuessTools {
  /** Addresses under which we may be reached, as far as they are known now. */
  reachable: () => Reachable
  /** False switches the short-lived first datagram off (for the laboratory). */
  opener?: boolean
}

export type PunchDone = (direct: boolean) => void

interface Round {
  readonly session: Session
  readonly number: number
  /** We have made the offer. */
  readonly ours: boolean
  readonly began: number
  readonly done: PunchDone | null
  us: Reachable
  them: Reachable | null
  targets: Path[]
  /** When challenges begin; Infinity while go is awaited. */
  startAt: number
  step: number
  saidAt: number
  /** What is to be tried with ports at random, and when; Infinity while go is awaited. */
  guessing: { target: Place; weOpen: boolean; at: number } | null
  guess: Guess | null
}

export class Puncher implements Part {
  readonly #plane: Datagrams
  readonly #options: PuncherOptions
  readonly #rounds: Map<Session, Round>

  constructor(plane: Datagrams, options: PuncherOptions) {
    this.#plane = plane
    this.#options = options
    this.#rounds = new Map()
    plane.attach(this)
    plane.handle(FRAME.offer, (session, body, now) => this.#onOffer(session, body, now))
    plane.handle(FRAME.offerAnswer, (session, body, now) => this.#onAnswer(session, body, now))
    plane.handle(FRAME.go, (session, body, now) => this.#onGo(session, body, now))
  }

  /**
   * Tries for a direct path; `done` says whether there is one, within seconds.
   * @param turn counts the attempts with this peer: where nobody knows which NAT is the difficult one, they
   * take turns in opening sockets, we first.
   */
  punch(session: Session, turn: number, now: number, done: PunchDone): void {
    if (direct(session)) {
      done(true)
      return
    }
    if (!session.up || this.#rounds.has(session) || this.#rounds.size >= LIMITS.udp.punches) {
      done(false)
      return
    }
    const four = new Uint8Array(4)
    this.#plane.random(four)
    const number = new Reader(four).u32()
    const round = this.#round(session, (number - (number & 1) + ((turn + 1) & 1)) >>> 0, done, now)
    this.#plane.counters.add('punches')
    this.#say(round, FRAME.offer, now)
  }

  tick(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const round of this.#rounds.values()) next = Math.min(next, this.#advance(round, now))
    return next
  }

  onClosed(session: Session): void {
    const round = this.#rounds.get(session)
    if (round) this.#finish(round)
  }

  #round(session: Session, number: number, done: PunchDone | null, now: number): Round {
    const round: Round = {
      session,
      number,
      ours: done !== null,
      began: now,
      done,
      us: this.#options.reachable(),
      them: null,
      targets: [],
      startAt: Number.POSITIVE_INFINITY,
      step: 0,
      saidAt: now,
      guessing: null,
      guess: null,
    }
    this.#rounds.set(session, round)
    this.#plane.stirred = true
    return round
  }

  #advance(round: Round, now: number): number {
    if (direct(round.session) || now - round.began >= ROUND_MS || round.session.closed) {
      this.#finish(round)
      return Number.POSITIVE_INFINITY
    }
    let next = round.began + ROUND_MS
    if (round.ours && !round.them) {
      if (now - round.saidAt >= AGAIN_MS) this.#say(round, FRAME.offer, now)
      return Math.min(next, round.saidAt + AGAIN_MS)
    }
    while (round.step < SCHEDULE.length && now >= round.startAt + SCHEDULE[round.step]!) {
      round.step++
      for (const path of round.targets) this.#challenge(round.session, path, now)
    }
    if (round.step < SCHEDULE.length) next = Math.min(next, round.startAt + SCHEDULE[round.step]!)
    this.#guess(round, now)
    if (round.guess) next = Math.min(next, round.guess.tick(now))
    else if (round.guessing) next = Math.min(next, Math.max(round.guessing.at, now + 50))
    return next
  }

  #onOffer(session: Session, body: Bytes, now: number): void {
    const said = decodeOffer(body)
    if (!said) return
    const known = this.#rounds.get(session)
    if (known && known.number === said.round) {
      this.#say(known, FRAME.offerAnswer, now)
      return
    }
    // Both offered at once: the one with the smaller number gives way.
    if (known?.ours && known.number > said.round && !known.them) return
    if (!known && this.#rounds.size >= LIMITS.udp.punches) return
    if (known) this.#finish(known)
    const round = this.#round(session, said.round, null, now)
    round.them = said.them
    this.#say(round, FRAME.offerAnswer, now)
    this.#open(round, now)
  }

  #onAnswer(session: Session, body: Bytes, now: number): void {
    const said = decodeOffer(body)
    const round = this.#rounds.get(session)
    if (!said || !round?.ours || round.number !== said.round || round.them) return
    round.them = said.them
    this.#open(round, now)
    const go = new Writer(new Uint8Array(4)).u32(round.number).bytes
    session.send(FRAME.go, go, NONE, now)
    // Go takes half a round trip; then both begin at the same moment.
    const trip = Math.min(2_000, now - round.saidAt)
    this.#start(round, now + trip / 2, now)
  }

  #onGo(session: Session, body: Bytes, now: number): void {
    const round = this.#rounds.get(session)
    const r = new Reader(body)
    if (!round || round.ours || r.u32() !== round.number || !r.done) return
    this.#start(round, now, now)
  }

  /** Addresses to try; the first datagram to each dies on the way. */
  #open(round: Round, now: number): void {
    const places = plausible(round.us, round.them!)
    for (const { host, port } of places.slice(0, LIMITS.udp.paths - 2)) {
      const path = round.session.addPath({ host, port, via: 0, carrier: null })
      if (!path || path.good) continue
      round.targets.push(path)
      if (this.#options.opener !== false && path.rank !== RANK.local)
        round.session.ask(path, now, OPENER_HOPS)
    }
    const target = places.find(({ host }) => !host.includes(':') && scopeOf(host) === 3)
    const who = guessing(round.us.mapping, round.them!.mapping, round.number, round.ours)
    // Thousands of datagrams to an address that a stranger names would be an attack on who is there.
    if (!target || !who || this.#plane.stranger(round.session)) return
    round.guessing = { target, weOpen: who.weOpen, at: who.certain ? now : Number.POSITIVE_INFINITY }
    this.#guess(round, now)
  }

  /** Begins with ports at random: at once where a NAT is known to need it, else when the plain punch has had its time. */
  #guess(round: Round, now: number): void {
    const plan = round.guessing
    if (!plan || round.guess || now < plan.at || this.#guesses() >= LIMITS.udp.randomPunches) return
    round.guess = new Guess(this.#options, this.#plane.random, round.session, plan.target, plan.weOpen)
    round.guess.open(now)
    round.guess.start(Math.max(round.startAt, plan.at))
    this.#plane.stirred = true
  }

  #start(round: Round, at: number, now: number): void {
    if (round.startAt !== Number.POSITIVE_INFINITY) return
    round.startAt = at
    round.guess?.start(at)
    if (round.guessing?.at === Number.POSITIVE_INFINITY) {
      const wait = round.guessing.weOpen ? UNSURE_MS : UNSURE_MS + SOCKETS_MS
      round.guessing.at = at + wait
    }
    this.#plane.stirred = true
    this.#advance(round, now)
  }

  #challenge(session: Session, path: Path, now: number): void {
    if (!path.good && session.paths.includes(path)) session.ask(path, now)
  }

  #guesses(): number {
    let n = 0
    for (const round of this.#rounds.values()) if (round.guess) n++
    return n
  }

  #say(round: Round, type: number, now: number): void {
    round.saidAt = now
    round.us = this.#options.reachable()
    round.session.send(type, encodeOffer(round.number, round.us), NONE, now)
  }

  #finish(round: Round): void {
    this.#rounds.delete(round.session)
    round.guess?.close(round.session.best?.via ?? 0)
    round.done?.(direct(round.session))
  }
}

/** Whether the path in use needs nobody's help. */
export function direct(session: Session): boolean {
  return session.best !== null && session.best.carrier?.relayed !== true
}
