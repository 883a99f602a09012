// Whole messages over a stream: each behind its length, as a big-endian u32 (Wattle's own protocols,
// docs/wire.md) or as a varint (libp2p's). A message that comes in one piece is not copied; a partial
// one is collected in memory that grows with what has come and counts as unread bytes of the process.
// A length of zero or above the cap resets the stream before anything is kept.

import type { Bytes } from '../base/bytes.ts'
import type { WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import type { Stream, StreamEvents } from './api.ts'

const MAX = LIMITS.net.messageBytes
const NONE: Bytes = new Uint8Array(0)
const FIRST = 512

/** Laid out before it is written; free to share because `write` copies. */
const outbox: Bytes = new Uint8Array(4 + MAX)
let lastView: Bytes = outbox.subarray(0, 0)

export type Prefix = 'u32' | 'varint'

export interface MessageEvents {
  /** One message, valid until the call returns. */
  onMessage(message: Bytes): void
  onDrain(): void
  /** The other side will send no more. Inside a message, the stream is reset instead. */
  onEnd(): void
  onClose(error: WattleError | null): void
}

export class Messages implements StreamEvents {
  readonly stream: Stream
  readonly #varint: boolean
  readonly #events: MessageEvents
  #partial: Bytes
  #have: number
  #want: number
  #prefix: number
  #prefixBytes: number
  #broken: boolean

  /** Takes the stream's events over. */
  constructor(stream: Stream, prefix: Prefix, events: MessageEvents) {
    this.stream = stream
    this.#varint = prefix === 'varint'
    this.#events = events
    this.#partial = NONE
    this.#have = 0
    this.#want = 0
    this.#prefix = 0
    this.#prefixBytes = 0
    this.#broken = false
    stream.events = this
  }

  /** As `Stream.write`, of prefix and message at once. At most LIMITS.net.messageBytes. */
  send(message: Bytes): boolean {
    const n = message.length
    if (n === 0 || n > MAX) throw new RangeError(`message of ${n} bytes, expected 1 to ${MAX}`)
    const at = this.#varint ? putVarint(n) : putLength(n)
    outbox.set(message, at)
    if (lastView.length !== at + n) lastView = outbox.subarray(0, at + n)
    return this.stream.write(lastView)
  }

  onData(bytes: Bytes): void {
    let at = 0
    while (at < bytes.length && !this.#broken) {
      if (this.#want === 0) {
        this.#onPrefix(bytes[at++]!)
        continue
      }
      const part = Math.min(this.#want - this.#have, bytes.length - at)
      if (part === this.#want) {
        this.#want = 0
        this.#events.onMessage(bytes.subarray(at, at + part))
      } else this.#collect(bytes.subarray(at, at + part))
      at += part
    }
  }

  onDrain(): void {
    this.#events.onDrain()
  }

  onEnd(): void {
    if (this.#want > 0 || this.#prefixBytes > 0) this.#break()
    else this.#events.onEnd()
  }

  onClose(error: WattleError | null): void {
    this.#broken = true
    this.#partial = NONE
    this.#events.onClose(error)
  }

  #onPrefix(byte: number): void {
    const varint = this.#varint
    this.#prefix += varint
      ? (byte & 0x7f) * 2 ** (7 * this.#prefixBytes)
      : byte * 2 ** (24 - 8 * this.#prefixBytes)
    this.#prefixBytes++
    if (varint ? byte >= 0x80 && this.#prefixBytes < 4 : this.#prefixBytes < 4) return
    const length = this.#prefix
    this.#prefix = 0
    this.#prefixBytes = 0
    if (length === 0 || length > MAX) this.#break()
    else this.#want = length
  }

  #collect(part: Bytes): void {
    const need = this.#have + part.length
    if (need > this.#partial.length) {
      let size = Math.max(FIRST, this.#partial.length)
      while (size < need) size *= 2
      const grown = new Uint8Array(size)
      grown.set(this.#partial.subarray(0, this.#have))
      this.stream.hold(size - this.#partial.length)
      if (this.#broken) return
      this.#partial = grown
    }
    this.#partial.set(part, this.#have)
    this.#have = need
    if (need < this.#want) return
    const message = this.#partial.subarray(0, need)
    this.#want = 0
    this.#have = 0
    if (this.#partial.length > FIRST) {
      this.stream.hold(-this.#partial.length)
      this.#partial = NONE
    }
    this.#events.onMessage(message)
  }

  #break(): void {
    this.#broken = true
    this.stream.reset('badMessages')
  }
}

function putLength(n: number): number {
  outbox[0] = 0
  outbox[1] = 0
  outbox[2] = n >> 8
  outbox[3] = n
  return 4
}

/** At most three bytes: the cap is below 2^21. */
function putVarint(n: number): number {
  let at = 0
  let v = n
  for (; v >= 0x80; v >>= 7) outbox[at++] = (v & 0x7f) | 0x80
  outbox[at] = v
  return at + 1
}
