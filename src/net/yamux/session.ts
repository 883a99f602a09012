// A Yamux session, /yamux/1.0.0 (hashicorp/yamux spec.md, libp2p specs yamux/README.md): many streams
// over one ordered byte channel. Sans-I/O: plain bytes in, frames laid out in the buffer of a
// FrameOutput. Whatever breaks the protocol ends the session; whatever is merely too much ends one
// stream. Ids of streams that the dialling side opens are odd, the other's even; id 0 is the session.

import type { Bytes } from '../../base/bytes.ts'
import { getU32 } from '../../base/cursor.ts'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Connection, NetCounter } from '../api.ts'
import type { Account } from '../queue.ts'
import { FLAG, type FrameOutput, GO_AWAY, HEADER, putHeader, TYPE } from './frame.ts'
import { MuxedStream, type StreamSession } from './stream.ts'

export interface SessionOwner {
  readonly connection: Connection
  readonly unread: Account
  readonly unsent: Account
  count(name: NetCounter): void
  /** The other side opened a stream; set its events. */
  onStream(stream: MuxedStream): void
  /** The session cannot go on; `code` is for GO_AWAY, -1 where the other side said it. */
  onBroken(code: number, reason: string): void
  /** The other side wants no new streams. */
  onGoAway(): void
}

export class Session implements StreamSession {
  readonly output: FrameOutput
  readonly unread: Account
  readonly unsent: Account
  readonly streams: Map<number, MuxedStream>
  closed: boolean
  /** The other side will accept no more streams. */
  leaving: boolean
  /** Our last ping was answered. */
  answered: boolean
  readonly #owner: SessionOwner
  readonly #header: Bytes
  #have: number
  #left: number
  #target: MuxedStream | null
  #endAfter: boolean
  #nextId: number
  readonly #parity: number
  #first: MuxedStream | null
  #last: MuxedStream | null
  #pumping: boolean

  /** @param dialled true on the side that opened the connection. */
  constructor(output: FrameOutput, owner: SessionOwner, dialled: boolean) {
    this.output = output
    this.unread = owner.unread
    this.unsent = owner.unsent
    this.streams = new Map()
    this.closed = false
    this.leaving = false
    this.answered = true
    this.#owner = owner
    this.#header = new Uint8Array(HEADER)
    this.#have = 0
    this.#left = 0
    this.#target = null
    this.#endAfter = false
    this.#nextId = dialled ? 1 : 2
    this.#parity = dialled ? 0 : 1
    this.#first = null
    this.#last = null
    this.#pumping = false
  }

  get connection(): Connection {
    return this.#owner.connection
  }

  count(name: NetCounter): void {
    this.#owner.count(name)
  }

  // ── Out ─────────────────────────────────────────────────────────────────────────────────────

