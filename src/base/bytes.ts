// Bytes: comparing, joining, hex and text. Works on device and in a browser; no Buffer.
// Nothing here keeps a view of its input.

const HEX = '0123456789abcdef'
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export type Bytes = Uint8Array

/** UTF-8 bytes of a string. */
export function utf8(text: string): Bytes {
  return encoder.encode(text)
}

/** String of UTF-8 bytes; invalid sequences become U+FFFD. */
export function text(bytes: Bytes): string {
  return decoder.decode(bytes)
}

/** Lower-case hex. */
export function hex(bytes: Bytes): string {
  let out = ''
  for (let i = 0; i < bytes.length; i++) out += HEX[bytes[i]! >> 4]! + HEX[bytes[i]! & 15]!
  return out
}

/** Bytes of a hex string, or null where it is not one. */
export function unhex(s: string): Bytes | null {
  if (s.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(s)) return null
  const out = new Uint8Array(s.length / 2)
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(s.slice(2 * i, 2 * i + 2), 16)
  return out
}

/** A copy of all parts, one after the other. */
export function concat(...parts: Bytes[]): Bytes {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Equal content. Not constant time: never for secrets (see crypto/primitives.ts `equalSecret`). */
export function equal(a: Bytes, b: Bytes): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** <0, 0, >0 as in memcmp; the shorter of two with a common prefix comes first. */
export function compare(a: Bytes, b: Bytes): number {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

const B64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** base64url without padding (RFC 4648 section 5). */
export function base64url(bytes: Bytes): string {
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const n = (bytes[i]! << 16) | ((left > 1 ? bytes[i + 1]! : 0) << 8) | (left > 2 ? bytes[i + 2]! : 0)
    out += B64[n >> 18]! + B64[(n >> 12) & 63]!
    if (left > 1) out += B64[(n >> 6) & 63]!
    if (left > 2) out += B64[n & 63]!
  }
  return out
}

/** Bytes of base64url, or null for any other text (padding, white space, stray bits included). */
export function unbase64url(s: string): Bytes | null {
  if (s.length % 4 === 1) return null
  const out = new Uint8Array(Math.floor((s.length * 3) / 4))
  let bits = 0
  let held = 0
  let at = 0
  for (let i = 0; i < s.length; i++) {
    const v = B64.indexOf(s[i]!)
    if (v < 0) return null
    bits = ((bits << 6) | v) & 0xffff
    held += 6
    if (held >= 8) {
      held -= 8
      out[at++] = (bits >> held) & 255
    }
  }
  return held > 0 && (bits & ((1 << held) - 1)) !== 0 ? null : out
}
