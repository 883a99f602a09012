// Finds telegrams in whatever the line brings. Versions with and without CRC, 7E1 seen as 8N1, NULs,
// noise, cut and nested telegrams: notes and table in docs/reading.md, "What is accepted".
// A line that looks like a header is a candidate; "!" at the start of a line ends every candidate:
// the newest whose CRC verifies is the telegram. Each byte is looked at a bounded number of times.
// Must never throw, allocate, or let through bytes that carry no matching CRC while one is due.

import type { Bytes } from '../../base/bytes.ts'
import { Counters } from '../../base/counters.ts'
import { LIMITS } from '../../base/limits.ts'
import { COUNTERS, type FramerCounter, type FramerEvents, type Reason } from './frame.ts'
import { GLO, isBracket, KIND, LF, NUL, nextBang, SLASH, startsHeader } from './grammar.ts'
import { Heads } from './heads.ts'
import { type End, hexValue, Judge } from './judge.ts'
import { FOLD_BELOW, Ring } from './ring.ts'
import { HdlcSpotter, SealedSpotter } from './spotters.ts'

const { telegramBytes, lineBytes } = LIMITS.p1

/** A meter sends at least every 10 s: bytes without any header for longer than this are at another speed. */
const SPEED_MS = 12_000
const FEW_BYTES = 16
/** Silence after which a telegram without "!" is complete (DSMR 2.2: one in 10 s, done in 8 s). */
const SILENCE_MS = 2_000
const NO_END: End = { bang: -1, digits: 0, lastNul: -1 }
/** Bytes after "!" within which the CRC must be there: four digits and NULs between them. */
const TAIL_BYTES = 16

export class Framer {
  readonly #counters: Counters<FramerCounter>
  readonly #events: FramerEvents
  readonly #ring: Ring
  readonly #mem: Bytes
  readonly #judge: Judge
  readonly #hdlc: HdlcSpotter
  readonly #sealed: SealedSpotter
  readonly #heads: Heads
  /** Next byte to scan, and to look at: behind it, but for the part of a telegram that was passed over. */
  #scan: number
  #peek: number
  /** Where the current line began. */
  #line: number
  #slash: boolean
  /** The "!" whose CRC is coming, and the last NUL. */
  readonly #at: End
  #bangSeen: boolean
  /** Something was understood since the line was opened, so its speed is right. */
  #understood: boolean
  /** What the counters do not have yet. */
  #bytes: number
  #telegrams: number
  #telegramBytes: number
  /** `[0]` last byte's time, `[1]` bytes that left the ring, `[2]` first byte's time since the line was opened. */
  readonly #clock: Float64Array

  constructor(events: FramerEvents) {
    this.#counters = new Counters<FramerCounter>(COUNTERS)
    this.#events = events
    this.#ring = new Ring()
    this.#mem = this.#ring.mem
    this.#judge = new Judge(this.#mem)
    this.#hdlc = new HdlcSpotter(this.#mem)
    this.#sealed = new SealedSpotter(this.#mem)
    this.#heads = new Heads()
    this.#scan = 0
    this.#peek = 0
    this.#line = 0
    this.#slash = false
    this.#at = { bang: -1, digits: 0, lastNul: -1 }
    this.#bangSeen = false
    this.#understood = false
    this.#bytes = 0
    this.#telegrams = 0
    this.#telegramBytes = 0
    this.#clock = Float64Array.of(0, 0, Number.NaN)
  }

  get counters(): Counters<FramerCounter> {
    this.#counters.add('bytes', this.#bytes)
    this.#counters.add('telegrams', this.#telegrams)
    this.#counters.add('telegram-bytes', this.#telegramBytes)
    this.#bytes = 0
    this.#telegrams = 0
    this.#telegramBytes = 0
    return this.#counters
  }

  /** Where the serial driver writes its next bytes. */
  room(): Bytes {
    return this.#ring.room()
  }

