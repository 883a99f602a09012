// Decides whether the bytes from a header to an end are a telegram: CRC as it stands, CRC without
// NULs, 7E1 seen as 8N1 (parity verified and stripped), or, where no CRC is due, the form alone.
// A CRC is due once one was seen on this line, and in every telegram that tells version or time.

import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { crc16, crc16WithoutNul } from './crc.ts'
import { Frame, type Reason } from './frame.ts'
import { evenParity, formOf } from './grammar.ts'
import { SLOTS_AT, STRIPPED } from './ring.ts'

const { telegramBytes } = LIMITS.p1

/** How the line says that a telegram is over. */
export interface End {
  /** Index of the "!", or -1. */
  bang: number
  /** Hex digits behind it so far. */
  digits: number
  /** Index of the last NUL on the line, or less than any start. */
  lastNul: number
}

export class Judge {
  readonly frame: Frame
  readonly #mem: Bytes
  readonly #words: Uint32Array
  readonly #pairs: Float64Array
  #crcSeen: boolean
  /** Of the telegram before: length, and length without CRC. Zero where it must not be compared with. */
  #lastLength: number
  #lastBody: number
  /** Bytes of the checked telegram up to its "!". */
  #body: number
  /** The slot of the telegram before. */
  #slot: number

  constructor(mem: Bytes) {
    this.frame = new Frame(mem)
    this.#mem = mem
    this.#words = new Uint32Array(mem.buffer, mem.byteOffset, mem.length >> 2)
    this.#pairs = new Float64Array(mem.buffer, mem.byteOffset, mem.length >> 3)
    this.#crcSeen = false
    this.#lastLength = 0
    this.#lastBody = 0
    this.#body = 0
    this.#slot = 0
  }

  /** A verified CRC was seen on this line: from then on a telegram without one is damaged. */
  get crcSeen(): boolean {
    return this.#crcSeen
  }

  forget(): void {
    this.#crcSeen = false
  }

  /**
   * Is `[from..to)` of the line a telegram? `bang` is its "!" or -1, `digits` how many CRC digits
   * follow it, `lastNul` where the line's last NUL was. On `ok` the frame is filled in.
   */
  check(from: number, to: number, end: End): Reason | 'ok' {
    if (to - from > telegramBytes) return 'oversize'
    const mem = this.#mem
    const frame = this.frame
    frame.parity = mem[from] === 0xaf
    frame.rawFrom = from
    if (frame.parity) {
      if (!evenParity(mem, from, to)) return 'parity'
      for (let i = from; i < to; i++) mem[STRIPPED + i - from] = mem[i]! & 0x7f
      frame.rawFrom = STRIPPED
    }
    frame.rawTo = frame.rawFrom + to - from
    frame.verified = end.digits > 0
    this.#body = end.bang < 0 ? to - from : end.bang - from
    return frame.verified
      ? this.#checkCrc(frame.rawFrom + this.#body + 1, end.lastNul >= from)
      : this.#checkForm()
  }

  /** The CRC's digits begin at `digits`, behind the "!". */
  #checkCrc(digits: number, nuls: boolean): Reason | 'ok' {
    const frame = this.frame
    const claimed = claimedCrc(this.#mem, digits, frame.rawTo)
    if (claimed < 0) return 'digits'
    frame.crc = crc16(this.#mem, frame.rawFrom, digits)
    if (claimed === frame.crc) return 'ok'
    if (!nuls) return 'crc'
    frame.crc = crc16WithoutNul(this.#mem, frame.rawFrom, digits)
    return claimed === frame.crc ? 'ok' : 'crc'
  }

  #checkForm(): Reason | 'ok' {
    if (this.#crcSeen) return 'no-crc'
    this.frame.crc = 0
    const form = formOf(this.#mem, this.frame.rawFrom, this.frame.rawTo)
    return form === 'needs-crc' ? 'no-crc' : form
  }

  /** The frame is about to be delivered: its text goes into the slot whose turn it is. */
  accept(): void {
    const mem = this.#mem
    const frame = this.frame
    const length = frame.rawTo - frame.rawFrom
    const before = SLOTS_AT[this.#slot]!
    this.#slot = 1 - this.#slot
    const slot = SLOTS_AT[this.#slot]!
    mem.copyWithin(slot, frame.rawFrom, frame.rawTo)
    frame.turn(this.#slot)
    frame.number++
    frame.textFrom = 0
    frame.textTo = length
    frame.nuls = false
    frame.sameForm =
      length === this.#lastLength && this.#body === this.#lastBody && this.#compare(before, slot)
    frame.duplicate = frame.sameForm && frame.changeCount === 0
    this.#lastLength = length
    this.#lastBody = this.#body
    if (frame.verified) this.#crcSeen = true
    // What differs in digits only has no NUL where the one before had none.
    if (!frame.sameForm) this.#removeNuls(slot, length)
  }

  /** Do both slots differ in digits only, up to the "!"? Lists the words that do. */
  #compare(before: number, slot: number): boolean {
    const words = this.#words
    const { changes } = this.frame
    const pairs = this.#pairs
    const a = before >> 3
    const b = slot >> 3
    const end = this.#body >> 3
    let n = 0
    // Eight bytes at a time, as numbers: no two different ones are equal but 0 and -0, and that is NULs.
    for (let p = 0; p < end; p++) {
      if (pairs[a + p] === pairs[b + p]) continue
      for (let w = 2 * p; w < 2 * p + 2; w++) {
        const x = words[2 * a + w]!
        const y = words[2 * b + w]!
        if (x === y) continue
        if (!digitsDiffer(x, y)) return false
        changes[n++] = w
      }
    }
    const whole = end << 1
    // The end of the last line: CR LF, or part of them.
    for (let i = whole << 2; i < this.#body; i++)
      if (this.#mem[before + i] !== this.#mem[slot + i]) return false
    this.frame.changeCount = n
    return true
  }

  #removeNuls(slot: number, length: number): void {
    const mem = this.#mem
    const end = slot + length
    let to = slot
    while (to < end && mem[to] !== 0) to++
    if (to === end) return
    for (let i = to; i < end; i++) if (mem[i] !== 0) mem[to++] = mem[i]!
    this.frame.nuls = true
    this.frame.textTo = to - slot
    this.#lastLength = 0
  }
}

/** Every byte in which two words differ is a decimal digit in both. Bit 4 of each byte says yes. */
function digitsDiffer(x: number, y: number): boolean {
  const d = x ^ y
  if ((d & 0xf0f0f0f0) !== 0) return false
  // Which bytes differ; whose high half is not 3; whose low half is above 9.
  const differs = (d & LOW) + LOW
  const other = (((x ^ 0x30303030) >>> 4) & LOW) + LOW
  const over = ((x & LOW) + SIX) | ((y & LOW) + SIX)
  return (differs & (other | over) & 0x10101010) === 0
}

const LOW = 0x0f0f0f0f
const SIX = 0x06060606

/** Value of a hex digit, either case; -1 for any other byte. */
export function hexValue(c: number): number {
  if (c >= 48 && c <= 57) return c - 48
  const letter = c | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/** The number that the hex digits in `[from..to)` say, NULs aside; -1 where another byte is there. */
function claimedCrc(b: Bytes, from: number, to: number): number {
  let value = 0
  for (let i = from; i < to; i++) {
    if (b[i] === 0) continue
    const digit = hexValue(b[i]!)
    if (digit < 0) return -1
    value = (value << 4) | digit
  }
  return value
}
