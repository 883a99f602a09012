// The datagram plane of one identity: takes every datagram of its sockets apart (STUN, ours; what is
// neither goes to the DHT), keeps the sessions under their cap and hands frames to those who asked for
// them. Sans-I/O: datagrams and the time in, datagrams out through its owner; one tick. Nothing that
// comes from outside throws. docs/wire/datagrams.md is normative.

import { type Bytes, equal } from '../../base/bytes.ts'
import { Counters } from '../../base/counters.ts'
import { getU32 } from '../../base/cursor.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Signer } from '../../crypto/native.ts'
import type { Random } from '../../hw/hardware.ts'
import type { Place } from './address.ts'
import { Answers } from './session/answers.ts'
import { Attempt } from './session/attempt.ts'
import { DATAGRAM_COUNTERS, type DatagramCounter } from './session/counters.ts'
import { Epoch } from './session/epoch.ts'
import { DatagramIdentity, provenKey } from './session/identity.ts'
import {
  COOKIE_BYTES,
  DATA_LEAST,
  FINAL_BYTES,
  FINAL_HEAD,
  PATTERN,
  RESPONSE_BYTES,
  RESPONSE_HEAD,
  TYPE,
} from './session/layout.ts'
import type { Carrier, Origin, Path } from './session/path.ts'
import { Session } from './session/session.ts'
import type { StunDone } from './stun/client.ts'
import { StunDesk } from './stun/desk.ts'
import { looksLikeStun } from './stun/message.ts'

const NONE: Bytes = new Uint8Array(0)
/** Datagrams inside datagrams: a relay's circuit, and nothing inside that. */
const DEEPEST = 2

export interface DatagramsOptions {
  signer: Signer
  random: Random
  now: number
  /** @param ttl 0: as usual. `via` names a further socket, 0 the main one. */
  send: (datagram: Bytes, host: string, port: number, via: number, ttl: number) => void
  /** Who may have a session; everybody unless told. */
  allow?: (key: Bytes) => boolean
  /** Who has a share that strangers cannot take; those that are kept have it as well. */
  knows?: (key: Bytes) => boolean
  /** Datagrams that are neither STUN nor ours. */
  onOther?: (datagram: Bytes, host: string, port: number, now: number) => void
}

export type FrameHandler = (session: Session, body: Bytes, now: number, path: Path | null) => void
/** Parts of the plane with state of their own: messages, pipes, relay, punch. */
export interface Part {
  /** When it wants to be called next. */
  tick(now: number): number
  onClosed(session: Session, now: number): void
}

export class Datagrams {
  readonly identity: DatagramIdentity
  readonly random: Random
  readonly counters: Counters<DatagramCounter>
  readonly sessions: Session[]
  /** Set by the application. */
  onSession: (session: Session) => void
  onPathChange: (session: Session, path: Path | null) => void
  onFail: (session: Session) => void
  onGone: (session: Session) => void
  readonly #options: DatagramsOptions
  readonly #answers: Answers
  readonly #attempts: Map<number, Attempt>
  readonly #epochs: Map<number, { epoch: Epoch; session: Session }>
  readonly #handlers: (FrameHandler | undefined)[]
  readonly #parts: Part[]
  readonly #stun: StunDesk
  readonly #origin: { host: string; port: number; via: number; carrier: Carrier | null }
  readonly #inboxes: readonly Bytes[]
  readonly #outbox: Bytes
  readonly #outboxInner: Bytes
  #depth: number
  /** Something happened that may want a tick sooner than was said. */
  stirred: boolean

