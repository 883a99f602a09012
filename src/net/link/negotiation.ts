// The first words on a stream: until both sides agree on a protocol, its events are these; then the
// handler's own take over, beginning with the bytes that already came behind the agreement.
// How long it may take is the session's business (`deadline`).

import type { Bytes } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import type { StreamEvents } from '../api.ts'
import type { MuxedStream } from '../yamux/stream.ts'
import type { Negotiator } from './multistream.ts'

export type Outcome = (error: WattleError | null, stream: MuxedStream | null) => void

export class Negotiation implements StreamEvents {
  readonly #stream: MuxedStream
  readonly #negotiator: Negotiator
  readonly #outcome: Outcome
  /** The handler has the stream. One that leaves these events in place gets no bytes, and is not called again. */
  #over: boolean

  /** Calls `outcome` once, unless the other side's stream fails before a protocol was named. */
  constructor(stream: MuxedStream, negotiator: Negotiator, outcome: Outcome) {
    this.#stream = stream
    this.#negotiator = negotiator
    this.#outcome = outcome
    this.#over = false
    this.#flush()
  }

  onData(bytes: Bytes): void {
    if (this.#over) return
    const negotiator = this.#negotiator
    const stream = this.#stream
    const eaten = negotiator.feed(bytes, 0, bytes.length)
    this.#flush()
    if (negotiator.verdict === 'open' || stream.closed) return
    stream.deadline = Number.POSITIVE_INFINITY
    if (negotiator.verdict === 'agreed') {
      stream.putBack(bytes.subarray(eaten))
      stream.protocol = negotiator.protocol
      this.#over = true
      this.#outcome(null, stream)
      return
    }
    stream.session.count('protocolsRefused')
    const code = negotiator.verdict === 'refused' ? 'protocol-unknown' : 'protocol-error'
    const text = `the other side does not speak ${negotiator.protocol || 'multistream-select'}`
    stream.fail(new WattleError(code, text))
  }

  onDrain(): void {}

  onEnd(): void {
    if (this.#over) return this.#stream.end()
    this.#stream.fail(new WattleError('stream-ended', 'the other side ended the stream before a protocol'))
  }

  onClose(error: WattleError | null): void {
    if (this.#over) return
    this.#over = true
    this.#outcome(error ?? new WattleError('closed', 'the connection was closed'), null)
  }

  #flush(): void {
    const out = this.#negotiator.takeOutput()
    if (out.length > 0) this.#stream.write(out)
  }
}
