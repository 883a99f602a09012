// Finds telegrams in whatever the line brings. Versions with and without CRC, 7E1 seen as 8N1, NULs,
// noise, cut and nested telegrams: notes and table in docs/reading.md, "What is accepted".
// A line that looks like a header is a candidate; "!" at the start of a line ends every candidate:
// the newest whose CRC verifies is the telegram. Each byte is looked at a bounded number of times.
// Must never throw, allocate, or let through bytes that carry no matching CRC while one is due.

import type { Bytes } from '../../base/bytes.ts'
import { Counters } from '../../base/counters.ts'
import { LIMITS } from '../../base/limits.ts'
import { type FramerCounter, type FramerEvents, REASONS, type Reason } from './frame.ts'
import { startsHeader } from './grammar.ts'
import { HdlcSpotter } from './hdlc.ts'
import { type End, hexValue, Judge } from './judge.ts'
import { Ring } from './ring.ts'

const { telegramBytes, lineBytes } = LIMITS.p1

/** Silence after which a telegram without "!" is complete (DSMR 2.2: one in 10 s, done in 8 s). */
const SILENCE_MS = 2_000
/** Header lines that may be waiting for an end. A telegram's own bytes never make more than two. */
const CANDIDATES = 8
/** Bytes after "!" within which the CRC must be there: four digits and NULs between them. */
const TAIL_BYTES = 16

const KIND = new Uint8Array(256)
const [LF, SLASH, BANG, NUL, FLAG] = [1, 2, 3, 4, 5]
KIND[0] = NUL
KIND[10] = LF
KIND[0x2f] = SLASH
KIND[0xaf] = SLASH
KIND[0x21] = BANG
KIND[0x7e] = FLAG

export class Framer {
  readonly counters: Counters<FramerCounter>
  readonly #events: FramerEvents
  readonly #ring: Ring
  readonly #mem: Bytes
  readonly #judge: Judge
  readonly #hdlc: HdlcSpotter
  /** Starts of header lines, oldest first. */
  readonly #heads: Int32Array
  #headCount: number
  /** Next byte to look at. */
  #scan: number
  /** Where the current line began. */
  #line: number
  #slash: boolean
  /** The "!" whose CRC is coming, and the last NUL. */
  readonly #at: End
  #bangSeen: boolean
  /** `[0]` last byte's time, `[1]` bytes that left the ring. */
  readonly #clock: Float64Array

  constructor(events: FramerEvents) {
    this.counters = new Counters<FramerCounter>([
      'bytes',
      'telegrams',
      'telegram-bytes',
      'unverified',
      'binary',
      ...REASONS,
    ])
    this.#events = events
    this.#ring = new Ring()
    this.#mem = this.#ring.mem
    this.#judge = new Judge(this.#mem)
    this.#hdlc = new HdlcSpotter(this.#mem)
    this.#heads = new Int32Array(CANDIDATES)
    this.#headCount = 0
    this.#scan = 0
    this.#line = 0
    this.#slash = false
    this.#at = { bang: -1, digits: 0, lastNul: -1 }
    this.#bangSeen = false
    this.#clock = new Float64Array(2)
  }

  /** Where the serial driver writes its next bytes. */
  room(): Bytes {
    return this.#ring.room()
  }

  /** `n` bytes were written to the start of the last `room()`. `now` in monotonic ms. */
  onBytes(n: number, now: number): void {
    this.tick(now)
    this.#clock[0] = now
    this.#ring.end += n
    this.counters.add('bytes', n)
    this.#look(now)
    this.#fold()
  }

