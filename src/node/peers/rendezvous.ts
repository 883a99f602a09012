// A rendezvous: contacts of others, kept in memory only, each registered by the connection that proved its
// key, handed out by key. A plain machine, capped in all and for one /24 or /64; a role of any reachable
// peer that its owner switched on. Holds no user data: where somebody is, until when, and nothing else.

import { type Bytes, base64url, equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { hostOf, prefixOf } from '../../base/prefix.ts'
import { type Contact, readContact } from '../../wire/net/contact.ts'
import {
  contactOf,
  encodeContactMessage,
  encodeNone,
  encodeRegistered,
  encodeRendezvousRefused,
  lookupKey,
  RENDEZVOUS,
} from '../../wire/net/rendezvous.ts'

interface Kept {
  bytes: Bytes
  contact: Contact
  prefix: number
}

/** What one connection may still ask; its own object, kept by the caller with the stream. */
export interface Asker {
  key: Bytes
  /** `host:port` as we see it. */
  remote: string
  left: number
  at: number
}

export class Rendezvous {
  /** By key; in the order in which they were registered. */
  readonly #kept: Map<string, Kept>
  readonly #ofPrefix: Map<number, number>

  constructor() {
    this.#kept = new Map()
    this.#ofPrefix = new Map()
  }

  get size(): number {
    return this.#kept.size
  }

  asker(key: Bytes, remote: string, now: number): Asker {
    return { key, remote, left: LIMITS.peers.asksAtOnce, at: now }
  }

  /** @param wall milliseconds since 1970; null: end the stream */
  onMessage(message: Bytes, asker: Asker, wall: number): Bytes | null {
    const earned = Math.max(0, Math.floor(((wall - asker.at) * LIMITS.peers.asksPerSecond) / 1_000))
    asker.left = Math.min(LIMITS.peers.asksAtOnce, asker.left + earned)
    if (earned > 0 || wall < asker.at) asker.at = wall
    if (asker.left === 0) return encodeRendezvousRefused('busy')
    asker.left--
    if (message[0] === RENDEZVOUS.lookup) {
      const key = lookupKey(message)
      return key && this.#lookup(key, wall)
    }
    const bytes = message[0] === RENDEZVOUS.register ? contactOf(message) : null
    return bytes && this.#register(bytes, asker, wall)
  }

  /** Forgets what is over; called now and then. */
  tick(wall: number): void {
    for (const [name, kept] of this.#kept) if (kept.contact.expires <= wall) this.#drop(name, kept)
  }

  #lookup(key: Bytes, wall: number): Bytes {
    const kept = this.#kept.get(base64url(key))
    if (!kept || kept.contact.expires <= wall) return encodeNone(key)
    return encodeContactMessage(RENDEZVOUS.found, kept.bytes)
  }

  #register(bytes: Bytes, asker: Asker, wall: number): Bytes {
    const contact = readContact(bytes)
    if (!contact) return encodeRendezvousRefused('malformed')
    if (!equal(contact.key, asker.key)) return encodeRendezvousRefused('not-yours')
    if (contact.expires <= wall) return encodeRendezvousRefused('over')
    const name = base64url(contact.key)
    const before = this.#kept.get(name)
    if (before && before.contact.seq > contact.seq) return encodeRendezvousRefused('older')
    const prefix = prefixOf(hostOf(asker.remote))
    const ofPrefix = this.#ofPrefix.get(prefix) ?? 0
    if (!before && ofPrefix >= LIMITS.peers.contactsOfOnePrefix) return encodeRendezvousRefused('full')
    if (before) this.#drop(name, before)
    else if (this.#kept.size >= LIMITS.peers.contacts) this.#dropOldest()
    contact.expires = Math.min(contact.expires, wall + LIMITS.peers.contactMs)
    this.#kept.set(name, { bytes: bytes.slice(), contact, prefix })
    this.#ofPrefix.set(prefix, (this.#ofPrefix.get(prefix) ?? 0) + 1)
    return encodeRegistered(Math.floor((contact.expires - wall) / 1_000), asker.remote)
  }

  #dropOldest(): void {
    const [name, kept] = this.#kept.entries().next().value!
    this.#drop(name, kept)
  }

  #drop(name: string, kept: Kept): void {
    this.#kept.delete(name)
    const left = (this.#ofPrefix.get(kept.prefix) ?? 1) - 1
    if (left > 0) this.#ofPrefix.set(kept.prefix, left)
    else this.#ofPrefix.delete(kept.prefix)
  }
}
