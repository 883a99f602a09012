// One IP address with its port, as four 32-bit words (IPv4 uses the first), parsed from the text that
// the socket gives and from compact form (BEP-5 6 bytes, BEP-32 18 bytes). One object is reused for
// every datagram; nothing here allocates but `host()`.

import type { Bytes } from '../../base/bytes.ts'
import { getWord, putWord } from '../math/id.ts'

export type Family = 4 | 6

/** Bytes of a compact address with port. */
export function compactBytes(family: Family): number {
  return family === 4 ? 6 : 18
}

export class Address {
  family: Family
  w0: number
  w1: number
  w2: number
  w3: number
  port: number

  constructor() {
    this.family = 4
    this.w0 = 0
    this.w1 = 0
    this.w2 = 0
    this.w3 = 0
    this.port = 0
  }

  copy(other: Address): this {
    this.family = other.family
    this.w0 = other.w0
    this.w1 = other.w1
    this.w2 = other.w2
    this.w3 = other.w3
    this.port = other.port
    return this
  }

  /** Same address and port. */
  same(other: Address): boolean {
    return this.port === other.port && this.sameHost(other)
  }

  sameHost(other: Address): boolean {
    return (
      this.w0 === other.w0 &&
      this.family === other.family &&
      this.w1 === other.w1 &&
      this.w2 === other.w2 &&
      this.w3 === other.w3
    )
  }

  /** Reads a literal address; false for what is none. IPv4 in IPv6 (::ffff:0:0/96) becomes IPv4. */
  parse(host: string, port: number): boolean {
    this.port = port
    if (!(port >= 0 && port <= 65_535)) return false
    return host.indexOf(':') < 0 ? this.#parse4(host, 0) : this.#parse6(host)
  }

  #parse4(host: string, from: number): boolean {
    let word = 0
    let part = 0
    let digits = 0
    let parts = 0
    for (let i = from; i <= host.length; i++) {
      const c = i < host.length ? host.charCodeAt(i) : 46
      if (c === 46) {
        if (digits === 0 || part > 255) return false
        word = (word << 8) | part
        part = 0
        digits = 0
        if (++parts > 4) return false
      } else if (c >= 48 && c <= 57 && digits < 3) {
        part = part * 10 + c - 48
        digits++
      } else return false
    }
    if (parts !== 4) return false
    this.#set(4, word, 0, 0, 0)
    return true
  }

  #parse6(host: string): boolean {
    const zone = host.indexOf('%')
    const end = zone < 0 ? host.length : zone
    if (end < 2 || end > 45) return false
    groups.fill(0)
    let gap = -1
    let n = 0
    let i = 0
    if (host.charCodeAt(0) === 58) {
      if (host.charCodeAt(1) !== 58) return false
      gap = 0
      i = 2
    }
    while (i < end) {
      const start = i
      let value = 0
      let c = 0
      for (; i < end; i++) {
        c = host.charCodeAt(i)
        if (c === 58 || c === 46) break
        const d = c <= 57 ? c - 48 : (c | 32) - 87
        if (d < 0 || d > 15 || (c > 57 && d < 10) || i - start > 3) return false
        value = (value << 4) | d
      }
      if (i < end && c === 46) {
        if (n > 6 || zone >= 0 || !this.#parse4(host, start)) return false
        groups[n++] = this.w0 >>> 16
        groups[n++] = this.w0
        break
      }
      if (i === start || n > 7) return false
      groups[n++] = value
      if (i === end) break
      i++
      if (i === end) return false
      if (host.charCodeAt(i) === 58) {
        if (gap >= 0) return false
        gap = n
        i++
      }
    }
    if (gap < 0 ? n !== 8 : n > 7) return false
    if (gap >= 0) groups.copyWithin(gap + 8 - n, gap, n).fill(0, gap, gap + 8 - n)
    this.#set(6, pair(0), pair(2), pair(4), pair(6))
    if (this.w0 === 0 && this.w1 === 0 && this.w2 === 0xffff) this.#set(4, this.w3, 0, 0, 0)
    return true
  }

  #set(family: Family, w0: number, w1: number, w2: number, w3: number): void {
    this.family = family
    this.w0 = w0 | 0
    this.w1 = w1 | 0
    this.w2 = w2 | 0
    this.w3 = w3 | 0
  }

  /** Reads compact form with port at `at`. */
  load(bytes: Bytes, at: number, family: Family): void {
    if (family === 4) this.#set(4, getWord(bytes, at), 0, 0, 0)
    else
      this.#set(
        6,
        getWord(bytes, at),
        getWord(bytes, at + 4),
        getWord(bytes, at + 8),
        getWord(bytes, at + 12),
      )
    at += family === 4 ? 4 : 16
    this.port = (bytes[at]! << 8) | bytes[at + 1]!
  }

  /** Writes compact form with port at `at`; returns the place after it. */
  store(bytes: Bytes, at: number): number {
    at = putWord(bytes, at, this.w0)
    if (this.family === 6) {
      at = putWord(bytes, at, this.w1)
      at = putWord(bytes, at, this.w2)
      at = putWord(bytes, at, this.w3)
    }
    bytes[at] = this.port >>> 8
    bytes[at + 1] = this.port
    return at + 2
  }

  /** A literal address; IPv6 as RFC 5952 writes it. */
  host(): string {
    if (this.family === 4)
      return `${this.w0 >>> 24}.${(this.w0 >>> 16) & 255}.${(this.w0 >>> 8) & 255}.${this.w0 & 255}`
    const eight = [this.w0, this.w1, this.w2, this.w3].flatMap((w) => [w >>> 16, w & 0xffff])
    let best = -1
    let length = 1
    for (let i = 0; i < 8; i++) {
      let j = i
      while (j < 8 && eight[j] === 0) j++
      if (j - i > length) {
        best = i
        length = j - i
      }
    }
    const text = eight.map((g) => g.toString(16))
    if (best < 0) return text.join(':')
    return `${text.slice(0, best).join(':')}::${text.slice(best + length).join(':')}`
  }

  /** `host:port`, IPv6 in brackets. */
  text(): string {
    return this.family === 4 ? `${this.host()}:${this.port}` : `[${this.host()}]:${this.port}`
  }
}

// The eight groups of the IPv6 address being parsed.
const groups = new Uint16Array(8)

function pair(i: number): number {
  return (groups[i]! << 16) | groups[i + 1]!
}

/** Reads `host:port` or `[v6]:port`; null for anything else. Names are not resolved. */
export function addressOf(text: string): Address | null {
  const colon = text.lastIndexOf(':')
  let host = text.slice(0, colon)
  const port = text.slice(colon + 1)
  if (colon < 1 || !/^\d{1,5}$/.test(port)) return null
  if (host.startsWith('[') && host.endsWith(']')) host = host.slice(1, -1)
  else if (host.includes(':')) return null
  const out = new Address()
  return out.parse(host, Number(port)) ? out : null
}
