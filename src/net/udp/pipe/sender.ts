// The sending half of a byte pipe: cuts what is written into numbered segments, keeps them until they
// are acknowledged, repeats what was lost, and sends no faster than the way takes it (slow start, a
// smaller window after loss: RFC 5681 in segments; timeouts as RFC 6298). At most 58 segments, under
// 64 KB, are unacknowledged; the other side keeps room for exactly those.

import type { Bytes } from '../../../base/bytes.ts'
import { LIMITS } from '../../../base/limits.ts'
import { type Account, ByteQueue } from '../../queue.ts'

export const SEGMENT_BYTES = 1_120
export const SEGMENTS: number = Math.floor(LIMITS.udp.pipeBytes / SEGMENT_BYTES)
const NONE: Bytes = new Uint8Array(0)
const FIRST_RTO_MS = 500
const LEAST_RTO_MS = 100
const MOST_RTO_MS = 3_000
/** Segments on their way below which a small write leaves at once instead of waiting for company. */
const FEW = 8
/** A segment is lost when three sent later have arrived, or all where there are fewer. */
const REORDER = 3
/** Segments repeated after a timeout; the window that is left then. */
const AGAIN = 2
const LEAST_WINDOW = 4

interface Segment {
  seq: number
  bytes: Bytes
  length: number
  last: boolean
  sentAt: number
  tries: number
  acked: boolean
}

export interface SegmentOutput {
  /** One segment; `last` ends the stream. */
  onSegment(seq: number, bytes: Bytes, last: boolean): void
  /** Nothing was acknowledged for a while. */
  onTimeout(): void
}

export class PipeSender {
  /** Bytes that wait for their first turn. */
  readonly queue: ByteQueue
  readonly #output: SegmentOutput
  readonly #account: Account
  readonly #slots: (Segment | null)[]
  /** Lowest segment that the other side still wants, and the next new one. */
  #base: number
  #next: number
  #window: number
  #threshold: number
  /** Losses before this segment belong to the same event. */
  #recover: number
  #srtt: number
  #variance: number
  #rto: number
  #timerFrom: number
  #ending: boolean
  #ended: boolean

  constructor(output: SegmentOutput, account: Account) {
    this.queue = new ByteQueue(account)
    this.#output = output
    this.#account = account
    this.#slots = new Array<Segment | null>(SEGMENTS).fill(null)
    this.#base = 0
    this.#next = 0
    this.#window = 10
    this.#threshold = SEGMENTS
    this.#recover = 0
    this.#srtt = 0
    this.#variance = 0
    this.#rto = FIRST_RTO_MS
    this.#timerFrom = 0
    this.#ending = false
    this.#ended = false
  }

  /** Segments without acknowledgement. */
  get flying(): number {
    return this.#next - this.#base
  }

