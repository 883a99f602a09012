// The first message on a stream of circuit relay v2, behind its varint length; what follows it are the
// bytes of a relayed connection and not ours to cut up. Too long or too late resets the stream.

import { type Bytes, concat } from '../../base/bytes.ts'
import type { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Stream, StreamEvents } from '../api.ts'
import { varint } from '../protobuf.ts'

const MAX = LIMITS.circuit.messageBytes
const NONE: Bytes = new Uint8Array(0)

export interface FirstEvents {
  /** Once; `rest` came behind it. Both are valid until the call returns; new events are set by then. */
  onFirst(message: Bytes, rest: Bytes): void
  /** The stream ended or failed before that. */
  onFailed(error: WattleError | null): void
}

export class FirstMessage implements StreamEvents {
  readonly #stream: Stream
  readonly #events: FirstEvents
  #have: Bytes
  #over: boolean

  /** Takes the stream's events over. */
  constructor(stream: Stream, events: FirstEvents) {
    this.#stream = stream
    this.#events = events
    this.#have = NONE
    this.#over = false
    stream.events = this
  }

  onData(bytes: Bytes): void {
    if (this.#over) return
    const all = this.#have.length === 0 ? bytes : concat(this.#have, bytes)
    let length = 0
    let at = 0
    for (let more = true; more; at++) {
      if (at === 3) return this.#stream.reset('badMessages')
      const byte = all[at]
      if (byte === undefined) return this.#keep(all)
      length += (byte & 0x7f) * 2 ** (7 * at)
      more = byte >= 0x80
    }
    if (length === 0 || length > MAX) return this.#stream.reset('badMessages')
    if (all.length < at + length) return this.#keep(all)
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

  /** At most a message and its length: `all` is still short of that. */
  #keep(all: Bytes): void {
    this.#have = all.slice()
  }
}

/** A message behind its length. */
export function framed(message: Bytes): Bytes {
  return concat(varint(message.length), message)
}
