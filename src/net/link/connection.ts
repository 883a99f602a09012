// One connection from its first byte to its last: multistream-select agrees on /noise, the Noise
// handshake proves both identities (and may agree on Yamux), multistream-select agrees on Yamux where
// it did not, then frames. Bytes in from a TcpSocket, bytes out to it; time comes through `tick`.
// https://github.com/libp2p/specs/tree/master/connections

import type { Bytes } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Failure, TcpEvents, TcpSocket } from '../../hw/hardware.ts'
import type { Connection, NetCounter, Stream } from '../api.ts'
import { NoiseChannel, type NoiseOwner, PREFIX, TAG } from '../noise/channel.ts'
import { YAMUX } from '../noise/identity.ts'
import type { Account } from '../queue.ts'
import { type FrameOutput, GO_AWAY, TYPE } from '../yamux/frame.ts'
import { Session, type SessionOwner } from '../yamux/session.ts'
import type { MuxedStream } from '../yamux/stream.ts'
import { Negotiator } from './multistream.ts'
import { Negotiation } from './negotiation.ts'
import type { Shared } from './shared.ts'

const NOISE = '/noise'
const NONE: Bytes = new Uint8Array(0)

type Phase = 'security' | 'handshake' | 'muxer' | 'open' | 'closing' | 'closed'

export interface LinkOptions {
  socket: TcpSocket
  inbound: boolean
  /** The key that the other side must prove, or null for any. */
  expectedKey: Bytes | null
  /** The handshake is through; streams may be opened. */
  onOpen: (link: Link) => void
  /** The last event; `error` says why when the connection did not end in an orderly way. */
  onClosed: (link: Link, error: WattleError | null) => void
}

export class Link implements Connection, FrameOutput, NoiseOwner, SessionOwner, TcpEvents {
  readonly remote: string
  readonly inbound: boolean
  keep: boolean
  phase: Phase
  /** When the connection was begun, and when bytes last came; the host's milliseconds. */
  readonly began: number
  heard: number
  readonly buffer: Bytes
  readonly at: number
  readonly spare: number
  readonly session: Session
  readonly #shared: Shared
  readonly #options: LinkOptions
  readonly #socket: TcpSocket
  #channel: NoiseChannel | null
  #negotiator: Negotiator | null
  #deadline: number
  #pinged: number
  #error: WattleError | null

  constructor(shared: Shared, options: LinkOptions) {
    this.remote = options.socket.remote
    this.inbound = options.inbound
    this.keep = false
    this.phase = 'security'
    this.began = shared.now()
    this.heard = this.began
    this.buffer = shared.outbox
    this.at = PREFIX
    this.spare = TAG
    this.#shared = shared
    this.#options = options
    this.#socket = options.socket
    this.session = new Session(this, this, !options.inbound)
    this.#channel = null
    this.#negotiator = this.#negotiate(NOISE)
    this.#deadline = this.began + LIMITS.net.handshakeMs
    this.#pinged = this.began
    this.#error = null
    options.socket.events = this
    this.#flush()
  }

  // ── Connection ──────────────────────────────────────────────────────────────────────────────

  get remoteKey(): Bytes {
    return this.#channel?.remoteKey ?? NONE
  }

  get limited(): boolean {
    return this.#socket.limited === true
  }

  open(protocol: string, onStream: (error: WattleError | null, stream: Stream | null) => void): void {
    const stream = this.phase === 'open' ? this.session.open() : null
    if (!stream) {
      const text = this.phase === 'open' ? 'no further stream can be opened' : 'the connection is not open'
      onStream(new WattleError(this.phase === 'open' ? 'too-many-streams' : 'closed', text), null)
      return
    }
    stream.deadline = this.#shared.now() + LIMITS.net.handshakeMs
    stream.events = new Negotiation(stream, Negotiator.propose(protocol), onStream)
  }

  close(): void {
    if (this.phase === 'open') this.session.sendFrame(TYPE.goAway, 0, 0, GO_AWAY.normal)
    this.#leave(null)
  }

  /** Neither through with the handshake nor given up. */
  get handshaking(): boolean {
    return this.phase === 'security' || this.phase === 'handshake' || this.phase === 'muxer'
  }

  /** Cuts the connection at once. */
  destroy(error: WattleError | null): void {
    this.#leave(error)
    this.#socket.destroy()
  }

  /** Asks whether the other side is still there; a machine that has restarted answers with a reset. */
  probe(): void {
    if (this.phase === 'open') this.session.ping()
  }

  /** Bytes of a partial frame that this connection occupies. */
  get held(): number {
    return this.#channel?.held ?? 0
  }

