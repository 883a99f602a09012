// Who is known to be where: one table for all ways of finding each other (docs/discovery.md). Entries are
// hearsay until a handshake proves the key. Local addresses come first, then bootstrap, then the DHT;
// what did not answer is left alone for a while. Caps for each source keep a noisy one from pushing the
// others out, and nothing pushes out a peer that is pinned, ours, or proven. A plain machine.

import { type Bytes, base64url } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { FailedAddresses } from './failed.ts'

/** In the order in which their addresses are tried. */
export const SOURCES = ['local', 'nearby', 'bootstrap', 'dht'] as const
export type Source = (typeof SOURCES)[number]

export interface Candidate {
  /** `key:…` where the key is claimed, else what the source tells it apart by. */
  readonly id: string
  /** Ed25519, as claimed. */
  readonly key: Bytes | null
  /** `host:port` each. */
  readonly addresses: readonly string[]
}

export interface Peer {
  readonly id: string
  readonly key: Bytes | null
  readonly sources: readonly Source[]
  readonly addresses: readonly string[]
  /** A handshake with this key has succeeded since we started. */
  readonly proven: boolean
  readonly pinned: boolean
}

export interface PeerTableEvents {
  /** Seen by a first source, or with other addresses than before. */
  onPeer: (peer: Peer) => void
  /** The last source has lost it. */
  onLost: (peer: Peer) => void
}

interface Entry {
  readonly id: string
  readonly key: Bytes | null
  readonly heard: Map<Source, { addresses: readonly string[]; at: number }>
  proven: boolean
  pinned: boolean
}

interface Bucket {
  left: number
  at: number
}

export class PeerTable {
  readonly failed: FailedAddresses
  readonly #events: PeerTableEvents
  readonly #opinion: (key: Bytes, now: number) => number
  readonly #entries: Map<string, Entry>
  readonly #buckets: Map<Source, Bucket>
  /** Names that found no place or came too fast. */
  refused: number

  /** @param opinion higher is better; −∞ is not wanted at all */
  constructor(events: PeerTableEvents, opinion: (key: Bytes, now: number) => number = () => 0) {
    this.failed = new FailedAddresses()
    this.#events = events
    this.#opinion = opinion
    this.#entries = new Map()
    this.#buckets = new Map()
    this.refused = 0
  }

  get peers(): Peer[] {
    return [...this.#entries.values()].map(view)
  }

  find(key: Bytes): Peer | null {
    const entry = this.#entries.get(idOf(key))
    return entry ? view(entry) : null
  }

  /** A source heard of somebody. False: no place, too fast, or not wanted. */
  offer(source: Source, candidate: Candidate, now: number): boolean {
    const addresses = candidate.addresses
      .filter((a) => a.length <= LIMITS.peers.addressChars)
      .slice(0, LIMITS.peers.addressesOfOne)
    const known = this.#entries.get(candidate.id)
    if (candidate.key && this.#opinion(candidate.key, now) === Number.NEGATIVE_INFINITY) return this.#refuse()
    if (!known?.heard.has(source) && !this.#admit(source, known, now)) return this.#refuse()
    const entry = known ?? this.#add(candidate)
    const before = entry.heard.get(source)
    entry.heard.set(source, { addresses, at: now })
    if (before?.addresses.join() !== addresses.join()) this.#events.onPeer(view(entry))
    return true
  }

  /** A source no longer hears of it. */
  withdraw(source: Source, id: string): void {
    const entry = this.#entries.get(id)
    if (!entry?.heard.delete(source) || entry.heard.size > 0) return
    if (!entry.pinned) this.#entries.delete(id)
    this.#events.onLost(view(entry))
  }

  /** A peer of ours: never pushed out, kept when no source hears of it. */
  pin(key: Bytes): void {
    const entry = this.#entries.get(idOf(key)) ?? this.#add({ id: idOf(key), key, addresses: [] })
    entry.pinned = true
  }

  unpin(key: Bytes): void {
    const entry = this.#entries.get(idOf(key))
    if (!entry) return
    entry.pinned = false
    if (entry.heard.size === 0) this.#entries.delete(entry.id)
  }

  /** A handshake proved the key there. */
  worked(key: Bytes, address: string): void {
    this.failed.worked(address)
    const entry = this.#entries.get(idOf(key))
    if (entry) entry.proven = true
  }

  /** Nobody, or somebody else, answered there. */
  didNotWork(address: string, now: number, why?: string): void {
    this.failed.add(address, now, why)
  }

  /** Where to try, best first; what failed lately comes last rather than never when there is nothing else. */
  addressesOf(key: Bytes, now: number): string[] {
    const entry = this.#entries.get(idOf(key))
    if (!entry) return []
    const all = addressesOf(entry)
    const fresh = all.filter((address) => !this.failed.has(address, now))
    return fresh.length > 0 ? fresh : all
  }

  #refuse(): false {
    this.refused++
    return false
  }

  #add({ id, key }: Candidate): Entry {
    const entry: Entry = { id, key, heard: new Map(), proven: false, pinned: false }
    this.#entries.set(id, entry)
    return entry
  }

  #admit(source: Source, known: Entry | undefined, now: number): boolean {
    if (known?.pinned) return true
    const { offersAtOnce, offerMs } = LIMITS.peers
    const bucket = this.#buckets.get(source) ?? { left: offersAtOnce, at: now }
    const earned = Math.floor((now - bucket.at) / offerMs)
    bucket.left = Math.min(offersAtOnce, bucket.left + earned)
    bucket.at += earned * offerMs
    this.#buckets.set(source, bucket)
    if (bucket.left === 0) return false
    bucket.left--
    let ofSource = 0
    for (const entry of this.#entries.values()) if (entry.heard.has(source)) ofSource++
    if (ofSource >= LIMITS.peers[source] && !this.#evict(source, now)) return false
    return known !== undefined || this.#entries.size < LIMITS.peers.known || this.#evict(source, now)
  }

  /** Room in this source's own share: its least wanted, longest silent stranger goes. */
  #evict(source: Source, now: number): boolean {
    let victim: Entry | null = null
    let worst = Number.POSITIVE_INFINITY
    for (const entry of this.#entries.values()) {
      const heard = entry.heard.get(source)
      if (!heard || entry.pinned || entry.proven || entry.heard.size > 1) continue
      const score = entry.key ? this.#opinion(entry.key, now) : 0
      // A point of opinion weighs as much as a minute of silence.
      const worth = score - (now - heard.at) / 60_000
      if (worth < worst) {
        worst = worth
        victim = entry
      }
    }
    if (victim) this.withdraw(source, victim.id)
    return victim !== null
  }
}

export function idOf(key: Bytes): string {
  return `key:${base64url(key)}`
}

function addressesOf(entry: Entry): string[] {
  const out = new Set<string>()
  for (const source of SOURCES) for (const a of entry.heard.get(source)?.addresses ?? []) out.add(a)
  return [...out]
}

function view(entry: Entry): Peer {
  const { id, key, proven, pinned } = entry
  const sources = SOURCES.filter((source) => entry.heard.has(source))
  return { id, key, sources, addresses: addressesOf(entry), proven, pinned }
}
