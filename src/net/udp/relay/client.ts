// Using a relay: reserve there, so that others can call us; ask it for a circuit to a peer that has
// reserved. A circuit is one more path of a session: what goes through it is sealed for the peer, and
// the relay is just the way. Sans-I/O.

import { type Bytes, base64url, concat, equal } from '../../../base/bytes.ts'
import { Reader, Writer } from '../../../base/cursor.ts'
import { LIMITS } from '../../../base/limits.ts'
import { type Place, takePlace } from '../address.ts'
import type { Datagrams, Part } from '../datagrams.ts'
import { FRAME } from '../frames.ts'
import { type Carrier, RANK } from '../session/path.ts'
import type { Session } from '../session/session.ts'
import { MODE, RELAY_STATUS } from './rules.ts'

const NONE: Bytes = new Uint8Array(0)
const KEY = 32
/** A request is repeated after this, so many times. */
const AGAIN_MS = 500
const TRIES = 5
/** A reservation is renewed when so much of it is left. */
const RENEW = 0.5

export type Reserved = { mode: number; bytesPerSecond: number; observed: Place | null }
type CircuitDone = (carrier: Carrier | null, status: number) => void

interface Asked {
  readonly relay: Session
  readonly request: number
  readonly key: Bytes
  readonly done: CircuitDone
  tries: number
  at: number
}

interface Standing {
  readonly relay: Session
  readonly invite: Bytes
  state: Reserved | null
  tries: number
  at: number
}

class CircuitCarrier implements Carrier {
  readonly rank: number = RANK.relayed
  readonly relayed: boolean = true
  readonly #mode: () => number
  readonly seen: Place | null = null
  readonly relay: Session
  readonly id: Bytes
  readonly peer: Bytes

  /** @param mode of our reservation at the relay now */
  constructor(relay: Session, id: number, peer: Bytes, mode: () => number) {
    this.#mode = mode
    this.relay = relay
    this.id = new Writer(new Uint8Array(4)).u32(id).bytes
    this.peer = peer
  }

  get limited(): boolean {
    return this.#mode() === MODE.open
  }

  get source(): Bytes {
    return concat(this.relay.key, this.id)
  }

  get text(): string {
    return `relay ${base64url(this.relay.key).slice(0, 8)} ${this.relay.best?.text ?? ''}`.trim()
  }

  carry(datagram: Bytes, now: number): void {
    // Never a relay over a relay: the datagram inside would not fit.
    if (this.relay.best && !this.relay.best.carrier?.relayed)
      this.relay.send(FRAME.forward, this.id, datagram, now)
  }
}

export class RelayClient implements Part {
  /** Set by the application: reserved (or refused: null) at a relay; somebody calls through one. */
  onReserved: (relay: Session, state: Reserved | null) => void
  readonly #plane: Datagrams
  readonly #circuits: CircuitCarrier[]
  readonly #asked: Asked[]
  readonly #standing: Standing[]
  #requests: number

