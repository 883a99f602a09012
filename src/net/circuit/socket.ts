// A relayed connection as a TCP socket looks (hw/hardware.ts), over the stream to the relay that carries
// it; Noise and Yamux run in it as over TCP, so the relay sees their bytes only. The stack inside has
// buffers of its own (Host), because it runs inside calls of the one outside.

import type { Bytes } from '../../base/bytes.ts'
import type { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { TcpEvents, TcpSocket } from '../../hw/hardware.ts'
import type { Stream, StreamEvents } from '../api.ts'

const ROOM = LIMITS.net.streamSendBytes
const UNHEARD: TcpEvents = { onData() {}, onDrain() {}, onClose() {} }

export class CircuitSocket implements TcpSocket, StreamEvents {
  readonly remote: string
  readonly local: string
  readonly limited: boolean
  events: TcpEvents
  /** Bytes that have come. */
  received: number
  /** Set by its maker: it has closed. */
  onOver: () => void
  readonly #stream: Stream
  readonly #later: (run: () => void) => void
  #over: boolean

  /**
   * Takes the stream's events over; whoever makes it hands on what has come already (`onData`).
   * @param limited the relay said that it ends it after some bytes or time
   * @param later runs after the present call: a socket never closes inside the call that asks for it.
   */
  constructor(stream: Stream, limited: boolean, later: (run: () => void) => void) {
    this.remote = `circuit:${stream.connection.remote}`
    this.local = ''
    this.received = 0
    this.limited = limited
    this.events = UNHEARD
    this.onOver = () => {}
    this.#stream = stream
    this.#later = later
    this.#over = false
    stream.events = this
  }

  // ── TcpSocket ───────────────────────────────────────────────────────────────────────────────

  write(bytes: Bytes): void {
    if (!this.#over && bytes.length > 0) this.#stream.write(bytes)
  }

  queued(): number {
    return this.#over ? 0 : ROOM - this.#stream.writable()
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  end(): void {
    if (!this.#over) this.#stream.end()
  }

  destroy(): void {
    this.#later(() => this.#stream.reset())
  }

  // ── StreamEvents ────────────────────────────────────────────────────────────────────────────

  onData(bytes: Bytes): void {
    this.received += bytes.length
    if (!this.#over) this.events.onData(bytes)
  }

  onDrain(): void {
    this.events.onDrain()
  }

  onEnd(): void {
    this.#stream.end()
  }

  onClose(error: WattleError | null): void {
    this.#over = true
    this.onOver()
    this.events.onClose(error)
  }
}

/** Is it a connection through a relay? */
export function isRelayed(remote: string): boolean {
  return remote.startsWith('circuit:')
}
