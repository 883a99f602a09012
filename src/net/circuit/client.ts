// This side of a relay: reserves a place with one, is called through it, calls others through one.
// https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md
// Calls are taken only from relays that hold a reservation of ours, and never over a connection that is
// relayed itself. The relay proves nothing about the caller: the handshake inside does.

import { type Bytes, equal } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Failure, TcpSocket } from '../../hw/hardware.ts'
import type { Connection, Stream, Timers } from '../api.ts'
import { FirstMessage, framed } from '../first.ts'
import type { Host } from '../host.ts'
import {
  type CircuitLimit,
  encodeConnect,
  encodeReserve,
  encodeStopStatus,
  HOP,
  HOP_TYPE,
  readCircuit,
  STATUS,
  STOP,
  STOP_TYPE,
} from './message.ts'
import { CircuitSocket, isRelayed } from './socket.ts'

export interface Reserved {
  /** Milliseconds since 1970. */
  until: number
  limit: CircuitLimit
}

const REASONS: Readonly<Record<number, string>> = {
  [STATUS.refused]: 'it has no room for a reservation',
  [STATUS.limit]: 'too many connections run through it',
  [STATUS.denied]: 'it does not serve us',
  [STATUS.failed]: 'it could not reach the peer',
  [STATUS.absent]: 'the peer has no reservation there',
}

export class CircuitClient {
  /** Bytes that came to us through a relay, when that connection has ended. */
  onCarried: (relay: Connection, bytes: number) => void
  readonly #host: Host
  readonly #timers: Timers
  readonly #name: string
  /** Connections to relays at which we have a reservation. */
  readonly #relays: Set<Connection>
  readonly #inbound: Set<Stream>
  #waiting: { stream: Stream; deadline: number }[]
  #due: (() => void)[]

