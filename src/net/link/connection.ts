// One connection from its first byte to its last: multistream-select agrees on /noise, the Noise
// handshake proves both identities (and may agree on Yamux), multistream-select agrees on Yamux where
// it did not, then frames. Bytes in from a TcpSocket, bytes out to it; time comes through `tick`.
// https://github.com/libp2p/specs/tree/master/connections

import type { Bytes } from '../../base/bytes.ts'
import { equal } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { FrameCipher } from '../../crypto/framecipher.ts'
import { Exchange } from '../../crypto/native.ts'
import { Secret } from '../../crypto/secret.ts'
import type { Failure, TcpEvents, TcpSocket } from '../../hw/hardware.ts'
import type { Connection, NetCounter, Stream } from '../api.ts'
import { Assembler } from '../noise/assembler.ts'
import { Handshake } from '../noise/handshake.ts'
import { readPayload, YAMUX } from '../noise/identity.ts'
import type { Account } from '../queue.ts'
import { type FrameOutput, GO_AWAY, TYPE } from '../yamux/frame.ts'
import { Session, type SessionOwner } from '../yamux/session.ts'
import type { MuxedStream } from '../yamux/stream.ts'
import { Negotiator } from './multistream.ts'
import { Negotiation } from './negotiation.ts'
import type { Shared } from './shared.ts'

const NOISE = '/noise'
const NONE: Bytes = new Uint8Array(0)
/** The 16-bit length before each Noise message. */
const PREFIX = 2
const TAG = 16

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

export class Link implements Connection, FrameOutput, SessionOwner, TcpEvents {
  remoteKey: Bytes
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
  readonly #assembler: Assembler
  #negotiator: Negotiator | null
  #handshake: Handshake | null
  #sendCipher: FrameCipher | null
  #receiveCipher: FrameCipher | null
  #sent: number
  #received: number
  #view: Bytes
  #deadline: number
  #pinged: number
  #error: WattleError | null

  constructor(shared: Shared, options: LinkOptions) {
    this.remoteKey = NONE
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
    this.#assembler = new Assembler(shared.unread, LIMITS.net.handshakeBytes)
    this.#negotiator = this.#negotiate(NOISE)
    this.#handshake = null
    this.#sendCipher = null
    this.#receiveCipher = null
    this.#sent = 0
    this.#received = 0
    this.#view = NONE
    this.#deadline = this.began + LIMITS.net.handshakeMs
    this.#pinged = this.began
    this.#error = null
    options.socket.events = this
    this.#flush()
  }

  // ── Connection ──────────────────────────────────────────────────────────────────────────────

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

  /** Bytes of a partial frame that this connection occupies. */
  get held(): number {
    return this.#assembler.held
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
    this.#assembler.trim()
    this.session.tick(now)
    if (now - this.heard >= LIMITS.net.silentMs)
      this.#fail('silent', 'silent', 'nothing was heard for too long')
    else if (now - this.heard >= LIMITS.net.keepAliveMs && now - this.#pinged >= LIMITS.net.keepAliveMs) {
      this.#pinged = now
      this.session.ping()
    }
  }

  // ── TcpEvents ───────────────────────────────────────────────────────────────────────────────