  constructor(options: DatagramsOptions) {
    this.identity = new DatagramIdentity(options.signer, options.random)
    this.random = options.random
    this.counters = new Counters(DATAGRAM_COUNTERS)
    this.sessions = []
    this.onSession = () => {}
    this.onPathChange = () => {}
    this.onFail = () => {}
    this.onGone = () => {}
    this.#options = options
    this.#attempts = new Map()
    this.#epochs = new Map()
    this.#handlers = new Array<FrameHandler | undefined>(256).fill(undefined)
    this.#parts = []
    this.#stun = new StunDesk({
      random: options.random,
      counters: this.counters,
      send: (bytes, host, port, via) => options.send(bytes, host, port, via, 0),
      now: options.now,
    })
    this.#origin = { host: '', port: 0, via: 0, carrier: null }
    this.#inboxes = [new Uint8Array(LIMITS.udp.relayedBytes), new Uint8Array(LIMITS.udp.relayedBytes)]
    this.#outbox = new Uint8Array(LIMITS.udp.relayedBytes)
    this.#outboxInner = new Uint8Array(LIMITS.udp.relayedBytes)
    this.#depth = 0
    this.stirred = false
    this.#answers = new Answers(this, options.now)
  }

  /** Frames of this type go to `handler`. */
  handle(type: number, handler: FrameHandler): void {
    if (this.#handlers[type]) throw new RangeError(`frame type ${type} has a handler`)
    this.#handlers[type] = handler
  }

  attach(part: Part): void {
    this.#parts.push(part)
  }

  /** The session with the holder of `key`, made where there is none; null when there is no room. */
  session(key: Bytes, now: number): Session | null {
    const known = this.find(key)
    if (known) return known
    if (!this.#room(key, now)) return null
    const session = new Session(this, key.slice(), now)
    session.stranger = this.#strange(key)
    this.sessions.push(session)
    return session
  }

  /** Neither looked for nor known: it has a share of what there is, and no more. */
  stranger(session: Session): boolean {
    return !session.keep && session.stranger
  }

  find(key: Bytes): Session | null {
    for (const session of this.sessions) if (equal(session.key, key)) return session
    return null
  }

  /** Tries to reach `key` at `places`; what comes of it is told to `onSession` or `onFail`. */
  connect(key: Bytes, places: readonly Place[], now: number): Session | null {
    const session = this.session(key, now)
    if (!session) return null
    for (const { host, port } of places) this.addPath(session, { host, port, via: 0, carrier: null }, now)
    if (!session.current && !session.attempt) this.begin(session, now)
    return session
  }

  /** A further way to a peer; asked at once where there are keys. */
  addPath(session: Session, origin: Origin, now: number): Path | null {
    const path = session.addPath(origin)
    this.stirred = true
    if (path && session.current && !path.good && path.asks === 0) session.ask(path, now)
    return path
  }

  /** Which address does `server` see? */
  ask(server: Place, now: number, done: StunDone): boolean {
    this.stirred = true
    return this.#stun.ask(server, now, done)
  }

  /** Another port on which STUN is answered for us (RFC 5780): who asks learns from one server how its NAT maps. */
  answerElsewhere(port: number): void {
    this.#stun.other = port
  }

  close(session: Session, now: number): void {
    session.close(now)
    this.#drop(session, now)
  }

  // ── Datagrams ───────────────────────────────────────────────────────────────────────────────

  /** One datagram of a socket; `bytes` is not kept. */
  onDatagram(bytes: Bytes, host: string, port: number, now: number, via = 0): void {
    const origin = this.#origin
    origin.host = host
    origin.port = port
    origin.via = via
    origin.carrier = null
    this.counters.add('datagrams')
    if (looksLikeStun(bytes)) this.#stun.onDatagram(bytes, origin, now, via)
    else if (bytes.length > 0 && bytes[0]! >= TYPE.init && bytes[0]! <= TYPE.final)
      this.#take(bytes, origin, now)
    else if (bytes.length > 1 && bytes[0] === 0x64) this.#options.onOther?.(bytes, host, port, now)
    else this.counters.add('garbage')
  }

  /** One datagram that came by a carrier. */
  onCarried(bytes: Bytes, carrier: Carrier, now: number): void {
    if (bytes.length > 0 && bytes[0]! >= TYPE.init && bytes[0]! <= TYPE.final)
      this.#take(bytes, { host: '', port: 0, via: 0, carrier }, now)
    else this.counters.add('garbage')
  }

  /** Calls what is due; when it wants to be called next. */
  tick(now: number): number {
    this.stirred = false
    this.#answers.tick(now)
    let next = Math.min(now + 1_000, this.#stun.tick(now))
    for (let i = this.sessions.length - 1; i >= 0; i--) {
      const session = this.sessions[i]!
      if (session.closed || session.idle(now)) this.#drop(session, now)
      else next = Math.min(next, session.tick(now))
    }
    for (const part of this.#parts) next = Math.min(next, part.tick(now))
    return Math.max(next, now + 1)
  }

  #take(bytes: Bytes, origin: Origin, now: number): void {
    const type = bytes[0]
    if (type === TYPE.data) this.#onData(bytes, origin, now)
    else if (type === TYPE.init) this.#answers.onInit(bytes, origin, now)
    else if (type === TYPE.response) this.#onResponse(bytes, origin, now)
    else if (type === TYPE.final) this.#answers.onFinal(bytes, origin, now)
    else this.#onCookie(bytes, origin, now)
  }

  #onData(bytes: Bytes, origin: Origin, now: number): void {
    if (bytes.length < DATA_LEAST || bytes.length > LIMITS.udp.relayedBytes || this.#depth >= DEEPEST) {
      this.counters.add('garbage')
      return
    }
    const index = getU32(bytes, 4)
    const inbox = this.#inboxes[this.#depth]!
    let held = this.#epochs.get(index)
    let n = -1
    if (held) n = held.epoch.dead(now) ? -1 : held.epoch.open(bytes, inbox)
    else if (this.#answers.has(index)) {
      n = this.#answers.onData(index, bytes, inbox, origin, now)
      held = this.#epochs.get(index)
    } else {
      this.counters.add('unknownIndex')
      return
    }
    if (n < 0 || !held) {
      this.counters.add('badTags')
      return
    }
    this.#depth++
    held.session.onPlain(held.epoch, inbox.subarray(0, n), origin, now)
    this.#depth--
    if (held.session.closed) this.#drop(held.session, now)
  }

  #onResponse(bytes: Bytes, origin: Origin, now: number): void {
    const attempt = bytes.length > RESPONSE_HEAD ? this.#attempts.get(getU32(bytes, 8)) : undefined
    if (!attempt || bytes.length !== RESPONSE_BYTES[attempt.pattern]) {
      this.counters.add('unknownIndex')
      return
    }
    const { session, handshake } = attempt
    const payload = handshake.read(bytes.subarray(RESPONSE_HEAD))
    const xx = attempt.pattern === PATTERN.xx
    const proven = payload !== null && (!xx || this.#proves(payload, handshake.remoteStatic, session))
    const last = proven && xx ? handshake.write(this.identity.payload) : NONE
    if (!proven || !last) {
      this.counters.add('handshakeErrors')
      attempt.spoiled()
      return
    }
    const ours = attempt.index
    const theirs = getU32(bytes, 4)
    attempt.end()
    const epoch = new Epoch({ ours, theirs, initiator: true, now, ciphers: handshake.split() })
    epoch.confirmed = !xx
    session.remoteStatic = handshake.remoteStatic
    if (xx) {
      const final = new Uint8Array(FINAL_BYTES)
      final[0] = TYPE.final
      final.set(bytes.subarray(4, 8), 4)
      final.set(last, FINAL_HEAD)
      session.final = final
    } else session.final = null
    this.#adopt(session, epoch, origin, now)
  }

  #proves(payload: Bytes, remoteStatic: Bytes, session: Session): boolean {
    const key = provenKey(payload, remoteStatic)
    return key !== null && equal(key, session.key)
  }

  #onCookie(bytes: Bytes, origin: Origin, now: number): void {
    const attempt = bytes.length === COOKIE_BYTES ? this.#attempts.get(getU32(bytes, 4)) : undefined
    if (!attempt?.onCookie(bytes, origin, now)) this.counters.add('unknownIndex')
    else attempt.tick(now)
  }

  // ── For sessions and handshakes ─────────────────────────────────────────────────────────────

  outbox(relayed: boolean): Bytes {
    return relayed ? this.#outboxInner : this.#outbox
  }

  sendTo(datagram: Bytes, origin: Origin, now: number, ttl: number): void {
    if (origin.carrier) origin.carrier.carry(datagram, now)
    else this.#options.send(datagram, origin.host, origin.port, origin.via, ttl)
  }

  begin(session: Session, now: number): void {
    if (session.attempt || session.paths.length === 0 || this.#attempts.size >= LIMITS.udp.attempts) return
    session.attempt = new Attempt(this, session, now)
    session.attempt.tick(now)
    this.stirred = true
  }

  dispatch(session: Session, type: number, body: Bytes, path: Path | null, now: number): void {
    this.#handlers[type]?.(session, body, now, path)
  }

  onPath(session: Session, path: Path | null): void {
    if (path) this.counters.add('pathChanges')
    this.stirred = true
    this.onPathChange(session, path)
  }

  forget(epoch: Epoch): void {
    this.#epochs.delete(epoch.ours)
    epoch.destroy()
  }

  freeIndex(): number {
    const four = new Uint8Array(4)
    for (;;) {
      this.random(four)
      const index = getU32(four, 0)
      if (!this.#epochs.has(index) && !this.#attempts.has(index) && !this.#answers.has(index)) return index
    }
  }

  claim(attempt: Attempt): number {
    const index = this.freeIndex()
    this.#attempts.set(index, attempt)
    return index
  }

  release(index: number): void {
    this.#attempts.delete(index)
  }

  onFailed(session: Session, _now: number): void {
    this.counters.add('handshakesFailed')
    if (!session.up) this.onFail(session)
  }

  allow(key: Bytes): boolean {
    return !equal(key, this.identity.publicKey) && (this.#options.allow?.(key) ?? true)
  }

  onProven(key: Bytes, remoteStatic: Bytes, epoch: Epoch, origin: Origin, now: number): void {
    const session = this.session(key, now)
    if (!session) {
      this.counters.add('refused')
      epoch.destroy()
      return
    }
    session.remoteStatic = remoteStatic
    session.attempt?.end()
    session.final = null
    this.#adopt(session, epoch, origin, now)
  }

  #adopt(session: Session, epoch: Epoch, origin: Origin, now: number): void {
    const first = !session.up
    this.counters.add('handshakes')
    session.stranger = this.#strange(session.key)
    this.#epochs.set(epoch.ours, { epoch, session })
    session.adopt(epoch, origin, now)
    this.stirred = true
    if (first) this.onSession(session)
  }

  /** Where nobody is known, everybody is served alike. */
  #strange(key: Bytes): boolean {
    return this.#options.knows?.(key) === false
  }

  /** Room for one more: strangers have so many places, whoever is known all of them. */
  #room(key: Bytes, now: number): boolean {
    let strangers = 0
    for (const session of this.sessions) if (this.stranger(session)) strangers++
    if (this.#strange(key) && strangers >= LIMITS.udp.strangers) return this.#makeRoom(now, true)
    return this.sessions.length < LIMITS.udp.sessions || this.#makeRoom(now, strangers > 0)
  }

  /** The session that nobody keeps and that was silent longest; one that carries pipes only where there is no other. */
  #makeRoom(now: number, strangers: boolean): boolean {
    let victim: Session | null = null
    for (const session of this.sessions) {
      if (session.keep || session.attempt || (strangers && !this.stranger(session))) continue
      const worse = !victim || (victim.busy && !session.busy)
      if (worse || (victim!.busy === session.busy && session.heard < victim!.heard)) victim = session
    }
    if (!victim) return false
    this.counters.add('sessionsEvicted')
    this.close(victim, now)
    return true
  }

  #drop(session: Session, now: number): void {
    const i = this.sessions.indexOf(session)
    if (i < 0) return
    session.closed = true
    this.sessions.splice(i, 1)
    session.attempt?.end()
    if (session.current) this.forget(session.current)
    if (session.previous) this.forget(session.previous)
    session.current = null
    session.previous = null
    for (const part of this.#parts) part.onClosed(session, now)
    this.onGone(session)
  }
}
