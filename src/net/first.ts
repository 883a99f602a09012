// The one message that a side says first on a stream that carries something else from then on (circuit
// relay v2: a relayed connection; a tunnel: a TCP connection). It comes behind its length; what follows it
// is not ours to cut up. A length of zero or above the cap resets the stream, as does its end before that.

import { type Bytes, concat } from '../base/bytes.ts'
import type { WattleError } from '../base/errors.ts'
import type { Stream, StreamEvents } from './api.ts'
import type { Prefix } from './messages.ts'
import { varint } from './protobuf.ts'

const NONE: Bytes = new Uint8Array(0)

export interface FirstEvents {
  /** Once; `rest` came behind it. Both are valid until the call returns; new events are set by then. */
  onFirst(message: Bytes, rest: Bytes): void
  /** The stream ended or failed before that. */
  onFailed(error: WattleError | null): void
}

/** Where the message begins and how long it is. */
interface Head {
  at: number
  length: number
}

export class FirstMessage implements StreamEvents {
  readonly #stream: Stream
  readonly #prefix: Prefix
  readonly #most: number
  readonly #events: FirstEvents
  #have: Bytes
  #over: boolean

  /**
   * Takes the stream's events over.
   * @param most bytes of the message
   */
  constructor(stream: Stream, prefix: Prefix, most: number, events: FirstEvents) {
    this.#stream = stream
    this.#prefix = prefix
    this.#most = most
    this.#events = events
    this.#have = NONE
    this.#over = false
    stream.events = this
  }

  onData(bytes: Bytes): void {
    if (this.#over) return
    const all = this.#have.length === 0 ? bytes : concat(this.#have, bytes)
    const head = this.#prefix === 'varint' ? varintHead(all) : u32Head(all)
    if (head === 'bad' || (head !== 'short' && (head.length === 0 || head.length > this.#most)))
      return this.#stream.reset('badMessages')
    // At most a message and its length are kept: `all` is still short of that.
    if (head === 'short' || all.length < head.at + head.length) {
      this.#have = all.slice()
      return
    }
    const { at, length } = head
    this.#over = true
    this.#have = NONE
    this.#events.onFirst(all.subarray(at, at + length), all.subarray(at + length))
  }

  onDrain(): void {}

  onEnd(): void {
    if (this.#over) this.#stream.end()
    else this.#stream.reset()
  }

  onClose(error: WattleError | null): void {
    this.#have = NONE
    if (this.#over) return
    this.#over = true
    this.#events.onFailed(error)
  }
}

function varintHead(bytes: Bytes): Head | 'short' | 'bad' {
  let length = 0
  for (let at = 0; at < 3; at++) {
    const byte = bytes[at]
    if (byte === undefined) return 'short'
    length += (byte & 0x7f) * 2 ** (7 * at)
    if (byte < 0x80) return { at: at + 1, length }
  }
  return 'bad'
}

function u32Head(bytes: Bytes): Head | 'short' {
  if (bytes.length < 4) return 'short'
  return { at: 4, length: new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) }
}

/** A message behind its length. */
export function framed(prefix: Prefix, message: Bytes): Bytes {
  if (prefix === 'varint') return concat(varint(message.length), message)
  const out = new Uint8Array(4 + message.length)
  new DataView(out.buffer).setUint32(0, message.length)
  out.set(message, 4)
  return out
}
