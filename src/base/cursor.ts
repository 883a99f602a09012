// Reader and writer of the fixed layouts in docs/wire.md. Big-endian throughout.
// The reader never throws: after the first short read `ok` is false and every value is zero or
// empty, so a decoder checks once, at its end. Byte fields are views; copy what you keep.

import type { Bytes } from './bytes.ts'

const NONE: Bytes = new Uint8Array(0)

export class Reader {
  readonly bytes: Bytes
  at: number
  ok: boolean

  constructor(bytes: Bytes, at = 0) {
    this.bytes = bytes
    this.at = at
    this.ok = true
  }

  get left(): number {
    return this.bytes.length - this.at
  }

  /** True when everything was read and nothing was missing. */
  get done(): boolean {
    return this.ok && this.at === this.bytes.length
  }

  #take(n: number): number {
    const at = this.at
    if (!this.ok || n > this.bytes.length - at) {
      this.ok = false
      return -1
    }
    this.at = at + n
    return at
  }

  u8(): number {
    const at = this.#take(1)
    return at < 0 ? 0 : this.bytes[at]!
  }

  u16(): number {
    const at = this.#take(2)
    return at < 0 ? 0 : (this.bytes[at]! << 8) | this.bytes[at + 1]!
  }

  u32(): number {
    const at = this.#take(4)
    return at < 0 ? 0 : getU32(this.bytes, at)
  }

  /** A 48-bit count: indices and milliseconds since 1970, exact as a JavaScript number. */
  u48(): number {
    const at = this.#take(6)
    return at < 0 ? 0 : getU48(this.bytes, at)
  }

  /** `n` bytes as a view. */
  take(n: number): Bytes {
    const at = this.#take(n)
    return at < 0 ? NONE : this.bytes.subarray(at, at + n)
  }

  /** Bytes behind a 16-bit length, at most `max`. */
  block(max: number): Bytes {
    const n = this.u16()
    if (n > max) this.ok = false
    return this.ok ? this.take(n) : NONE
  }

  rest(): Bytes {
    return this.take(this.left)
  }
}

export class Writer {
  readonly bytes: Bytes
  at: number

  /** Writes into `bytes`; writing past its end is a broken invariant and throws. */
  constructor(bytes: Bytes, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  #room(n: number): number {
    const at = this.at
    if (n > this.bytes.length - at)
      throw new RangeError(`writer: ${n} bytes do not fit at ${at} of ${this.bytes.length}`)
    this.at = at + n
    return at
  }

  u8(v: number): this {
    this.bytes[this.#room(1)] = v
    return this
  }

  u16(v: number): this {
    const at = this.#room(2)
    this.bytes[at] = v >>> 8
    this.bytes[at + 1] = v
    return this
  }

  u32(v: number): this {
    putU32(this.bytes, this.#room(4), v)
    return this
  }

  u48(v: number): this {
    putU48(this.bytes, this.#room(6), v)
    return this
  }

  put(bytes: Bytes): this {
    this.bytes.set(bytes, this.#room(bytes.length))
    return this
  }

  block(bytes: Bytes): this {
    return this.u16(bytes.length).put(bytes)
  }

  /** What was written so far, as a view. */
  done(): Bytes {
    return this.bytes.subarray(0, this.at)
  }
}

export function getU32(b: Bytes, at: number): number {
  return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0
}

export function putU32(b: Bytes, at: number, v: number): void {
  b[at] = v >>> 24
  b[at + 1] = v >>> 16
  b[at + 2] = v >>> 8
  b[at + 3] = v
}

export function getU48(b: Bytes, at: number): number {
  return ((b[at]! << 8) | b[at + 1]!) * 0x1_0000_0000 + getU32(b, at + 2)
}

export function putU48(b: Bytes, at: number, v: number): void {
  const high = Math.floor(v / 0x1_0000_0000)
  b[at] = high >>> 8
  b[at + 1] = high
  putU32(b, at + 2, v >>> 0)
}
