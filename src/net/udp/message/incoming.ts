// Messages of one peer that are being put together, and the identifiers of those that came whole: a part
// that is repeated because its acknowledgement was lost must not give the message twice.

import type { Bytes } from '../../../base/bytes.ts'
import { LIMITS } from '../../../base/limits.ts'

/** Bytes of every part but the last. */
export const PART_BYTES = 1_120

interface Unfinished {
  readonly id: number
  readonly parts: number
  readonly bytes: Bytes
  readonly until: number
  length: number
  left: number
  low: number
  high: number
}

export interface Took {
  /** Which parts have come. */
  low: number
  high: number
  /** Set when this part was the last one missing. */
  message: Bytes | null
}

export class Incoming {
  readonly #open: Unfinished[]
  readonly #known: Float64Array
  #next: number
  held: number

  constructor() {
    this.#open = []
    this.#known = new Float64Array(LIMITS.udp.messagesKnown).fill(-1)
    this.#next = 0
    this.held = 0
  }

  /** One part of the right size. Null: no room for it now; the sender repeats it. */
  take(
    said: { id: number; part: number; parts: number; bytes: Bytes },
    spare: number,
    now: number,
  ): Took | null {
    const { id, part, parts } = said
    if (this.#known.includes(id)) return { low: -1 >>> 0, high: -1 >>> 0, message: null }
    let partial = this.#open.find((each) => each.id === id)
    if (partial && partial.parts !== parts) return null
    if (!partial) {
      if (this.#open.length >= LIMITS.udp.messagesIn || parts * PART_BYTES > spare) return null
      partial = {
        id,
        parts,
        bytes: new Uint8Array(parts * PART_BYTES),
        until: now + 2 * LIMITS.udp.messageMs,
        length: 0,
        left: parts,
        low: 0,
        high: 0,
      }
      this.#open.push(partial)
      this.held += partial.bytes.length
    }
    const seen = part < 32 ? (partial.low >>> part) & 1 : (partial.high >>> (part - 32)) & 1
    if (seen === 0) {
      partial.bytes.set(said.bytes, part * PART_BYTES)
      partial.length += said.bytes.length
      partial.left--
      if (part < 32) partial.low = (partial.low | (1 << part)) >>> 0
      else partial.high = (partial.high | (1 << (part - 32))) >>> 0
    }
    const { low, high } = partial
    if (partial.left > 0) return { low, high, message: null }
    this.#remove(partial)
    this.#known[this.#next] = id
    this.#next = (this.#next + 1) % this.#known.length
    return { low, high, message: partial.bytes.subarray(0, partial.length) }
  }

  /** Forgets what never became whole; minus the bytes that this frees. */
  expire(now: number): number {
    const before = this.held
    for (let i = this.#open.length - 1; i >= 0; i--)
      if (now >= this.#open[i]!.until) this.#remove(this.#open[i]!)
    return this.held - before
  }

  /** The bytes that this frees. */
  clear(): number {
    const held = this.held
    this.#open.length = 0
    this.held = 0
    return held
  }

  #remove(partial: Unfinished): void {
    this.#open.splice(this.#open.indexOf(partial), 1)
    this.held -= partial.bytes.length
  }
}