  /** Bytes of memory that wait here. */
  get held(): number {
    let n = this.queue.held
    for (let seq = this.#base; seq < this.#next; seq++) n += this.#slots[seq % SEGMENTS]?.length ?? 0
    return n
  }

  /** Everything was written, sent and acknowledged, the end included. */
  get done(): boolean {
    return this.#ended && this.#base === this.#next
  }

  /** Nothing more will be written. */
  get ending(): boolean {
    return this.#ending
  }

  /** Everything was sent once. */
  get ended(): boolean {
    return this.#ended
  }

  write(bytes: Bytes): void {
    if (!this.#ending) this.queue.push(bytes)
  }

  end(): void {
    this.#ending = true
  }

  /** Sends what the windows allow. */
  flush(now: number): void {
    for (;;) {
      const flying = this.#next - this.#base
      if (flying >= Math.min(SEGMENTS, Math.floor(this.#window)) || this.#ended) return
      const waiting = this.queue.length
      if (waiting === 0 && !this.#ending) return
      if (waiting < SEGMENT_BYTES && flying >= FEW && !this.#ending) return
      this.#sendNew(now)
    }
  }

  /** The other side has everything before `base`, and of what follows those whose bit is set. */
  onAck(base: number, low: number, high: number, now: number): void {
    if (base > this.#next || base < this.#base) return
    let acked = 0
    let newest = 0
    for (let seq = this.#base; seq < Math.min(this.#next, base + 64); seq++) {
      const ahead = seq - base
      const has = ahead < 0 || ((ahead < 32 ? low >>> ahead : high >>> (ahead - 32)) & 1) === 1
      const segment = this.#slots[seq % SEGMENTS]!
      if (!has || segment.acked) continue
      segment.acked = true
      acked++
      newest = Math.max(newest, segment.sentAt)
      if (segment.tries === 1) this.#sample(now - segment.sentAt)
    }
    while (this.#base < base) this.#release(this.#base++)
    if (acked > 0) {
      this.#timerFrom = now
      if (this.#srtt > 0) this.#rto = this.#rtoOf()
      this.#window = Math.min(
        SEGMENTS,
        this.#window < this.#threshold ? this.#window + acked : this.#window + acked / this.#window,
      )
      this.#repeatLost(newest, now)
    }
    this.flush(now)
  }

  /** Repeats after silence; when it wants to be called next. */
  tick(now: number): number {
    if (this.#base === this.#next) return Number.POSITIVE_INFINITY
    if (now < this.#timerFrom + this.#rto) return this.#timerFrom + this.#rto
    this.#rto = Math.min(MOST_RTO_MS, this.#rto * 1.5)
    this.#timerFrom = now
    // The first that are missing; where all have come but were not read, the first, to be told of room.
    let sent = 0
    for (let seq = this.#base; seq < this.#next && sent < AGAIN; seq++) {
      const segment = this.#slots[seq % SEGMENTS]!
      if (segment.acked) continue
      this.#send(segment, now)
      sent++
    }
    if (sent === 0) this.#send(this.#slots[this.#base % SEGMENTS]!, now)
    else {
      this.#threshold = Math.max(LEAST_WINDOW, this.#window / 2)
      this.#window = LEAST_WINDOW
      this.#recover = this.#next
    }
    this.#output.onTimeout()
    return now + this.#rto
  }

  clear(): void {
    this.queue.clear()
    for (; this.#base < this.#next; this.#base++) this.#release(this.#base)
    this.#ending = true
    this.#ended = true
  }

  #sendNew(now: number): void {
    const n = Math.min(SEGMENT_BYTES, this.queue.length)
    const bytes = n > 0 ? new Uint8Array(n) : NONE
    for (let at = 0; at < n; ) {
      const part = this.queue.head(n - at)
      bytes.set(part, at)
      at += part.length
      this.queue.drop(part.length)
    }
    const last = this.#ending && this.queue.length === 0
    if (last) this.#ended = true
    const seq = this.#next++
    const segment: Segment = { seq, bytes, length: n, last, sentAt: now, tries: 0, acked: false }
    this.#slots[seq % SEGMENTS] = segment
    if (seq === this.#base) this.#timerFrom = now
    this.#send(segment, now)
    this.#account.charge(n)
  }

  #send(segment: Segment, now: number): void {
    segment.sentAt = now
    segment.tries++
    this.#output.onSegment(segment.seq, segment.bytes, segment.last)
  }

  #release(seq: number): void {
    const segment = this.#slots[seq % SEGMENTS]
    this.#slots[seq % SEGMENTS] = null
    if (segment) this.#account.charge(-segment.length)
  }

  /** What was sent before something that has arrived, with enough in between, is lost. */
  #repeatLost(newest: number, now: number): void {
    let above = 0
    const enough = Math.max(1, Math.min(REORDER, this.#next - this.#base - 1))
    for (let seq = this.#next - 1; seq >= this.#base; seq--) {
      const segment = this.#slots[seq % SEGMENTS]!
      if (segment.acked) {
        above++
        continue
      }
      const patience = segment.tries > 1 ? Math.max(LEAST_RTO_MS / 2, this.#srtt * 1.25) : 0
      if (above < enough || segment.sentAt >= newest || now - segment.sentAt < patience) continue
      if (seq >= this.#recover) {
        this.#threshold = Math.max(LEAST_WINDOW, this.#window * 0.7)
        this.#window = this.#threshold
        this.#recover = this.#next
      }
      this.#send(segment, now)
    }
  }

  #sample(rtt: number): void {
    if (this.#srtt === 0) {
      this.#srtt = Math.max(rtt, 0.1)
      this.#variance = rtt / 2
    } else {
      this.#variance += (Math.abs(this.#srtt - rtt) - this.#variance) / 4
      this.#srtt += (rtt - this.#srtt) / 8
    }
  }

  /** RFC 6298, with room for the other side's pause before it acknowledges. */
  #rtoOf(): number {
    return Math.min(MOST_RTO_MS, Math.max(LEAST_RTO_MS, this.#srtt + 4 * this.#variance + 40))
  }
}