  onData(bytes: Bytes): void {
    this.heard = this.#shared.now()
    let at = 0
    while (at < bytes.length && this.phase !== 'closing' && this.phase !== 'closed') {
      if (this.phase === 'security') {
        at += this.#onNegotiation(bytes, at, bytes.length)
        continue
      }
      const whole = this.#assembler.take(bytes, at)
      at += this.#assembler.taken
      if (whole) this.#onMessage()
      else if (this.#assembler.broken)
        this.#fail('badFrames', 'protocol-error', 'a Noise message has an impossible length')
    }
  }

  onDrain(): void {
    this.session.onWritable()
  }

  onClose(error: Failure): void {
    this.#leave(error ? new WattleError('connection-lost', error.message) : null)
    this.phase = 'closed'
    this.#assembler.clear()
    this.#sendCipher?.destroy()
    this.#receiveCipher?.destroy()
    this.#options.onClosed(this, this.#error)
  }

  // ── FrameOutput ─────────────────────────────────────────────────────────────────────────────

  commit(n: number): void {
    const cipher = this.#sendCipher
    if (!cipher) return
    const box = n + TAG
    cipher.seal(this.buffer, PREFIX, n, this.#sent++)
    this.buffer[0] = box >> 8
    this.buffer[1] = box
    // Frames of one channel all have one length: the view of the last one usually fits.
    if (this.#view.length !== box + PREFIX) this.#view = this.buffer.subarray(0, box + PREFIX)
    this.#socket.write(this.#view)
    if (this.#socket.queued() > 2 * LIMITS.net.socketSendBytes)
      this.#fail('flooded', 'flooded', 'the other side asks for answers and does not read them')
  }

  congested(): boolean {
    return this.#socket.queued() >= LIMITS.net.socketSendBytes
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
    if (!this.#sendCipher) {
      this.#socket.write(out)
      return
    }
    this.buffer.set(out, PREFIX)
    this.commit(out.length)
  }

  #beginHandshake(): void {
    const seed = new Uint8Array(32)
    this.#shared.random(seed)
    this.phase = 'handshake'
    this.#handshake = new Handshake({
      initiator: !this.inbound,
      prologue: NONE,
      static: this.#shared.identity.exchange,
      ephemeral: new Exchange(new Secret(seed)),
    })
    this.#negotiator = null
    if (!this.inbound) this.#sendHandshake(NONE)
  }

  #sendHandshake(payload: Bytes): void {
    const message = this.#handshake!.write(payload)
    if (!message) {
      this.#fail('handshakeErrors', 'handshake-failed', 'the other side sent an unusable key')
      return
    }
    const framed = this.buffer.subarray(0, PREFIX + message.length)
    framed[0] = message.length >> 8
    framed[1] = message.length
    framed.set(message, PREFIX)
    this.#socket.write(framed)
  }

  /** One Noise message is whole: of the handshake, or a frame. */
  #onMessage(): void {
    const { source, start, length } = this.#assembler
    if (this.phase === 'handshake') {
      this.#onHandshake(source.subarray(start, start + length))
      return
    }
    const inbox = this.#shared.inbox
    if (!this.#receiveCipher!.open(source, start, length, this.#received++, inbox, 0)) {
      this.#fail('badTags', 'protocol-error', 'a frame does not verify')
      return
    }
    const end = length - TAG
    let at = 0
    if (this.phase === 'muxer') {
      at = this.#onNegotiation(inbox, 0, end)
    }
    if (this.phase === 'open') this.session.onBytes(inbox, at, end)
  }

  /** The responder proves itself in the second message, the initiator in the third. */
  #onHandshake(message: Bytes): void {
    const handshake = this.#handshake!
    const payload = handshake.read(message)
    if (!payload) {
      this.#fail('handshakeErrors', 'handshake-failed', 'the handshake does not verify')
      return
    }
    if (handshake.remoteStatic.length === 0) {
      this.#sendHandshake(this.#shared.identity.payload)
      return
    }
    const said = readPayload(payload, handshake.remoteStatic)
    if (said.verdict !== 'ok') {
      this.#fail(said.verdict, 'handshake-failed', 'the other side did not prove an Ed25519 identity')
      return
    }
    const expected = this.#options.expectedKey
    if (expected && !equal(expected, said.key)) {
      this.#fail('wrongKeys', 'wrong-key', 'the other side proved a key other than the expected one')
      return
    }
    this.remoteKey = said.key
    if (handshake.ours) this.#sendHandshake(this.#shared.identity.payload)
    if (!handshake.done || this.phase !== 'handshake') return
    const ciphers = handshake.split()
    this.#sendCipher = ciphers.send
    this.#receiveCipher = ciphers.receive
    this.#handshake = null
    if (said.yamux && this.#shared.identity.muxers.includes(YAMUX)) this.#begin()
    else {
      this.phase = 'muxer'
      this.#negotiator = this.#negotiate(YAMUX)
      this.#flush()
    }
  }

  #begin(): void {
    this.#negotiator = null
    this.phase = 'open'
    this.#assembler.limit = LIMITS.net.frameBytes
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
    this.#socket.end()
  }
}
