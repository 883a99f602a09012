// A relay of connections: reservations say who can be called, circuits join two streams. It sees who, how
// much and when, never what. https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md
// Whom it serves is decided as for datagrams (udp/relay/rules.ts). Never over a relayed connection, and
// never to a peer that did not ask to be called.

import { type Bytes, equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { hostOf } from '../../base/prefix.ts'
import type { Signer } from '../../crypto/native.ts'
import type { Connection, Stream, Timers } from '../api.ts'
import { FirstMessage, framed } from '../first.ts'
import type { Host } from '../host.ts'
import { type Allowance, allowanceOf, MODE, type RelayRules, sourceNet } from '../udp/relay/rules.ts'
import {
  type CircuitLimit,
  encodeConnect,
  encodeHopStatus,
  encodeReservation,
  HOP,
  HOP_TYPE,
  readCircuit,
  STATUS,
  STOP,
  STOP_TYPE,
} from './message.ts'
import { isRelayed } from './socket.ts'
import { Splice } from './splice.ts'

export interface CircuitServerOptions {
  host: Host
  timers: Timers
  signer: Signer
  rules: RelayRules
  /** Milliseconds since 1970. */
  wall: () => number
  /** `host:port` at which we say that we are reached, beside those we listen on. */
  addresses?: readonly string[]
}

interface Reservation {
  readonly connection: Connection
  readonly allowance: Allowance
  readonly source: string
  /** Milliseconds since 1970. */
  readonly until: number
}

interface Circuit {
  readonly from: Connection
  readonly to: Connection
  splice: Splice | null
  /** While it is being connected. */
  deadline: number
  readonly streams: Stream[]
}

interface Asker {
  tokens: number
  counted: number
  waiting: number
}

const NONE: Bytes = new Uint8Array(0)
const TICK_MS = 250
const TIMER = 'circuit relay'
const DEAF: Stream['events'] = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} }

export class CircuitServer {
  readonly #options: CircuitServerOptions
  readonly #reservations: Map<Connection, Reservation>
  readonly #circuits: Set<Circuit>
  readonly #askers: Map<Connection, Asker>
  /** Streams that have asked nothing yet, and until when they may. */
  readonly #waiting: Map<Stream, number>
  #ticking: boolean

