// The device's log of keys (docs/wire/access.md): every key that was handed out and every access that was
// taken, as signed entries, each linked to the one before and to the one before of the same consent. Kept
// in the device journal; owners copy all of it, a reader gets the entries about itself. Holds no key.

import { type Bytes, base64url, equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { entryHash, signEntry } from '../../channel/access.ts'
import type { Signer } from '../../crypto/native.ts'
import {
  decodeEntry,
  ENTRY,
  ENTRY_SIGNATURE,
  type EntryText,
  type KeysEntryText,
  type ReaderEntryText,
} from '../../wire/access.ts'
import { ENDING } from '../../wire/channel.ts'
import type { ClassId } from '../../wire/frame.ts'

/** An entry and its number in the log, from 1. */
export interface Entry {
  number: number
  bytes: Bytes
}

/** Where one consent stands. */
interface Standing {
  /** Hash of its newest entry. */
  head: Bytes
  /** Hash of the `given` in force; null before it, and while it rests. */
  given: Bytes | null
}

type Unlinked<T> = Omit<T, 'kind' | 'before' | 'previous'>

const NONE: Bytes = new Uint8Array(32)
/** Of one reader and class that are sent to it: a consent has two, and two more for each pause. */
const TOLD = 32

export class AccessLog {
  readonly #entries: Entry[]
  readonly #standing: Map<string, Standing>
  #head: Bytes
  #next: number
  #bytes: number
  /** Made, and not yet handed to the journal. */
  #unsaved: Entry[]
  /** Number of the newest durable entry. */
  #durable: number

  constructor() {
    this.#entries = []
    this.#standing = new Map()
    this.#head = NONE
    this.#next = 1
    this.#bytes = 0
    this.#unsaved = []
    this.#durable = 0
  }

  /** Entries that are still kept, oldest first; numbers may be missing. */
  get entries(): readonly Entry[] {
    return this.#entries
  }

  /** Hash of the newest entry. */
  get head(): Bytes {
    return this.#head
  }

  /** Number of the next entry. */
  get next(): number {
    return this.#next
  }

  /** Durable entries from this number on. */
  saved(from: number): readonly Entry[] {
    const first = this.#entries.findIndex(({ number }) => number >= from)
    return first < 0 ? [] : this.#entries.slice(first).filter(({ number }) => number <= this.#durable)
  }

  /** The journal has what `unsaved` handed out, up to this number. */
  onDurable(number: number): void {
    this.#durable = Math.max(this.#durable, number)
  }

  /** Hash of the entry by which this consent is open now, or null. */
  given(grantId: Bytes): Bytes | null {
    return this.#standing.get(base64url(grantId))?.given ?? null
  }

  /** True from AUTHORIZED on, until the consent ends for good. */
  knows(grantId: Bytes): boolean {
    return this.#standing.has(base64url(grantId))
  }

  /** Consents that are open by what is written here. */
  open(): string[] {
    return [...this.#standing].filter(([, s]) => s.given !== null).map(([id]) => id)
  }

  /** What the newest entry about one consent says. */
  newestOf(grantId: Bytes): ReaderEntryText | null {
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const { bytes } = this.#entries[i]!
      const text = bytes[1] === ENTRY.keys || !equal(bytes.subarray(68, 84), grantId) ? null : textOf(bytes)
      if (text && text.kind !== ENTRY.keys) return text
    }
    return null
  }

  /** The newest entries about one reader of one class, oldest first. */
  of(sign: Bytes, cls: ClassId): Bytes[] {
    const mine = this.#entries.filter(
      ({ bytes }) => bytes[1] !== ENTRY.keys && bytes[2] === cls && equal(bytes.subarray(4, 36), sign),
    )
    return mine.slice(-TOLD).map(({ bytes }) => bytes)
  }

  /** Signs and links an entry about one reader; written with the next `unsaved`. */
  reader(kind: 1 | 2 | 3, text: Unlinked<ReaderEntryText>, signer: Signer): Bytes {
    const before = this.#standing.get(base64url(text.grantId))?.head ?? NONE
    return this.#add(signEntry({ ...text, kind, before, previous: this.#head }, signer))
  }

  /** The same for keys that several were handed. */
  keys(text: Unlinked<KeysEntryText>, signer: Signer): Bytes {
    return this.#add(signEntry({ ...text, kind: ENTRY.keys, previous: this.#head }, signer))
  }

  /** What has to be written now. */
  unsaved(): Entry[] {
    return this.#unsaved.splice(0)
  }

  /** An entry out of the journal; false where it is none. */
  take(number: number, bytes: Bytes): boolean {
    this.#next = number
    this.#durable = number
    return this.#apply(bytes)
  }

  clear(): void {
    this.#entries.length = 0
    this.#standing.clear()
    this.#unsaved = []
    this.#head = NONE
    this.#next = 1
    this.#durable = 0
    this.#bytes = 0
  }

  #add(bytes: Bytes): Bytes {
    const number = this.#next
    this.#apply(bytes)
    this.#unsaved.push({ number, bytes })
    return bytes
  }

  #apply(bytes: Bytes): boolean {
    const text = textOf(bytes)
    if (!text) return false
    this.#entries.push({ number: this.#next, bytes })
    this.#next++
    this.#bytes += bytes.length
    this.#head = entryHash(bytes)
    if (text.kind !== ENTRY.keys) {
      const id = base64url(text.grantId)
      // What ended for good has no successor: grant ids are not used again.
      if (text.kind === ENTRY.taken && text.why !== ENDING.paused) this.#standing.delete(id)
      else this.#standing.set(id, { head: this.#head, given: text.kind === ENTRY.given ? this.#head : null })
    }
    while (this.#bytes > LIMITS.channel.accessBytes) this.#dropOldest()
    return true
  }

  /** The oldest one that nobody's present access rests on; there are 32 consents at most. */
  #dropOldest(): void {
    const i = this.#entries.findIndex(
      ({ bytes }) => bytes[1] === ENTRY.keys || !this.knows(bytes.subarray(68, 84)),
    )
    const [dropped] = this.#entries.splice(Math.max(0, i), 1)
    this.#bytes -= dropped?.bytes.length ?? 0
  }
}

/** Our own entry: its signature was verified when it was made. */
function textOf(bytes: Bytes): EntryText | null {
  return decodeEntry(bytes.subarray(0, Math.max(0, bytes.length - ENTRY_SIGNATURE)))
}
