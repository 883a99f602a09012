// The relay: carries datagrams between two peers that both have a session with it. It sees who, how
// much and when, never what. Reservations say who can be called, circuits who talks; both end by
// themselves, and every circuit has its ration. Only frames of authenticated sessions are obeyed.

import type { Bytes } from '../../../base/bytes.ts'
import { Reader, Writer } from '../../../base/cursor.ts'
import { LIMITS } from '../../../base/limits.ts'
import { putPlace } from '../address.ts'
import type { Datagrams, Part } from '../datagrams.ts'
import { FRAME } from '../frames.ts'
import type { Session } from '../session/session.ts'
import type { RelayClient } from './client.ts'
import { type Allowance, allowanceOf, MODE, RELAY_STATUS, type RelayRules, sourceNet } from './rules.ts'

const NONE: Bytes = new Uint8Array(0)
const KEY = 32
const INVITE_MOST = 256
/** A stranger's circuit makes room for another stranger's when it was unused for so long. */
const STRANGER_MS = 10_000

interface Reservation {
  readonly session: Session
  readonly source: string
  allowance: Allowance
  until: number
}

interface Circuit {
  readonly id: number
  readonly a: Session
  readonly b: Session
  readonly allowance: Allowance
  readonly until: number
  tokens: number
  counted: number
  used: number
}

export class RelayServer implements Part {
  readonly #client: RelayClient | null
  readonly #plane: Datagrams
  readonly #rules: RelayRules
  readonly #wall: () => number
  readonly #reservations: Map<Session, Reservation>
  readonly #circuits: Map<number, Circuit>
  /** Set by the application. */
  onEvent: (event: 'reserved' | 'circuit' | 'hungUp' | 'refused', key: Bytes) => void