  /** Deadlines, keep-alive, idle buffers: once a second. */
  tick(now: number): void {
    if (this.phase === 'closing') {
      if (now >= this.#deadline) this.#socket.destroy()
      return
    }
    if (this.phase !== 'open') {
      if (now >= this.#deadline)
        this.#fail('handshakeTimeouts', 'handshake-timeout', 'the handshake took too long')
      return
    }
    this.#channel?.trim()
    const owed = this.session.tick(now)
    const patience = owed ? LIMITS.net.handshakeMs : LIMITS.net.silentMs
    if (now - this.heard >= patience) this.#fail('silent', 'silent', 'nothing was heard for too long')
    else if (now - this.heard >= LIMITS.net.keepAliveMs && now - this.#pinged >= LIMITS.net.keepAliveMs) {
      this.#pinged = now
      this.session.ping()
    }
  }

  // ── TcpEvents ───────────────────────────────────────────────────────────────────────────────

  onData(bytes: Bytes): void {
    this.heard = this.#shared.now()
    let at = 0
    while (at < bytes.length && this.phase === 'security') at += this.#onNegotiation(bytes, at, bytes.length)
    if (at < bytes.length && this.phase !== 'closing') this.#channel?.onBytes(bytes, at)
  }

  onDrain(): void {
    this.session.onWritable()
  }

  onClose(error: Failure): void {
    this.#leave(error ? new WattleError('connection-lost', error.message) : null)
    this.phase = 'closed'
    this.#options.onClosed(this, this.#error)
  }

  // ── FrameOutput ─────────────────────────────────────────────────────────────────────────────

  commit(n: number): void {
    this.#channel?.commit(n)
  }

  congested(): boolean {
    return this.#socket.queued() >= LIMITS.net.socketSendBytes
  }

  // ── NoiseOwner ──────────────────────────────────────────────────────────────────────────────

  write(bytes: Bytes): void {
    this.#socket.write(bytes)
    if (this.#socket.queued() > 2 * LIMITS.net.socketSendBytes)
      this.#fail('flooded', 'flooded', 'the other side asks for answers and does not read them')
  }

  onSecured(): void {
    if (this.#channel!.yamux) {
      this.#begin()
      return
    }
    this.phase = 'muxer'
    this.#negotiator = this.#negotiate(YAMUX)
    this.#flush()
  }

  onPlain(bytes: Bytes, end: number): void {
    let at = 0
    if (this.phase === 'muxer') at = this.#onNegotiation(bytes, 0, end)
    if (this.phase === 'open') this.session.onBytes(bytes, at, end)
  }

  onNoiseError(counter: NetCounter, code: string, text: string): void {
    this.#fail(counter, code, text)
  }

  // ── SessionOwner ────────────────────────────────────────────────────────────────────────────

  get connection(): Connection {
    return this
  }

  get unread(): Account {
    return this.#shared.unread
  }

  get unsent(): Account {
    return this.#shared.unsent
  }

  count(name: NetCounter): void {
    this.#shared.counters.add(name)
  }

  onStream(stream: MuxedStream): void {
    stream.deadline = this.#shared.now() + LIMITS.net.handshakeMs
    const answer = Negotiator.answer((protocol) => this.#shared.protocols.has(protocol))
    stream.events = new Negotiation(stream, answer, (error) => {
      if (!error) this.#shared.protocols.get(stream.protocol)!(stream)
    })
  }

  onBroken(code: number, reason: string): void {
    if (code >= 0) this.session.sendFrame(TYPE.goAway, 0, 0, code)
    this.#leave(new WattleError('protocol-error', reason))
  }

  onGoAway(): void {
    if (this.session.streams.size === 0) this.#leave(null)
  }

  // ── Inside ──────────────────────────────────────────────────────────────────────────────────

  #negotiate(protocol: string): Negotiator {
    return this.inbound ? Negotiator.answer((said) => said === protocol) : Negotiator.propose(protocol)
  }

  #onNegotiation(bytes: Bytes, from: number, end: number): number {
    const negotiator = this.#negotiator!
    const eaten = negotiator.feed(bytes, from, end)
    this.#flush()
    if (negotiator.verdict === 'agreed') {
      if (this.phase === 'security') this.#beginHandshake()
      else this.#begin()
    } else if (negotiator.verdict !== 'open') {
      const protocol = this.phase === 'security' ? NOISE : YAMUX
      this.#fail('handshakeErrors', 'protocol-error', `the other side does not speak ${protocol}`)
    }
    return eaten
  }

  /** What the negotiator has to say: as it is, or sealed once there is a cipher. */
  #flush(): void {
    const out = this.#negotiator?.takeOutput()
    if (!out || out.length === 0) return
    if (this.phase === 'security') {
      this.#socket.write(out)
      return
    }
    this.buffer.set(out, PREFIX)
    this.commit(out.length)
  }

  #beginHandshake(): void {
    this.phase = 'handshake'
    this.#negotiator = null
    const { inbound, expectedKey } = this.#options
    this.#channel = new NoiseChannel(this.#shared, this, { initiator: !inbound, expectedKey })
    this.#channel.begin()
  }

  #begin(): void {
    this.#negotiator = null
    this.phase = 'open'
    this.count('opened')
    this.#options.onOpen(this)
  }

  #fail(counter: NetCounter, code: string, text: string): void {
    if (this.phase === 'closing' || this.phase === 'closed') return
    this.count(counter)
    this.destroy(new WattleError(code, text))
  }

  /** No more of ours goes out and nothing that comes is read. */
  #leave(error: WattleError | null): void {
    if (this.phase === 'closing' || this.phase === 'closed') return
    this.phase = 'closing'
    this.#error = error
    this.#deadline = this.#shared.now() + LIMITS.net.closeMs
    this.session.close(error)
    this.#channel?.close()
    this.#socket.end()
  }
}
