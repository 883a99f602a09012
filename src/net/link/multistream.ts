// multistream-select 1.0.0: two sides agree on the protocol of a connection or stream by lines of
// text, each behind a varint length. Sans-I/O: bytes in, bytes to send out. Ours proposes exactly one
// protocol and sends it together with its header; it answers any number up to a cap.
// https://github.com/multiformats/multistream-select

import { type Bytes, concat, text, utf8 } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'

const HEADER = '/multistream/1.0.0'
const NONE: Bytes = new Uint8Array(0)

export type Verdict = 'open' | 'agreed' | 'refused' | 'broken'

/** Length, text and newline. */
export function line(protocol: string): Bytes {
  const body = utf8(`${protocol}\n`)
  if (body.length > LIMITS.net.protocolBytes) throw new RangeError(`protocol id ${protocol} is too long`)
  return body.length < 0x80
    ? concat(Uint8Array.of(body.length), body)
    : concat(Uint8Array.of((body.length & 0x7f) | 0x80, body.length >> 7), body)
}

const HEADER_LINE = line(HEADER)
const NOT_AVAILABLE = line('na')

export class Negotiator {
  /** What was agreed on; for a proposer known from the start. */
  protocol: string
  verdict: Verdict
  /** What is to be sent now; taking it empties it. */
  #out: Bytes
  readonly #accepts: ((protocol: string) => boolean) | null
  #line: Bytes
  #have: number
  /** Bytes of the line that is being read, 0 while its length is. */
  #want: number
  #greeted: boolean
  #lines: number

  private constructor(protocol: string, accepts: ((protocol: string) => boolean) | null) {
    this.protocol = protocol
    this.verdict = 'open'
    this.#out = accepts ? NONE : concat(HEADER_LINE, line(protocol))
    this.#accepts = accepts
    this.#line = new Uint8Array(64)
    this.#have = 0
    this.#want = 0
    this.#greeted = false
    this.#lines = 0
  }

  static propose(protocol: string): Negotiator {
    return new Negotiator(protocol, null)
  }

  static answer(accepts: (protocol: string) => boolean): Negotiator {
    return new Negotiator('', accepts)
  }

  takeOutput(): Bytes {
    const out = this.#out
    this.#out = NONE
    return out
  }

  /** Bytes eaten from `at` on; what is left behind the agreement belongs to the protocol. */
  feed(bytes: Bytes, from: number, end: number): number {
    let at = from
    while (at < end && this.verdict === 'open') {
      const b = bytes[at++]!
      if (this.#want === 0) this.#onLength(b)
      else {
        this.#line[this.#have++] = b
        if (this.#have === this.#want) this.#onLine()
      }
    }
    return at - from
  }

  /** One or two bytes; the cap is below 2^14. */
  #onLength(b: number): void {
    const length = this.#have === 0 ? b & 0x7f : (this.#line[0]! & 0x7f) | (b << 7)
    if (this.#have === 0 && b >= 0x80) {
      this.#line[0] = b
      this.#have = 1
      return
    }
    if (length === 0 || length > LIMITS.net.protocolBytes) {
      this.verdict = 'broken'
      return
    }
    if (length > this.#line.length) this.#line = new Uint8Array(LIMITS.net.protocolBytes)
    this.#want = length
    this.#have = 0
  }

  #onLine(): void {
    const n = this.#want
    this.#want = 0
    this.#have = 0
    this.#lines++
    if (this.#line[n - 1] !== 0x0a || this.#lines > LIMITS.net.protocolLines) {
      this.verdict = 'broken'
      return
    }
    const said = text(this.#line.subarray(0, n - 1))
    if (!this.#greeted) {
      if (said !== HEADER) this.verdict = 'broken'
      this.#greeted = true
      if (this.#accepts) this.#send(HEADER_LINE)
    } else if (!this.#accepts) {
      this.verdict = said === this.protocol ? 'agreed' : said === 'na' ? 'refused' : 'broken'
    } else if (this.#accepts(said)) {
      this.protocol = said
      this.verdict = 'agreed'
      this.#send(line(said))
    } else this.#send(NOT_AVAILABLE)
  }

  #send(bytes: Bytes): void {
    this.#out = concat(this.#out, bytes)
  }
}
