// What two peers tell each other before they punch: the addresses under which each may be reached, and
// whether its NAT keeps one port for all or takes a new one for each destination. Travels inside their
// session, so nobody else can name addresses to either; even so only plausible ones are sent to.

import type { Bytes } from '../../../base/bytes.ts'
import { Reader, Writer } from '../../../base/cursor.ts'
import { LIMITS } from '../../../base/limits.ts'
import { type Place, putPlace, scopeOf, takePlace } from '../address.ts'

/** How the NAT maps: not known, one port for all destinations, a new one for each. */
export const MAPPING = { unknown: 0, steady: 1, random: 2 } as const
export type Mapping = 0 | 1 | 2

export interface Reachable {
  mapping: Mapping
  /** As others see us first, then our own addresses. */
  places: readonly Place[]
}

export function encodeOffer(round: number, us: Reachable): Bytes {
  const places = us.places.slice(0, LIMITS.udp.paths)
  const w = new Writer(new Uint8Array(6 + 19 * places.length))
  w.u32(round).u8(us.mapping).u8(places.length)
  for (const place of places) putPlace(w, place.host, place.port)
  return w.done()
}

export function decodeOffer(body: Bytes): { round: number; them: Reachable } | null {
  const r = new Reader(body)
  const round = r.u32()
  const mapping = r.u8()
  const count = r.u8()
  if (!r.ok || mapping > MAPPING.random || count > LIMITS.udp.paths) return null
  const places: Place[] = []
  for (let i = 0; i < count; i++) {
    const place = takePlace(r)
    if (!place) return null
    places.push(place)
  }
  return r.done ? { round, them: { mapping: mapping as Mapping, places } } : null
}

/**
 * Which side opens sockets while the other tries ports at random: the one whose NAT takes a port for
 * each destination. Null where neither or both do. Where that is not known (there was one observer
 * only), the round's number decides between two unknown ones, so that both sides agree.
 */
export function guessing(
  us: Mapping,
  them: Mapping,
  round: number,
  ours: boolean,
): { weOpen: boolean; certain: boolean } | null {
  if (us === them && us !== MAPPING.unknown) return null
  if (us === them) return { weOpen: ((round & 1) === 1) === ours, certain: false }
  const certain = us === MAPPING.random || them === MAPPING.random
  return { weOpen: certain ? us === MAPPING.random : us === MAPPING.unknown, certain }
}

/**
 * The places worth sending to: public ones, and private ones only where both are seen under the same
 * public address, or where neither has a public one (one network without the Internet).
 */
export function plausible(us: Reachable, them: Reachable): Place[] {
  const public_ = (who: Reachable): string[] =>
    who.places.filter((place) => scopeOf(place.host) === 3).map((place) => place.host)
  const ours = public_(us)
  const theirs = public_(them)
  const near = ours.some((host) => theirs.includes(host)) || (ours.length === 0 && theirs.length === 0)
  const six = us.places.some((place) => place.host.includes(':'))
  return them.places.filter(({ host }) => {
    const scope = scopeOf(host)
    if (host.includes(':') && !six) return false
    return scope === 3 || (near && scope > 0)
  })
}
