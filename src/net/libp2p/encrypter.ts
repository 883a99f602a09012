// Our Noise channel as a ConnectionEncrypter: `connectionEncrypters: [wattleNoise(tools)]` of a
// js-libp2p node. Peers with other keys than Ed25519 are refused. The channel
// is the one of net/noise; bytes are copied where they cross into libp2p, which keeps what it gets.

import type {
  ConnectionEncrypter,
  MessageStream,
  PeerId,
  PrivateKey,
  SecureConnectionOptions,
  SecuredConnection,
  StreamMuxerFactory,
  Upgrader,
} from '@libp2p/interface'
import type { Bytes } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { Signer } from '../../crypto/native.ts'
import { Secret } from '../../crypto/secret.ts'
import type { Random } from '../../hw/hardware.ts'
import type { NetCounter } from '../api.ts'
import { Shared } from '../link/shared.ts'
import { NoiseChannel, type NoiseOwner, PREFIX } from '../noise/channel.ts'
import { Identity, YAMUX } from '../noise/identity.ts'
import { PipeStream } from './pipe.ts'

export interface NoiseComponents {
  privateKey: PrivateKey
  upgrader: Upgrader
}

/** What the other libp2p brings, so that nothing of it is loaded here. */
export interface NoiseSetup {
  random: Random
  /** The peer id of an Ed25519 public key (32 bytes). */
  peerIdOf: (key: Bytes) => PeerId
  /** Milliseconds since 1970, for timelines. */
  now: () => number
}

/** @returns what js-libp2p calls with its components. */
export function wattleNoise(setup: NoiseSetup): (components: NoiseComponents) => ConnectionEncrypter {
  return (components) => new Encrypter(setup, components)
}

class Encrypter implements ConnectionEncrypter {
  readonly protocol: string
  readonly #setup: NoiseSetup
  readonly #components: NoiseComponents
  /** With and without the offer of Yamux inside the handshake. */
  readonly #offering: Shared
  readonly #plain: Shared

  constructor(setup: NoiseSetup, components: NoiseComponents) {
    this.protocol = '/noise'
    this.#setup = setup
    this.#components = components
    if (components.privateKey.type !== 'Ed25519')
      throw new WattleError('key-type', 'an Ed25519 key is needed')
    const signer = new Signer(new Secret(components.privateKey.raw.slice(0, 32)))
    const shared = (muxers: string[]): Shared =>
      new Shared(new Identity(signer, setup.random, muxers), setup.random, () => 0)
    this.#offering = shared([YAMUX])
    this.#plain = shared([])
  }

  secureOutbound(connection: MessageStream, options?: SecureConnectionOptions): Promise<SecuredConnection> {
    return this.#secure(connection, true, options)
  }

  secureInbound(connection: MessageStream, options?: SecureConnectionOptions): Promise<SecuredConnection> {
    return this.#secure(connection, false, options)
  }

  #secure(
    connection: MessageStream,
    initiator: boolean,
    options?: SecureConnectionOptions,
  ): Promise<SecuredConnection> {
    const muxer = options?.skipStreamMuxerNegotiation
      ? undefined
      : this.#components.upgrader.getStreamMuxers().get(YAMUX)
    const expected = options?.remotePeer
    if (expected && expected.type !== 'Ed25519')
      return Promise.reject(new WattleError('key-type', 'the expected peer has no Ed25519 key'))
    return new Promise((resolve, reject) => {
      const aborted = (): void => secured.fail(options?.signal?.reason as Error)
      const secured = new Secured(connection, muxer ? this.#offering : this.#plain, {
        initiator,
        expectedKey: expected?.publicKey?.raw ?? null,
        now: this.#setup.now,
        done: (error) => {
          options?.signal?.removeEventListener('abort', aborted)
          if (error) reject(error)
          else resolve(this.#result(secured, muxer))
        },
      })
      options?.signal?.addEventListener('abort', aborted)
      secured.begin()
    })
  }

  #result(secured: Secured, muxer: StreamMuxerFactory | undefined): SecuredConnection {
    const out: SecuredConnection = {
      connection: secured.stream,
      remotePeer: this.#setup.peerIdOf(secured.channel.remoteKey),
    }
    if (muxer && secured.channel.yamux) out.streamMuxer = muxer
    return out
  }
}

interface SecuredOptions {
  initiator: boolean
  expectedKey: Bytes | null
  now: () => number
  done: (error: Error | null) => void
}

/** One connection: cipher text on the inner stream, plain bytes on `stream`. */
class Secured implements NoiseOwner {
  readonly stream: PipeStream
  readonly channel: NoiseChannel
  readonly #inner: MessageStream
  #done: ((error: Error | null) => void) | null
  #room: boolean

  constructor(inner: MessageStream, shared: Shared, options: SecuredOptions) {
    const { log, direction } = inner
    this.stream = new PipeStream({ log, direction, now: options.now, halfClose: false })
    this.channel = new NoiseChannel(shared, this, options)
    this.#inner = inner
    this.stream.lower = {
      write: (bytes) => {
        shared.outbox.set(bytes, PREFIX)
        this.channel.commit(bytes.length)
        return this.#room
      },
      end: () => void inner.close().catch((error: Error) => inner.abort(error)),
      reset: () => inner.abort(new WattleError('closed', 'the secured stream was reset')),
      pause: () => inner.pause(),
      resume: () => inner.resume(),
    }
    this.#done = options.done
    this.#room = true
  }

  begin(): void {
    const inner = this.#inner
    inner.addEventListener('message', (event) => this.channel.onBytes(event.data.subarray(), 0))
    inner.addEventListener('drain', () => {
      this.#room = true
      this.stream.drained()
    })
    inner.addEventListener('remoteCloseWrite', () => this.stream.remoteEnded())
    inner.addEventListener('close', (event) => {
      this.channel.close()
      this.#settle(event.error ?? new WattleError('connection-lost', 'closed during the handshake'))
      this.stream.closed(event.error ?? null, event.local === true)
    })
    this.channel.begin()
  }

  fail(error: Error): void {
    this.channel.close()
    this.#settle(error)
    this.#inner.abort(error)
  }

  #settle(error: Error | null): void {
    const done = this.#done
    this.#done = null
    done?.(error)
  }

  // ── NoiseOwner: towards the inner stream ────────────────────────────────────────────────────

  write(bytes: Bytes): void {
    if (this.#inner.status === 'open') this.#room = this.#inner.send(bytes.slice())
  }

  onSecured(): void {
    this.#settle(null)
  }

  onPlain(bytes: Bytes, end: number): void {
    this.stream.received(bytes.subarray(0, end))
  }

  onNoiseError(counter: NetCounter, code: string, text: string): void {
    this.fail(new WattleError(code, `${text} (${counter})`))
  }
}
