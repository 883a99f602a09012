// Encrypted telegrams: DLMS general-glo-ciphering frames as Luxembourg (Smarty P1 1.1.3 section 3.2.5) and
// Austria send them, AES-128-GCM with a tag of 12 bytes. What is no such frame goes on to the plain
// framer, so a meter may send either. Decryption is a function that is handed in.
// `strict` delivers only what the tag covers; `crc-only` ignores the tag, wants the CRC inside to fit,
// and never calls it authenticated. A frame counter that does not rise is refused as a replay.

import type { Bytes } from '../../base/bytes.ts'
import type { Counters } from '../../base/counters.ts'
import { getU32 } from '../../base/cursor.ts'
import { LIMITS } from '../../base/limits.ts'
import type { FramerCounter, FramerEvents, Reason } from './frame.ts'
import { Framer } from './framer.ts'
import { hexValue, Judge } from './judge.ts'
import { Ring, STRIPPED } from './ring.ts'

const { telegramBytes } = LIMITS.p1

/**
 * AES-128-GCM with the meter's key and its additional data (0x30 and the authentication key). Returns
 * the plain text; null where `tag` does not fit. With `tag` null it is not looked at.
 */
export type OpenSealed = (iv: Bytes, text: Bytes, tag: Bytes | null) => Bytes | null

export type DecryptMode = 'strict' | 'crc-only'

const TITLE_BYTES = 8
const COUNTER_BYTES = 4
const TAG_BYTES = 12
/** Security control byte, counter and tag: what the length counts beside the text. */
const AROUND_TEXT = 1 + COUNTER_BYTES + TAG_BYTES
/** `DB 08`, title, `82 hh ll`, security control byte. */
const HEAD_BYTES = 2 + TITLE_BYTES + 3 + 1
const ENCRYPTED_AUTHENTICATED = 0x30
/** The shortest thing that could be a telegram. */
const MIN_TEXT = 16
/** Frames that may be waiting for their end; noise looks like a beginning about never. */
const CANDIDATES = 8

export class EncryptedFramer {
  readonly #plain: Framer
  readonly #events: FramerEvents
  readonly #mode: DecryptMode
  readonly #open: OpenSealed
  readonly #ring: Ring
  readonly #judge: Judge
  /** Starts and ends of frames whose end has not come. */
  readonly #from: Int32Array
  readonly #to: Int32Array
  #count: number
  /** Next byte to look at; bytes before `#fed` are with the plain framer. */
  #scan: number
  #fed: number
  /** Bytes that left the ring. */
  readonly #gone: Float64Array
  readonly #iv: Bytes
  /** Title and counter of the last frame that was delivered; -1 for none. */
  readonly #title: Bytes
  #counter: number

