// Cuts a byte stream into messages behind a 16-bit big-endian length, as libp2p's Noise frames them.
// A message that lies whole in the bytes at hand is not copied; a partial one waits in a buffer that
// grows with what has really come, never with what was announced.

import type { Bytes } from '../../base/bytes.ts'
import { type Account, ByteQueue } from '../queue.ts'

const NONE: Bytes = new Uint8Array(0)

export class Assembler {
  readonly #partial: ByteQueue
  /** Bytes of the message that is being collected; 0 while its length is. */
  #want: number
  #high: number
  /** Longest message that is taken; a longer one is `broken`. */
  limit: number
  broken: boolean
  /** A whole message, where `take` found one: valid until the next `take`. */
  source: Bytes
  start: number
  length: number
  #taken: number

  constructor(account: Account, limit: number) {
    this.#partial = new ByteQueue(account)
    this.#want = 0
    this.#high = -1
    this.limit = limit
    this.broken = false
    this.source = NONE
    this.start = 0
    this.length = 0
    this.#taken = 0
  }

  /** Bytes of memory that partial messages occupy. */
  get held(): number {
    return this.#partial.held
  }

  /** True in the middle of a message. */
  get waiting(): boolean {
    return this.#want > 0 || this.#high >= 0
  }

  /** Eats bytes from `from` on, up to the end of one message; true when `source` holds it. */
  take(bytes: Bytes, from: number): boolean {
    let at = from
    const end = bytes.length
    if (this.length > 0 && this.source !== bytes) this.#partial.drop(this.#partial.length)
    this.length = 0
    while (this.#want === 0 && at < end) {
      if (this.#high < 0) this.#high = bytes[at++]!
      else {
        this.#want = (this.#high << 8) | bytes[at++]!
        this.#high = -1
        if (this.#want === 0 || this.#want > this.limit) this.broken = true
      }
    }
    this.#taken = at - from
    if (this.#want === 0 || this.broken) return false
    const missing = this.#want - this.#partial.length
    const part = Math.min(missing, end - at)
    if (part === this.#want) this.#found(bytes, at)
    else if (part > 0) {
      this.#partial.push(bytes.subarray(at, at + part))
      if (part === missing) this.#found(this.#partial.head(this.#want), 0)
    }
    this.#taken += part
    return this.length > 0
  }

  /** Bytes that the last `take` ate. */
  get taken(): number {
    return this.#taken
  }

  trim(): void {
    if (!this.waiting) {
      this.#partial.drop(this.#partial.length)
      this.#partial.trim()
    }
  }

  clear(): void {
    this.#partial.clear()
    this.source = NONE
    this.length = 0
  }

  #found(source: Bytes, start: number): void {
    this.source = source
    this.start = start
    this.length = this.#want
    this.#want = 0
  }
}
