// Our Yamux as a StreamMuxerFactory: `streamMuxers: [wattleYamux(Date.now)]` of a js-libp2p node. The
// session is the one of net/yamux; here it is fed from a MessageStream, and its streams are wrapped.
// Each connection has caps of its own, since nothing here knows of the others.

import type {
  AbortOptions,
  MessageStream,
  Stream,
  StreamMuxer,
  StreamMuxerEvents,
  StreamMuxerFactory,
  StreamMuxerStatus,
} from '@libp2p/interface'
import type { Bytes } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Connection, NetCounter } from '../api.ts'
import { YAMUX } from '../noise/identity.ts'
import { Account } from '../queue.ts'
import { type FrameOutput, GO_AWAY, HEADER, TYPE } from '../yamux/frame.ts'
import { Session, type SessionOwner } from '../yamux/session.ts'
import type { MuxedStream } from '../yamux/stream.ts'
import { Emitter, soon } from './emitter.ts'
import { WrappedStream } from './stream.ts'

type Events = StreamMuxerEvents & Record<string, CustomEvent<Stream>>

/**
 * @param now milliseconds since 1970, for timelines.
 * @returns what js-libp2p calls once.
 */
export function wattleYamux(now: () => number): () => StreamMuxerFactory {
  return () => ({ protocol: YAMUX, createStreamMuxer: (inner) => new Muxer(inner, now) })
}

class Muxer extends Emitter<Events> implements StreamMuxer, FrameOutput, SessionOwner {
  readonly protocol: string
  readonly streams: WrappedStream[]
  status: StreamMuxerStatus
  readonly buffer: Bytes
  readonly at: number
  readonly spare: number
  readonly unread: Account
  readonly unsent: Account
  readonly #inner: MessageStream
  readonly #now: () => number
  readonly #session: Session
  /** Opened by the other side before anybody listened. */
  readonly #early: WrappedStream[]

  constructor(inner: MessageStream, now: () => number) {
    super()
    this.protocol = YAMUX
    this.streams = []
    this.status = 'open'
    this.buffer = new Uint8Array(HEADER + LIMITS.net.chunkBytes)
    this.at = 0
    this.spare = 0
    this.unread = new Account(LIMITS.net.unreadBytes)
    this.unsent = new Account(LIMITS.net.unsentBytes)
    this.#inner = inner
    this.#now = now
    this.#session = new Session(this, this, inner.direction === 'outbound')
    this.#early = []
    const error = new WattleError('slow-reader', 'more bytes wait than one connection may keep')
    this.unread.onOver = () => this.#session.largestUnread()?.fail(error)
    this.unsent.onOver = () => this.#session.largestUnsent()?.fail(error)
    inner.addEventListener('message', (event) => {
      const bytes = event.data.subarray()
      this.#session.onBytes(bytes, 0, bytes.length)
    })
    inner.addEventListener('drain', () => this.#session.onWritable())
    inner.addEventListener('close', (event) => this.#leave(event.error ?? null))
  }

  /** The protocol is agreed on by libp2p, which takes a stream that has one for agreed. */
  createStream(): Promise<Stream> {
    const stream = this.status === 'open' ? this.#session.open() : null
    if (!stream) return Promise.reject(new WattleError('too-many-streams', 'no further stream can be opened'))
    const wrapped = this.#wrap(stream, 'outbound')
    soon(() => stream.greet())
    return Promise.resolve(wrapped)
  }

  /** Ends every stream in an orderly way, then says that no more will come. */
  async close(options?: AbortOptions): Promise<void> {
    if (this.status !== 'open') return
    this.status = 'closing'
    await Promise.all([...this.streams].map((stream) => stream.close(options)))
    this.#session.sendFrame(TYPE.goAway, 0, 0, GO_AWAY.normal)
    this.#leave(null)
  }

  abort(error: Error): void {
    if (this.status === 'closed') return
    for (const stream of [...this.streams]) stream.abort(error)
    this.#session.sendFrame(TYPE.goAway, 0, 0, GO_AWAY.internal)
    this.#leave(error)
  }

  /** Somebody begins to listen: what waited is told. */
  protected override onListener(type: string): void {
    if (type === 'stream') soon(() => this.#tellEarly())
  }

  // ── FrameOutput ─────────────────────────────────────────────────────────────────────────────

  commit(n: number): void {
    if (this.#inner.status === 'open') this.#inner.send(this.buffer.slice(0, n))
  }

  congested(): boolean {
    return this.#inner.writableNeedsDrain
  }

  // ── SessionOwner ────────────────────────────────────────────────────────────────────────────

  get connection(): Connection {
    throw new RangeError('streams of this muxer belong to a connection of libp2p')
  }

  count(counter: NetCounter): void {
    this.#inner.log('yamux: %s', counter)
  }

  onStream(stream: MuxedStream): void {
    this.#early.push(this.#wrap(stream, 'inbound'))
    this.#tellEarly()
  }

  onBroken(code: number, reason: string): void {
    if (code >= 0) this.#session.sendFrame(TYPE.goAway, 0, 0, code)
    const error = new WattleError('protocol-error', reason)
    this.#leave(error)
    this.#inner.abort(error)
  }

  onGoAway(): void {
    this.#leave(null)
  }

  // ── Inside ──────────────────────────────────────────────────────────────────────────────────

  #wrap(stream: MuxedStream, direction: 'inbound' | 'outbound'): WrappedStream {
    const id = String(stream.id)
    const log = this.#inner.log.newScope(`${direction}:${id}`)
    const wrapped = new WrappedStream(stream, { id, protocol: '', direction, log, now: this.#now })
    this.streams.push(wrapped)
    wrapped.addEventListener('close', () => {
      const at = this.streams.indexOf(wrapped)
      if (at >= 0) this.streams.splice(at, 1)
    })
    return wrapped
  }

  #tellEarly(): void {
    while (this.#early.length > 0 && this.listenerCount('stream') > 0)
      this.safeDispatchEvent('stream', { detail: this.#early.shift()! })
  }

  #leave(error: Error | null): void {
    if (this.status === 'closed') return
    this.status = 'closed'
    this.#session.close(error && new WattleError('connection-lost', error.message))
  }
}
