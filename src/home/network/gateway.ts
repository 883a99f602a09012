// Pages of devices by name, on a listener of its own: `http://DEVICE.localhost:PORT/` is the page of that
// device, through a tunnel (docs/wire/tunnel.md "Gateway"). Each device has a name, and so an origin, of its
// own: what one device's page may do and has stored, the page of another one and My Home's own may not
// (docs/decisions/0017-page-origins.md). Looks at the head of a connection's first request, and at nothing after it.

import { type Bytes, concat, text, utf8 } from '../../base/bytes.ts'
import type { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Failure, Listener, Sockets, TcpSocket } from '../../hw/hardware.ts'
import type { Loop } from '../../node/loop.ts'
import type { Tunnels } from './tunnels.ts'

export interface GatewayOptions {
  sockets: Sockets
  loop: Loop
  tunnels: Tunnels
  /** Devices of ours now. */
  devices: () => readonly { readonly key: Bytes; readonly name: string }[]
}

const { headBytes, headMs, ofHome } = LIMITS.tunnel
const HOST = /^([a-z0-9-]{1,63})\.localhost(?::\d{1,5})?$/
const TIMER = 'gateway'
const TICK_MS = 2_000

/** A connection whose first request is not whole yet. */
interface Caller {
  readonly socket: TcpSocket
  head: Bytes
  readonly until: number
}

export class Gateway {
  readonly #options: GatewayOptions
  readonly #callers: Set<Caller>
  #listener: Listener | null

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#callers = new Set()
    this.#listener = null
  }

  /** Listens on `address` (loopback); port 0 takes any. */
  listen(address: string, done: (error: Failure, listener: Listener | null) => void): void {
    const onSocket = (socket: TcpSocket): void => this.#onSocket(socket)
    this.#options.sockets.listenTcp(address, onSocket, (error, listener) => {
      this.#listener = listener
      done(error, listener)
    })
  }

  /** Where the page of a device is to be found, or null for one that is not ours, or while nothing is listened on. */
  urlOf(word: string): string | null {
    const device = this.#device(word.toLowerCase())
    if (!device || !this.#listener) return null
    const { address } = this.#listener
    return `http://${device.name.toLowerCase()}.localhost${address.slice(address.lastIndexOf(':'))}/`
  }

  close(): void {
    this.#options.loop.cancel(TIMER)
    this.#listener?.close()
    this.#listener = null
    for (const { socket } of this.#callers) socket.destroy()
    this.#callers.clear()
  }

  #device(name: string): { readonly key: Bytes; readonly name: string } | undefined {
    return this.#options.devices().find((device) => device.name.toLowerCase() === name)
  }

  #onSocket(socket: TcpSocket): void {
    const { loop } = this.#options
    if (this.#callers.size >= ofHome) {
      socket.events = { onData() {}, onDrain() {}, onClose() {} }
      return socket.destroy()
    }
    const caller: Caller = { socket, head: new Uint8Array(0), until: loop.now() + headMs }
    this.#callers.add(caller)
    socket.events = {
      onData: (bytes) => this.#onHead(caller, bytes),
      onDrain() {},
      onClose: () => void this.#callers.delete(caller),
    }
    if (loop.left(TIMER) < 0) loop.every(TIMER, TICK_MS, (now) => this.#tick(now))
    return undefined
  }

  #onHead(caller: Caller, bytes: Bytes): void {
    caller.head = concat(caller.head, bytes)
    const head = text(caller.head.subarray(0, headBytes))
    const end = head.indexOf('\r\n\r\n')
    if (end < 0 && caller.head.length < headBytes) return
    this.#callers.delete(caller)
    const { socket } = caller
    const device = end < 0 ? null : this.#asked(head.slice(0, end))
    if (device === null) return refuse(socket, 400, 'Expected a request of HTTP/1.1 with one Host.')
    if (!device) return refuse(socket, 404, 'No device of this name is yours. See: wattle home devices')
    const route = { device: device.key, name: device.name, target: 'page' }
    this.#options.tunnels.carry(socket, route, caller.head, (error) => answer(502, sentence(error)))
  }

  /** The device whose name is the Host; undefined: none of ours; null: no such request. */
  #asked(head: string): { readonly key: Bytes; readonly name: string } | undefined | null {
    const hosts = head.split('\r\n').flatMap((line) => /^host:[ \t]*(\S*)[ \t]*$/i.exec(line)?.[1] ?? [])
    if (!/^[A-Z]+ \S+ HTTP\/1\.1\r\n/.test(`${head}\r\n`) || hosts.length !== 1) return null
    const match = HOST.exec(hosts[0]!.toLowerCase())
    return match ? this.#device(match[1]!) : undefined
  }

  #tick(now: number): void {
    for (const caller of this.#callers) {
      if (now < caller.until) continue
      this.#callers.delete(caller)
      refuse(caller.socket, 408, 'The request took too long.')
    }
    if (this.#callers.size === 0) this.#options.loop.cancel(TIMER)
  }
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  408: 'Request Timeout',
  502: 'Bad Gateway',
}

function sentence(error: WattleError): string {
  return `${error.message.slice(0, 1).toUpperCase()}${error.message.slice(1)}.`
}

function refuse(socket: TcpSocket, status: number, words: string): void {
  socket.write(answer(status, words))
  socket.end()
}

function answer(status: number, words: string): Bytes {
  const body = utf8(`${words}\n`)
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    'content-type: text/plain; charset=utf-8',
    "content-security-policy: default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options: nosniff',
    'cache-control: no-store',
    'connection: close',
    `content-length: ${body.length}`,
  ]
  return concat(utf8(`${head.join('\r\n')}\r\n\r\n`), body)
}
