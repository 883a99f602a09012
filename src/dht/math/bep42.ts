// BEP-42: the first 21 bits of a Mainline id come from CRC-32C of the node's external address, so
// that a place in the id space cannot be chosen freely. Not used in the private overlay, where the
// id is the hash of a key; addresses of local networks are exempt by the text.

import type { Address } from '../krpc/address.ts'
import { scopeOf } from '../krpc/reach.ts'
import type { Words } from './id.ts'

// Castagnoli polynomial, reflected.
const TABLE = new Int32Array(256)
for (let i = 0; i < 256; i++) {
  let c = i
  for (let bit = 0; bit < 8; bit++) c = (c >>> 1) ^ (c & 1 ? 0x82f63b78 : 0)
  TABLE[i] = c
}

function crcWord(crc: number, word: number): number {
  for (let shift = 24; shift >= 0; shift -= 8) crc = (crc >>> 8) ^ TABLE[(crc ^ (word >>> shift)) & 255]!
  return crc
}

/** CRC-32C over the masked address with `r` (0–7) in its top three bits; only the first 21 bits count. */
export function prefixOf(address: Address, r: number): number {
  let crc = -1
  if (address.family === 4) crc = crcWord(crc, (address.w0 & 0x030f3fff) | (r << 29))
  else {
    crc = crcWord(crc, (address.w0 & 0x0103070f) | (r << 29))
    crc = crcWord(crc, address.w1 & 0x1f3f7fff)
  }
  return ~crc
}

/** True when the id at `words[at..]` fits the address, or when the address is exempt. */
export function fitsAddress(words: Words, at: number, address: Address): boolean {
  if (scopeOf(address) !== 3) return true
  const r = words[at + 4]! & 7
  return (prefixOf(address, r) ^ words[at]!) >>> 11 === 0
}

/** Makes a random id fit: sets 21 bits, and the last byte to `r`, a number of 0–255. */
export function fitTo(words: Words, at: number, address: Address, r: number): void {
  words[at] = (prefixOf(address, r & 7) & 0xffff_f800) | (words[at]! & 0x7ff)
  words[at + 4] = (words[at + 4]! & 0xffff_ff00) | (r & 255)
}
