// The memory of the P1 line: the serial driver writes into it, the framer reads in it, a telegram
// is always in one piece. The ring is folded: what is still needed moves to the start when the end
// comes near, which at most doubles the bytes moved and in ordinary running never happens.
// Behind it lie telegram-sized places: one for text whose parity was stripped, and two in which the
// accepted telegrams lie by turns, so that a telegram can be compared with the one before.
// Allocates once and never grows.

import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'

const { ringBytes, telegramBytes } = LIMITS.p1

/** One byte behind the ring is free for the framer's sentinel. */
const GUARD = 8
/** Where the places behind the ring begin in `mem`; the slots at whole words. */
export const STRIPPED: number = ringBytes + GUARD
export const SLOTS_AT: readonly [number, number] = [STRIPPED + telegramBytes, STRIPPED + 2 * telegramBytes]

/** Views of the room that are kept; a prime, because pieces often have a power of two of bytes. */
const VIEWS = 251
/** Room below which the ring is folded: several reads of a serial driver. */
export const FOLD_BELOW: number = 2_048

export class Ring {
  readonly mem: Bytes
  /** First byte that is not written yet. */
  end: number
  /** Views made before, by their place: telegrams come in the same pieces again and again. */
  readonly #views: Bytes[]
  readonly #viewAt: Int32Array

  constructor() {
    this.mem = new Uint8Array(ringBytes + GUARD + 3 * telegramBytes)
    this.end = 0
    this.#views = Array.from({ length: VIEWS }, () => this.mem)
    this.#viewAt = new Int32Array(VIEWS).fill(-1)
  }

  /** Where the next bytes go, as a view: at least FOLD_BELOW bytes after `fold`. */
  room(): Bytes {
    const slot = this.end % VIEWS
    if (this.#viewAt[slot] !== this.end) {
      this.#views[slot] = this.mem.subarray(this.end, ringBytes)
      this.#viewAt[slot] = this.end
    }
    return this.#views[slot]!
  }

  get free(): number {
    return ringBytes - this.end
  }

  /** Copies `bytes[from..from+n)` to where the next bytes go. */
  put(bytes: Bytes, from: number, n: number): void {
    if (from === 0 && n === bytes.length) this.mem.set(bytes, this.end)
    else this.mem.set(bytes.subarray(from, from + n), this.end)
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
