// A connection of our Host as the `Connection` of @libp2p/interface, and a stream as its `Stream`, for
// code that is written against libp2p. The host itself, its limits and its counters stay ours.
// Peer ids and multiaddrs are made by functions that the caller brings.

import type {
  ConnectionStatus,
  Connection as Libp2pConnection,
  Stream as Libp2pStream,
  Logger,
  MessageStreamDirection,
  MultiaddrConnectionTimeline,
  NewStreamOptions,
  PeerId,
} from '@libp2p/interface'
import { type Bytes, hex } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import type { Connection, Stream } from '../api.ts'
import { multiaddrBytes } from '../multiaddr.ts'
import { YAMUX } from '../noise/identity.ts'
import { Emitter } from './emitter.ts'
import { WrappedStream } from './stream.ts'
import type { Multiaddr } from './transport.ts'

/** What the other libp2p brings, so that nothing of it is loaded here. */
export interface ConnectionSetup {
  log: Logger
  peerIdOf: (key: Bytes) => PeerId
  multiaddrOf: (bytes: Bytes) => Multiaddr
  /** Milliseconds since 1970, for timelines. */
  now: () => number
}

type Events = Record<'close' | 'remoteCloseWrite' | 'idle', Event>

export class WrappedConnection extends Emitter<Events> implements Libp2pConnection {
  readonly id: string
  readonly remoteAddr: Multiaddr
  readonly remotePeer: PeerId
  readonly streams: Libp2pStream[]
  readonly direction: MessageStreamDirection
  readonly timeline: MultiaddrConnectionTimeline
  readonly multiplexer: string
  readonly encryption: string
  readonly direct: boolean
  readonly log: Logger
  status: ConnectionStatus
  readonly #connection: Connection
  readonly #now: () => number
  #opened: number

  constructor(connection: Connection, setup: ConnectionSetup) {
    super()
    const address = multiaddrBytes(connection.remote)
    if (!address) throw new WattleError('no-address', `${connection.remote} is no literal TCP address`)
    this.id = `${connection.remote} ${hex(connection.remoteKey.subarray(0, 8))}`
    this.remoteAddr = setup.multiaddrOf(address)
    this.remotePeer = setup.peerIdOf(connection.remoteKey)
    this.streams = []
    this.direction = connection.inbound ? 'inbound' : 'outbound'
    this.timeline = { open: setup.now() }
    this.multiplexer = YAMUX
    this.encryption = '/noise'
    this.direct = true
    this.log = setup.log
    this.status = 'open'
    this.#connection = connection
    this.#now = setup.now
    this.#opened = 0
  }

  /** The first of `protocols` that the other side speaks. */
  async newStream(protocols: string | string[], options?: NewStreamOptions): Promise<Libp2pStream> {
    let refused: Error = new WattleError('protocol-unknown', 'no protocol was named')
    for (const protocol of typeof protocols === 'string' ? [protocols] : protocols) {
      options?.signal?.throwIfAborted()
      try {
        return await this.#open(protocol)
      } catch (error) {
        refused = error as Error
        if (!(error instanceof WattleError) || error.code !== 'protocol-unknown') throw error
      }
    }
    throw refused
  }

  /** An inbound stream, as a handler of the host gets it: call this before the handler returns. */
  wrap(stream: Stream): Libp2pStream {
    return this.#wrap(stream, 'inbound')
  }

  async close(): Promise<void> {
    await Promise.all(this.streams.map((stream) => stream.close()))
    this.#connection.close()
    this.closed()
  }

  abort(error: Error): void {
    for (const stream of [...this.streams]) stream.abort(error)
    this.#connection.close()
    this.closed()
  }

  /** For the host's `onDisconnect`. */
  closed(): void {
    if (this.status === 'closed') return
    this.status = 'closed'
    this.timeline.close = this.#now()
    this.safeDispatchEvent('close')
  }

  protected override onListener(): void {}

  #open(protocol: string): Promise<Libp2pStream> {
    return new Promise((resolve, reject) => {
      this.#connection.open(protocol, (error, stream) => {
        if (stream) resolve(this.#wrap(stream, 'outbound'))
        else reject(error as Error)
      })
    })
  }

  #wrap(stream: Stream, direction: MessageStreamDirection): Libp2pStream {
    const id = `${direction}:${this.#opened++}`
    const { protocol } = stream
    const wrapped = new WrappedStream(stream, { id, protocol, direction, log: this.log, now: this.#now })
    this.streams.push(wrapped)
    wrapped.addEventListener('close', () => {
      const at = this.streams.indexOf(wrapped)
      if (at >= 0) this.streams.splice(at, 1)
    })
    return wrapped
  }
}