  constructor(options: CircuitServerOptions) {
    this.#options = options
    this.#reservations = new Map()
    this.#circuits = new Set()
    this.#askers = new Map()
    this.#waiting = new Map()
    this.#ticking = false
    options.host.handle(HOP, (stream) => this.#onHop(stream))
  }

  get size(): { reservations: number; circuits: number; waiting: number } {
    return {
      reservations: this.#reservations.size,
      circuits: this.#circuits.size,
      waiting: this.#waiting.size,
    }
  }

  /** To be told by the host's `onDisconnect`. */
  onDisconnect(connection: Connection): void {
    this.#reservations.delete(connection)
    this.#askers.delete(connection)
  }

  /** The rules have changed: whom they do not name any more loses its reservation and its circuits. */
  recheck(): void {
    const { rules, signer, wall } = this.#options
    for (const { connection, allowance } of [...this.#reservations.values()]) {
      // An invitation was for a time, and is not there to be looked at again.
      if (allowance.mode === MODE.community && rules.inviters.length > 0) continue
      const now = allowanceOf(rules, signer.publicKey, connection.remoteKey, NONE, wall())
      if (now.mode === allowance.mode) continue
      this.#reservations.delete(connection)
      connection.keep = false
      for (const circuit of [...this.#circuits]) if (circuit.to === connection) this.#end(circuit)
    }
  }

  stop(): void {
    this.#options.timers.cancel(TIMER)
    for (const circuit of [...this.#circuits]) this.#end(circuit)
    this.#reservations.clear()
  }

  // ── Asking ──────────────────────────────────────────────────────────────────────────────────

  #onHop(stream: Stream): void {
    const { connection } = stream
    const asker = this.#asker(connection)
    if (isRelayed(connection.remote) || asker.waiting >= LIMITS.circuit.waitingOfOne || asker.tokens < 1) {
      this.#options.host.counters.add('circuitsRefused')
      stream.reset()
      return
    }
    asker.waiting++
    asker.tokens--
    this.#waiting.set(stream, this.#options.timers.now() + LIMITS.net.handshakeMs)
    this.#startTicking()
    const asked = (): void => {
      if (this.#waiting.delete(stream)) asker.waiting--
    }
    new FirstMessage(stream, 'varint', LIMITS.circuit.messageBytes, {
      onFirst: (bytes, rest) => {
        asked()
        stream.events = DEAF
        const message = readCircuit(bytes, 'hop')
        // Who calls has nothing to say before the circuit is whole.
        if (!message || rest.length > 0) this.#answer(stream, STATUS.malformed)
        else if (message.type === HOP_TYPE.reserve) this.#onReserve(stream, message.invitation)
        else if (message.type === HOP_TYPE.connect) this.#onConnect(stream, message.peer)
        else this.#answer(stream, STATUS.unexpected)
      },
      onFailed: asked,
    })
  }

  #asker(connection: Connection): Asker {
    const now = this.#options.timers.now()
    const { asksAtOnce, asksPerSecond } = LIMITS.circuit
    let asker = this.#askers.get(connection)
    if (!asker) {
      asker = { tokens: asksAtOnce, counted: now, waiting: 0 }
      this.#askers.set(connection, asker)
    }
    asker.tokens = Math.min(asksAtOnce, asker.tokens + ((now - asker.counted) * asksPerSecond) / 1_000)
    asker.counted = now
    return asker
  }

  #answer(stream: Stream, status: number): void {
    if (status !== STATUS.ok) this.#options.host.counters.add('circuitsRefused')
    stream.write(framed('varint', encodeHopStatus(status, null, NONE)))
    stream.end()
  }

  // ── Reservations ────────────────────────────────────────────────────────────────────────────

  #onReserve(stream: Stream, invitation: Bytes): void {
    const { host, rules, signer, wall } = this.#options
    const { connection } = stream
    const allowance = allowanceOf(rules, signer.publicKey, connection.remoteKey, invitation, wall())
    const source = sourceNet(hostOf(connection.remote))
    if (allowance.mode === MODE.none) return this.#answer(stream, STATUS.denied)
    if (!this.#room(connection, allowance, source)) return this.#answer(stream, STATUS.refused)
    const until = wall() + Math.min(allowance.lastsMs, LIMITS.circuit.reservationMs)
    this.#reservations.set(connection, { connection, allowance, source, until })
    if (allowance.mode !== MODE.open) connection.keep = true
    this.#startTicking()
    const own = [...host.addresses(), ...(this.#options.addresses ?? [])]
    const reached = own.filter((address) => !/^(0\.0\.0\.0|\[::\]):/.test(address))
    const seconds = Math.floor(until / 1_000)
    const reservation = encodeReservation(signer, connection.remoteKey, seconds, reached)
    stream.write(framed('varint', encodeHopStatus(STATUS.ok, limitOf(allowance), reservation)))
    stream.end()
  }

  /** A second reservation of one key takes the place of the first. */
  #room(connection: Connection, allowance: Allowance, source: string): boolean {
    const { reservations, openReservations, openReservationsOfOne } = LIMITS.circuit
    let all = 0
    let open = 0
    let same = 0
    for (const each of this.#reservations.values()) {
      if (equal(each.connection.remoteKey, connection.remoteKey)) continue
      all++
      if (each.allowance.mode !== MODE.open) continue
      open++
      if (each.source === source) same++
    }
    if (all >= reservations) return false
    return allowance.mode !== MODE.open || (open < openReservations && same < openReservationsOfOne)
  }

  /** The youngest connection of the holder of `key` that has a reservation. */
  #reservationOf(key: Bytes): Reservation | null {
    let found: Reservation | null = null
    for (const each of this.#reservations.values()) if (equal(each.connection.remoteKey, key)) found = each
    return found
  }

  // ── Circuits ────────────────────────────────────────────────────────────────────────────────

  #onConnect(stream: Stream, peer: Bytes): void {
    const from = stream.connection
    if (peer.length === 0) return this.#answer(stream, STATUS.malformed)
    const reservation = this.#reservationOf(peer)
    if (!reservation || equal(peer, from.remoteKey)) return this.#answer(stream, STATUS.absent)
    const to = reservation.connection
    const { circuits } = LIMITS.circuit
    if (this.#circuits.size >= circuits || this.#busy(from) || this.#busy(to))
      return this.#answer(stream, STATUS.limit)
    const deadline = this.#options.timers.now() + LIMITS.net.handshakeMs
    const circuit: Circuit = { from, to, splice: null, deadline, streams: [stream] }
    this.#circuits.add(circuit)
    stream.events = { ...DEAF, onData: () => this.#end(circuit), onClose: () => this.#end(circuit) }
    this.#startTicking()
    to.open(STOP, (error, called) => {
      if (!called || !this.#circuits.has(circuit)) {
        called?.reset()
        if (error) this.#fail(circuit, STATUS.failed)
        return
      }
      circuit.streams.push(called)
      this.#call(circuit, called, reservation)
    })
  }

  #call(circuit: Circuit, called: Stream, { allowance }: Reservation): void {
    const [calling] = circuit.streams
    const limit = limitOf(allowance)
    new FirstMessage(called, 'varint', LIMITS.circuit.messageBytes, {
      onFirst: (bytes, rest) => {
        const answer = readCircuit(bytes, 'stop')
        if (answer?.type !== STOP_TYPE.status || answer.status !== STATUS.ok) {
          called.events = DEAF
          called.reset()
          this.#fail(circuit, STATUS.failed)
          return
        }
        const now = this.#options.timers.now()
        const rules = spliceRules(allowance, now, this.#options.rules.bytesPerSecond?.())
        calling!.write(framed('varint', encodeHopStatus(STATUS.ok, limit, NONE)))
        circuit.splice = new Splice([calling!, called], rules, now, () => this.#drop(circuit))
        circuit.splice.begin(rest)
      },
      onFailed: () => this.#fail(circuit, STATUS.failed),
    })
    called.write(framed('varint', encodeConnect('stop', circuit.from.remoteKey, limit)))
  }

  #busy(connection: Connection): boolean {
    let n = 0
    for (const { from, to } of this.#circuits)
      if (equal(from.remoteKey, connection.remoteKey) || equal(to.remoteKey, connection.remoteKey)) n++
    return n >= LIMITS.circuit.circuitsOfOne
  }

  /** The called side cannot be had: the caller is told. */
  #fail(circuit: Circuit, status: number): void {
    if (!this.#drop(circuit)) return
    const [calling] = circuit.streams
    calling!.events = DEAF
    this.#answer(calling!, status)
  }

  #end(circuit: Circuit): void {
    if (circuit.splice) return circuit.splice.cut()
    if (!this.#drop(circuit)) return
    for (const stream of circuit.streams) {
      stream.events = DEAF
      stream.reset()
    }
  }

  #drop(circuit: Circuit): boolean {
    if (circuit.splice) this.#options.host.counters.add('circuitsEnded')
    return this.#circuits.delete(circuit)
  }

  // ── Time ────────────────────────────────────────────────────────────────────────────────────

  #startTicking(): void {
    if (this.#ticking) return
    this.#ticking = true
    this.#options.timers.after(TIMER, TICK_MS, (now) => this.#tick(now))
  }

  #tick(now: number): void {
    const wall = this.#options.wall()
    for (const [stream, deadline] of this.#waiting) if (now >= deadline) stream.reset()
    for (const circuit of [...this.#circuits]) {
      if (circuit.splice) circuit.splice.tick(now)
      else if (now >= circuit.deadline) this.#late(circuit)
    }
    for (const { connection, until } of this.#reservations.values())
      if (wall >= until) {
        this.#reservations.delete(connection)
        connection.keep = false
      }
    this.#ticking = false
    if (this.#waiting.size + this.#circuits.size + this.#reservations.size > 0) this.#startTicking()
  }

  #late(circuit: Circuit): void {
    const called = circuit.streams[1]
    if (called) {
      called.events = DEAF
      called.reset()
    }
    this.#fail(circuit, STATUS.failed)
  }
}

/** What is said to both ends; null: no limit of bytes or time, only of the rate. */
function limitOf(allowance: Allowance): CircuitLimit | null {
  if (allowance.mode !== MODE.open) return null
  return { seconds: LIMITS.circuit.openMs / 1_000, bytes: LIMITS.circuit.openBytes }
}

function spliceRules(allowance: Allowance, now: number, told?: number): Splice['rules'] {
  const { openBytes, openMs, burst } = LIMITS.circuit
  const rate = told ?? LIMITS.circuit.rate
  const forever = Number.POSITIVE_INFINITY
  if (allowance.mode === MODE.open)
    return { most: openBytes, rate: forever, burst: forever, until: now + openMs }
  return { most: forever, rate, burst, until: forever }
}
