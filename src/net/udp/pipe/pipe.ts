// One byte pipe as a TCP socket looks (hw/hardware.ts), so that the stream plane runs over it unchanged.
// It belongs to a session, not to an address: the path below it may change at any time and nothing is
// lost, because what is not acknowledged is sent again on whatever path is then in use.

import type { Bytes } from '../../../base/bytes.ts'
import { WattleError } from '../../../base/errors.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { Failure, TcpEvents, TcpSocket } from '../../../hw/hardware.ts'
import type { Account } from '../../queue.ts'
import type { Session } from '../session/session.ts'
import { PipeReceiver, type ReceiverOutput } from './receiver.ts'
import { PipeSender, type SegmentOutput } from './sender.ts'

const UNHEARD: TcpEvents = { onData() {}, onDrain() {}, onClose() {} }

export const PIPE_FLAG = { open: 1, last: 2 } as const

export interface PipeOwner {
  now(): number
  segment(pipe: Pipe, flags: number, seq: number, bytes: Bytes): void
  ack(pipe: Pipe, base: number, low: number, high: number): void
  reset(pipe: Pipe): void
  closed(pipe: Pipe): void
  /** A tick is wanted sooner than was said. */
  stir(): void
}

export class Pipe implements TcpSocket, SegmentOutput, ReceiverOutput {
  readonly session: Session
  readonly id: number
  readonly inbound: boolean
  readonly remote: string
  readonly local: string
  events: TcpEvents
  readonly #owner: PipeOwner
  readonly #sender: PipeSender
  readonly #receiver: PipeReceiver
  /** The other side has answered: it knows this pipe. */
  #known: boolean
  #heard: number
  #full: boolean
  #over: boolean

  constructor(owner: PipeOwner, account: Account, o: { session: Session; id: number; inbound: boolean }) {
    this.session = o.session
    this.id = o.id
    this.inbound = o.inbound
    this.remote = o.session.best?.text ?? 'nowhere:0'
    this.local = ''
    this.events = UNHEARD
    this.#owner = owner
    this.#sender = new PipeSender(this, account)
    this.#receiver = new PipeReceiver(this, account)
    this.#known = o.inbound
    this.#heard = owner.now()
    this.#full = false
    this.#over = false
  }

  /** Bytes of memory that it occupies in both directions. */
  get held(): number {
    return this.#sender.held + this.#receiver.held
  }

  get limited(): boolean {
    return this.session.best?.carrier?.limited === true
  }

  // ── TcpSocket ───────────────────────────────────────────────────────────────────────────────

  write(bytes: Bytes): void {
    if (this.#over || bytes.length === 0) return
    this.#sender.write(bytes)
    this.#flush()
  }

  queued(): number {
    return this.#over ? 0 : this.#sender.queue.length
  }

  pause(): void {
    this.#receiver.paused = true
  }

  resume(): void {
    this.#receiver.resume(this.#owner.now())
  }

  end(): void {
    this.#sender.end()
    this.#flush()
    this.#owner.stir()
  }

  destroy(): void {
    if (this.#over) return
    this.#owner.reset(this)
    this.close(null)
  }

  // ── From the other side ─────────────────────────────────────────────────────────────────────

  onSegmentIn(flags: number, seq: number, bytes: Bytes, now: number): void {
    this.#heard = now
    this.#known = true
    if (!this.#receiver.onSegment(seq, bytes, (flags & PIPE_FLAG.last) !== 0, now)) {
      this.#owner.reset(this)
      this.close(failure('ECONNRESET', 'the pipe broke its window'))
    }
  }

  onAckIn(base: number, low: number, high: number, now: number): void {
    this.#heard = now
    this.#known = true
    this.#sender.onAck(base, low, high, now)
    this.#drained()
    this.#settle()
  }

  /** The other side knows it no more; if we have read its end, it had read ours and only a word was lost. */
  onResetIn(): void {
    this.close(
      this.#receiver.done && this.#sender.ended
        ? null
        : failure('ECONNRESET', 'the other side reset the pipe'),
    )
  }

  /** When it wants to be called next. */
  tick(now: number): number {
    if (this.#sender.flying > 0 && now - this.#heard >= LIMITS.udp.pipeMs) {
      this.close(failure('ETIMEDOUT', 'the other side of the pipe is silent'))
      return Number.POSITIVE_INFINITY
    }
    if (this.session.up) this.#sender.flush(now)
    return Math.min(this.#sender.tick(now), this.#receiver.tick(now))
  }

  /** Ends at once, without a word to the other side. */
  close(error: Failure): void {
    if (this.#over) return
    this.#over = true
    this.#sender.clear()
    this.#receiver.clear()
    this.#owner.closed(this)
    this.events.onClose(error)
  }

  // ── SegmentOutput, ReceiverOutput ───────────────────────────────────────────────────────────

  onSegment(seq: number, bytes: Bytes, last: boolean): void {
    const flags = (this.#known ? 0 : PIPE_FLAG.open) | (last ? PIPE_FLAG.last : 0)
    this.#owner.segment(this, flags, seq, bytes)
  }

  onTimeout(): void {
    this.session.doubt(this.#owner.now())
  }

  onBytes(bytes: Bytes): void {
    this.events.onData(bytes)
  }

  onEnd(): void {
    // As a TCP socket of ours: when the other side ends, what is queued still leaves, then we end too.
    this.#sender.end()
    this.#flush()
    this.#settle()
    this.#owner.stir()
  }

  onAck(base: number, low: number, high: number): void {
    this.#owner.ack(this, base, low, high)
  }

  #flush(): void {
    const now = this.#owner.now()
    if (this.#sender.flying === 0) this.#heard = now
    if (this.session.up) this.#sender.flush(now)
    if (this.#sender.queue.length > 0) this.#full = true
    this.#owner.stir()
  }

  #drained(): void {
    if (!this.#full || this.#sender.queue.length > 0) return
    this.#full = false
    if (!this.#sender.ending) this.events.onDrain()
  }

  #settle(): void {
    if (this.#sender.done && this.#receiver.done) this.close(null)
  }
}

function failure(code: string, text: string): NonNullable<Failure> {
  return new WattleError(code, text)
}
