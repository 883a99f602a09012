// DNS messages as multicast DNS uses them (RFC 1035 section 4, RFC 6762 section 18): decoded whole, with
// caps on names, records and compression; encoded with compression of names. A message that is not
// well-formed is null. Names are text: labels joined by dots, a dot inside a label as `\.`; compared
// without regard to the case of ASCII letters.

import { type Bytes, text, utf8 } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'

export const TYPE = { A: 1, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, NSEC: 47, ANY: 255 } as const

/** The one class there is, IN; the bit above it is `flush` in a record and `unicast` in a question. */
const CLASS_IN = 1
const TOP_BIT = 0x8000
const RESPONSE = 0x8000
const TRUNCATED = 0x0200
const AUTHORITATIVE = 0x0400
/** Opcode and response code: anything but zero is not for us (RFC 6762 sections 18.3, 18.11). */
const OPCODE_RCODE = 0x780f

export interface Question {
  name: string
  type: number
  /** The answer may come to the asker alone. */
  unicast: boolean
}

/** One resource record; what its type does not have is empty. */
export interface DnsRecord {
  name: string
  type: number
  /** The one owner of this name and type speaks: other records of it are out of date. */
  flush: boolean
  /** Seconds. */
  ttl: number
  /** PTR, SRV: a name. NSEC: the next name, our own. */
  target: string
  /** SRV. */
  port: number
  /** TXT: strings behind their lengths. NSEC: the bit maps. A, AAAA: 4 or 16 bytes. Others: as they came. */
  data: Bytes
}

export interface DnsMessage {
  id: number
  response: boolean
  truncated: boolean
  questions: Question[]
  answers: DnsRecord[]
  authorities: DnsRecord[]
  additionals: DnsRecord[]
}

const NONE: Bytes = new Uint8Array(0)

/** A copy of everything that the message holds; null where it is not a message. */
export function decodeDns(bytes: Bytes): DnsMessage | null {
  const r = new DnsReader(bytes)
  const id = r.u16()
  const flags = r.u16()
  const counts = [r.u16(), r.u16(), r.u16(), r.u16()] as const
  if (!r.ok || (flags & OPCODE_RCODE) !== 0) return null
  if (counts[0] + counts[1] + counts[2] + counts[3] > LIMITS.mdns.recordsPerMessage) return null
  const questions: Question[] = []
  for (let i = 0; i < counts[0] && r.ok; i++) {
    const name = r.name()
    const type = r.u16()
    questions.push({ name, type, unicast: (r.u16() & TOP_BIT) !== 0 })
  }
  const section = (count: number): DnsRecord[] => {
    const records: DnsRecord[] = []
    for (let i = 0; i < count && r.ok; i++) {
      const record = r.record()
      if (record) records.push(record)
    }
    return records
  }
  const [answers, authorities, additionals] = [section(counts[1]), section(counts[2]), section(counts[3])]
  if (!r.ok) return null
  const response = (flags & RESPONSE) !== 0
  return { id, response, truncated: (flags & TRUNCATED) !== 0, questions, answers, authorities, additionals }
}

class DnsReader {
  readonly #bytes: Bytes
  #at: number
  ok: boolean

  constructor(bytes: Bytes) {
    this.#bytes = bytes
    this.#at = 0
    this.ok = true
  }

