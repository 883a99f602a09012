// Datagrams of sessions over a stream, where UDP is blocked: one message of the stream is one datagram,
// in both directions. It makes one more path of a session and proves nothing: the session inside does.

import { type Bytes, concat, utf8 } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Stream } from '../../net/api.ts'
import type { Host } from '../../net/host.ts'
import { Messages } from '../../net/messages.ts'
import { type Place, placeText } from '../../net/udp/address.ts'
import type { Datagrams } from '../../net/udp/datagrams.ts'
import { type Carrier, RANK } from '../../net/udp/session/path.ts'
import type { Session } from '../../net/udp/session/session.ts'

const DATAGRAMS_PROTOCOL = '/wattle/datagrams/1.0.0'

export class Carriage {
  readonly #host: Host
  readonly #plane: Datagrams
  /** The time; also says that something has happened. */
  readonly #stir: () => number
  readonly #open: Set<StreamCarrier>

  constructor(host: Host, plane: Datagrams, stir: () => number) {
    this.#host = host
    this.#plane = plane
    this.#stir = stir
    this.#open = new Set()
    host.handle(DATAGRAMS_PROTOCOL, (stream) => this.#attach(stream))
  }

  /** One more path of `session`, by TCP to `place`. */
  reach(session: Session, place: Place): void {
    this.#host.dial(placeText(place), session.key, (_error, connection) => {
      connection?.open(DATAGRAMS_PROTOCOL, (_failure, stream) => {
        if (!stream) return
        const carrier = this.#attach(stream)
        if (!carrier || session.closed) return
        const now = this.#stir()
        this.#plane.addPath(session, { host: '', port: 0, via: 0, carrier }, now)
        if (!session.current && !session.attempt) this.#plane.begin(session, now)
        this.#stir()
      })
    })
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
  readonly #messages: Messages

  constructor(messages: Messages) {
    const { connection } = messages.stream
    this.#messages = messages
    this.source = concat(utf8('stream '), connection.remoteKey)
    this.text = `tcp ${connection.remote}`
  }

  carry(datagram: Bytes): void {
    if (this.#messages.stream.writable() > datagram.length + 4) this.#messages.send(datagram)
  }
}
