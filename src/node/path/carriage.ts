// Datagrams of sessions over a stream, where UDP is blocked: one message of the stream is one datagram,
// in both directions. It makes one more path of a session and proves nothing: the session inside does.

import { type Bytes, concat, utf8 } from '../../base/bytes.ts'
import type { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Failure, Sockets, TcpSocket } from '../../hw/hardware.ts'
import type { Connection, Stream } from '../../net/api.ts'
import type { Host } from '../../net/host.ts'
import { Messages } from '../../net/messages.ts'
import { type Place, placeOf, placeText } from '../../net/udp/address.ts'
import type { Datagrams } from '../../net/udp/datagrams.ts'
import { direct } from '../../net/udp/punch/puncher.ts'
import { type Carrier, RANK } from '../../net/udp/session/path.ts'
import type { Session } from '../../net/udp/session/session.ts'

const DATAGRAMS_PROTOCOL = '/wattle/datagrams/1.0.0'

/** Below those that a system gives to connections by itself. */
const FIRST_PORT = 20_000
const PORTS = 10_000

export class Carriage {
  readonly #host: Host
  readonly #plane: Datagrams
  /** The time; also says that something has happened. */
  readonly #stir: () => number
  readonly #open: Set<StreamCarrier>
  /** Sessions with those whom we reach from our fixed port, and by what. */
  readonly #reached: Map<Session, StreamCarrier>
  /** All connections to relays leave from here, so that a router gives them one address; 0: not chosen. */
  #from: number

  readonly #sockets: Sockets
  /** Runs something a moment later. */
  readonly #later: (run: () => void) => void

  constructor(
    host: Host,
    plane: Datagrams,
    tools: { sockets: Sockets; stir: () => number; later: (run: () => void) => void },
  ) {
    const { sockets, stir, later } = tools
    this.#sockets = sockets
    this.#later = later
    this.#host = host
    this.#plane = plane
    this.#stir = stir
    this.#open = new Set()
    this.#reached = new Map()
    this.#from = 0
    host.handle(DATAGRAMS_PROTOCOL, (stream) => this.#attach(stream))
  }

  /** One more path of `session`, by TCP to `place`. */
  reach(session: Session, place: Place): void {
    if (this.#reached.has(session)) return
    const from = this.#port()
    const dialled = (error: WattleError | null, connection: Connection | null): void => {
      // Somebody has that port, or it is not free yet: another one next time.
      if (error) this.#from = 0
      this.#carry(session, connection, (carrier) => this.#reached.set(session, carrier))
    }
    this.#host.dial(placeText(place), session.key, dialled, from)
  }

  /** Where others see our fixed port, as one of those says whom we reach from it. */
  get seen(): Place | null {
    for (const session of this.#reached.keys()) if (session.observedTcp) return session.observedTcp
    return null
  }

  /** Connects to `place` from the fixed port while the other side does the same. @param first we speak first. */
  cross(session: Session, place: Place, first: boolean, tries: number): void {
    if (direct(session) || session.closed || tries <= 0) return
    const dialled = (_error: Failure, socket: TcpSocket | null): void => {
      if (!socket) this.#later(() => this.cross(session, place, first, tries - 1))
      else if (!first) this.#host.accept(socket)
      else
        this.#host.adopt(socket, session.key, (_failure, connection) =>
          this.#carry(session, connection, () => {}),
        )
    }
    this.#sockets.dialTcp(placeText(place), dialled, this.#port())
  }

  /** One more path of `session`, over a stream of this connection. */
  #carry(session: Session, connection: Connection | null, done: (carrier: StreamCarrier) => void): void {
    connection?.open(DATAGRAMS_PROTOCOL, (_failure, stream) => {
      if (!stream) return
      const carrier = this.#attach(stream)
      if (!carrier || session.closed) return
      done(carrier)
      const now = this.#stir()
      this.#plane.addPath(session, { host: '', port: 0, via: 0, carrier }, now)
      if (!session.current && !session.attempt) this.#plane.begin(session, now)
      this.#stir()
    })
  }

  #port(): number {
    if (this.#from > 0) return this.#from
    const two = new Uint8Array(2)
    this.#plane.random(two)
    this.#from = FIRST_PORT + (((two[0]! << 8) | two[1]!) % PORTS)
    return this.#from
  }

  #attach(stream: Stream): StreamCarrier | null {
    if (this.#open.size >= LIMITS.udp.sessions) {
      stream.reset()
      return null
    }
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        this.#plane.onCarried(message, carrier, this.#stir())
        this.#stir()
      },
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: () => {
        this.#open.delete(carrier)
        for (const [session, each] of this.#reached) if (each === carrier) this.#reached.delete(session)
        const now = this.#stir()
        for (const session of this.#plane.sessions) {
          const path = session.paths.find((each) => each.carrier === carrier)
          if (path) session.dropPath(path, now)
        }
      },
    })
    const carrier = new StreamCarrier(messages)
    this.#open.add(carrier)
    return carrier
  }
}

class StreamCarrier implements Carrier {
  readonly rank: number = RANK.stream
  readonly relayed: boolean = false
  readonly source: Bytes
  readonly text: string
  readonly seen: Place | null
  readonly #messages: Messages

  constructor(messages: Messages) {
    const { connection } = messages.stream
    this.#messages = messages
    this.source = concat(utf8('stream '), connection.remoteKey)
    this.text = `tcp ${connection.remote}`
    this.seen = placeOf(connection.remote)
  }

  carry(datagram: Bytes): void {
    if (this.#messages.stream.writable() > datagram.length + 4) this.#messages.send(datagram)
  }
}
