// One TCP connection on node:net. What is written is copied into a buffer of ours and handed to the
// kernel; until that has been told, further writes gather, so that small ones leave together and a
// caller may reuse its bytes at once. Mostly the kernel takes all of it inside the call: that is told
// to all connections together, and costs no callback. Only what it leaves needs a second buffer.
// Bytes handed out are plain Uint8Arrays: on a Buffer, slice() does not copy.

import type { Socket } from 'node:net'
import type { Bytes } from '../../base/bytes.ts'
import type { Failure, TcpEvents, TcpSocket } from '../hardware.ts'

const UNHEARD: TcpEvents = { onData() {}, onDrain() {}, onClose() {} }
const NONE: Buffer = Buffer.alloc(0)
/** What a handshake's messages fit into: most connections are idle. */
const LEAST_BYTES = 256
/** A connection that once queued much gives larger buffers back when it is idle. */
const KEEP_BYTES = 16_384
/** Idle time after which the kernel asks whether the other side is still there, ms. */
const KEEP_ALIVE_MS = 30_000

export class LinuxTcp implements TcpSocket {
  /** Connections whose bytes the kernel has taken and that were not told so yet. */
  static #taken: LinuxTcp | null = null
  static readonly #tell: () => void = () => {
    let each = LinuxTcp.#taken
    LinuxTcp.#taken = null
    while (each) {
      const next: LinuxTcp | null = each.#nextTaken
      each.#nextTaken = null
      each.#sent()
      each = next
    }
  }

  readonly local: string
  readonly remote: string
  events: TcpEvents = UNHEARD
  readonly #socket: Socket
  #filling: Buffer = NONE
  #filled = 0
  /** The start of `#filling`, as it was last sent: messages of one connection mostly have one length. */
  #view: Buffer = NONE
  #sending: Buffer = NONE
  #leaving = 0
  #nextTaken: LinuxTcp | null = null
  #ending = false
  #closed = false
  #error: Failure = null
  readonly #onSent: () => void = () => this.#sent()

  /** @param socket connected, made with `allowHalfOpen`; its data arrives through `onData` or its own event. */
  constructor(socket: Socket) {
    this.#socket = socket
    this.local = formatAddress(socket.localAddress ?? '', socket.localPort ?? 0)
    this.remote = formatAddress(socket.remoteAddress ?? '', socket.remotePort ?? 0)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on('end', () => {
      if (this.events.onEnd) this.events.onEnd()
      else this.end()
    })
    socket.on('error', (error) => {
      this.#error = error
    })
    socket.on('close', () => {
      this.#closed = true
      this.#filling = NONE
      this.#view = NONE
      this.#sending = NONE
      this.events.onClose(this.#error)
    })
  }

  write(bytes: Bytes): void {
    if (this.#closed || this.#ending || bytes.length === 0) return
    const need = this.#filled + bytes.length
    if (need > this.#filling.length) {
      let size = Math.max(LEAST_BYTES, this.#filling.length)
      while (size < need) size *= 2
      const bigger = Buffer.from(new ArrayBuffer(size))
      bigger.set(this.#filling.subarray(0, this.#filled))
      this.#filling = bigger
      this.#view = NONE
    }
    this.#filling.set(bytes, this.#filled)
    this.#filled = need
    if (this.#leaving === 0) this.#flush()
  }

  queued(): number {
    return this.#closed ? 0 : this.#filled + this.#leaving
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    if (this.#ending) return
    this.#ending = true
    if (this.queued() === 0) this.#socket.end()
  }

  destroy(): void {
    this.#filled = 0
    this.#socket.destroy()
  }

  #flush(): void {
    const socket = this.#socket
    const n = this.#filled
    if (this.#view.length !== n) this.#view = this.#filling.subarray(0, n)
    this.#leaving = n
    this.#filled = 0
    socket.write(this.#view)
    if (socket.writableLength === 0) {
      if (!LinuxTcp.#taken) process.nextTick(LinuxTcp.#tell)
      this.#nextTaken = LinuxTcp.#taken
      LinuxTcp.#taken = this
      return
    }
    const full = this.#filling
    this.#filling = this.#sending
    this.#sending = full
    this.#view = NONE
    // Comes after what was left, whenever that is.
    socket.write(NONE, this.#onSent)
  }

  #sent(): void {
    this.#leaving = 0
    if (this.#closed) return
    if (this.#filled > 0) {
      this.#flush()
      return
    }
    if (this.#filling.length > KEEP_BYTES) {
      this.#filling = NONE
      this.#view = NONE
    }
    if (this.#sending.length > KEEP_BYTES) this.#sending = NONE
    if (this.#ending) this.#socket.end()
    else this.events.onDrain()
  }
}

/** `host:port`, with IPv6 in brackets and IPv4-in-IPv6 as IPv4. */
export function formatAddress(host: string, port: number): string {
  const plain = host.startsWith('::ffff:') ? host.slice(7) : host
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`
}

/** Host and port of `host:port` or `[host]:port`, or null. */
export function parseAddress(address: string): { host: string; port: number } | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(address)
  if (!match || Number(match[3]) > 65_535) return null
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port: Number(match[3]) }
}

/** A plain view of what a Buffer holds. */
export function plain(buffer: Bytes): Bytes {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}
