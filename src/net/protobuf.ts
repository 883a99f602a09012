// The little of Protocol Buffers that libp2p's messages need: varints and length-delimited fields.
// The reader never throws: after the first thing that is wrong `ok` is false and `next` says false.
// Byte fields are views.

import { type Bytes, concat } from '../base/bytes.ts'

/** Unsigned varint (LEB128) of an integer below 2^53. */
export function varint(value: number): Bytes {
  const out: number[] = []
  let v = value
  while (v >= 0x80) {
    out.push((v & 0x7f) | 0x80)
    v = Math.floor(v / 0x80)
  }
  out.push(v)
  return Uint8Array.from(out)
}

/** A varint field. */
export function numberField(field: number, value: number): Bytes {
  return concat(varint(field << 3), varint(value))
}

/** A length-delimited field. */
export function bytesField(field: number, value: Bytes): Bytes {
  return concat(varint((field << 3) | 2), varint(value.length), value)
}

/** Walks the fields of one message; unknown ones are for the caller to ignore. */
export class FieldReader {
  readonly #bytes: Bytes
  #at: number
  ok: boolean
  /** Of the field that `next` found: its number, its varint or its bytes (a view). */
  field: number
  value: number
  bytes: Bytes

  constructor(bytes: Bytes) {
    this.#bytes = bytes
    this.#at = 0
    this.ok = true
    this.field = 0
    this.value = 0
    this.bytes = bytes.subarray(0, 0)
  }

  next(): boolean {
    if (!this.ok || this.#at >= this.#bytes.length) return false
    const tag = this.#varint()
    this.field = Math.floor(tag / 8)
    this.value = 0
    this.bytes = this.#bytes.subarray(0, 0)
    const wire = tag % 8
    if (wire === 0) this.value = this.#varint()
    else if (wire === 2) this.#take(this.#varint())
    else if (wire === 1) this.#take(8)
    else if (wire === 5) this.#take(4)
    else this.ok = false
    return this.ok
  }

  #take(n: number): void {
    if (!this.ok || n > this.#bytes.length - this.#at) {
      this.ok = false
      return
    }
    this.bytes = this.#bytes.subarray(this.#at, this.#at + n)
    this.#at += n
  }

  /** At most 53 bits are kept exactly; ten bytes are the longest that is well formed. */
  #varint(): number {
    let v = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      if (this.#at >= this.#bytes.length) break
      const b = this.#bytes[this.#at++]!
      v += (b & 0x7f) * scale
      if (b < 0x80) return v
      scale *= 0x80
    }
    this.ok = false
    return 0
  }
}
