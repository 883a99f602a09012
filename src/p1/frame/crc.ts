// CRC-16/ARC, the check of P1 from version 4 on (DSMR P1 5.0.2 section 5.2): polynomial
// x16+x15+x2+1 reflected (0xA001), start 0, no final XOR, over "/" up to and including "!".
// Eight bytes a step ("slicing"): table n holds the CRC of a byte that n zero bytes follow.

import type { Bytes } from '../../base/bytes.ts'

const T = tables()

function tables(): Uint16Array {
  const t = new Uint16Array(8 * 256)
  for (let i = 0; i < 256; i++) {
    let c = i
    for (let bit = 0; bit < 8; bit++) c = (c & 1) !== 0 ? (c >>> 1) ^ 0xa001 : c >>> 1
    t[i] = c
  }
  for (let i = 256; i < t.length; i++) t[i] = (t[i - 256]! >>> 8) ^ t[t[i - 256]! & 255]!
  return t
}

/** CRC of `b[from..to)`. */
export function crc16(b: Bytes, from: number, to: number): number {
  let crc = 0
  let i = from
  for (const last = to - 8; i <= last; i += 8) {
    const x = crc ^ (b[i]! | (b[i + 1]! << 8))
    crc =
      T[1792 + (x & 255)]! ^
      T[1536 + (x >>> 8)]! ^
      T[1280 + b[i + 2]!]! ^
      T[1024 + b[i + 3]!]! ^
      T[768 + b[i + 4]!]! ^
      T[512 + b[i + 5]!]! ^
      T[256 + b[i + 6]!]! ^
      T[b[i + 7]!]!
  }
  for (; i < to; i++) crc = (crc >>> 8) ^ T[(crc ^ b[i]!) & 255]!
  return crc
}

/** CRC of `b[from..to)` as if its NULs were not there: line breaks on the wire add some. */
export function crc16WithoutNul(b: Bytes, from: number, to: number): number {
  let crc = 0
  for (let i = from; i < to; i++) if (b[i] !== 0) crc = (crc >>> 8) ^ T[(crc ^ b[i]!) & 255]!
  return crc
}