  constructor(events: FramerEvents, mode: DecryptMode, open: OpenSealed) {
    // A frame that does not open reaches the plain framer as noise: there is a key, so not as `sealed`.
    this.#plain = new Framer({
      onTelegram: (frame, now) => events.onTelegram(frame, now),
      onReject: (reason, now) => events.onReject?.(reason, now),
      onBinary: (now) => events.onBinary?.(now),
      onWrongSpeed: (now) => events.onWrongSpeed?.(now),
    })
    this.#events = events
    this.#mode = mode
    this.#open = open
    this.#ring = new Ring()
    this.#judge = new Judge(this.#ring.mem)
    this.#from = new Int32Array(CANDIDATES)
    this.#to = new Int32Array(CANDIDATES)
    this.#count = 0
    this.#scan = 0
    this.#fed = 0
    this.#gone = new Float64Array(1)
    this.#iv = new Uint8Array(TITLE_BYTES + COUNTER_BYTES)
    this.#title = new Uint8Array(TITLE_BYTES)
    this.#counter = -1
  }

  get counters(): Counters<FramerCounter> {
    return this.#plain.counters
  }

  /** Where the serial driver writes its next bytes. */
  room(): Bytes {
    return this.#ring.room()
  }

  /** `n` bytes were written to the start of the last `room()`. `now` in monotonic ms. */
  onBytes(n: number, now: number): void {
    this.#ring.end += n
    this.#look(now)
  }

  push(bytes: Bytes, now: number): void {
    for (let at = 0; at < bytes.length; ) {
      const n = Math.min(bytes.length - at, this.#ring.free)
      this.#ring.put(bytes, at, n)
      this.onBytes(n, now)
      at += n
    }
  }

  tick(now: number): void {
    this.#plain.tick(now)
  }

  /** Forgets what is half there. Not the frame counter: who replays may pull the plug first. */
  reset(): void {
    this.#plain.reset()
    this.#gone[0]! += this.#ring.end
    this.#ring.end = 0
    this.#count = 0
    this.#scan = 0
    this.#fed = 0
  }

  #look(now: number): void {
    const mem = this.#ring.mem
    while (this.#scan < this.#ring.end) {
      // Frames whose last byte has come, in the order in which they end.
      this.#finish(this.#scan, now)
      if (mem[this.#scan] === 0xdb) {
        const length = this.#headAt(this.#scan)
        if (length === 0) break
        if (length > 0 && this.#count < CANDIDATES) {
          this.#from[this.#count] = this.#scan
          this.#to[this.#count++] = this.#scan + length
        }
      }
      this.#scan++
    }
    this.#finish(this.#scan, now)
    this.#feed(this.#count > 0 ? Math.min(this.#from[0]!, this.#scan) : this.#scan, now)
    const down = this.#ring.fold(this.#fed)
    this.#gone[0]! += down
    this.#scan -= down
    this.#fed -= down
    for (let k = 0; k < this.#count; k++) {
      this.#from[k]! -= down
      this.#to[k]! -= down
    }
  }

  /** Length of the frame that begins at `at`; 0 where more bytes must come, -1 where none begins. */
  #headAt(at: number): number {
    const mem = this.#ring.mem
    const there = this.#ring.end - at
    if (there > 1 && mem[at + 1] !== TITLE_BYTES) return -1
    const size = mem[at + 2 + TITLE_BYTES]!
    if (there < HEAD_BYTES) return 0
    const lengthAt = at + 2 + TITLE_BYTES
    const extra = size < 0x80 ? 0 : size === 0x81 ? 1 : size === 0x82 ? 2 : -1
    if (extra < 0 || mem[lengthAt + 1 + extra] !== ENCRYPTED_AUTHENTICATED) return -1
    let length = size
    if (extra === 1) length = mem[lengthAt + 1]!
    if (extra === 2) length = (mem[lengthAt + 1]! << 8) | mem[lengthAt + 2]!
    const fits = length >= AROUND_TEXT + MIN_TEXT && length <= AROUND_TEXT + telegramBytes
    return fits ? 2 + TITLE_BYTES + 1 + extra + length : -1
  }

  /** Opens the frames that end at or before `end`. One that opens swallows what lies in it. */
  #finish(end: number, now: number): void {
    for (let k = 0; k < this.#count; ) {
      const from = this.#from[k]!
      const to = this.#to[k]!
      if (to > end) {
        k++
        continue
      }
      this.#remove(k)
      if (!this.#openFrame(from, to, now)) continue
      this.#feed(from, now)
      this.#plain.skip(to - from)
      this.#fed = to
      for (let other = this.#count - 1; other >= 0; other--) if (this.#from[other]! < to) this.#remove(other)
      k = 0
    }
  }

  #remove(k: number): void {
    this.#from.copyWithin(k, k + 1, this.#count)
    this.#to.copyWithin(k, k + 1, this.#count)
    this.#count--
  }

  /** Hands what is no frame to the plain framer. */
  #feed(to: number, now: number): void {
    if (to <= this.#fed) return
    this.#plain.push(this.#ring.mem.subarray(this.#fed, to), now)
    this.#fed = to
  }

  /** Opens `[from..to)` and delivers what is inside. False where it is no frame of this meter. */
  #openFrame(from: number, to: number, now: number): boolean {
    const mem = this.#ring.mem
    const title = mem.subarray(from + 2, from + 2 + TITLE_BYTES)
    const size = mem[from + 2 + TITLE_BYTES]!
    const at = from + 2 + TITLE_BYTES + (size < 0x80 ? 1 : size - 0x80 + 1) + 1
    const counter = getU32(mem, at)
    this.#iv.set(title)
    this.#iv.set(mem.subarray(at, at + COUNTER_BYTES), TITLE_BYTES)
    const tag = mem.subarray(to - TAG_BYTES, to)
    const strict = this.#mode === 'strict'
    const text = this.#open(this.#iv, mem.subarray(at + COUNTER_BYTES, to - TAG_BYTES), strict ? tag : null)
    if (text === null) {
      this.#reject('tag', now)
      return false
    }
    const sameMeter = this.#counter >= 0 && equalBytes(title, this.#title)
    if (sameMeter && counter <= this.#counter) {
      // Whole and ours, but old: nothing of it may come out in any way.
      if (strict || this.#isTelegram(text)) {
        this.#reject('replay', now)
        return true
      }
      return false
    }
    if (!this.#isTelegram(text)) {
      this.#reject('crc', now)
      return strict
    }
    this.#title.set(title)
    this.#counter = counter
    this.#judge.accept()
    const frame = this.#judge.frame
    frame.encrypted = true
    frame.offset = this.#gone[0]! + from
    frame.lineBytes = to - from
    frame.authenticated = strict
    this.counters.add('encrypted')
    this.counters.add('telegrams')
    this.counters.add('telegram-bytes', to - from)
    this.#events.onTelegram(frame, now)
    return true
  }

  /** Judges the plain text. Where the tag covers it its CRC may be wrong; the frame says so then. */
  #isTelegram(text: Bytes): boolean {
    const mem = this.#ring.mem
    if (text.length > telegramBytes || text[0] !== 47) return false
    let bang = text.length - 1
    while (bang > 0 && !(text[bang] === 33 && text[bang - 1] === 10)) bang--
    if (bang === 0) return false
    let to = bang + 1
    while (to < text.length && to < bang + 5 && hexValue(text[to]!) >= 0) to++
    mem.set(text.subarray(0, to), STRIPPED)
    const end = { bang: STRIPPED + bang, digits: to - bang - 1, lastNul: -1 }
    const fits = this.#judge.check(STRIPPED, STRIPPED + to, end) === 'ok' && this.#judge.frame.verified
    this.#judge.frame.verified = fits
    return fits || this.#mode === 'strict'
  }

  #reject(reason: Reason, now: number): void {
    this.counters.add(reason)
    this.#events.onReject?.(reason, now)
  }
}

function equalBytes(a: Bytes, b: Bytes): boolean {
  for (let i = 0; i < b.length; i++) if (a[i] !== b[i]) return false
  return true
}
