// Plain bencoding with objects, for tests only: builds and takes apart datagrams slowly.
import { type Bytes, concat, text, utf8 } from '../../../src/base/bytes.ts'

export type Value = Bytes | string | number | bigint | Value[] | { [key: string]: Value }

export function encode(v: Value): Bytes {
  if (v instanceof Uint8Array) return concat(utf8(`${v.length}:`), v)
  if (typeof v === 'string') return encode(utf8(v))
  if (typeof v === 'number' || typeof v === 'bigint') return utf8(`i${v}e`)
  if (Array.isArray(v)) return concat(utf8('l'), ...v.map(encode), utf8('e'))
  const keys = Object.keys(v).sort((a, b) => (a < b ? -1 : 1))
  return concat(utf8('d'), ...keys.flatMap((k) => [encode(k), encode(v[k]!)]), utf8('e'))
}

/** Strings come back as bytes, integers as bigint. */
export function decode(bytes: Bytes): Value {
  let at = 0
  const value = (): Value => {
    const c = bytes[at]!
    if (c === 0x69) {
      const end = bytes.indexOf(0x65, at)
      const n = BigInt(text(bytes.subarray(at + 1, end)))
      at = end + 1
      return n
    }
    if (c === 0x6c || c === 0x64) {
      at++
      const list: Value[] = []
      while (bytes[at] !== 0x65) list.push(value())
      at++
      if (c === 0x6c) return list
      const out: { [key: string]: Value } = {}
      for (let i = 0; i < list.length; i += 2) out[text(list[i] as Bytes)] = list[i + 1]!
      return out
    }
    const colon = bytes.indexOf(0x3a, at)
    const end = colon + 1 + Number(text(bytes.subarray(at, colon)))
    const out = bytes.slice(colon + 1, end)
    at = end
    return out
  }
  return value()
}

export interface Message {
  t: Bytes
  y: string
  q: string
  a: { [key: string]: Bytes }
  r: { [key: string]: Bytes }
  /** Code of an error, or 0. */
  code: number
  has: (key: string) => boolean
  raw: { [key: string]: Value | undefined }
}

/** Takes a KRPC datagram apart. */
export function message(bytes: Bytes): Message {
  const raw = decode(bytes) as { [key: string]: Value | undefined }
  const error = raw['e'] as Value[] | undefined
  return {
    t: raw['t'] as Bytes,
    y: text(raw['y'] as Bytes),
    q: raw['q'] ? text(raw['q'] as Bytes) : '',
    a: (raw['a'] ?? {}) as { [key: string]: Bytes },
    r: (raw['r'] ?? {}) as { [key: string]: Bytes },
    code: error ? Number(error[0]) : 0,
    has: (key) => key in raw,
    raw,
  }
}
