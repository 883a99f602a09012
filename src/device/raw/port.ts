// Raw P1 on the network: the untouched bytes of the meter for other programs in the house (Home
// Assistant's dsmr integration, DSMR-reader, evcc), over TCP and WebSocket. Whoever connects reads along
// from then on; what they send is ignored. A client that does not keep up is cut off, so that it
// costs the others nothing. Off until the owner switches it on: it is not sealed.

import { type Bytes, utf8 } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type {
  Failure,
  Http,
  HttpAnswer,
  HttpRequest,
  Listener,
  Serial,
  Sockets,
  TcpSocket,
  WebSocketLink,
} from '../../hw/hardware.ts'

const { rawClients, rawQueuedBytes } = LIMITS.p1

export interface RawPortEvents {
  report(event: 'joined' | 'left' | 'slow' | 'full', remote: string): void
}

export class RawPort {
  readonly #events: RawPortEvents
  readonly #sockets: Set<TcpSocket>
  readonly #links: Set<WebSocketLink>
  #listener: Listener | null
  #web: Listener | null
  #closed: boolean

  constructor(events: RawPortEvents) {
    this.#events = events
    this.#sockets = new Set()
    this.#links = new Set()
    this.#listener = null
    this.#web = null
    this.#closed = false
  }

  get clients(): number {
    return this.#sockets.size + this.#links.size
  }

  /** `host:port` that plain TCP is listened on now, or null. */
  get address(): string | null {
    return this.#listener?.address ?? null
  }

  /** Listens on `host:port`. `done` gets the address really bound. */
  open(sockets: Sockets, address: string, done: (error: Failure, address: string | null) => void): void {
    sockets.listenTcp(
      address,
      (socket) => this.#onSocket(socket),
      (error, listener) => {
        if (this.#closed) listener?.close()
        else this.#listener = listener
        done(error, listener?.address ?? null)
      },
    )
  }

  /** Serves WebSockets on `host:port`, beside TCP or alone. `done` gets the address really bound. */
  openWeb(http: Http, address: string, done: (error: Failure, address: string | null) => void): void {
    const handlers = {
      onRequest: (_request: HttpRequest, answer: (answer: HttpAnswer) => void): void =>
        answer({
          status: 426,
          headers: { upgrade: 'websocket' },
          body: utf8('This address speaks WebSocket only.\n'),
        }),
      admit: (request: HttpRequest): number => this.admit(request),
      onSocket: (link: WebSocketLink): void => this.onLink(link),
    }
    http.serve(address, handlers, (error, listener) => {
      if (this.#closed) listener?.close()
      else this.#web = listener
      done(error, listener?.address ?? null)
    })
  }

  /**
   * HTTP status for a WebSocket that wants in: 101; 503 when all places are taken; 403 for a browser,
   * whose pages of anywhere could else read along (programs send no Origin).
   */
  admit(request: HttpRequest): number {
    if (request.headers['origin'] !== undefined) return 403
    return this.clients < rawClients ? 101 : 503
  }

  /** A WebSocket that was admitted: gets the bytes in binary messages. */
  onLink(link: WebSocketLink): void {
    const { remote } = link.request
    if (this.clients >= rawClients) {
      this.#events.report('full', remote)
      link.close()
      return
    }
    this.#links.add(link)
    link.onMessage = () => {}
    link.onClose = () => {
      if (this.#links.delete(link)) this.#events.report('left', remote)
    }
    this.#events.report('joined', remote)
  }

  /** Bytes as they came from the meter; valid until the call returns. */
  onBytes(bytes: Bytes): void {
    for (const socket of this.#sockets) {
      socket.write(bytes)
      if (socket.queued() <= rawQueuedBytes) continue
      this.#sockets.delete(socket)
      this.#events.report('slow', socket.remote)
      socket.destroy()
    }
    if (this.#links.size === 0) return
    // A link may keep what it is given until it has left.
    const kept = bytes.slice()
    for (const link of this.#links) {
      link.send(kept)
      if (link.queued() <= rawQueuedBytes) continue
      this.#links.delete(link)
      this.#events.report('slow', link.request.remote)
      link.close()
    }
  }

  close(): void {
    this.#closed = true
    this.#web?.close()
    this.shut()
  }

  /** Nobody is served any more until it is opened again. */
  shut(): void {
    this.#listener?.close()
    this.#listener = null
    for (const socket of this.#sockets) socket.destroy()
    for (const link of this.#links) link.close()
    this.#sockets.clear()
    this.#links.clear()
  }

  #onSocket(socket: TcpSocket): void {
    const { remote } = socket
    if (this.clients >= rawClients) {
      this.#events.report('full', remote)
      socket.events = { onData() {}, onDrain() {}, onClose() {} }
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.events = {
      onData() {},
      onDrain() {},
      onClose: () => {
        if (this.#sockets.delete(socket)) this.#events.report('left', remote)
      },
    }
    this.#events.report('joined', remote)
  }
}

/** A serial line whose bytes are shown to `onBytes` before its reader gets them. */
export function tapped(serial: Serial, onBytes: (bytes: Bytes) => void): Serial {
  return {
    open(spec, events) {
      let room: Bytes = new Uint8Array(0)
      return serial.open(spec, {
        buffer() {
          room = events.buffer()
          return room
        },
        onBytes(n) {
          onBytes(room.subarray(0, n))
          events.onBytes(n)
        },
        onState: (state) => events.onState(state),
      })
    },
  }
}
