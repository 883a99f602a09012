// The ladder of paths to each wanted peer: known addresses at once, the better ones first; a circuit of
// a relay a moment later; while a relay is in use, punches for a direct path, for ever, with growing
// pauses. Which path carries is the session's choice (net/udp/session); here is what is tried when.

import { type Bytes, equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Place } from '../../net/udp/address.ts'
import type { Datagrams } from '../../net/udp/datagrams.ts'
import { direct, type Puncher } from '../../net/udp/punch/puncher.ts'
import type { RelayClient } from '../../net/udp/relay/client.ts'
import type { Path } from '../../net/udp/session/path.ts'
import type { Session } from '../../net/udp/session/session.ts'
import type { Observed } from './observed.ts'

/** Relays are asked this long after known addresses were. */
const RELAY_STEP_MS = 300
/** TCP is tried this long after UDP. */
const STREAM_STEP_MS = 1_000
/** Pauses between attempts to reach a peer at all, and between punches. */
const FIRST_RETRY_MS = 1_000
const FIRST_PUNCH_MS = 4_000
const LAST_PUNCH_MS = 300_000
/** Time for the question how others see us, before a punch tells it to the peer. */
const ASK_FIRST_MS = 100
const SOON = -1
/** What a punch takes at most. */
const ROUND_MS = 6_000

export interface LadderOptions {
  plane: Datagrams
  relays: RelayClient
  puncher: Puncher
  observed: Observed
  /** Datagrams over a TCP stream to a relay, where UDP does not get there. */
  carry: (session: Session, place: Place) => void
  report: (event: string, session: Session, detail: Record<string, unknown>) => void
}

interface Wanted {
  readonly key: Bytes
  places: Place[]
  session: Session | null
  attempt: number
  at: number
  relayAt: number
  punches: number
  punchAt: number
  /** It had a direct path, which was lost: what we know of our own address may be old. */
  wasDirect: boolean
  waiting: ((up: boolean) => void)[]
}

interface Relay {
  readonly key: Bytes
  readonly place: Place
  readonly invite: Bytes
  session: Session | null
  at: number
  /** When TCP is tried as well; Infinity once it was. */
  streamAt: number
}

export class Ladder {
  readonly #options: LadderOptions
  readonly #wanted: Wanted[]
  readonly #relays: Relay[]
  /** TCP's simultaneous open, where there is a stream plane. */
  cross: (session: Session) => void

  constructor(options: LadderOptions) {
    this.#options = options
    this.#wanted = []
    this.#relays = []
    this.cross = () => {}
    const { plane } = options
    plane.onSession = (session) => this.#onUp(session)
    plane.onPathChange = (session, path) => this.#onPath(session, path)
    plane.onFail = (session) => this.#onDown(session, false)
    plane.onGone = (session) => this.#onDown(session, true)
  }

  /** Keeps a session with this peer; `places` are added to what is known. */
  want(key: Bytes, places: readonly Place[], now: number): Session | null {
    let wanted = this.#find(key)
    if (!wanted) {
      if (this.#wanted.length >= LIMITS.udp.sessions) return null
      wanted = {
        key: key.slice(),
        places: [],
        session: null,
        attempt: 0,
        at: now,
        relayAt: Number.POSITIVE_INFINITY,
        punches: 0,
        punchAt: Number.POSITIVE_INFINITY,
        wasDirect: false,
        waiting: [],
      }
      this.#wanted.push(wanted)
    }
    for (const place of places)
      if (!wanted.places.some((known) => known.host === place.host && known.port === place.port))
        wanted.places = [place, ...wanted.places].slice(0, LIMITS.udp.paths - 2)
    if (!wanted.session || wanted.session.closed) this.#climb(wanted, now)
    this.#options.plane.stirred = true
    return wanted.session
  }

  /** Whether this peer, or a relay, is wanted. */
  wants(key: Bytes): boolean {
    return this.#find(key) !== undefined || this.#relays.some((relay) => equal(relay.key, key))
  }

  /** Wants it no more; a session that is up stays until it is idle. */
  forget(key: Bytes): void {
    const i = this.#wanted.findIndex((each) => equal(each.key, key))
    if (i < 0) return
    const [wanted] = this.#wanted.splice(i, 1)
    if (wanted!.session) wanted!.session.keep = false
    this.#answer(wanted!, false)
  }

  useRelay(key: Bytes, place: Place, invite: Bytes, now: number): void {
    if (this.#relays.some((each) => equal(each.key, key)) || this.#relays.length >= 8) return
    this.#relays.push({
      key: key.slice(),
      place,
      invite,
      session: null,
      at: now,
      streamAt: Number.POSITIVE_INFINITY,
    })
    this.#options.observed.addServer(place)
    this.#options.plane.stirred = true
  }

