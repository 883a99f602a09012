// Choosing by opinion.

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
