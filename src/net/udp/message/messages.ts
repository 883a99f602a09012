// Direct messages: sealed to one peer, stored nowhere. Unacknowledged ones are one datagram and may be
// lost; acknowledged ones are cut into parts, repeated until the other side has all of them, and given
// to its reader once. Sans-I/O; every table has a cap, an answer is owed for every message.

import type { Bytes } from '../../../base/bytes.ts'
import { putU32, Reader, Writer } from '../../../base/cursor.ts'
import { WattleError } from '../../../base/errors.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { Datagrams, Part } from '../datagrams.ts'
import { FRAME } from '../frames.ts'
import type { Session } from '../session/session.ts'
import { Incoming, PART_BYTES } from './incoming.ts'

const NONE: Bytes = new Uint8Array(0)
/** Id, part, parts. */
const HEAD = 6
/** Parts on their way at once: a burst that any queue takes. */
const WINDOW = 8
const FIRST_MS = 300
const LAST_MS = 4_000

export type MessageDone = (error: WattleError | null) => void

interface Outgoing {
  readonly session: Session
  readonly id: number
  readonly bytes: Bytes
  readonly parts: number
  readonly done: MessageDone
  readonly until: number
  /** When each part was last sent, or 0; Infinity once it was acknowledged. */
  readonly sentAt: Float64Array
  wait: number
  left: number
}

export class DirectMessages implements Part {
  /** Set by the application. The bytes are valid until the call returns. */
  onMessage: (session: Session, message: Bytes, acknowledged: boolean) => void
  readonly #plane: Datagrams
  readonly #out: Set<Outgoing>
  readonly #in: Map<Session, Incoming>
  readonly #head: Bytes
  #outBytes: number
  #inBytes: number