  /** Each relay by TCP as well, so that it sees where we are by that. */
  carryRelays(): void {
    for (const { session, place } of this.#relays) if (session?.up) this.#options.carry(session, place)
  }

  /** There is something new that a punch could use: whoever is reached by a relay is tried now. */
  hurry(now: number): void {
    for (const wanted of this.#wanted)
      if (wanted.session?.up && !direct(wanted.session) && wanted.punchAt !== Number.POSITIVE_INFINITY)
        wanted.punchAt = Math.min(wanted.punchAt, now)
    this.#options.plane.stirred = true
  }

  /** Hole punches for a direct path so far, and ms until the next one; null while none is wanted. */
  punching(key: Bytes, now: number): { tries: number; nextMs: number } | null {
    const wanted = this.#find(key)
    if (!wanted?.session || direct(wanted.session)) return null
    return { tries: wanted.punches, nextMs: Math.max(0, wanted.punchAt - now) }
  }

  /** Calls `done` once the session is up, or with false when this attempt has failed. */
  whenUp(session: Session, done: (up: boolean) => void): void {
    const wanted = this.#find(session.key)
    if (session.up || !wanted) done(session.up)
    else wanted.waiting.push(done)
  }

  tick(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const relay of this.#relays) {
      if (now >= relay.at && (!relay.session || relay.session.closed)) {
        relay.session = this.#options.plane.connect(relay.key, [relay.place], now)
        if (relay.session) this.#options.relays.reserve(relay.session, relay.invite, now)
        relay.at = now + LIMITS.udp.handshakeMs
        relay.streamAt = now + STREAM_STEP_MS
      }
      const up = relay.session?.up === true
      if (!up && relay.session && !relay.session.closed) this.#insist(relay, relay.session, now)
      if (!up) next = Math.min(next, relay.at, relay.streamAt)
    }
    for (const wanted of this.#wanted) next = Math.min(next, this.#tend(wanted, now))
    return Math.max(next, now + 1)
  }

  /** A relay that UDP does not reach: by TCP as well, and again after each attempt that failed. */
  #insist(relay: Relay, session: Session, now: number): void {
    if (now >= relay.streamAt) {
      relay.streamAt = Number.POSITIVE_INFINITY
      this.#options.carry(session, relay.place)
    }
    if (now < relay.at || session.attempt || session.current) return
    relay.at = now + LIMITS.udp.handshakeMs
    relay.streamAt = now + STREAM_STEP_MS
    this.#options.plane.connect(relay.key, [relay.place], now)
  }

  #find(key: Bytes): Wanted | undefined {
    return this.#wanted.find((each) => equal(each.key, key))
  }