  /** @param name of the timers, where one loop serves several hosts. */
  constructor(host: Host, timers: Timers, name = 'circuit') {
    this.#host = host
    this.#timers = timers
    this.#name = name
    this.onCarried = () => {}
    this.#relays = new Set()
    this.#inbound = new Set()
    this.#waiting = []
    this.#due = []
    host.handle(STOP, (stream) => this.#onStop(stream))
  }

  /** Asks the relay for a place; it holds as long as this connection. */
  reserve(
    relay: Connection,
    invitation: Bytes,
    done: (error: WattleError | null, reserved: Reserved | null) => void,
  ): void {
    this.#ask(relay, encodeReserve(invitation), (error, answer, stream) => {
      stream?.end()
      if (error || !answer) return done(error, null)
      relay.keep = true
      this.#relays.add(relay)
      return done(null, { until: answer.expire * 1_000, limit: answer.limit })
    })
  }

  /** The connection to a relay is gone, or its reservation is not wanted any more. */
  forget(relay: Connection): void {
    this.#relays.delete(relay)
  }

  /** A byte pipe to `peer` through the relay; the handshake in it is the caller's. */
  dial(relay: Connection, peer: Bytes, done: (error: Failure, socket: TcpSocket | null) => void): void {
    if (isRelayed(relay.remote))
      return done(new WattleError('relay-over-relay', 'a relay is not reached through another'), null)
    if (equal(peer, this.#host.shared.identity.publicKey))
      return done(new WattleError('ourselves', 'this is our own key'), null)
    this.#ask(relay, encodeConnect('hop', peer, null), (error, answer, stream, rest) => {
      if (!stream) return done(error, null)
      const socket = this.#socket(stream, isLimit(answer?.limit))
      done(null, socket)
      if (rest && rest.length > 0) socket.onData(rest)
    })
  }

  #ask(
    relay: Connection,
    question: Bytes,
    done: (
      error: WattleError | null,
      answer: ReturnType<typeof readCircuit>,
      stream: Stream | null,
      rest?: Bytes,
    ) => void,
  ): void {
    relay.open(HOP, (error, stream) => {
      if (!stream) return done(error, null, null)
      this.#wait(stream)
      new FirstMessage(stream, 'varint', LIMITS.circuit.messageBytes, {
        onFirst: (message, rest) => {
          this.#heard(stream)
          const answer = readCircuit(message, 'hop')
          if (answer?.type === HOP_TYPE.status && answer.status === STATUS.ok)
            return done(null, answer, stream, rest)
          const reason = answer ? (REASONS[answer.status] ?? `status ${answer.status}`) : 'no answer in order'
          stream.events = DEAF
          stream.reset()
          done(new WattleError('relay-refused', `the relay ${relay.remote}: ${reason}`), null, null)
        },
        onFailed: (error) => {
          this.#heard(stream)
          done(error ?? new WattleError('relay-lost', 'the relay ended the stream'), null, null)
        },
      })
      stream.write(framed('varint', question))
    })
  }

  #onStop(stream: Stream): void {
    const relay = stream.connection
    const ours = this.#relays.has(relay) && !isRelayed(relay.remote)
    if (!ours || this.#inbound.size >= LIMITS.circuit.inbound) {
      this.#host.counters.add('circuitsRefused')
      // Before anything else: bytes that came with the agreement are given to whoever listens now.
      stream.events = DEAF
      stream.write(framed('varint', encodeStopStatus(ours ? STATUS.limit : STATUS.denied)))
      stream.end()
      return
    }
    this.#inbound.add(stream)
    this.#wait(stream)
    new FirstMessage(stream, 'varint', LIMITS.circuit.messageBytes, {
      onFirst: (message, rest) => {
        this.#heard(stream)
        const call = readCircuit(message, 'stop')
        const good = call?.type === STOP_TYPE.connect && call.peer.length > 0
        if (!good) {
          this.#inbound.delete(stream)
          stream.events = DEAF
          stream.write(framed('varint', encodeStopStatus(call ? STATUS.unexpected : STATUS.malformed)))
          stream.end()
          return
        }
        stream.write(framed('varint', encodeStopStatus(STATUS.ok)))
        const socket = this.#socket(stream, isLimit(call.limit), () => this.#inbound.delete(stream))
        this.#host.accept(socket)
        if (rest.length > 0) socket.onData(rest)
      },
      onFailed: () => {
        this.#heard(stream)
        this.#inbound.delete(stream)
      },
    })
  }

  #socket(stream: Stream, limited: boolean, closed: () => void = () => {}): CircuitSocket {
    const socket = new CircuitSocket(stream, limited, (run) => this.#later(run))
    socket.onOver = () => {
      closed()
      this.onCarried(stream.connection, socket.received)
    }
    return socket
  }

  // ── Time ────────────────────────────────────────────────────────────────────────────────────

  #later(run: () => void): void {
    this.#due.push(run)
    if (this.#due.length > 1) return
    this.#timers.after(`${this.#name} later`, 0, () => {
      const due = this.#due
      this.#due = []
      for (const each of due) each()
    })
  }

  #wait(stream: Stream): void {
    this.#waiting.push({ stream, deadline: this.#timers.now() + LIMITS.net.handshakeMs })
    if (this.#waiting.length === 1) this.#sweepSoon()
  }

  #heard(stream: Stream): void {
    this.#waiting = this.#waiting.filter((each) => each.stream !== stream)
  }

  #sweepSoon(): void {
    this.#timers.after(`${this.#name} answers`, 1_000, (now) => {
      for (const { stream, deadline } of [...this.#waiting]) if (now >= deadline) stream.reset()
      if (this.#waiting.length > 0) this.#sweepSoon()
    })
  }
}

/** Zeros, or nothing said: no limit. */
function isLimit(limit: CircuitLimit | undefined): boolean {
  return limit !== undefined && limit.seconds + limit.bytes > 0
}

const DEAF: Stream['events'] = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} }