  /** @param client this process's own use of other relays: frames for its circuits are handed on. */
  constructor(plane: Datagrams, rules: RelayRules, wall: () => number, client: RelayClient | null) {
    this.#client = client
    this.#plane = plane
    this.#rules = rules
    this.#wall = wall
    this.#reservations = new Map()
    this.#circuits = new Map()
    this.onEvent = () => {}
    plane.attach(this)
    plane.handle(FRAME.reserve, (session, body, now) => this.#onReserve(session, body, now))
    plane.handle(FRAME.connect, (session, body, now) => this.#onConnect(session, body, now))
    plane.handle(FRAME.forward, (session, body, now) => this.#onForward(session, body, now))
    plane.handle(FRAME.hangUp, (session, body, now) => this.#onHangUp(session, body, now))
  }

  get size(): { reservations: number; circuits: number } {
    return { reservations: this.#reservations.size, circuits: this.#circuits.size }
  }

  tick(now: number): number {
    for (const reservation of this.#reservations.values())
      if (now >= reservation.until) this.#reservations.delete(reservation.session)
    for (const circuit of this.#circuits.values())
      if (now >= circuit.until || now - circuit.used >= LIMITS.udp.circuitIdleMs) this.#hangUp(circuit, now)
    return Number.POSITIVE_INFINITY
  }

  onClosed(session: Session, now: number): void {
    this.#reservations.delete(session)
    for (const circuit of this.#circuits.values())
      if (circuit.a === session || circuit.b === session) this.#hangUp(circuit, now)
  }

  #onReserve(session: Session, body: Bytes, now: number): void {
    const r = new Reader(body)
    const invite = r.block(INVITE_MOST)
    if (!r.done) return
    const own = this.#plane.identity.publicKey
    const allowance = allowanceOf(this.#rules, own, session.key, invite, this.#wall())
    const source = sourceNet(session.best?.host ?? '')
    const status = this.#room(session, allowance, source)
    if (status === RELAY_STATUS.ok) {
      this.#reservations.set(session, { session, source, allowance, until: now + allowance.lastsMs })
      this.onEvent('reserved', session.key)
    } else this.#refuse(session)
    const w = new Writer(new Uint8Array(10 + 19))
    w.u8(status)
      .u8(allowance.mode)
      .u32(Math.floor(allowance.lastsMs / 1_000))
      .u32(allowance.bytesPerSecond)
    putPlace(w, session.best?.host ?? '', session.best?.port ?? 0)
    session.send(FRAME.reserved, w.done(), NONE, now)
  }

  #room(session: Session, allowance: Allowance, source: string): number {
    if (allowance.mode === MODE.none) return RELAY_STATUS.refused
    let all = 0
    let open = 0
    let same = 0
    for (const reservation of this.#reservations.values()) {
      if (reservation.session === session) continue
      all++
      if (reservation.allowance.mode !== MODE.open) continue
      open++
      if (reservation.source === source) same++
    }
    if (all >= LIMITS.udp.reservations) return RELAY_STATUS.full
    if (allowance.mode !== MODE.open) return RELAY_STATUS.ok
    const { openReservations, openReservationsOfOne } = LIMITS.udp
    return open >= openReservations || same >= openReservationsOfOne ? RELAY_STATUS.full : RELAY_STATUS.ok
  }

  #onConnect(session: Session, body: Bytes, now: number): void {
    const r = new Reader(body)
    const request = r.u32()
    const key = r.take(KEY)
    if (!r.done) return
    const target = this.#plane.find(key)
    const reservation = target ? this.#reservations.get(target) : undefined
    let status: number = RELAY_STATUS.ok
    if (!target?.up || !reservation || target === session) status = RELAY_STATUS.absent
    else if (!this.#circuitOf(session, target) && !this.#makeRoom(session, target, now))
      status = RELAY_STATUS.full
    let id = 0
    if (status === RELAY_STATUS.ok && target && reservation) {
      id = this.#circuit(session, target, reservation, now)
      const incoming = new Writer(new Uint8Array(4 + KEY)).u32(id).put(session.key)
      target.send(FRAME.incoming, incoming.bytes, NONE, now)
    } else this.#refuse(session)
    const answer = new Writer(new Uint8Array(9)).u32(request).u8(status).u32(id)
    session.send(FRAME.connected, answer.bytes, NONE, now)
  }

  #circuitOf(a: Session, b: Session): Circuit | null {
    for (const known of this.#circuits.values())
      if ((known.a === a && known.b === b) || (known.a === b && known.b === a)) return known
    return null
  }

  /** The circuit of the two, made where there is none. */
  #circuit(a: Session, b: Session, reservation: Reservation, now: number): number {
    const known = this.#circuitOf(a, b)
    if (known) return known.id
    const four = new Uint8Array(4)
    let id = 0
    while (id === 0 || this.#circuits.has(id)) {
      this.#plane.random(four)
      id = new Reader(four).u32()
    }
    const { allowance } = reservation
    const until = allowance.mode === MODE.open ? reservation.until : Number.POSITIVE_INFINITY
    this.#circuits.set(id, { id, a, b, allowance, until, tokens: allowance.burst, counted: now, used: now })
    this.onEvent('circuit', a.key)
    return id
  }

  /**
   * Below the caps, or by hanging up what a stranger has there: its circuit that was unused longest, and
   * for another stranger only after a while. So strangers do not keep the owner's people out.
   */
  #makeRoom(caller: Session, target: Session, now: number): boolean {
    const rest = this.#rules.mine(caller.key) ? 0 : STRANGER_MS
    const full = (of: Session | null): boolean => {
      let n = 0
      for (const c of this.#circuits.values()) if (!of || c.a === of || c.b === of) n++
      return n >= (of ? LIMITS.udp.circuitsOfOne : LIMITS.udp.circuits)
    }
    if (full(caller)) return false
    for (const of of [target, null]) {
      if (!full(of)) continue
      let victim: Circuit | null = null
      for (const c of this.#circuits.values()) {
        if ((of && c.a !== of && c.b !== of) || this.#rules.mine(c.a.key) || now - c.used < rest) continue
        if (!victim || c.used < victim.used) victim = c
      }
      if (!victim) return false
      this.#hangUp(victim, now)
    }
    return true
  }

  #onForward(session: Session, body: Bytes, now: number): void {
    const circuit = body.length > 4 ? this.#circuits.get(new Reader(body).u32()) : undefined
    if (!circuit || (circuit.a !== session && circuit.b !== session)) {
      if (this.#client?.onForward(session, body, now)) return
      this.#plane.counters.add('relayDropped')
      if (body.length > 4) session.send(FRAME.hangUp, body.subarray(0, 4), NONE, now)
      return
    }
    const { bytesPerSecond, burst } = circuit.allowance
    const earned = ((now - circuit.counted) * bytesPerSecond) / 1_000
    circuit.tokens = Math.min(burst, circuit.tokens + earned)
    circuit.counted = now
    if (circuit.tokens < body.length || body.length > LIMITS.udp.datagramBytes + 4) {
      this.#plane.counters.add('relayDropped')
      return
    }
    circuit.tokens -= body.length
    circuit.used = now
    this.#plane.counters.add('relayed')
    const other = circuit.a === session ? circuit.b : circuit.a
    other.send(FRAME.forward, body, NONE, now)
  }

  #onHangUp(session: Session, body: Bytes, now: number): void {
    const circuit = body.length === 4 ? this.#circuits.get(new Reader(body).u32()) : undefined
    if (circuit && (circuit.a === session || circuit.b === session)) this.#hangUp(circuit, now)
    else this.#client?.onHangUp(session, body, now)
  }

  #hangUp(circuit: Circuit, now: number): void {
    if (!this.#circuits.delete(circuit.id)) return
    const id = new Writer(new Uint8Array(4)).u32(circuit.id).bytes
    circuit.a.send(FRAME.hangUp, id, NONE, now)
    circuit.b.send(FRAME.hangUp, id, NONE, now)
    this.onEvent('hungUp', circuit.a.key)
  }

  #refuse(session: Session): void {
    this.#plane.counters.add('relayRefused')
    this.onEvent('refused', session.key)
  }
}
