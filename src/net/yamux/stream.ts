// One Yamux stream: credit in both directions, what waits to be sent, what waits to be read.
// Credit is given back when bytes were handed over, so a paused stream stops the sender at its window.
// Owned and fed by session.ts; what the application sees is the `Stream` of api.ts.

import type { Bytes } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Connection, NetCounter, Stream, StreamEvents } from '../api.ts'
import { type Account, ByteQueue } from '../queue.ts'
import { FLAG, type FrameOutput, TYPE } from './frame.ts'

const WINDOW = LIMITS.net.streamWindowBytes
const ROOM = LIMITS.net.streamSendBytes
const MAX_CREDIT = 0xffff_ffff

export const NO_EVENTS: StreamEvents = {
  onData: () => {},
  onDrain: () => {},
  onEnd: () => {},
  onClose: () => {},
}

/** What a stream needs of its session. */
export interface StreamSession {
  readonly connection: Connection
  readonly output: FrameOutput
  readonly unread: Account
  readonly unsent: Account
  count(name: NetCounter): void
  sendFrame(type: number, flags: number, id: number, length: number): void
  /** Sends as much of `length` bytes at `at` as one frame takes; how many those were. */
  sendData(stream: MuxedStream, flags: number, bytes: Bytes, at: number, length: number): number
  /** The stream has bytes and credit: it takes its turn. */
  list(stream: MuxedStream): void
  forget(stream: MuxedStream): void
}

export class MuxedStream implements Stream {
  protocol: string
  events: StreamEvents
  readonly id: number
  readonly session: StreamSession
  readonly unread: ByteQueue
  readonly unsent: ByteQueue
  /** Neighbour in the session's list of streams that may send. */
  next: MuxedStream | null
  listed: boolean
  closed: boolean
  /** Until then a protocol must be agreed on; infinity afterwards. */
  deadline: number
  #credit: number
  #window: number
  #eaten: number
  /** SYN or ACK, until our first frame has carried it. */
  #opening: number
  #paused: boolean
  #delivering: boolean
  #full: boolean
  #ending: boolean
  #ended: boolean
  #remoteEnded: boolean
  #endTold: boolean
  #held: number

  constructor(session: StreamSession, id: number, ours: boolean) {
    this.protocol = ''
    this.events = NO_EVENTS
    this.id = id
    this.session = session
    this.unread = new ByteQueue(session.unread)
    this.unsent = new ByteQueue(session.unsent)
    this.next = null
    this.listed = false
    this.closed = false
    this.deadline = Number.POSITIVE_INFINITY
    this.#credit = WINDOW
    this.#window = WINDOW
    this.#eaten = 0
    this.#opening = ours ? FLAG.syn : FLAG.ack
    this.#paused = false
    this.#delivering = false
    this.#full = false
    this.#ending = false
    this.#ended = false
    this.#remoteEnded = false
    this.#endTold = false
    this.#held = 0
  }

  get connection(): Connection {
    return this.session.connection
  }

  // ── The application's side ──────────────────────────────────────────────────────────────────

