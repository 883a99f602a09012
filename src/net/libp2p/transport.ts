// Our sockets as a Transport: `transports: [wattleTcp(setup)]` of a js-libp2p node, so that it dials
// and listens through the same interfaces of hw/hardware.ts as everything else, the simulated ones
// included. Addresses are literal: /ip4/…/tcp/… and /ip6/…/tcp/….

import type {
  ComponentLogger,
  Connection,
  CreateListenerOptions,
  DialTransportOptions,
  Listener as Libp2pListener,
  ListenerEvents,
  Logger,
  MultiaddrConnection,
  Transport,
  transportSymbol,
  Upgrader,
} from '@libp2p/interface'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Listener, Sockets, TcpSocket } from '../../hw/hardware.ts'
import { addressOf, multiaddrBytes } from '../multiaddr.ts'
import { Emitter } from './emitter.ts'
import { type PipeInit, PipeStream } from './pipe.ts'

export type Multiaddr = Connection['remoteAddr']

/** What the other libp2p brings, so that nothing of it is loaded here. */
export interface TcpSetup {
  sockets: Sockets
  multiaddrOf: (bytes: Uint8Array) => Multiaddr
  /** Milliseconds since 1970, for timelines. */
  now: () => number
  /** `transportSymbol` of @libp2p/interface. */
  symbol: typeof transportSymbol
}

/** @returns what js-libp2p calls with its components. */
export function wattleTcp(setup: TcpSetup): (components: { logger: ComponentLogger }) => Transport {
  return ({ logger }) => {
    const log = logger.forComponent('wattle:tcp')
    const dialable = (addresses: Multiaddr[]): Multiaddr[] =>
      addresses.filter((address) => addressOf(address.bytes) !== null)
    return {
      [Symbol.toStringTag]: 'wattle/tcp',
      [setup.symbol]: true,
      dial: (address, options) => dial(setup, address, options, log),
      createListener: (options) => new TcpListener(setup, options, log),
      listenFilter: dialable,
      dialFilter: dialable,
    } as Transport
  }
}

/** A socket as libp2p's upgrader takes it. */
class SocketStream extends PipeStream implements MultiaddrConnection {
  readonly remoteAddr: Multiaddr

  constructor(socket: TcpSocket, remoteAddr: Multiaddr, init: Omit<PipeInit, 'halfClose'>) {
    super({ ...init, halfClose: false })
    this.remoteAddr = remoteAddr
    this.lower = {
      write: (bytes) => {
        socket.write(bytes)
        return socket.queued() < LIMITS.net.socketSendBytes
      },
      end: () => socket.end(),
      reset: () => socket.destroy(),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
    }
    socket.events = {
      onData: (bytes) => this.received(bytes),
      onDrain: () => this.drained(),
      onClose: (error) => this.closed(error, false),
    }
  }
}

function dial(
  setup: TcpSetup,
  address: Multiaddr,
  options: DialTransportOptions,
  log: Logger,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const target = addressOf(address.bytes)
    if (target === null) {
      reject(new WattleError('dial-failed', `${address} is no literal TCP address`))
      return
    }
    let given = false
    const aborted = (): void => {
      given = true
      reject(options.signal.reason as Error)
    }
    options.signal.addEventListener('abort', aborted)
    setup.sockets.dialTcp(target, (error, socket) => {
      options.signal.removeEventListener('abort', aborted)
      if (given) socket?.destroy()
      else if (!socket) reject(new WattleError('dial-failed', `${target} cannot be reached: ${error?.code}`))
      else {
        const stream = new SocketStream(socket, address, {
          log,
          direction: 'outbound',
          now: setup.now,
        })
        options.upgrader.upgradeOutbound(stream, options).then(resolve, (error: Error) => {
          stream.abort(error)
          reject(error)
        })
      }
    })
  })
}

type Events = ListenerEvents & Record<string, CustomEvent>

class TcpListener extends Emitter<Events> implements Libp2pListener {
  readonly #setup: TcpSetup
  readonly #upgrader: Upgrader
  readonly #log: Logger
  readonly #stopped: AbortController
  readonly #open: Set<SocketStream>
  #listener: Listener | null

  constructor(setup: TcpSetup, options: CreateListenerOptions, log: Logger) {
    super()
    this.#setup = setup
    this.#upgrader = options.upgrader
    this.#log = log
    this.#stopped = new AbortController()
    this.#open = new Set()
    this.#listener = null
  }

  listen(address: Multiaddr): Promise<void> {
    return new Promise((resolve, reject) => {
      const target = addressOf(address.bytes)
      if (target === null) {
        reject(new WattleError('listen-failed', `${address} is no literal TCP address`))
        return
      }
      const onSocket = (socket: TcpSocket): void => this.#onSocket(socket)
      this.#setup.sockets.listenTcp(target, onSocket, (error, listener) => {
        if (!listener) {
          reject(new WattleError('listen-failed', `cannot listen on ${target}: ${error?.code}`))
          return
        }
        this.#listener = listener
        this.safeDispatchEvent('listening')
        resolve()
      })
    })
  }

  getAddrs(): Multiaddr[] {
    const bytes = this.#listener && multiaddrBytes(this.#listener.address)
    return bytes ? [this.#setup.multiaddrOf(bytes)] : []
  }

  /** Nothing to amend: these addresses carry no certificate. */
  updateAnnounceAddrs(): void {}

  async close(): Promise<void> {
    this.#listener?.close()
    this.#listener = null
    this.#stopped.abort()
    await Promise.all([...this.#open].map((stream) => stream.close()))
    this.safeDispatchEvent('close')
  }

  protected override onListener(): void {}

  #onSocket(socket: TcpSocket): void {
    const bytes = multiaddrBytes(socket.remote)
    if (!bytes || this.#open.size >= LIMITS.net.connections) {
      socket.destroy()
      return
    }
    const init = { log: this.#log, direction: 'inbound', now: this.#setup.now } as const
    const stream = new SocketStream(socket, this.#setup.multiaddrOf(bytes), init)
    this.#open.add(stream)
    stream.addEventListener('close', () => this.#open.delete(stream))
    this.#upgrader
      .upgradeInbound(stream, { signal: this.#stopped.signal })
      .catch((error: Error) => stream.abort(error))
  }
}