  /** A new stream of ours, or null: too many, or the other side is leaving. Nothing is sent yet. */
  open(): MuxedStream | null {
    if (this.closed || this.leaving || this.streams.size >= LIMITS.net.streamsPerConnection) return null
    if (this.#nextId > 0xffff_fff0) return null
    const stream = new MuxedStream(this, this.#nextId, true)
    this.#nextId += 2
    this.streams.set(stream.id, stream)
    return stream
  }

  sendFrame(type: number, flags: number, id: number, length: number): void {
    if (this.closed) return
    putHeader(this.output, type, flags, id, length)
    this.output.commit(HEADER)
  }

  sendData(stream: MuxedStream, flags: number, bytes: Bytes, at: number, length: number): number {
    if (this.closed) return length
    const out = this.output
    const n = Math.min(length, out.buffer.length - out.at - out.spare - HEADER)
    putHeader(out, TYPE.data, flags, stream.id, n)
    out.buffer.set(n === bytes.length ? bytes : bytes.subarray(at, at + n), out.at + HEADER)
    out.commit(HEADER + n)
    return n
  }

  /** Asks whether the other side is there. */
  ping(): void {
    this.answered = false
    this.sendFrame(TYPE.ping, FLAG.syn, 0, 1)
  }

  /** The output is free again. */
  onWritable(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#first && !this.closed && !this.output.congested()) {
      const stream = this.#first
      this.#first = stream.next
      if (!this.#first) this.#last = null
      stream.next = null
      stream.listed = false
      if (stream.pump()) this.#append(stream)
    }
    this.#pumping = false
  }

  list(stream: MuxedStream): void {
    this.#append(stream)
    this.onWritable()
  }

  #append(stream: MuxedStream): void {
    if (stream.listed) return
    stream.listed = true
    if (this.#last) this.#last.next = stream
    else this.#first = stream
    this.#last = stream
  }

  forget(stream: MuxedStream): void {
    this.streams.delete(stream.id)
  }

  /** Ends every stream. Nothing is sent. */
  close(error: WattleError | null): void {
    if (this.closed) return
    this.closed = true
    for (const stream of this.streams.values()) stream.finish(error)
    this.#first = null
    this.#last = null
    this.#target = null
  }

  /**
   * Streams that agreed on no protocol in time are reset; idle buffers go back.
   * @returns true when one of them was ours: the other side owes an answer.
   */
  tick(now: number): boolean {
    let owed = false
    for (const stream of this.streams.values()) {
      stream.unread.trim()
      stream.unsent.trim()
      if (now < stream.deadline) continue
      this.count('negotiationTimeouts')
      if (stream.id % 2 !== this.#parity) owed = true
      stream.fail(new WattleError('negotiation-timeout', 'no protocol was agreed on in time'))
    }
    return owed
  }

  /** The stream whose unread bytes occupy most memory, or null. */
  largestUnread(): MuxedStream | null {
    let found: MuxedStream | null = null
    for (const stream of this.streams.values()) if (stream.held > (found?.held ?? 0)) found = stream
    return found
  }

  /** The stream whose unsent bytes occupy most memory, or null. */
  largestUnsent(): MuxedStream | null {
    let found: MuxedStream | null = null
    for (const stream of this.streams.values())
      if (stream.unsent.held > (found?.unsent.held ?? 0)) found = stream
    return found
  }

  // ── In ──────────────────────────────────────────────────────────────────────────────────────

  /** Plain bytes from `from` to `end`; frames may begin and end anywhere. */
  onBytes(bytes: Bytes, from: number, end: number): void {
    let at = from
    while (at < end && !this.closed) {
      if (this.#left > 0) {
        const n = Math.min(this.#left, end - at)
        this.#left -= n
        const target = this.#target
        if (target) target.onPayload(bytes.subarray(at, at + n))
        at += n
        if (this.#left === 0) this.#endOfFrame()
        continue
      }
      if (this.#have === 0 && end - at >= HEADER) {
        this.#onHeader(bytes, at)
        at += HEADER
        continue
      }
      this.#header[this.#have++] = bytes[at++]!
      if (this.#have === HEADER) {
        this.#have = 0
        this.#onHeader(this.#header, 0)
      }
    }
  }

  #onHeader(b: Bytes, at: number): void {
    const type = b[at + 1]!
    const flags = (b[at + 2]! << 8) | b[at + 3]!
    const id = getU32(b, at + 4)
    const length = getU32(b, at + 8)
    if (b[at] !== 0) this.#broken(`frame of version ${b[at]}, expected 0`)
    else if (type === TYPE.ping) this.#onPing(flags, length)
    else if (type === TYPE.goAway) this.#onGoAway(length)
    else if (type > TYPE.goAway || id === 0) this.#broken(`frame of type ${type} on stream ${id}`)
    else this.#onStreamFrame(type, flags, id, length)
  }

  #onPing(flags: number, value: number): void {
    if ((flags & FLAG.syn) !== 0) this.sendFrame(TYPE.ping, FLAG.ack, 0, value)
    else if ((flags & FLAG.ack) !== 0) this.answered = true
  }

  #onGoAway(code: number): void {
    this.leaving = true
    if (code === GO_AWAY.normal) this.#owner.onGoAway()
    else this.#owner.onBroken(-1, `the other side went away with code ${code}`)
  }

  #onStreamFrame(type: number, flags: number, id: number, length: number): void {
    let stream = this.streams.get(id)
    if ((flags & FLAG.syn) !== 0) {
      if (stream || id % 2 !== this.#parity) {
        this.#broken(`stream ${id} was opened by the wrong side or twice`)
        return
      }
      stream = this.#accept(id)
    }
    if (stream && (flags & FLAG.rst) !== 0) {
      stream.finish(new WattleError('stream-reset', 'the other side reset the stream'))
      stream = undefined
    }
    const fin = (flags & FLAG.fin) !== 0
    if (type === TYPE.window) {
      if (stream && length > 0) stream.onCredit(length)
      if (stream && fin) stream.onRemoteEnd()
      return
    }
    if (stream ? !stream.onFrame(length) : length > LIMITS.net.streamWindowBytes) {
      this.#owner.count('windowOverflows')
      this.#broken(`${length} bytes on stream ${id} are more than its window`)
      return
    }
    this.#left = length
    this.#target = stream ?? null
    this.#endAfter = fin
    if (length === 0) this.#endOfFrame()
  }

  #endOfFrame(): void {
    const target = this.#target
    this.#target = null
    if (this.#endAfter) target?.onRemoteEnd()
    this.#endAfter = false
  }

  #accept(id: number): MuxedStream | undefined {
    if (this.streams.size >= LIMITS.net.streamsPerConnection) {
      this.#owner.count('streamsRefused')
      this.sendFrame(TYPE.window, FLAG.rst, id, 0)
      return undefined
    }
    const stream = new MuxedStream(this, id, false)
    this.streams.set(id, stream)
    this.#owner.onStream(stream)
    return stream
  }

  #broken(reason: string): void {
    this.#owner.count('badFrames')
    this.#owner.onBroken(GO_AWAY.protocol, reason)
  }
}