  /** `n` bytes were written to the start of the last `room()`. `now` in monotonic ms. */
  onBytes(n: number, now: number): void {
    if (n <= FEW_BYTES && this.#passOver(n, now)) return
    this.tick(now)
    this.#clock[0] = now
    if (!this.#understood && Number.isNaN(this.#clock[2])) this.#clock[2] = now
    this.#ring.end += n
    this.#bytes += n
    this.#look(now)
    this.#fold()
  }

  /** A few bytes in the middle of a telegram, no "!" among them: nothing to do. */
  #passOver(n: number, now: number): boolean {
    const ring = this.#ring
    const mem = this.#mem
    const from = ring.end
    const to = from + n
    if (this.#heads.count === 0 || this.#at.bang >= 0 || !this.#judge.crcSeen) return false
    if (ring.free < FOLD_BELOW || to - this.#heads.at[0]! > telegramBytes) return false
    if (now - this.#clock[0]! >= SILENCE_MS) return false
    for (let i = from; i < to; i++) if (mem[i] === 0x21) return false
    ring.end = to
    this.#peek = to
    this.#bytes += n
    this.#clock[0] = now
    return true
  }

  /** The same for bytes that lie elsewhere: copied in. */
  push(bytes: Bytes, now: number): void {
    if (bytes.length <= FEW_BYTES) {
      const { mem, end } = this.#ring
      for (let i = 0; i < bytes.length; i++) mem[end + i] = bytes[i]!
      this.onBytes(bytes.length, now)
      return
    }
    for (let at = 0; at < bytes.length; ) {
      const n = Math.min(bytes.length - at, this.#ring.free)
      this.#ring.put(bytes, at, n)
      this.onBytes(n, now)
      at += n
    }
  }

  /** `n` bytes of the line went elsewhere: offsets count them. */
  skip(n: number): void {
    this.#clock[1]! += n
    this.#bytes += n
  }

  /** To be called about once a second: completes telegrams that only silence ends. */
  tick(now: number): void {
    if (!this.#understood) this.#judgeSpeed(now)
    if (this.#heads.count === 0 || now - this.#clock[0]! < SILENCE_MS) return
    // A silence may be ours (a stalled process): it completes a telegram, it never spoils one.
    this.#scanTo(this.#at.bang < 0 ? this.#ring.end : this.#at.bang, now)
    if (this.#heads.count === 0) this.#goOn(Math.max(this.#scan, this.#at.bang + 1))
    else if (this.#at.bang < 0) {
      this.#peek = this.#scan
      if (this.#line === this.#ring.end) this.#endless(this.#line, now)
    } else if (this.#accept(this.#peek, now) === 'ok') this.#goOn(this.#peek)
    this.#fold()
  }

  #judgeSpeed(now: number): void {
    if (!(now - this.#clock[2]! >= SPEED_MS)) return
    this.#clock[2] = Number.NaN
    this.#events.onWrongSpeed?.(now)
  }

  /** The port was opened anew, or its speed changed: forgets all but the counters. Never call it from an event. */
  reset(): void {
    this.#clock[1]! += this.#ring.end
    this.#ring.end = 0
    this.#heads.count = 0
    this.#scan = 0
    this.#peek = 0
    this.#line = 0
    this.#slash = false
    this.#at.bang = -1
    this.#at.lastNul = -1
    this.#bangSeen = false
    this.#understood = false
    this.#clock[2] = Number.NaN
    this.#hdlc.reset()
    this.#sealed.reset()
    this.#judge.forget()
  }

  /** Looks at what is new: closely outside telegrams, for the next "!" inside. */
  #look(now: number): void {
    const end = this.#ring.end
    while (this.#peek < end) {
      if (this.#at.bang >= 0) this.#peek = this.#digit(this.#peek, now)
      else if (this.#heads.count === 0) {
        this.#scanTo(end, now)
        this.#peek = this.#scan
      } else if (!this.#findBang(end)) {
        this.#peek = end
        // Before a CRC was seen the next header may be all that ends a telegram.
        if (!this.#judge.crcSeen || end - this.#heads.at[0]! > telegramBytes) this.#scanTo(end, now)
      }
    }
  }

  /**
   * In a telegram nothing matters before the next "!" at the start of a line; what was passed over
   * is scanned only when the CRC there does not fit what is known.
   */
  #findBang(end: number): boolean {
    const bang = nextBang(this.#mem, this.#peek, end)
    if (bang < 0) return false
    this.#at.bang = bang
    this.#at.digits = 0
    this.#peek = bang + 1
    return true
  }

  /** Scans up to `to`; outside telegrams only until a header was found. */
  #scanTo(to: number, now: number): void {
    const mem = this.#mem
    const inside = this.#heads.count > 0
    let i = this.#scan
    while (i < to) {
      while (i < to && KIND[mem[i]!] === 0) i++
      if (i === to) break
      const kind = KIND[mem[i]!]!
      if (kind === LF) {
        this.#onLine(i, now)
        if (!inside && this.#heads.count > 0) {
          i++
          break
        }
      } else if (kind === SLASH) this.#slash = true
      else if (kind === NUL) this.#at.lastNul = i
      else if (kind === GLO) this.#sealed.onByte(i)
      else if (this.#hdlc.onFlag(i)) {
        this.#counters.add('binary')
        this.#understood = true
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
      this.#reject('oversize', now, this.#heads.count)
      this.#heads.count = 0
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
      this.#understood = true
      this.#reject('cut', now, this.#heads.add(i))
    }
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
      return this.#at.digits === 4 ? this.#end(i + 1, now) : i + 1
    }
    return this.#end(i, now, c === 13 || c === 10 ? 'ok' : 'digits')
  }

  /** "!" and its digits end at `to`: deliver or refuse. Returns where to go on. */
  #end(to: number, now: number, form: 'ok' | 'digits' = 'ok'): number {
    const { bang, digits } = this.#at
    const short = bang - this.#heads.at[0]! <= lineBytes
    if (form === 'ok' && digits > 0 && short && this.#accept(to, now) === 'ok') return this.#goOn(to)
    this.#scanTo(bang, now)
    this.#dropOld(bang)
    if (this.#heads.count === 0) return this.#goOn(bang + 1)
    const why = form === 'ok' ? this.#accept(to, now) : form
    if (why !== 'ok') {
      this.#reject('cut', now, this.#heads.count - 1)
      this.#reject(why, now)
      this.#clear(bang + 1)
    }
    return this.#goOn(to)
  }

  /** No candidate is left: everything before `at` was looked at. */
  #goOn(at: number): number {
    this.#at.bang = -1
    this.#scan = at
    this.#peek = at
    return at
  }

  /** Delivers the newest candidate that verifies up to `to`; else says what is wrong with the newest. */
  #accept(to: number, now: number): Reason | 'ok' {
    let why: Reason | 'ok' = 'crc'
    for (let k = this.#heads.count - 1; k >= 0; k--) {
      const from = this.#heads.at[k]!
      const verdict = this.#judge.check(from, to, this.#at)
      if (verdict === 'ok') {
        this.#reject('cut', now, k)
        this.#bangSeen = true
        this.#clear(to)
        this.#deliver(from, now)
        return 'ok'
      }
      if (k === this.#heads.count - 1) why = verdict
    }
    return why
  }

  /** The newest candidate may have no "!" (some 2.2 meters): delivers it if it is whole at `to`. */
  #endless(to: number, now: number): void {
    if (this.#heads.count === 0 || this.#bangSeen || this.#judge.crcSeen) return
    const from = this.#heads.newest
    if (this.#judge.check(from, to, NO_END) !== 'ok') return
    this.#reject('cut', now, this.#heads.count - 1)
    this.#heads.count = 0
    this.#deliver(from, now)
  }

  #deliver(from: number, now: number): void {
    const frame = this.#judge.frame
    this.#judge.accept()
    frame.offset = this.#clock[1]! + from
    frame.lineBytes = frame.rawTo - frame.rawFrom
    this.#telegrams++
    this.#telegramBytes += frame.lineBytes
    if (!frame.verified) this.#counters.add('unverified')
    this.#events.onTelegram(frame, now)
  }

  #reject(reason: Reason, now: number, times = 1): void {
    for (; times > 0; times--) {
      this.#counters.add(reason)
      this.#events.onReject?.(reason, now)
    }
  }

  /** Every candidate is done with; the line goes on at `at`. */
  #clear(at: number): void {
    this.#heads.count = 0
    this.#at.bang = -1
    this.#line = at
  }

  /** Gives up candidates that are too far back from `at` to become a telegram. */
  #dropOld(at: number): void {
    const old = this.#heads.dropBefore(at - telegramBytes - TAIL_BYTES)
    if (old === 0) return
    if (this.#heads.count === 0) this.#at.bang = -1
    this.#reject('oversize', this.#clock[0]!, old)
  }

  /** Lets go of the bytes that nothing can need any more. */
  #fold(): void {
    // Inside a telegram, with room: nothing to let go of.
    if (this.#scan !== this.#peek && this.#ring.free >= FOLD_BELOW) return
    this.#hdlc.settle(this.#scan)
    if (this.#sealed.settle(this.#scan)) {
      this.#counters.add('sealed')
      this.#understood = true
      this.#events.onSealed?.(this.#clock[0]!)
    }
    if (this.#scan === this.#peek) this.#dropOld(this.#scan)
    let keep = this.#scan
    if (this.#slash) keep = Math.max(this.#line, this.#scan - lineBytes, 0)
    if (this.#heads.count > 0) keep = Math.min(keep, this.#heads.at[0]!)
    const down = this.#ring.fold(this.#sealed.keep(this.#hdlc.keep(keep)))
    if (down === 0) return
    this.#clock[1]! += down
    this.#scan -= down
    this.#peek -= down
    this.#line -= down
    if (this.#at.bang >= 0) this.#at.bang -= down
    if (this.#at.lastNul >= 0) this.#at.lastNul = Math.max(-1, this.#at.lastNul - down)
    this.#hdlc.shift(down)
    this.#sealed.shift(down)
    this.#heads.shift(down)
  }
}