  constructor(plane: Datagrams) {
    this.onReserved = () => {}
    this.#plane = plane
    this.#circuits = []
    this.#asked = []
    this.#standing = []
    this.#requests = 0
    plane.attach(this)
    plane.handle(FRAME.reserved, (session, body, now) => this.#onReserved(session, body, now))
    plane.handle(FRAME.connected, (session, body) => this.#onConnected(session, body))
    plane.handle(FRAME.incoming, (session, body, now) => this.#onIncoming(session, body, now))
  }

  /** Frames that relays send and receive; where this process is a relay, `RelayServer` has them. */
  takeForwards(): void {
    this.#plane.handle(FRAME.forward, (session, body, now) => void this.onForward(session, body, now))
    this.#plane.handle(FRAME.hangUp, (session, body, now) => void this.onHangUp(session, body, now))
  }

  /** Can be called there from now on; renewed until the session is closed. */
  reserve(relay: Session, invite: Bytes, now: number): void {
    if (this.#standing.some((each) => each.relay === relay)) return
    relay.keep = true
    this.#standing.push({ relay, invite, state: null, tries: 0, at: now })
    this.#plane.stirred = true
  }

  /** The session with a relay is up: what was asked for is due. */
  hurry(relay: Session): void {
    for (const standing of this.#standing) if (standing.relay === relay && !standing.state) standing.at = 0
    this.#plane.stirred = true
  }

  reserved(relay: Session): Reserved | null {
    return this.#standing.find((each) => each.relay === relay)?.state ?? null
  }

  /** A path to `key` through `relay`; null with a status where there is none. */
  connect(relay: Session, key: Bytes, now: number, done: CircuitDone): void {
    if (this.#asked.length >= LIMITS.udp.attempts) {
      done(null, RELAY_STATUS.full)
      return
    }
    const request = ++this.#requests
    this.#asked.push({ relay, request, key: key.slice(), done, tries: 0, at: now })
    this.#plane.stirred = true
  }

  /** True when the circuit is one of ours. */
  onForward(session: Session, body: Bytes, now: number): boolean {
    const carrier = this.#find(session, body)
    if (carrier) this.#plane.onCarried(body.subarray(4), carrier, now)
    return carrier !== null
  }

  onHangUp(session: Session, body: Bytes, now: number): boolean {
    const carrier = this.#find(session, body)
    if (carrier) this.#drop(carrier, now)
    return carrier !== null
  }

  tick(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (let i = this.#asked.length - 1; i >= 0; i--) {
      const asked = this.#asked[i]!
      if (now >= asked.at) {
        if (asked.tries++ >= TRIES || asked.relay.closed) {
          this.#asked.splice(i, 1)
          asked.done(null, RELAY_STATUS.absent)
          continue
        }
        asked.at = now + AGAIN_MS
        const body = new Writer(new Uint8Array(4 + KEY)).u32(asked.request).put(asked.key)
        asked.relay.send(FRAME.connect, body.bytes, NONE, now)
      }
      next = Math.min(next, asked.at)
    }
    for (const standing of this.#standing) {
      if (now >= standing.at) this.#renew(standing, now)
      next = Math.min(next, standing.at)
    }
    return next
  }

  onClosed(session: Session, now: number): void {
    for (let i = this.#standing.length - 1; i >= 0; i--)
      if (this.#standing[i]!.relay === session) this.#standing.splice(i, 1)
    for (const carrier of [...this.#circuits])
      if (carrier.relay === session || equal(carrier.peer, session.key)) this.#drop(carrier, now)
  }

  #renew(standing: Standing, now: number): void {
    const { relay, invite } = standing
    standing.at = now + (standing.tries < TRIES ? AGAIN_MS : 30_000)
    if (!relay.up) return
    standing.tries++
    relay.send(FRAME.reserve, new Writer(new Uint8Array(2 + invite.length)).block(invite).bytes, NONE, now)
  }

  #onReserved(session: Session, body: Bytes, now: number): void {
    const standing = this.#standing.find((each) => each.relay === session)
    const r = new Reader(body)
    const status = r.u8()
    const mode = r.u8()
    const lasts = r.u32() * 1_000
    const bytesPerSecond = r.u32()
    const observed = takePlace(r)
    if (!standing || standing.tries === 0) return
    standing.tries = 0
    if (status !== RELAY_STATUS.ok) {
      standing.at = now + 60_000
      standing.state = null
    } else {
      standing.at = now + Math.max(10_000, lasts * RENEW)
      standing.state = { mode, bytesPerSecond, observed }
    }
    this.onReserved(session, standing.state)
  }

  #onConnected(session: Session, body: Bytes): void {
    const r = new Reader(body)
    const request = r.u32()
    const status = r.u8()
    const id = r.u32()
    const i = this.#asked.findIndex((each) => each.relay === session && each.request === request)
    if (!r.done || i < 0) return
    const [asked] = this.#asked.splice(i, 1)
    asked!.done(status === RELAY_STATUS.ok ? this.#circuit(session, id, asked!.key) : null, status)
  }

  /** Somebody will send through the relay: what comes is judged as if it came from an address. */
  #onIncoming(session: Session, body: Bytes, now: number): void {
    const r = new Reader(body)
    const id = r.u32()
    const key = r.take(KEY)
    if (!r.done || !this.#standing.some((each) => each.relay === session)) return
    const carrier = this.#circuit(session, id, key)
    const known = this.#plane.find(key)
    if (known && carrier) this.#plane.addPath(known, { host: '', port: 0, via: 0, carrier }, now)
  }

  #circuit(relay: Session, id: number, peer: Bytes): CircuitCarrier | null {
    const four = new Writer(new Uint8Array(4)).u32(id).bytes
    const known = this.#find(relay, four)
    if (known) return known
    if (this.#circuits.length >= LIMITS.udp.circuits) return null
    const carrier = new CircuitCarrier(relay, id, peer.slice(), () => this.reserved(relay)?.mode ?? MODE.none)
    this.#circuits.push(carrier)
    return carrier
  }

  #find(relay: Session, body: Bytes): CircuitCarrier | null {
    if (body.length < 4) return null
    for (const carrier of this.#circuits)
      if (
        carrier.relay === relay &&
        carrier.id[0] === body[0] &&
        carrier.id[1] === body[1] &&
        carrier.id[2] === body[2] &&
        carrier.id[3] === body[3]
      )
        return carrier
    return null
  }

  #drop(carrier: CircuitCarrier, now: number): void {
    const i = this.#circuits.indexOf(carrier)
    if (i >= 0) this.#circuits.splice(i, 1)
    for (const session of this.#plane.sessions) {
      const path = session.paths.find((each) => each.carrier === carrier)
      if (path) session.dropPath(path, now)
    }
  }
}