  constructor(plane: Datagrams) {
    this.onMessage = () => {}
    this.#plane = plane
    this.#out = new Set()
    this.#in = new Map()
    this.#head = new Uint8Array(HEAD)
    this.#outBytes = 0
    this.#inBytes = 0
    plane.attach(this)
    plane.handle(FRAME.message, (session, body) => this.onMessage(session, body, false))
    plane.handle(FRAME.part, (session, body, now) => this.#onPart(session, body, now))
    plane.handle(FRAME.partAck, (session, body, now) => this.#onAck(session, body, now))
  }

  /** Bytes of messages that wait or are being put together. */
  get held(): number {
    return this.#outBytes + this.#inBytes
  }

  /** One datagram, sent once. False: the session is not up, or it does not fit in one (session.room). */
  tell(session: Session, message: Bytes, now: number): boolean {
    return message.length <= session.room && session.send(FRAME.message, message, NONE, now)
  }

  /** Repeated until the other side has it; `done` says so, or why not, within LIMITS.udp.messageMs. */
  send(session: Session, message: Bytes, now: number, done: MessageDone): void {
    const { messageBytes, messagesBytes, messagesOut, messageMs } = LIMITS.udp
    if (message.length > messageBytes) {
      done(new WattleError('message-too-large', `${message.length} bytes, at most ${messageBytes}`))
      return
    }
    let waiting = 0
    for (const out of this.#out) if (out.session === session) waiting++
    if (waiting >= messagesOut || this.#outBytes + message.length > messagesBytes || session.closed) {
      done(new WattleError('busy', 'earlier messages are still on their way'))
      return
    }
    const id = new Uint8Array(4)
    this.#plane.random(id)
    const parts = Math.max(1, Math.ceil(message.length / PART_BYTES))
    const out: Outgoing = {
      session,
      id: new Reader(id).u32(),
      bytes: message.slice(),
      parts,
      done,
      until: now + messageMs,
      sentAt: new Float64Array(parts),
      wait: FIRST_MS,
      left: parts,
    }
    this.#outBytes += out.bytes.length
    this.#out.add(out)
    this.#plane.stirred = true
    this.#push(out, now)
  }

  tick(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const out of this.#out) {
      if (now >= out.until) {
        this.#finish(out, new WattleError('no-answer', 'the message was not acknowledged in time'))
        continue
      }
      next = Math.min(next, out.until, this.#push(out, now))
    }
    for (const [session, incoming] of this.#in) {
      this.#inBytes += incoming.expire(now)
      if (session.closed) this.#in.delete(session)
    }
    return next
  }

  onClosed(session: Session): void {
    for (const out of this.#out)
      if (out.session === session) this.#finish(out, new WattleError('closed', 'the session was closed'))
    this.#inBytes -= this.#in.get(session)?.clear() ?? 0
    this.#in.delete(session)
  }

  /** Sends what is due, in a window; when more is. */
  #push(out: Outgoing, now: number): number {
    if (!out.session.up) return now + FIRST_MS
    let next = Number.POSITIVE_INFINITY
    let flying = 0
    let repeated = false
    for (let i = 0; i < out.parts && flying < WINDOW; i++) {
      const sentAt = out.sentAt[i]!
      if (sentAt === Number.POSITIVE_INFINITY) continue
      flying++
      if (sentAt !== 0 && now - sentAt < out.wait) {
        next = Math.min(next, sentAt + out.wait)
        continue
      }
      if (sentAt !== 0) repeated = true
      putU32(this.#head, 0, out.id)
      this.#head[4] = i
      this.#head[5] = out.parts
      const from = i * PART_BYTES
      out.session.send(FRAME.part, this.#head, out.bytes.subarray(from, from + PART_BYTES), now)
      out.sentAt[i] = now
      next = Math.min(next, now + out.wait)
    }
    if (repeated) {
      out.wait = Math.min(LAST_MS, out.wait * 2)
      out.session.doubt(now)
    }
    return next
  }

  #finish(out: Outgoing, error: WattleError | null): void {
    if (!this.#out.delete(out)) return
    this.#outBytes -= out.bytes.length
    out.done(error)
  }

  #onAck(session: Session, body: Bytes, now: number): void {
    const r = new Reader(body)
    const id = r.u32()
    const high = r.u32()
    const low = r.u32()
    if (!r.done) return
    for (const out of this.#out) {
      if (out.session !== session || out.id !== id) continue
      for (let i = 0; i < out.parts; i++) {
        const bit = i < 32 ? (low >>> i) & 1 : (high >>> (i - 32)) & 1
        if (bit === 0 || out.sentAt[i] === 0 || out.sentAt[i] === Number.POSITIVE_INFINITY) continue
        out.wait = Math.max(50, Math.min(out.wait, 3 * (now - out.sentAt[i]!) + 50))
        out.sentAt[i] = Number.POSITIVE_INFINITY
        out.left--
      }
      if (out.left === 0) this.#finish(out, null)
      else this.#push(out, now)
      return
    }
  }

  /** Bytes that this peer may still make us hold; strangers together have a share. */
  #spare(session: Session): number {
    const all = LIMITS.udp.messagesBytes - this.#inBytes
    if (!this.#plane.stranger(session)) return all
    let held = 0
    for (const [other, incoming] of this.#in) if (this.#plane.stranger(other)) held += incoming.held
    return Math.min(all, LIMITS.udp.strangersMessagesBytes - held)
  }

  #onPart(session: Session, body: Bytes, now: number): void {
    const r = new Reader(body)
    const id = r.u32()
    const part = r.u8()
    const parts = r.u8()
    const bytes = r.rest()
    const whole = part < parts - 1 ? bytes.length === PART_BYTES : bytes.length <= PART_BYTES
    if (
      !r.ok ||
      part >= parts ||
      parts > 64 ||
      !whole ||
      parts * PART_BYTES > LIMITS.udp.messageBytes + PART_BYTES
    ) {
      this.#plane.counters.add('messagesDropped')
      return
    }
    let incoming = this.#in.get(session)
    if (!incoming) {
      incoming = new Incoming()
      this.#in.set(session, incoming)
    }
    const before = incoming.held
    const spare = this.#spare(session)
    const took = incoming.take({ id, part, parts, bytes }, spare, now)
    this.#inBytes += incoming.held - before
    if (!took) {
      this.#plane.counters.add('messagesDropped')
      return
    }
    const ack = new Writer(new Uint8Array(12)).u32(id).u32(took.high).u32(took.low)
    session.send(FRAME.partAck, ack.bytes, NONE, now)
    if (took.message) this.onMessage(session, took.message, true)
  }
}
