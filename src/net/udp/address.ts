// Literal IP addresses as bytes and as text: what stands in our datagrams and in STUN's. A wire form is
// the family (4 or 6), the address and the port. Nothing is looked up; names are no addresses.
// RFC 5952 for the text of IPv6, but IPv4-in-IPv6 becomes plain IPv4.

import type { Bytes } from '../../base/bytes.ts'
import type { Reader, Writer } from '../../base/cursor.ts'

export interface Place {
  readonly host: string
  readonly port: number
}

/** The 4 or 16 bytes of a literal address, or null for anything else. */
export function ipBytes(host: string): Bytes | null {
  return host.includes(':') ? ip6Bytes(host) : ip4Bytes(host)
}

/** The text of 4 or 16 bytes. */
export function ipText(bytes: Bytes): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`
  const words: number[] = []
  for (let i = 0; i < 16; i += 2) words.push((bytes[i]! << 8) | bytes[i + 1]!)
  if (words.slice(0, 5).every((w) => w === 0) && words[5] === 0xffff) return ipText(bytes.subarray(12))
  let from = -1
  let run = 1
  for (let i = 0; i < 8; i++) {
    let n = 0
    while (i + n < 8 && words[i + n] === 0) n++
    if (n > run) {
      run = n
      from = i
    }
  }
  const text = (part: number[]): string => part.map((w) => w.toString(16)).join(':')
  return from < 0 ? text(words) : `${text(words.slice(0, from))}::${text(words.slice(from + run))}`
}

/** Host and port of `host:port` or `[host]:port` where the host is a literal address, or null. */
export function placeOf(address: string): Place | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(address)
  const port = Number(match?.[3] ?? 0)
  const bytes = match ? ipBytes(match[1] ?? match[2]!) : null
  return bytes && port > 0 && port <= 65_535 ? { host: ipText(bytes), port } : null
}

export function placeText(place: Place): string {
  return place.host.includes(':') ? `[${place.host}]:${place.port}` : `${place.host}:${place.port}`
}

/** Family, address, port: 7 or 19 bytes. An address that is none is written as `0.0.0.0`, port 0. */
export function putPlace(writer: Writer, host: string, port: number): void {
  const bytes = ipBytes(host) ?? new Uint8Array(4)
  writer
    .u8(bytes.length === 4 ? 4 : 6)
    .put(bytes)
    .u16(port)
}

/** What `putPlace` wrote, or null. */
export function takePlace(reader: Reader): Place | null {
  const family = reader.u8()
  if (family !== 4 && family !== 6) return null
  const bytes = reader.take(family === 4 ? 4 : 16)
  const port = reader.u16()
  return reader.ok && port > 0 ? { host: ipText(bytes), port } : null
}

/** How far an address may be: 0 nowhere (never send there), 1 this machine, 2 a private network, 3 the Internet. */
export function scopeOf(host: string): 0 | 1 | 2 | 3 {
  const b = ipBytes(host)
  if (!b) return 0
  if (b.length === 4) {
    if (b[0] === 0 || b[0]! >= 224) return 0
    if (b[0] === 127) return 1
    const home = b[0] === 10 || (b[0] === 172 && b[1]! >> 4 === 1) || (b[0] === 192 && b[1] === 168)
    return home || (b[0] === 169 && b[1] === 254) || (b[0] === 100 && b[1]! >> 6 === 1) ? 2 : 3
  }
  if (b.subarray(0, 8).every((v) => v === 0))
    return b[15] === 1 && b.subarray(8, 15).every((v) => v === 0) ? 1 : 0
  if (b[0] === 0xff) return 0
  if ((b[0] === 0xfe && b[1]! >> 6 === 2) || b[0]! >> 1 === 0x7e) return 2
  return b[0]! >> 5 === 1 ? 3 : 0
}

function ip4Bytes(text: string): Bytes | null {
  const parts = text.split('.')
  if (parts.length !== 4) return null
  const out = new Uint8Array(4)
  for (let i = 0; i < 4; i++) {
    if (!/^\d{1,3}$/.test(parts[i]!) || Number(parts[i]) > 255) return null
    out[i] = Number(parts[i])
  }
  return out
}

function ip6Bytes(text: string): Bytes | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const words = halves.map(wordsOf)
  const head = words[0]
  const tail = halves.length === 2 ? words[1] : []
  if (!head || !tail) return null
  const gap = 8 - head.length - tail.length
  if (halves.length === 2 ? gap < 1 : gap !== 0) return null
  const all = [...head, ...new Array<number>(gap).fill(0), ...tail]
  const out = new Uint8Array(16)
  for (let i = 0; i < 8; i++) {
    out[2 * i] = all[i]! >> 8
    out[2 * i + 1] = all[i]!
  }
  return out
}

function wordsOf(part: string): number[] | null {
  if (part === '') return []
  const out: number[] = []
  const pieces = part.split(':')
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i]!
    const four = i === pieces.length - 1 && piece.includes('.') ? ip4Bytes(piece) : null
    if (four) out.push((four[0]! << 8) | four[1]!, (four[2]! << 8) | four[3]!)
    else if (/^[0-9a-fA-F]{1,4}$/.test(piece)) out.push(Number.parseInt(piece, 16))
    else return null
  }
  return out
}