  write(bytes: Bytes): boolean {
    if (this.closed || this.#ending) return false
    let at = 0
    if (this.unsent.length === 0) {
      while (at < bytes.length && this.#credit > 0 && !this.session.output.congested())
        at += this.#sendData(bytes, at, bytes.length - at)
    }
    if (at < bytes.length) this.#hold(at === 0 ? bytes : bytes.subarray(at))
    if (this.closed) return false
    if (this.unsent.length >= ROOM) this.#full = true
    return !this.#full
  }

  writable(): number {
    return this.closed || this.#ending ? 0 : Math.max(0, ROOM - this.unsent.length)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    if (!this.#delivering) this.#deliverHeld()
  }

  end(): void {
    if (this.closed || this.#ending) return
    this.#ending = true
    if (this.unsent.length === 0) this.#sendEnd()
  }

  hold(bytes: number): void {
    if (this.closed) return
    this.#held += bytes
    this.session.unread.charge(bytes)
  }

  reset(counter?: NetCounter): void {
    if (counter && !this.closed) this.session.count(counter)
    this.fail(new WattleError('stream-reset', 'this side reset the stream'))
  }

  /** Bytes of memory that unread bytes of this stream occupy, here and at its reader. */
  get held(): number {
    return this.unread.held + this.#held
  }

  // ── The session's side ──────────────────────────────────────────────────────────────────────

  /** Resets the stream and tells the application why. */
  fail(error: WattleError): void {
    if (this.closed) return
    this.session.sendFrame(TYPE.window, FLAG.rst, this.id, 0)
    this.finish(error)
  }

  /** The stream is no more; sends nothing. */
  finish(error: WattleError | null): void {
    if (this.closed) return
    this.closed = true
    this.unread.clear()
    this.unsent.clear()
    this.session.unread.charge(-this.#held)
    this.#held = 0
    this.session.forget(this)
    this.events.onClose(error)
  }

  /** A data frame of `length` bytes begins; false: it is larger than the window. */
  onFrame(length: number): boolean {
    if (length > this.#window) return false
    this.#window -= length
    return true
  }

  onPayload(bytes: Bytes): void {
    if (this.closed || this.#remoteEnded) return
    if (this.#paused || this.unread.length > 0) {
      this.unread.push(bytes)
      return
    }
    this.#delivering = true
    this.#eaten += bytes.length
    this.events.onData(bytes)
    this.#delivering = false
    if (this.unread.length > 0) this.#deliverHeld()
    else this.#giveCredit()
  }

  /** From inside `onData`: bytes that belong to whoever listens next. */
  putBack(bytes: Bytes): void {
    if (this.closed || bytes.length === 0) return
    this.#eaten -= bytes.length
    this.unread.push(bytes)
  }

  onCredit(bytes: number): void {
    this.#credit = Math.min(MAX_CREDIT, this.#credit + bytes)
    if (this.unsent.length > 0) this.session.list(this)
  }

  onRemoteEnd(): void {
    if (this.#remoteEnded) return
    this.#remoteEnded = true
    if (this.unread.length === 0 && !this.#delivering) this.#tellEnd()
  }

  /** Sends one frame of what waits; true when more could be sent. */
  pump(): boolean {
    const waiting = this.unsent
    if (this.closed || waiting.length === 0 || this.#credit === 0) return false
    const head = waiting.head(this.#credit)
    waiting.drop(this.#sendData(head, 0, head.length))
    if (waiting.length === 0 && this.#ending) this.#sendEnd()
    if (this.#full && waiting.length <= ROOM / 2) {
      this.#full = false
      this.events.onDrain()
    }
    return waiting.length > 0 && this.#credit > 0 && !this.closed
  }

  /** Our first frame carries SYN or ACK; where data is not at hand, an empty window update does. */
  greet(): void {
    if (this.#opening !== 0 && !this.closed)
      this.session.sendFrame(TYPE.window, this.#takeOpening(), this.id, 0)
  }

  // ── Inside ──────────────────────────────────────────────────────────────────────────────────

  #takeOpening(): number {
    const flags = this.#opening
    this.#opening = 0
    return flags
  }

  #sendData(bytes: Bytes, at: number, length: number): number {
    const n = this.session.sendData(this, this.#takeOpening(), bytes, at, Math.min(length, this.#credit))
    this.#credit -= n
    return n
  }

  #hold(bytes: Bytes): void {
    if (this.unsent.length + bytes.length > 2 * ROOM) {
      this.session.count('slowReaders')
      this.fail(new WattleError('slow-reader', `the other side reads too slowly: ${2 * ROOM} bytes wait`))
      return
    }
    this.unsent.push(bytes)
    if (this.#credit > 0 && !this.closed) this.session.list(this)
  }

  #deliverHeld(): void {
    this.#delivering = true
    while (this.unread.length > 0 && !this.#paused && !this.closed) {
      const bytes = this.unread.head(this.unread.length)
      this.events.onData(bytes)
      if (this.closed) break
      this.unread.drop(bytes.length)
      this.#eaten += bytes.length
      this.#giveCredit()
    }
    this.#delivering = false
    if (this.#remoteEnded && this.unread.length === 0) this.#tellEnd()
  }

  #giveCredit(): void {
    if (this.#eaten < WINDOW / 2 || this.#remoteEnded || this.closed) return
    this.#window += this.#eaten
    this.session.sendFrame(TYPE.window, this.#takeOpening(), this.id, this.#eaten)
    this.#eaten = 0
  }

  #sendEnd(): void {
    this.#ended = true
    this.session.sendFrame(TYPE.window, FLAG.fin | this.#takeOpening(), this.id, 0)
    if (this.#endTold) this.finish(null)
  }

  #tellEnd(): void {
    if (this.#endTold || this.closed) return
    this.#endTold = true
    this.events.onEnd()
    if (this.#ended) this.finish(null)
  }
}