  #tend(wanted: Wanted, now: number): number {
    const { session } = wanted
    if (!session || session.closed) {
      if (now >= wanted.at) this.#climb(wanted, now)
      return Math.max(wanted.at, now + 100)
    }
    if (now >= wanted.relayAt) this.#circuits(wanted, session, now)
    // With keys but without a path the session looks after itself.
    if (!session.current && !session.attempt && now >= wanted.at) this.#climb(wanted, now)
    // What we know of our own address is asked for first.
    if (wanted.punchAt === SOON) wanted.punchAt = now + ASK_FIRST_MS
    if (session.up && !direct(session) && now >= wanted.punchAt) this.#punch(wanted, session, now)
    return Math.min(wanted.relayAt, session.up ? wanted.punchAt : Math.max(wanted.at, now + 250))
  }

  /** One attempt: every address, and after a moment the relays. */
  #climb(wanted: Wanted, now: number): void {
    const { plane } = this.#options
    wanted.at = now + Math.min(LIMITS.node.backoffMs, FIRST_RETRY_MS * 2 ** Math.min(wanted.attempt++, 10))
    const session = plane.session(wanted.key, now)
    wanted.session = session
    if (!session) return
    session.keep = true
    plane.connect(wanted.key, wanted.places, now)
    wanted.relayAt = now + (wanted.places.length > 0 ? RELAY_STEP_MS : 0)
  }

  #circuits(wanted: Wanted, session: Session, now: number): void {
    const { plane, relays } = this.#options
    wanted.relayAt = Number.POSITIVE_INFINITY
    if (direct(session)) return
    let early = false
    for (const relay of this.#relays) {
      if (equal(relay.key, wanted.key)) continue
      if (!relay.session?.up) {
        early = true
        continue
      }
      relays.connect(relay.session, wanted.key, now, (carrier) => {
        if (!carrier || session.closed) return
        plane.addPath(session, { host: '', port: 0, via: 0, carrier }, now)
        if (!session.current && !session.attempt) plane.begin(session, now)
      })
    }
    // A relay that is not up yet will be soon.
    if (early) wanted.relayAt = now + RELAY_STEP_MS
  }

  #punch(wanted: Wanted, session: Session, now: number): void {
    wanted.punchAt = Number.POSITIVE_INFINITY
    // By TCP too, where nobody answers by UDP, or where that has failed before.
    if (this.#options.observed.seen.length === 0 || wanted.punches > 0) this.cross(session)
    this.#options.puncher.punch(session, wanted.punches, now, (ok) => {
      const wait = Math.min(LAST_PUNCH_MS, FIRST_PUNCH_MS * 2 ** Math.min(wanted.punches++, 8))
      if (!ok) wanted.punchAt = now + ROUND_MS + wait
      this.#options.report(ok ? 'punched' : 'not-punched', session, { tries: wanted.punches })
      this.#options.plane.stirred = true
    })
  }

  #onUp(session: Session): void {
    const wanted = this.#find(session.key)
    if (wanted) {
      wanted.session = session
      session.keep = true
      wanted.attempt = 0
      this.#answer(wanted, true)
    }
    this.#options.relays.hurry(session)
    this.#options.report('session', session, {})
  }

  #onPath(session: Session, path: Path | null): void {
    const wanted = this.#find(session.key)
    this.#options.report('path', session, {})
    // A direct path was lost, or there never was one: perhaps it is we who have moved.
    if (!path || path.carrier) this.#options.observed.renew()
    if (wanted && path?.carrier) {
      wanted.punches = 0
      wanted.punchAt = wanted.wasDirect ? SOON : 0
      wanted.wasDirect = false
    } else if (wanted && !path) wanted.relayAt = 0
    else if (wanted) wanted.wasDirect = true
    this.#options.plane.stirred = true
  }

  #onDown(session: Session, gone: boolean): void {
    const wanted = this.#find(session.key)
    if (!wanted) return
    if (gone) wanted.session = null
    this.#answer(wanted, false)
    this.#options.report(gone ? 'gone' : 'unreached', session, {})
  }

  #answer(wanted: Wanted, up: boolean): void {
    for (const done of wanted.waiting.splice(0)) done(up)
  }
}