  /** The same for bytes that lie elsewhere: copied in. */
  push(bytes: Bytes, now: number): void {
    for (let at = 0; at < bytes.length; ) {
      const n = Math.min(bytes.length - at, this.#ring.free)
      this.tick(now)
      this.#clock[0] = now
      this.#ring.put(bytes, at, n)
      this.counters.add('bytes', n)
      this.#look(now)
      this.#fold()
      at += n
    }
  }

  /** To be called about once a second: completes telegrams that only silence ends. */
  tick(now: number): void {
    if (this.#headCount === 0 || now - this.#clock[0]! < SILENCE_MS) return
    // A silence may be ours (a stalled process): it completes a telegram, it never spoils one.
    if (this.#at.bang >= 0) this.#accept(this.#scan, now)
    else if (this.#line === this.#ring.end) this.#endless(this.#line, now)
    this.#fold()
  }

  /** The port was opened anew, or its speed changed: forgets everything but the counters. */
  reset(): void {
    this.#clock[1]! += this.#ring.end
    this.#ring.end = 0
    this.#headCount = 0
    this.#scan = 0
    this.#line = 0
    this.#slash = false
    this.#at.bang = -1
    this.#at.lastNul = -1
    this.#bangSeen = false
    this.#hdlc.reset()
    this.#judge.forget()
  }

  #look(now: number): void {
    const mem = this.#mem
    const end = this.#ring.end
    let i = this.#scan
    while (i < end) {
      if (this.#at.bang >= 0) {
        i = this.#digit(i, now)
        continue
      }
      let kind = 0
      while (i < end) {
        kind = KIND[mem[i]!]!
        if (kind !== 0) break
        i++
      }
      if (i === end) break
      if (kind === LF) this.#onLine(i, now)
      else if (kind === SLASH) this.#slash = true
      else if (kind === NUL) this.#at.lastNul = i
      else if (kind === BANG) this.#onBang(i)
      else if (this.#hdlc.onFlag(i)) {
        this.counters.add('binary')
        this.#events.onBinary?.(now)
      }
      i++
    }
    this.#scan = i
  }

  /** A line ended at `lf`: does a header begin in it? */
  #onLine(lf: number, now: number): void {
    this.#dropOld(lf)
    if (lf - this.#line > lineBytes) {
      while (this.#headCount > 0) {
        this.#headCount--
        this.#reject('oversize', now)
      }
    }
    if (this.#slash) {
      this.#slash = false
      this.#findHeads(lf, now)
    }
    this.#line = lf + 1
  }

  /** Headers in the line before `lf`: at its start, or after whatever was cut off there. */
  #findHeads(lf: number, now: number): void {
    const mem = this.#mem
    const line = this.#line
    const from = Math.max(line, lf - lineBytes, 0)
    // Inside a line a header has no bracket between itself and the end of the line.
    let clear = lf
    while (clear > from && !isBracket(mem[clear - 1]! & 0x7f)) clear--
    for (let i = from; i < lf; i++) {
      if (i > from && i < clear) i = clear
      const c = mem[i]!
      if (c !== 0x2f && c !== 0xaf) continue
      if (!startsHeader(mem, i, lf, c === 0xaf ? 0x7f : 0xff)) continue
      if (i === line) this.#endless(i, now)
      else if (i < clear) continue
      this.#addHead(i, now)
    }
  }

  #addHead(at: number, now: number): void {
    const heads = this.#heads
    if (this.#headCount === CANDIDATES) {
      heads.copyWithin(0, 1)
      this.#headCount--
      this.#reject('cut', now)
    }
    heads[this.#headCount++] = at
  }

  /** "!" counts at the start of a line only; NULs before it are the line's breaks. */
  #onBang(at: number): void {
    this.#dropOld(at)
    if (this.#headCount === 0) return
    let i = at
    while (i > this.#line && this.#mem[i - 1] === 0) i--
    if (i !== this.#line) return
    this.#at.bang = at
    this.#at.digits = 0
  }

  /** One byte after "!". Returns where to go on. */
  #digit(i: number, now: number): number {
    const c = this.#mem[i]! & 0x7f
    if (this.#mem[i] === 0 && i - this.#at.bang < TAIL_BYTES) {
      this.#at.lastNul = i
      return i + 1
    }
    if (hexValue(c) >= 0) {
      this.#at.digits++
      if (this.#at.digits === 4) this.#end(i + 1, now)
      return i + 1
    }
    if (c === 13 || c === 10) this.#end(i, now)
    else {
      for (let k = 1; k < this.#headCount; k++) this.#reject('cut', now)
      this.#reject('digits', now)
      this.#clear(this.#at.bang + 1)
    }
    return i
  }

  /** "!" and its digits end at `to`: deliver or refuse. */
  #end(to: number, now: number): void {
    const why = this.#accept(to, now)
    if (why === 'ok') return
    for (let k = 1; k < this.#headCount; k++) this.#reject('cut', now)
    this.#reject(why, now)
    this.#clear(this.#at.bang + 1)
  }

  /** Delivers the newest candidate that verifies up to `to`; else says what is wrong with the newest. */
  #accept(to: number, now: number): Reason | 'ok' {
    let why: Reason | 'ok' = 'crc'
    for (let k = this.#headCount - 1; k >= 0; k--) {
      const from = this.#heads[k]!
      const verdict = this.#judge.check(from, to, this.#at)
      if (verdict === 'ok') {
        for (let older = 0; older < k; older++) this.#reject('cut', now)
        this.#bangSeen = true
        this.#clear(to)
        this.#deliver(from, now)
        return 'ok'
      }
      if (k === this.#headCount - 1) why = verdict
    }
    return why
  }

  /** The newest candidate may have no "!" (some 2.2 meters): delivers it if it is whole at `to`. */
  #endless(to: number, now: number): void {
    if (this.#headCount === 0 || this.#bangSeen || this.#judge.crcSeen) return
    const from = this.#heads[this.#headCount - 1]!
    if (this.#judge.check(from, to, this.#at) !== 'ok') return
    for (let k = 1; k < this.#headCount; k++) this.#reject('cut', now)
    this.#headCount = 0
    this.#deliver(from, now)
  }

  #deliver(from: number, now: number): void {
    const frame = this.#judge.frame
    this.#judge.accept()
    frame.offset = this.#clock[1]! + from
    this.counters.add('telegrams')
    this.counters.add('telegram-bytes', frame.to - frame.from)
    if (!frame.verified) this.counters.add('unverified')
    this.#events.onTelegram(frame, now)
  }

  #reject(reason: Reason, now: number): void {
    this.counters.add(reason)
    this.#events.onReject?.(reason, now)
  }

  /** Every candidate is done with; the line goes on at `at`. */
  #clear(at: number): void {
    this.#headCount = 0
    this.#at.bang = -1
    this.#line = at
  }

  /** Gives up candidates that are too far back from `at` to become a telegram. */
  #dropOld(at: number): void {
    let old = 0
    while (old < this.#headCount && at - this.#heads[old]! > telegramBytes + TAIL_BYTES) old++
    if (old === 0) return
    this.#heads.copyWithin(0, old)
    this.#headCount -= old
    if (this.#headCount === 0) this.#at.bang = -1
    for (; old > 0; old--) this.#reject('oversize', this.#clock[0]!)
  }

  /** Lets go of the bytes that nothing can need any more. */
  #fold(): void {
    this.#hdlc.settle(this.#scan)
    this.#dropOld(this.#scan)
    let keep = this.#scan
    if (this.#slash) keep = Math.max(this.#line, this.#scan - lineBytes, 0)
    if (this.#headCount > 0) keep = Math.min(keep, this.#heads[0]!)
    const down = this.#ring.fold(this.#hdlc.keep(keep))
    if (down === 0) return
    this.#clock[1]! += down
    this.#scan -= down
    this.#line -= down
    if (this.#at.bang >= 0) this.#at.bang -= down
    if (this.#at.lastNul >= 0) this.#at.lastNul = Math.max(-1, this.#at.lastNul - down)
    this.#hdlc.shift(down)
    for (let k = 0; k < this.#headCount; k++) this.#heads[k]! -= down
  }
}

function isBracket(c: number): boolean {
  return c === 40 || c === 41
}
