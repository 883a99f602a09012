// CRC-32 as in IEEE 802.3 and zlib (reflected, polynomial 0xEDB88320). Finds torn writes and rotten
// bits; says nothing about who wrote them.

import type { Bytes } from './bytes.ts'

const TABLE: Uint32Array = table()

function table(): Uint32Array {
  const out = new Uint32Array(256)
  for (let n = 0; n < 256; n++) {
    let c = n
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
    out[n] = c
  }
  return out
}

/** CRC of bytes[from, to), going on from an earlier `crc`. */
export function crc32(bytes: Bytes, from = 0, to: number = bytes.length, crc = 0): number {
  let c = ~crc
  for (let i = from; i < to; i++) c = TABLE[(c ^ bytes[i]!) & 255]! ^ (c >>> 8)
  return ~c >>> 0
}
