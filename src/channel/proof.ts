// Who could read what, computed from the keys that were handed out (docs/proof.md): the entries of one
// device's log of keys in, spans of frames out. Used by an owner on all of them, by a provider on its own.
// Nothing here believes an entry that the device has not signed, and nothing is believed about an order
// that the links do not show.

import { type Bytes, base64url, equal } from '../base/bytes.ts'
import type { Verifier } from '../crypto/native.ts'
import { ENTRY, type EntryText, type ReaderEntryText } from '../wire/access.ts'
import type { Ending } from '../wire/channel.ts'
import type { ClassId } from '../wire/frame.ts'
import { entryHash, openEntry } from './access.ts'

export interface Place {
  epoch: number
  index: number
}

/** Frames that one consent opens: from `from` on, up to but without `to`; null while it goes on. */
export interface Span {
  from: Place
  to: Place | null
  /** By the device's clock. */
  fromAt: number
  toAt: number | null
  /** SHA-256 of the owner's event by which the span began or ended, where there is one. */
  fromEvent: Bytes | null
  toEvent: Bytes | null
  why: Ending | null
  /** It ended at another place than TAKEN says. Without TAKEN the keys of a start are on their way. */
  differs: boolean
}

export interface Entry {
  /** The device's number of it; 0 where it was never told. */
  number: number
  bytes: Bytes
  hash: Bytes
  text: EntryText
}

/** new: in line · known: held already · branch: signed, and linked to another one than our newest · bad: not signed. */
export type Added = 'new' | 'known' | 'branch' | 'bad'

const ZEROS: Bytes = new Uint8Array(32)

export class AccessBook {
  /** The device's keys, oldest first, and which of them signed the newest entry: an older one signs no more. */
  readonly #keys: Verifier[]
  #at: number
  readonly #entries: Entry[]
  readonly #hashes: Set<string>

  constructor(...keys: readonly Verifier[]) {
    this.#keys = [...keys]
    this.#at = 0
    this.#entries = []
    this.#hashes = new Set()
  }

  /** In the order in which they came. */
  get entries(): readonly Entry[] {
    return this.#entries
  }

  /** Number of the newest, 0 before the first. */
  get newest(): number {
    return this.#entries.at(-1)?.number ?? 0
  }

  /** Hash of the newest, zeros before the first. */
  get head(): Bytes {
    return this.#entries.at(-1)?.hash ?? ZEROS
  }

  /** Takes an entry over; `line` says by which link it has to follow. */
  add(number: number, bytes: Bytes, line: 'device' | 'grant'): Added {
    const hash = entryHash(bytes)
    if (this.#hashes.has(base64url(hash))) return 'known'
    const text = this.#open(bytes)
    if (!text) return 'bad'
    const follows = line === 'device' ? this.#follows(text.previous, number) : this.#followsGrant(text)
    this.#hashes.add(base64url(hash))
    this.#entries.push({ number, bytes: bytes.slice(), hash, text })
    return follows ? 'new' : 'branch'
  }

  /** The device goes by this key now. With the first entry that it signs the older ones sign no more. */
  succeed(key: Verifier): void {
    if (!this.#keys.some((k) => equal(k.publicKey, key.publicKey))) this.#keys.push(key)
  }

  #open(bytes: Bytes): EntryText | null {
    for (let i = this.#at; i < this.#keys.length; i++) {
      const text = openEntry(bytes, this.#keys[i]!)
      if (text) this.#at = i
      if (text) return text
    }
    return null
  }

  /** The entry of this kind about a consent, the newest; null where there is none. */
  of(grantId: Bytes, kind: 1 | 2 | 3): Entry | null {
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const entry = this.#entries[i]!
      if (entry.text.kind === kind && equal(entry.text.grantId, grantId)) return entry
    }
    return null
  }

  /** Every consent that any key was handed out for, oldest first. */
  consents(): ReaderEntryText[] {
    const first = new Map<string, ReaderEntryText>()
    for (const { text } of this.#entries)
      if (text.kind !== ENTRY.keys && !first.has(base64url(text.grantId)))
        first.set(base64url(text.grantId), text)
    return [...first.values()]
  }

  /**
   * What a consent could read: from GIVEN on, into each later epoch of its class whose keys went to it, up
   * to the first one whose keys did not. TAKEN does not end it; it says why, and has to say the same place.
   */
  spans(grantId: Bytes): Span[] {
    const spans: Span[] = []
    let cls: ClassId | null = null
    let taken: ReaderEntryText | null = null
    const open = (): Span | null => (spans.at(-1)?.to === null ? spans.at(-1)! : null)
    for (const { text } of this.#entries) {
      if (text.kind === ENTRY.keys) {
        for (const place of text.places) {
          if (place.class !== cls) continue
          const handed = text.grantIds.some((id) => equal(id, grantId))
          const span = open()
          if (span && text.reason > 0 && !handed) {
            close(span, place, text.at, taken)
            taken = null
          } else if (!span && handed && spans.length > 0) spans.push(begin(place, text.at, null))
        }
      } else if (equal(text.grantId, grantId)) {
        cls = text.class
        const span = open()
        if (text.kind === ENTRY.given) {
          // A reader does not see KEYS: it has TAKEN alone to go by.
          if (span && taken) close(span, taken, taken.at, taken)
          if (!span || taken) spans.push(begin(text, text.at, eventOf(text)))
          taken = null
        }
        if (text.kind !== ENTRY.taken) continue
        if (span) taken = text
        // It rested when it ended for good.
        else if (spans.length > 0) spans.at(-1)!.why = text.why || null
      }
    }
    // The device was given up: no epoch followed.
    const last = open()
    if (last && taken) close(last, taken, taken.at, taken)
    return spans
  }

  #follows(previous: Bytes, number: number): boolean {
    const last = this.#entries.at(-1)
    // The device had forgotten the oldest ones before we came, or some since.
    return !last || number > last.number + 1 || equal(previous, last.hash)
  }

  #followsGrant(text: EntryText): boolean {
    if (text.kind === ENTRY.keys) return false
    return equal(text.before, ZEROS) || this.#hashes.has(base64url(text.before))
  }
}

function begin(from: Place, at: number, event: Bytes | null): Span {
  return {
    from: { epoch: from.epoch, index: from.index },
    to: null,
    fromAt: at,
    toAt: null,
    fromEvent: event,
    toEvent: null,
    why: null,
    differs: false,
  }
}

function close(span: Span, to: Place, at: number, taken: ReaderEntryText | null): void {
  span.to = { epoch: to.epoch, index: to.index }
  span.toAt = at
  span.toEvent = taken && eventOf(taken)
  span.why = taken?.why || null
  span.differs = taken !== null && (taken.epoch !== to.epoch || taken.index !== to.index)
}

function eventOf(text: ReaderEntryText): Bytes | null {
  return text.event.every((b) => b === 0) ? null : text.event
}
