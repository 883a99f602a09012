// Choosing by opinion, and the prefix that many keys of one place share.

import type { Bytes } from '../../base/bytes.ts'
import type { Opinion } from './reputation.ts'
import { THRESHOLD } from './weights.ts'

/**
 * Orders candidates for a choice: trusted first, ignored ones left out; a fifth of the places, rounded
 * up, is kept for newcomers, since otherwise nobody could ever begin.
 * @param keys each 32 bytes
 * @param places how many will be taken
 */
export function choose<T extends { key: Bytes }>(
  candidates: readonly T[],
  opinion: Opinion,
  o: { places: number; now: number },
): T[] {
  const scored = candidates
    .map((candidate) => ({ candidate, score: opinion(candidate.key, o.now) }))
    .filter(({ score }) => score >= THRESHOLD.ignore)
    .sort((a, b) => b.score - a.score)
  const newcomers = scored.filter(({ score }) => score === 0)
  const reserved = Math.min(newcomers.length, Math.ceil(o.places / 5))
  const first = scored.slice(0, Math.max(0, o.places - reserved))
  const chosen = new Set(first)
  for (const newcomer of newcomers) if (chosen.size < o.places) chosen.add(newcomer)
  for (const other of scored) if (chosen.size < o.places) chosen.add(other)
  return [...chosen].map(({ candidate }) => candidate)
}

/** The /24 of an IPv4 or the /64 of an IPv6 address as a number other than 0; 0 for what is neither. */
export function prefixOf(address: string): number {
  const v4 = /^(?:::ffff:)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.\d{1,3}$/.exec(address)
  if (v4) return ((Number(v4[1]) << 16) | (Number(v4[2]) << 8) | Number(v4[3]) | 0x1000000) >>> 0
  if (!address.includes(':')) return 0
  const [head = '', tail = ''] = address.split('::', 2)
  const left = head.split(':').filter((word) => word !== '')
  const right = address.includes('::') ? tail.split(':').filter((word) => word !== '') : []
  const words = [
    ...left,
    ...new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'),
    ...right,
  ]
  // FNV-1a over the four words: two prefixes that meet share a cap, which hurts nobody else.
  let hash = 0x811c9dc5
  for (let i = 0; i < 4; i++) {
    const word = Number.parseInt(words[i] ?? '0', 16)
    hash = Math.imul(hash ^ (word >>> 8), 0x01000193)
    hash = Math.imul(hash ^ (word & 255), 0x01000193)
  }
  return (hash | 0x80000000) >>> 0
}
