// Decides whether the bytes from a header to an end are a telegram: CRC as it stands, CRC without
// NULs, 7E1 seen as 8N1 (parity verified and stripped), or, where no CRC is due, the form alone.
// A CRC is due once one was seen on this line, and in every telegram that tells version or time.

import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { crc16, crc16WithoutNul } from './crc.ts'
import { Frame, type Reason } from './frame.ts'
import { evenParity, formOf } from './grammar.ts'
import { CLEAN, LAST, STRIPPED } from './ring.ts'

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
  #crcSeen: boolean
  #lastLength: number

  constructor(mem: Bytes) {
    this.frame = new Frame(mem)
    this.#mem = mem
    this.#crcSeen = false
    this.#lastLength = 0
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
    frame.from = from
    if (frame.parity) {
      if (!evenParity(mem, from, to)) return 'parity'
      for (let i = from; i < to; i++) mem[STRIPPED + i - from] = mem[i]! & 0x7f
      frame.from = STRIPPED
    }
    frame.to = frame.from + to - from
    frame.nuls = end.lastNul >= from
    frame.verified = end.digits > 0
    return frame.verified ? this.#checkCrc(frame.from + end.bang - from + 1) : this.#checkForm()
  }

  /** The CRC's digits begin at `digits`, behind the "!". */
  #checkCrc(digits: number): Reason | 'ok' {
    const frame = this.frame
    const claimed = claimedCrc(this.#mem, digits, frame.to)
    if (claimed < 0) return 'digits'
    frame.crc = crc16(this.#mem, frame.from, digits)
    if (claimed === frame.crc) return 'ok'
    if (!frame.nuls) return 'crc'
    frame.crc = crc16WithoutNul(this.#mem, frame.from, digits)
    return claimed === frame.crc ? 'ok' : 'crc'
  }

  #checkForm(): Reason | 'ok' {
    if (this.#crcSeen) return 'no-crc'
    this.frame.crc = 0
    const form = formOf(this.#mem, this.frame.from, this.frame.to)
    return form === 'needs-crc' ? 'no-crc' : form
  }

  /** The frame is about to be delivered: cleaned text, repetition, and what it teaches. */
  accept(): void {
    const mem = this.#mem
    const frame = this.frame
    if (frame.verified) this.#crcSeen = true
    frame.textFrom = frame.from
    frame.textTo = frame.to
    if (frame.nuls) {
      let at = CLEAN
      for (let i = frame.from; i < frame.to; i++) if (mem[i] !== 0) mem[at++] = mem[i]!
      frame.textFrom = CLEAN
      frame.textTo = at
    }
    const length = frame.to - frame.from
    frame.duplicate = length === this.#lastLength && same(mem, frame.from, LAST, length)
    if (!frame.duplicate) mem.copyWithin(LAST, frame.from, frame.to)
    this.#lastLength = length
  }
}

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

function same(b: Bytes, x: number, y: number, n: number): boolean {
  for (let i = 0; i < n; i++) if (b[x + i] !== b[y + i]) return false
  return true
}
