// One HTTP/1.1 exchange with a router, as bytes: the request, and the answer as it comes in pieces, with
// a Content-Length, in chunks, or until the connection ends. What is longer than its cap is no answer.

import { type Bytes, concat, utf8 } from '../../../base/bytes.ts'
import { LIMITS } from '../../../base/limits.ts'

export interface HttpAsk {
  method: 'GET' | 'POST'
  /** `host:port` of the router. */
  host: string
  path: string
  headers?: readonly (readonly [string, string])[]
  body?: string
}

export function httpRequest({ method, host, path, headers = [], body = '' }: HttpAsk): Bytes {
  const bytes = utf8(body)
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: close',
    'User-Agent: UPnP/1.1 wattle/1',
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(method === 'POST' ? [`Content-Length: ${bytes.length}`] : []),
  ]
  return concat(utf8(`${lines.join('\r\n')}\r\n\r\n`), bytes)
}

export interface HttpReply {
  status: number
  body: string
}

/** Takes an answer as it comes. */
export class ReplyReader {
  #held: Bytes
  #pieces: number
  #bad: boolean

  constructor() {
    this.#held = new Uint8Array(0)
    this.#pieces = 0
    this.#bad = false
  }

  /** The answer is broken, or too long: nothing more will come of it. */
  get bad(): boolean {
    return this.#bad
  }

  /** @param last the connection has ended. The whole answer once it is there, else null. */
  push(bytes: Bytes, last: boolean): HttpReply | null {
    if (this.#bad) return null
    const { httpBytes, httpPieces } = LIMITS.mapping
    if (this.#held.length + bytes.length > httpBytes || ++this.#pieces > httpPieces) {
      this.#bad = true
      return null
    }
    this.#held = concat(this.#held, bytes)
    const text = latin1(this.#held)
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) return this.#spoilt(last)
    const lines = text.slice(0, end).split('\r\n')
    const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(lines[0]!)?.[1] ?? 0)
    if (status < 200) return this.#spoilt(true)
    const header = (name: string): string | undefined =>
      lines
        .slice(1)
        .find((line) => line.toLowerCase().startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim()
    const body = text.slice(end + 4)
    const whole = /\bchunked\b/i.test(header('transfer-encoding') ?? '')
      ? chunks(body)
      : sized(body, header('content-length'), last)
    if (whole === undefined) return this.#spoilt(last)
    if (whole === null) return this.#spoilt(true)
    return { status, body: decode(whole) }
  }

  #spoilt(now: boolean): null {
    if (now) this.#bad = true
    return null
  }
}

/** Undefined: more is to come. Null: it never will be whole. */
function sized(body: string, length: string | undefined, last: boolean): string | null | undefined {
  if (length === undefined) return last ? body : undefined
  if (!/^\d{1,6}$/.test(length)) return null
  return body.length >= Number(length) ? body.slice(0, Number(length)) : undefined
}

function chunks(body: string): string | null | undefined {
  let out = ''
  let at = 0
  for (;;) {
    const end = body.indexOf('\r\n', at)
    if (end < 0) return body.length - at > 32 ? null : undefined
    const size = /^([0-9a-fA-F]{1,5})(?:;.*)?$/.exec(body.slice(at, end).trim())
    if (!size) return null
    const n = Number.parseInt(size[1]!, 16)
    if (n === 0) return out
    if (body.length < end + 2 + n) return undefined
    out += body.slice(end + 2, end + 2 + n)
    if (body.length < end + 4 + n) return undefined
    if (body.slice(end + 2 + n, end + 4 + n) !== '\r\n') return null
    at = end + 4 + n
  }
}

/** A character for each byte. */
function latin1(bytes: Bytes): string {
  let out = ''
  for (let i = 0; i < bytes.length; i += 4_096) out += String.fromCharCode(...bytes.subarray(i, i + 4_096))
  return out
}

function decode(latin: string): string {
  return new TextDecoder().decode(Uint8Array.from(latin, (c) => c.charCodeAt(0)))
}
