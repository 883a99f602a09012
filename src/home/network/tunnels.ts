// My Home's end of tunnels (docs/wire/tunnel.md): a stream to a port of a device over the connection that
// is there, and listeners on this computer whose connections go through such streams. Who may reach a
// listener reaches the port: listeners are on loopback.

import type { Bytes } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Failure, Listener, Sockets, TcpSocket } from '../../hw/hardware.ts'
import type { Connection, Stream } from '../../net/api.ts'
import { FirstMessage, framed } from '../../net/first.ts'
import { Pump } from '../../net/tunnel/pump.ts'
import type { Loop } from '../../node/loop.ts'
import {
  decodeTunnelAnswer,
  encodeOpen,
  TUNNEL_MESSAGE_BYTES,
  TUNNEL_PROTOCOL,
} from '../../wire/net/tunnel.ts'

export interface TunnelsOptions {
  sockets: Sockets
  loop: Loop
  /** The connection to the holder of a key, where there is one. */
  find: (device: Bytes) => Connection | null
  report: (event: string, detail: Record<string, unknown>) => void
}

export interface Route {
  /** Ed25519 key of the device. */
  device: Bytes
  /** What a person calls it. */
  name: string
  /** Name of a service, or a port in digits. */
  target: string
}

type Opened = (error: WattleError | null, stream: Stream | null, rest: Bytes) => void

const NONE: Bytes = new Uint8Array(0)
const TIMER = 'tunnels'
const TICK_MS = 5_000

const WORDS: Readonly<Record<string, string>> = {
  'owners-only': 'the device opens tunnels for its owners alone, and this My Home is none of them',
  'not-carried':
    'the device does not carry this port; it carries its page, the raw P1 port where that is on, and what its setting "tunnel" names',
  'nobody-listens': 'nothing listens on this port of the device now',
  busy: 'the device has as many tunnels as it takes; close one',
  malformed: 'the device did not understand the question; it may need an update',
  refused: 'the device refused',
}

export class Tunnels {
  readonly #options: TunnelsOptions
  readonly #pumps: Set<Pump>
  readonly #listeners: Set<Listener>
  /** Connections that wait for their stream. */
  #waiting: number

  constructor(options: TunnelsOptions) {
    this.#options = options
    this.#pumps = new Set()
    this.#listeners = new Set()
    this.#waiting = 0
  }

  /** Connections that are carried or wait for it. */
  get size(): number {
    return this.#pumps.size + this.#waiting
  }

  /**
   * Listens on `address` (`host:port`, port 0 takes any); every connection goes to the route's port.
   * `done` gets what closes it again.
   */
  listen(address: string, route: Route, done: (error: Failure, listener: Listener | null) => void): void {
    const onSocket = (socket: TcpSocket): void => this.carry(socket, route, NONE)
    this.#options.sockets.listenTcp(address, onSocket, (error, listener) => {
      if (!listener) return done(error, null)
      this.#listeners.add(listener)
      const close = (): void => {
        if (this.#listeners.delete(listener)) listener.close()
      }
      done(null, { address: listener.address, close })
    })
  }

  /**
   * Joins a TCP connection with a port of a device.
   * @param head what was read of it already
   * @param refused what to say on it where that fails; left out, it is closed without a word
   */
  carry(
    socket: TcpSocket,
    route: Route,
    head: Bytes,
    refused: (error: WattleError) => Bytes | null = () => null,
  ): void {
    const { report, loop } = this.#options
    if (this.size >= LIMITS.tunnel.ofHome) return socket.destroy()
    this.#waiting++
    let gone = false
    socket.pause()
    socket.events = {
      onData() {},
      onDrain() {},
      onClose: () => {
        gone = true
      },
    }
    const first = head.slice()
    this.open(route, (error, stream, rest) => {
      this.#waiting--
      if (gone) {
        stream?.reset()
        return
      }
      if (!stream) {
        const why = error ?? new WattleError('refused', WORDS['refused']!)
        report('tunnel', { device: route.name, target: route.target, refused: why.code })
        const said = refused(why)
        if (said) socket.write(said)
        socket.resume()
        socket.end()
        return
      }
      const pump: Pump = new Pump(stream, socket, rest, () => this.#drop(pump))
      this.#pumps.add(pump)
      if (first.length > 0) stream.write(first)
      if (loop.left(TIMER) < 0) loop.every(TIMER, TICK_MS, (now) => this.#tick(now))
    })
  }

  /** A stream that the device has joined with the port; `rest` came behind its answer. */
  open(route: Route, done: Opened): void {
    const connection = this.#options.find(route.device)
    if (!connection)
      return done(new WattleError('device-offline', `${route.name} cannot be reached now`), null, NONE)
    connection.open(TUNNEL_PROTOCOL, (error, stream) => {
      if (!stream) return done(error, null, NONE)
      new FirstMessage(stream, 'u32', TUNNEL_MESSAGE_BYTES, {
        onFirst: (message, rest) => {
          const word = decodeTunnelAnswer(message)
          if (word === null) return done(null, stream, rest)
          stream.events = { onData() {}, onDrain() {}, onEnd: () => stream.end(), onClose() {} }
          const known = word !== undefined ? word : 'malformed'
          done(new WattleError(known, WORDS[known] ?? WORDS['refused']!), null, NONE)
          stream.end()
        },
        onFailed: (why) =>
          done(why ?? new WattleError('refused', `${route.name} closed the tunnel`), null, NONE),
      })
      stream.write(framed('u32', encodeOpen(route.target)))
    })
  }

  close(): void {
    this.#options.loop.cancel(TIMER)
    for (const listener of this.#listeners) listener.close()
    this.#listeners.clear()
    for (const pump of [...this.#pumps]) pump.cut()
  }

  #tick(now: number): void {
    for (const pump of [...this.#pumps]) pump.tick(now)
  }

  #drop(pump: Pump): void {
    this.#pumps.delete(pump)
    if (this.#pumps.size === 0) this.#options.loop.cancel(TIMER)
  }
}
