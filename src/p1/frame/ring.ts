// The memory of the P1 line: the serial driver writes into it, the framer reads in it, a telegram
// is always in one piece. The ring is folded: what is still needed moves to the start when the end
// comes near, which at most doubles the bytes moved and in ordinary running never happens.
// Behind it lie three telegram-sized places: the last telegram, and two for cleaned copies.
// Allocates once and never grows.

import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'

const { ringBytes, telegramBytes } = LIMITS.p1

/** Where the places behind the ring begin in `mem`. */
export const LAST: number = ringBytes
export const STRIPPED: number = ringBytes + telegramBytes
export const CLEAN: number = ringBytes + 2 * telegramBytes

/** Room below which the ring is folded: several reads of a serial driver. */
const FOLD_BELOW = 2_048

export class Ring {
  readonly mem: Bytes
  /** First byte that is not written yet. */
  end: number

  constructor() {
    this.mem = new Uint8Array(ringBytes + 3 * telegramBytes)
    this.end = 0
  }

  /** Where the next bytes go, as a view: at least FOLD_BELOW bytes after `fold`. */
  room(): Bytes {
    return this.mem.subarray(this.end, ringBytes)
  }

  get free(): number {
    return ringBytes - this.end
  }

  /** Copies `bytes[from..from+n)` to the end. */
  put(bytes: Bytes, from: number, n: number): void {
    if (from === 0 && n === bytes.length) this.mem.set(bytes, this.end)
    else this.mem.set(bytes.subarray(from, from + n), this.end)
    this.end += n
  }

  /** Bytes before `keep` are no longer needed. Returns by how much every index has moved down. */
  fold(keep: number): number {
    if (keep === this.end) {
      this.end = 0
      return keep
    }
    if (keep === 0 || ringBytes - this.end >= FOLD_BELOW) return 0
    this.mem.copyWithin(0, keep, this.end)
    this.end -= keep
    return keep
  }
}
