// The one message that each side of a tunnel's stream says first, behind its length (u32); what follows are
// the bytes of a TCP connection and not ours to cut up. Another length than a short one resets the stream.

import { type Bytes, concat } from '../../base/bytes.ts'
import type { WattleError } from '../../base/errors.ts'
import { TUNNEL_MESSAGE_BYTES } from '../../wire/net/tunnel.ts'
import type { Stream, StreamEvents } from '../api.ts'

const PREFIX = 4
const NONE: Bytes = new Uint8Array(0)

export interface OpeningEvents {
  /** Once; `rest` came behind it. Both are valid until the call returns; whoever takes the stream over has done so by then. */
  onMessage(message: Bytes, rest: Bytes): void
  /** The stream ended or failed before that. */
  onFailed(error: WattleError | null): void
}

export class Opening implements StreamEvents {
  readonly #stream: Stream
  readonly #events: OpeningEvents
  #have: Bytes
  #over: boolean

  /** Takes the stream's events over. */
  constructor(stream: Stream, events: OpeningEvents) {
    this.#stream = stream
    this.#events = events
    this.#have = NONE
    this.#over = false
    stream.events = this
  }

  onData(bytes: Bytes): void {
    if (this.#over) return
    const all = this.#have.length === 0 ? bytes : concat(this.#have, bytes)
    const length = all.length < PREFIX ? 1 : new DataView(all.buffer, all.byteOffset).getUint32(0)
    if (length === 0 || length > TUNNEL_MESSAGE_BYTES) return this.#stream.reset('badMessages')
    if (all.length < PREFIX + length) {
      this.#have = all.slice()
      return
    }
    this.#over = true
    this.#have = NONE
    this.#events.onMessage(all.subarray(PREFIX, PREFIX + length), all.subarray(PREFIX + length))
  }

  onDrain(): void {}

  /** Whoever has said nothing by then has nothing to say. */
  onEnd(): void {
    if (!this.#over) this.#stream.reset()
  }

  onClose(error: WattleError | null): void {
    this.#have = NONE
    if (this.#over) return
    this.#over = true
    this.#events.onFailed(error)
  }
}

/** A message behind its length. */
export function behindLength(message: Bytes): Bytes {
  const out = new Uint8Array(PREFIX + message.length)
  new DataView(out.buffer).setUint32(0, message.length)
  out.set(message, PREFIX)
  return out
}
