// What a provider holds of the devices' logs of keys (docs/proof.md): the entries about itself and the
// owners' events that they name, as they were signed. Kept for the channels it follows, in one journal.

import { type Bytes, concat, hex, text, utf8 } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { LIMITS } from '../base/limits.ts'
import { AccessBook, type Added } from '../channel/proof.ts'
import { Verifier } from '../crypto/native.ts'
import type { Failure, Files, Random } from '../hw/hardware.ts'
import { Journal, type JournalRecord } from '../node/journal.ts'
import { ENTRY } from '../wire/access.ts'

const NAME = 'provider.access.journal'
const RECORD = { entry: 1, event: 2, key: 3 } as const

interface Held {
  device: Bytes
  /** How its key followed those before it: each of those with the owner's event. */
  steps: { before: Bytes; after: Bytes; jws: string }[]
  book: AccessBook
  events: string[]
}

export class ProviderAccess {
  #journal!: Journal
  readonly #held: Map<string, Held>

  private constructor() {
    this.#held = new Map()
  }

  /** Opens what is kept; of devices that are not in `followed` any more nothing is. */
  static open(
    o: { files: Files; random: Random; followed: readonly Bytes[] },
    done: (error: Failure, access: ProviderAccess | null) => void,
  ): void {
    const access = new ProviderAccess()
    const known = new Set(o.followed.map(hex))
    const onRecord = (type: number, payload: Bytes): void => {
      const r = new Reader(payload)
      access.#apply(r.take(32).slice(), type, r.rest().slice())
    }
    Journal.open({ files: o.files, random: o.random, name: NAME }, onRecord, (error, journal) => {
      if (error || !journal) return done(error, null)
      access.#journal = journal
      const dropped = [...access.#held.keys()].filter((device) => !known.has(device))
      for (const device of dropped) access.#held.delete(device)
      if (dropped.length === 0) return done(null, access)
      journal.rewrite(access.#records(), (failure) => done(failure, failure ? null : access))
    })
  }

  /** What is held of a device, or null. */
  of(device: Bytes): { book: AccessBook; events: readonly string[] } | null {
    return this.#held.get(hex(device)) ?? null
  }

  /** What shows to a mailbox that a consent is ours: the device's first entry about it. None where there is none. */
  showing({ device, grantId }: { device: Bytes; grantId: Bytes }): Bytes[] {
    const entry = this.of(device)?.book.of(grantId, ENTRY.admitted)
    return entry ? [entry.bytes] : []
  }

  entry(device: Bytes, bytes: Bytes): Added {
    const added = this.#apply(device, RECORD.entry, bytes)
    if (added === 'new' || added === 'branch') this.#append(device, RECORD.entry, bytes)
    return added
  }

  /** The owner's event that entries name. */
  event(device: Bytes, jws: string): void {
    if (this.#held.get(hex(device))?.events.includes(jws)) return
    if (this.#apply(device, RECORD.event, utf8(jws)) === 'new') this.#append(device, RECORD.event, utf8(jws))
  }

  /** Another key followed this device's: what was held of it is held of that. */
  succeed({ before, after, jws }: { before: Bytes; after: Bytes; jws: string }): void {
    if (this.#held.get(hex(after))?.steps.some((step) => step.jws === jws)) return
    const record = concat(after, utf8(jws))
    if (this.#apply(before, RECORD.key, record) === 'new') this.#append(before, RECORD.key, record)
  }

  /** On the card with the next start. */
  forget(device: Bytes): void {
    this.#held.delete(hex(device))
  }

  close(): void {
    this.#journal.close()
  }

  #append(device: Bytes, type: number, bytes: Bytes): void {
    const record = new Writer(new Uint8Array(32 + bytes.length)).put(device).put(bytes).bytes
    // What could not be written comes again from the device with the next stream.
    this.#journal.append(type, record, () => {})
  }

  #apply(device: Bytes, type: number, bytes: Bytes): Added {
    const verifier = Verifier.of(device)
    if (!verifier) return 'bad'
    let held = this.#held.get(hex(device))
    if (!held) {
      held = { device, steps: [], book: new AccessBook(verifier), events: [] }
      this.#held.set(hex(device), held)
    }
    if (type === RECORD.key) {
      const after = bytes.slice(0, 32)
      const next = Verifier.of(after)
      if (!next || held.steps.length >= LIMITS.ownership.keySteps) return 'bad'
      held.book.succeed(next)
      held.steps.push({ before: device, after, jws: text(bytes.subarray(32)) })
      held.device = after
      this.#held.delete(hex(device))
      this.#held.set(hex(after), held)
      return 'new'
    }
    if (type === RECORD.event) {
      if (held.events.length >= LIMITS.provider.entriesOfOne) return 'bad'
      held.events.push(text(bytes))
      return 'new'
    }
    if (type !== RECORD.entry || held.book.entries.length >= LIMITS.provider.entriesOfOne) return 'bad'
    return held.book.add(0, bytes, 'grant')
  }

  #records(): JournalRecord[] {
    const record = (device: Bytes, type: number, bytes: Bytes): JournalRecord => ({
      type,
      payload: new Writer(new Uint8Array(32 + bytes.length)).put(device).put(bytes).bytes,
    })
    return [...this.#held.values()].flatMap(({ device, steps, book, events }) => [
      ...steps.map((step) => record(step.before, RECORD.key, concat(step.after, utf8(step.jws)))),
      ...events.map((jws) => record(device, RECORD.event, utf8(jws))),
      ...book.entries.map((e) => record(device, RECORD.entry, e.bytes)),
    ])
  }
}