  u16(): number {
    if (this.#at + 2 > this.#bytes.length) {
      this.ok = false
      return 0
    }
    this.#at += 2
    return (this.#bytes[this.#at - 2]! << 8) | this.#bytes[this.#at - 1]!
  }

  /** RFC 1035 section 4.1.4; a pointer leads backwards only, so that following them ends. */
  name(): string {
    const labels: string[] = []
    let at = this.#at
    let end = -1
    let floor = at
    let length = 0
    for (;;) {
      const n = this.#bytes[at]
      if (n === undefined) return this.#bad()
      if (n === 0) break
      if (n >= 0xc0) {
        const to = ((n & 0x3f) << 8) | (this.#bytes[at + 1] ?? 0)
        if (at + 1 >= this.#bytes.length || to >= floor) return this.#bad()
        if (end < 0) end = at + 2
        floor = to
        at = to
        continue
      }
      length += n + 1
      if (n > 63 || length > LIMITS.mdns.nameBytes || at + 1 + n > this.#bytes.length) return this.#bad()
      labels.push(text(this.#bytes.subarray(at + 1, at + 1 + n)).replace(/[.\\]/g, '\\$&'))
      at += n + 1
    }
    this.#at = end < 0 ? at + 1 : end
    return labels.join('.')
  }

  /** Null for a record of another class. */
  record(): DnsRecord | null {
    const name = this.name()
    const type = this.u16()
    const cls = this.u16()
    const ttl = this.u16() * 0x10000 + this.u16()
    const length = this.u16()
    const end = this.#at + length
    if (!this.ok || end > this.#bytes.length) {
      this.ok = false
      return null
    }
    let target = ''
    let port = 0
    if (type === TYPE.SRV) {
      this.u16()
      this.u16()
      port = this.u16()
    }
    if (type === TYPE.PTR || type === TYPE.SRV || type === TYPE.NSEC) target = this.name()
    const data =
      this.#at <= end && type !== TYPE.PTR && type !== TYPE.SRV ? this.#bytes.slice(this.#at, end) : NONE
    const whole = type === TYPE.PTR || type === TYPE.SRV ? this.#at === end : this.#at <= end
    const size = type === TYPE.A ? 4 : type === TYPE.AAAA ? 16 : length
    if (!whole || length !== size) this.ok = false
    this.#at = end
    if ((cls & ~TOP_BIT) !== CLASS_IN) return null
    return { name, type, flush: (cls & TOP_BIT) !== 0, ttl, target, port, data }
  }

  #bad(): string {
    this.ok = false
    return ''
  }
}

/** Message bytes; null where they would be more than `most`. */
export function encodeDns(message: DnsMessage, most: number = LIMITS.mdns.messageBytes): Bytes | null {
  const w = new DnsWriter(most)
  const { questions, answers, authorities, additionals } = message
  const flags = (message.response ? RESPONSE | AUTHORITATIVE : 0) | (message.truncated ? TRUNCATED : 0)
  for (const n of [
    message.id,
    flags,
    questions.length,
    answers.length,
    authorities.length,
    additionals.length,
  ])
    w.u16(n)
  for (const q of questions) {
    w.name(q.name)
    w.u16(q.type)
    w.u16(CLASS_IN | (q.unicast ? TOP_BIT : 0))
  }
  for (const record of [...answers, ...authorities, ...additionals]) w.record(record)
  return w.done()
}

class DnsWriter {
  readonly #bytes: Bytes
  readonly #names: Map<string, number>
  #at: number
  #full: boolean

  constructor(most: number) {
    this.#bytes = new Uint8Array(most)
    this.#names = new Map()
    this.#at = 0
    this.#full = false
  }

  u16(n: number): void {
    this.put(Uint8Array.of(n >>> 8, n))
  }

  put(bytes: Bytes): void {
    if (this.#at + bytes.length > this.#bytes.length) {
      this.#full = true
      return
    }
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  name(name: string): void {
    let labels = splitName(name)
    while (labels.length > 0) {
      const key = sameName(labels.join('.'))
      const known = this.#names.get(key)
      if (known !== undefined) return this.u16(0xc000 | known)
      if (this.#at < 0x4000) this.#names.set(key, this.#at)
      const label = utf8(labels[0]!.replace(/\\(.)/g, '$1'))
      this.put(Uint8Array.of(label.length))
      this.put(label)
      labels = labels.slice(1)
    }
    this.put(Uint8Array.of(0))
  }

  record(r: DnsRecord): void {
    this.name(r.name)
    this.u16(r.type)
    this.u16(CLASS_IN | (r.flush ? TOP_BIT : 0))
    this.u16(Math.floor(r.ttl / 0x10000))
    this.u16(r.ttl & 0xffff)
    const at = this.#at
    this.u16(0)
    if (r.type === TYPE.SRV) {
      this.u16(0)
      this.u16(0)
      this.u16(r.port)
    }
    if (r.type === TYPE.PTR || r.type === TYPE.SRV || r.type === TYPE.NSEC) this.name(r.target)
    this.put(r.data)
    const length = this.#at - at - 2
    if (this.#full) return
    this.#bytes[at] = length >>> 8
    this.#bytes[at + 1] = length
  }

  done(): Bytes | null {
    return this.#full ? null : this.#bytes.subarray(0, this.#at)
  }
}

/** Labels, still escaped. */
export function splitName(name: string): string[] {
  return name === '' ? [] : (name.match(/(?:\\.|[^.\\])+/g) ?? [])
}

/** One text for names that DNS holds equal. */
export function sameName(name: string): string {
  return name.replace(/[A-Z]/g, (c) => c.toLowerCase())
}

/** One label from any text: escaped, at most 63 bytes. */
export function labelOf(words: string): string {
  let label = words
  while (utf8(label).length > 63) label = label.slice(0, -1)
  return label.replace(/[.\\]/g, '\\$&')
}

/** A query with nothing in it yet. */
export function emptyMessage(response: boolean): DnsMessage {
  return { id: 0, response, truncated: false, questions: [], answers: [], authorities: [], additionals: [] }
}

/** Data of a TXT record: each string at most 255 bytes; longer ones are a broken invariant. */
export function encodeTxt(strings: readonly string[]): Bytes {
  const parts = (strings.length === 0 ? [''] : strings).map(utf8)
  const out = new Uint8Array(parts.reduce((sum, part) => sum + 1 + part.length, 0))
  let at = 0
  for (const part of parts) {
    if (part.length > 255) throw new RangeError(`TXT string of ${part.length} bytes, at most 255`)
    out[at] = part.length
    out.set(part, at + 1)
    at += 1 + part.length
  }
  return out
}

/** Strings of a TXT record, or null. */
export function decodeTxt(data: Bytes): string[] | null {
  const out: string[] = []
  for (let at = 0; at < data.length; at += 1 + data[at]!) {
    if (at + 1 + data[at]! > data.length) return null
    if (data[at]! > 0) out.push(text(data.subarray(at + 1, at + 1 + data[at]!)))
  }
  return out
}
