// The byte pipes of all sessions: opens and takes them, carries their segments in frames, keeps them
// under the caps of base/limits.ts. What comes for a pipe that is not there is answered with a reset.

import type { Bytes } from '../../../base/bytes.ts'
import { putU32, Reader } from '../../../base/cursor.ts'
import { WattleError } from '../../../base/errors.ts'
import { LIMITS } from '../../../base/limits.ts'
import { Account } from '../../queue.ts'
import type { Datagrams, Part } from '../datagrams.ts'
import { FRAME } from '../frames.ts'
import type { Session } from '../session/session.ts'
import { PIPE_FLAG, Pipe, type PipeOwner } from './pipe.ts'

const NONE: Bytes = new Uint8Array(0)
/** Id, flags, number of the segment. */
const HEAD = 9
const ACK_BYTES = 16
/** Pipes that are over, remembered so that a late segment does not open them again. */
const OVER = 64

export class Pipes implements Part, PipeOwner {
  /** Set by the application: the other side has opened one. */
  onPipe: (pipe: Pipe) => void
  /** Set by the application: pipes that a session carries now. */
  onCount: (session: Session, pipes: number) => void
  readonly account: Account
  readonly #plane: Datagrams
  readonly #clock: () => number
  readonly #pipes: Set<Pipe>
  readonly #head: Bytes
  readonly #ack: Bytes
  readonly #over: Float64Array
  #nextOver: number

  constructor(plane: Datagrams, clock: () => number) {
    this.onPipe = (pipe) => pipe.destroy()
    this.onCount = () => {}
    this.account = new Account(LIMITS.udp.pipesBytes)
    this.account.onOver = () => this.#relieve()
    this.#plane = plane
    this.#clock = clock
    this.#pipes = new Set()
    this.#head = new Uint8Array(HEAD)
    this.#ack = new Uint8Array(ACK_BYTES)
    this.#over = new Float64Array(OVER).fill(-1)
    this.#nextOver = 0
    plane.attach(this)
    plane.handle(FRAME.pipe, (session, body, now) => this.#onSegment(session, body, now))
    plane.handle(FRAME.pipeAck, (session, body, now) => this.#onAck(session, body, now))
    plane.handle(FRAME.pipeReset, (session, body) => this.#onReset(session, body))
  }

  get size(): number {
    return this.#pipes.size
  }

  /** A new pipe to the other side of `session`, or null at the cap. */
  open(session: Session): Pipe | null {
    if (session.closed || !this.#room(session)) return null
    const four = new Uint8Array(4)
    this.#plane.random(four)
    const pipe = new Pipe(this, this.account, { session, id: new Reader(four).u32(), inbound: false })
    this.#add(pipe)
    return pipe
  }

  tick(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const pipe of this.#pipes) next = Math.min(next, pipe.tick(now))
    return next
  }

  onClosed(session: Session): void {
    for (const pipe of this.#pipes)
      if (pipe.session === session)
        pipe.close(new WattleError('ECONNRESET', 'the session under the pipe was closed'))
  }

  // ── PipeOwner ───────────────────────────────────────────────────────────────────────────────

  now(): number {
    return this.#clock()
  }

  stir(): void {
    this.#plane.stirred = true
  }

  segment(pipe: Pipe, flags: number, seq: number, bytes: Bytes): void {
    putU32(this.#head, 0, pipe.id)
    this.#head[4] = flags
    putU32(this.#head, 5, seq)
    pipe.session.send(FRAME.pipe, this.#head, bytes, this.#clock())
  }

  ack(pipe: Pipe, base: number, low: number, high: number): void {
    putU32(this.#ack, 0, pipe.id)
    putU32(this.#ack, 4, base)
    putU32(this.#ack, 8, high)
    putU32(this.#ack, 12, low)
    pipe.session.send(FRAME.pipeAck, this.#ack, NONE, this.#clock())
  }

  reset(pipe: Pipe): void {
    this.#sendReset(pipe.session, pipe.id)
  }

  closed(pipe: Pipe): void {
    if (!this.#pipes.delete(pipe)) return
    this.#over[this.#nextOver] = pipe.id
    this.#nextOver = (this.#nextOver + 1) % OVER
    this.onCount(pipe.session, this.#count(pipe.session))
  }

  // ── Frames ──────────────────────────────────────────────────────────────────────────────────

  #find(session: Session, id: number): Pipe | null {
    for (const pipe of this.#pipes) if (pipe.id === id && pipe.session === session) return pipe
    return null
  }

  #onSegment(session: Session, body: Bytes, now: number): void {
    const r = new Reader(body)
    const id = r.u32()
    const flags = r.u8()
    const seq = r.u32()
    const bytes = r.rest()
    if (!r.ok) {
      this.#plane.counters.add('pipeErrors')
      return
    }
    const known = this.#find(session, id)
    if (known) {
      known.onSegmentIn(flags, seq, bytes, now)
      return
    }
    if ((flags & PIPE_FLAG.open) === 0 || this.#over.includes(id) || !this.#room(session)) {
      if (!this.#over.includes(id)) this.#plane.counters.add('pipesRefused')
      this.#sendReset(session, id)
      return
    }
    const pipe = new Pipe(this, this.account, { session, id, inbound: true })
    this.#add(pipe)
    this.onPipe(pipe)
    pipe.onSegmentIn(flags, seq, bytes, now)
  }

  #onAck(session: Session, body: Bytes, now: number): void {
    const r = new Reader(body)
    const pipe = this.#find(session, r.u32())
    const base = r.u32()
    const high = r.u32()
    const low = r.u32()
    if (r.done) pipe?.onAckIn(base, low, high, now)
    else this.#plane.counters.add('pipeErrors')
  }

  #onReset(session: Session, body: Bytes): void {
    if (body.length !== 4) return
    this.#find(session, new Reader(body).u32())?.onResetIn()
  }

  #sendReset(session: Session, id: number): void {
    const four = new Uint8Array(4)
    putU32(four, 0, id)
    session.send(FRAME.pipeReset, four, NONE, this.#clock())
  }

  #room(session: Session): boolean {
    if (this.#pipes.size >= LIMITS.udp.pipes || this.#count(session) >= LIMITS.udp.pipesOfOne) return false
    if (!this.#plane.stranger(session)) return true
    let strangers = 0
    for (const pipe of this.#pipes) if (this.#plane.stranger(pipe.session)) strangers++
    return strangers < LIMITS.udp.strangersPipes
  }

  #add(pipe: Pipe): void {
    this.#pipes.add(pipe)
    this.onCount(pipe.session, this.#count(pipe.session))
  }

  #count(session: Session): number {
    let n = 0
    for (const pipe of this.#pipes) if (pipe.session === session) n++
    return n
  }

  /** More bytes than this process keeps: the pipe that holds most goes, a stranger's before others. */
  #relieve(): void {
    let worst: Pipe | null = null
    let most = -1
    for (const pipe of this.#pipes) {
      const weight =
        pipe.held + (pipe.held > 0 && this.#plane.stranger(pipe.session) ? LIMITS.udp.pipesBytes : 0)
      if (weight > most) worst = pipe
      most = Math.max(most, weight)
    }
    worst?.destroy()
  }
}
