// The receiving half of a byte pipe: puts segments in order, hands them on once, and says what it has.
// A paused reader simply acknowledges no further: the sender may be at most a window ahead, and for
// that window there is room.

import type { Bytes } from '../../../base/bytes.ts'
import type { Account } from '../../queue.ts'
import { SEGMENT_BYTES, SEGMENTS } from './sender.ts'

/** A single segment is acknowledged after this pause, two or one out of order at once. */
const ACK_MS = 20

export interface ReceiverOutput {
  /** The bytes of one segment, valid until the call returns. */
  onBytes(bytes: Bytes): void
  /** The other side has ended. */
  onEnd(): void
  onAck(base: number, low: number, high: number): void
}

export class PipeReceiver {
  paused: boolean
  readonly #output: ReceiverOutput
  readonly #account: Account
  readonly #slots: (Bytes | null)[]
  #base: number
  /** The segment that ends the stream; Infinity while it is not known. */
  #last: number
  #owed: number
  #ackAt: number
  #closed: boolean
  #delivering: boolean

  constructor(output: ReceiverOutput, account: Account) {
    this.paused = false
    this.#output = output
    this.#account = account
    this.#slots = new Array<Bytes | null>(SEGMENTS).fill(null)
    this.#base = 0
    this.#last = Number.POSITIVE_INFINITY
    this.#owed = 0
    this.#ackAt = Number.POSITIVE_INFINITY
    this.#closed = false
    this.#delivering = false
  }

  /** Bytes of memory that wait here. */
  get held(): number {
    let n = 0
    for (let i = 0; i < SEGMENTS; i++) n += this.#slots[i]?.length ?? 0
    return n
  }

  /** The end was read. */
  get done(): boolean {
    return this.#base > this.#last
  }

  /** False: no sender of ours would send this. */
  onSegment(seq: number, bytes: Bytes, last: boolean, now: number): boolean {
    if (this.#closed) return true
    if (bytes.length > SEGMENT_BYTES || (bytes.length === 0 && !last)) return false
    if (seq >= this.#base + SEGMENTS || seq > this.#last) return false
    if (last && this.#last !== Number.POSITIVE_INFINITY && this.#last !== seq) return false
    if (last) this.#last = seq
    const inOrder = seq === this.#base && !this.paused && !this.#delivering
    if (seq < this.#base || this.#slots[seq % SEGMENTS]) this.#owe(2, now)
    else if (inOrder) {
      this.#base++
      if (bytes.length > 0) {
        this.#delivering = true
        this.#output.onBytes(bytes)
        this.#delivering = false
      }
      this.#deliver()
      this.#owe(1, now)
    } else {
      this.#slots[seq % SEGMENTS] = bytes.slice()
      this.#account.charge(bytes.length)
      this.#owe(2, now)
    }
    return true
  }

  resume(now: number): void {
    if (!this.paused) return
    this.paused = false
    const before = this.#base
    this.#deliver()
    if (this.#base !== before) this.#owe(2, now)
  }

  /** Acknowledges what is due; when it wants to be called next. */
  tick(now: number): number {
    if (now >= this.#ackAt) this.#ack()
    return this.#ackAt
  }

  clear(): void {
    this.#closed = true
    this.#ackAt = Number.POSITIVE_INFINITY
    for (let i = 0; i < SEGMENTS; i++) {
      this.#account.charge(-(this.#slots[i]?.length ?? 0))
      this.#slots[i] = null
    }
  }

  #deliver(): void {
    if (this.#delivering) return
    this.#delivering = true
    while (!this.paused && !this.#closed) {
      const bytes = this.#slots[this.#base % SEGMENTS]
      if (!bytes) break
      this.#slots[this.#base % SEGMENTS] = null
      this.#account.charge(-bytes.length)
      this.#base++
      if (bytes.length > 0) this.#output.onBytes(bytes)
    }
    this.#delivering = false
    if (this.done && !this.#closed) this.#output.onEnd()
  }

  #owe(n: number, now: number): void {
    if (this.#closed) return
    this.#owed += n
    if (this.#owed >= 2) this.#ack()
    else this.#ackAt = Math.min(this.#ackAt, now + ACK_MS)
  }

  #ack(): void {
    this.#owed = 0
    this.#ackAt = Number.POSITIVE_INFINITY
    let low = 0
    let high = 0
    for (let i = 0; i < SEGMENTS; i++) {
      if (!this.#slots[(this.#base + i) % SEGMENTS]) continue
      if (i < 32) low |= 1 << i
      else high |= 1 << (i - 32)
    }
    this.#output.onAck(this.#base, low >>> 0, high >>> 0)
  }
}
