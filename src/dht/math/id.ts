// 160-bit ids as five big-endian 32-bit words, and the XOR metric of Kademlia (BEP-5, "Routing Table").
// Words are Int32: XOR and comparisons then stay integers in the engine; `flip` turns signed order
// into unsigned order. Never strings, never BigInt.

import type { Bytes } from '../../base/bytes.ts'

/** Bytes of an id. */
export const ID_BYTES = 20
/** Words of an id. */
const ID_WORDS = 5

/** Five words, in a table or alone. */
export type Words = Int32Array

/** Reads a big-endian word. */
export function getWord(bytes: Bytes, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

/** Writes a big-endian word; returns the place after it. */
export function putWord(bytes: Bytes, at: number, word: number): number {
  bytes[at] = word >>> 24
  bytes[at + 1] = word >>> 16
  bytes[at + 2] = word >>> 8
  bytes[at + 3] = word
  return at + 4
}

/** Reads 20 bytes at `at` into `words[to..to+5)`. */
export function loadId(words: Words, to: number, bytes: Bytes, at: number): void {
  for (let i = 0; i < ID_WORDS; i++, at += 4) words[to + i] = getWord(bytes, at)
}

/** Writes `words[from..from+5)` as 20 bytes at `at`. */
export function storeId(words: Words, from: number, bytes: Bytes, at: number): void {
  for (let i = 0; i < ID_WORDS; i++) at = putWord(bytes, at, words[from + i]!)
}

/** A fresh id of 20 bytes. */
export function idOf(bytes: Bytes): Words {
  const words = new Int32Array(ID_WORDS)
  loadId(words, 0, bytes, 0)
  return words
}

/** The 20 bytes of an id, fresh. */
export function idBytes(words: Words, from = 0): Bytes {
  const out = new Uint8Array(ID_BYTES)
  storeId(words, from, out, 0)
  return out
}

export function sameId(a: Words, atA: number, b: Words, atB: number): boolean {
  return (
    a[atA] === b[atB] &&
    a[atA + 1] === b[atB + 1] &&
    a[atA + 2] === b[atB + 2] &&
    a[atA + 3] === b[atB + 3] &&
    a[atA + 4] === b[atB + 4]
  )
}

/** Copies five words. */
export function copyId(from: Words, at: number, to: Words, toAt: number): void {
  for (let i = 0; i < ID_WORDS; i++) to[toAt + i] = from[at + i]!
}

/** The first of `n` ids in a column that is this one, or -1. With `used`, slots that have 0 there are free. */
export function findId(ids: Words, n: number, words: Words, at: number, used?: ArrayLike<number>): number {
  const first = words[at]!
  for (let i = 0, j = 0; i < n; i++, j += ID_WORDS)
    if (ids[j] === first && used?.[i] !== 0 && sameId(ids, j, words, at)) return i
  return -1
}

/** Number of leading bits that two ids share: 0 to 160. */
export function sharedBits(a: Words, atA: number, b: Words, atB: number): number {
  for (let i = 0; i < ID_WORDS; i++) {
    const x = a[atA + i]! ^ b[atB + i]!
    if (x !== 0) return 32 * i + Math.clz32(x)
  }
  return 160
}

/** Signed order of `flip(x)` is unsigned order of `x`. */
export function flip(x: number): number {
  return x ^ 0x8000_0000
}

/** True when `a` is strictly closer to `target` than `b` is. */
export function closer(a: Words, atA: number, b: Words, atB: number, target: Words): boolean {
  for (let i = 0; i < ID_WORDS; i++) {
    const x = a[atA + i]! ^ target[i]!
    const y = b[atB + i]! ^ target[i]!
    if (x !== y) return flip(x) < flip(y)
  }
  return false
}

/** log2 of the distance as a share of the whole space: -160 to 0; -160 for equal ids. */
export function logDistance(a: Words, atA: number, b: Words, atB: number): number {
  const bits = sharedBits(a, atA, b, atB)
  if (bits >= 128) return -bits
  const i = bits >>> 5
  const high = (a[atA + i]! ^ b[atB + i]!) >>> 0
  const low = (a[atA + i + 1]! ^ b[atB + i + 1]!) >>> 0
  return Math.log2(high + low / 0x1_0000_0000) - 32 * (i + 1)
}
