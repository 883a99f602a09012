// CRC-32 (IEEE 802.3, reflected), for files: it tells damage from intention, nothing more.

import type { Bytes } from './bytes.ts'

const TABLE = new Int32Array(256)
for (let i = 0; i < 256; i++) {
  let c = i
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1
  TABLE[i] = c
}

/** CRC-32 of `bytes`, going on from `before` where the data comes in pieces. */
export function crc32(bytes: Bytes, before = 0): number {
  let c = ~before
  for (let i = 0; i < bytes.length; i++) c = (c >>> 8) ^ TABLE[(c ^ bytes[i]!) & 255]!
  return ~c >>> 0
}
