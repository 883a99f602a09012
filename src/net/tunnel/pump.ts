// A stream and a TCP connection joined: what comes on one leaves on the other, the end of one direction is
// passed on, a slow reader holds its writer back. Nothing is read, little is kept: a stream's buffer on one
// side, LIMITS.tunnel.socketBytes on the other.

import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { TcpSocket } from '../../hw/hardware.ts'
import type { Stream } from '../api.ts'

const { socketBytes, lingerMs } = LIMITS.tunnel

export class Pump {
  readonly stream: Stream
  readonly #socket: TcpSocket
  readonly #onOver: () => void
  #streamClosed: boolean
  #socketClosed: boolean
  /** Since when one of the two is gone and the other is not; infinity while neither is. */
  #halfSince: number

  /**
   * Takes the events of both over.
   * @param rest what came on the stream already
   * @param onOver once, when both are closed
   */
  constructor(stream: Stream, socket: TcpSocket, rest: Bytes, onOver: () => void) {
    this.stream = stream
    this.#socket = socket
    this.#onOver = onOver
    this.#streamClosed = false
    this.#socketClosed = false
    this.#halfSince = Number.POSITIVE_INFINITY
    stream.events = {
      onData: (bytes) => this.#toSocket(bytes),
      onDrain: () => socket.resume(),
      onEnd: () => socket.end(),
      onClose: (error) => {
        this.#streamClosed = true
        if (error) socket.destroy()
        else socket.end()
        // Nobody takes what it would still send.
        socket.resume()
        this.#closed()
      },
    }
    socket.events = {
      onData: (bytes) => {
        if (!this.#streamClosed && !stream.write(bytes)) socket.pause()
      },
      onDrain: () => stream.resume(),
      onEnd: () => stream.end(),
      onClose: (error) => {
        this.#socketClosed = true
        if (error) stream.reset()
        else stream.end()
        stream.resume()
        this.#closed()
      },
    }
    if (rest.length > 0) this.#toSocket(rest)
    socket.resume()
  }

  /** Where one side has been gone for a while, the other goes too. */
  tick(now: number): void {
    if (this.#streamClosed === this.#socketClosed) return
    if (this.#halfSince === Number.POSITIVE_INFINITY) this.#halfSince = now
    if (now - this.#halfSince >= lingerMs) this.cut()
  }

  /** Drops both at once. */
  cut(): void {
    if (!this.#streamClosed) this.stream.reset()
    if (!this.#socketClosed) this.#socket.destroy()
  }

  #toSocket(bytes: Bytes): void {
    if (this.#socketClosed) return
    this.#socket.write(bytes)
    if (this.#socket.queued() > socketBytes) this.stream.pause()
  }

  #closed(): void {
    if (this.#streamClosed && this.#socketClosed) this.#onOver()
  }
}
