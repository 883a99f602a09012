// The owner log of one device: who owns it, who may read it, and the chain of events that made it so.
// The device orders it: an event whose `prev` is not the head is refused with that head, so two owners
// cannot fork it. Home runs the same machine over the same texts and so holds the same state. `check`
// changes nothing; `commit` does, after the caller has made the event durable.

import { type Bytes, base64url, equal } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import { Verifier } from '../crypto/native.ts'
import { eventHash, type OwnerEvent, type ReaderEntry, readEvent } from './event.ts'

/** One owner: Ed25519 to sign with, X25519 to seal to. */
export interface Owner {
  sign: Bytes
  box: Bytes
}

export type Refusal =
  | 'malformed'
  | 'stale'
  | 'other-device'
  | 'not-owner'
  | 'bad-key'
  | 'too-many-readers'
  | 'log-full'
  | 'double-grant'
  | 'unknown-grant'
  | 'out-of-order'
  | 'deleted'

export type Checked = { refusal: Refusal } | { refusal: null; event: OwnerEvent; jws: string }

/** What a committed event means for the channels. */
export type Decision =
  | { kind: 'added' }
  | { kind: 'authorized'; reader: ReaderEntry }
  | { kind: 'revoked'; reader: ReaderEntry }
  /** With those who could read until now, or can again. */
  | { kind: 'paused' | 'resumed'; readers: readonly ReaderEntry[] }
  /** With those who could read until now. */
  | { kind: 'deleted'; readers: readonly ReaderEntry[] }

export class OwnerLog {
  readonly device: Bytes
  readonly owners: readonly Owner[]
  readonly #verifiers: Map<string, Verifier>
  #seq: number
  #head: Bytes
  #bytes: number
  #added: boolean
  #deleted: boolean
  #name: string
  readonly #readers: ReaderEntry[]
  readonly #grantIds: Set<string>
  /** Consents that rest, and whether all of them do. */
  readonly #paused: Set<string>
  #allPaused: boolean
  readonly #copy: boolean

  /**
   * @param root SHA-256 of the claim certificate: the head before the first event.
   * @param copy an owner's copy: how many readers there may be is the device's to say, since only there
   * those whose time is over are taken out.
   */
  constructor(
    device: Bytes,
    owners: readonly Owner[],
    root: Bytes,
    { copy = false }: { copy?: boolean } = {},
  ) {
    this.#copy = copy
    this.device = device
    this.owners = owners
    this.#verifiers = new Map()
    for (const owner of owners) {
      const verifier = Verifier.of(owner.sign)
      if (verifier) this.#verifiers.set(base64url(owner.sign), verifier)
    }
    this.#seq = 0
    this.#head = root
    this.#bytes = 0
    this.#added = false
    this.#deleted = false
    this.#name = ''
    this.#readers = []
    this.#grantIds = new Set()
    this.#paused = new Set()
    this.#allPaused = false
  }

  get seq(): number {
    return this.#seq
  }

  /** Hash of the newest event; the claim certificate's before the first. */
  get head(): Bytes {
    return this.#head
  }

  get name(): string {
    return this.#name
  }

  get added(): boolean {
    return this.#added
  }

  get deleted(): boolean {
    return this.#deleted
  }

  /** Readers of now, oldest grant first. */
  get readers(): readonly ReaderEntry[] {
    return this.#readers
  }

  /** True while this consent rests: it is there, and opens nothing. */
  paused(grantId: Bytes): boolean {
    return this.#allPaused || this.#paused.has(base64url(grantId))
  }

  /** True while nobody but owners reads. */
  get allPaused(): boolean {
    return this.#allPaused
  }

  isOwner(sign: Bytes): boolean {
    return this.#verifiers.has(base64url(sign))
  }

  /** May this event be applied next? Nothing is changed yet. */
  check(jws: string): Checked {
    const read = readEvent(jws, (kid) => this.#verifiers.get(kid) ?? null)
    if (!read) return { refusal: 'malformed' }
    const refusal = this.#refusal(read.event, jws)
    return refusal ? { refusal } : { refusal: null, event: read.event, jws }
  }

  #refusal(event: OwnerEvent, jws: string): Refusal | null {
    const body = event.body
    if (!equal(event.device, this.device)) return 'other-device'
    if (this.#deleted) return 'deleted'
    if (event.seq !== this.#seq + 1 || !equal(event.prev, this.#head)) return 'stale'
    if (
      this.#bytes + jws.length > LIMITS.ownership.logBytes &&
      (body.type === 'AUTHORIZED' || body.type === 'RESUMED')
    )
      return 'log-full'
    if (this.#added === (body.type === 'DEVICE_ADDED')) return 'out-of-order'
    if (body.type === 'AUTHORIZED') {
      // Owners need boxes too: the table holds both.
      const places = this.#copy ? Number.POSITIVE_INFINITY : LIMITS.channel.readers
      if (this.#readers.length + this.owners.length >= places) return 'too-many-readers'
      if (this.#grantIds.has(base64url(body.reader.grantId))) return 'double-grant'
      if (!Verifier.of(body.reader.sign)) return 'bad-key'
    }
    if (body.type === 'AUTHORIZATION_REVOKED' && !this.reader(body.grantId)) return 'unknown-grant'
    if (body.type === 'PAUSED' || body.type === 'RESUMED') {
      if (body.grantId && !this.reader(body.grantId)) return 'unknown-grant'
      const rests = body.grantId ? this.#paused.has(base64url(body.grantId)) : this.#allPaused
      if (rests === (body.type === 'PAUSED')) return 'out-of-order'
    }
    return null
  }

  /** Applies a checked event. */
  commit(checked: { event: OwnerEvent; jws: string }): Decision {
    const { event, jws } = checked
    this.#seq = event.seq
    this.#head = eventHash(jws)
    this.#bytes += jws.length
    const body = event.body
    switch (body.type) {
      case 'DEVICE_ADDED':
        this.#added = true
        this.#name = body.name
        return { kind: 'added' }
      case 'AUTHORIZED':
        this.#readers.push(body.reader)
        this.#grantIds.add(base64url(body.reader.grantId))
        return { kind: 'authorized', reader: body.reader }
      case 'AUTHORIZATION_REVOKED':
        return { kind: 'revoked', reader: this.#drop(body.grantId)! }
      case 'PAUSED':
        return { kind: 'paused', readers: this.#rest(body.grantId, true) }
      case 'RESUMED':
        return { kind: 'resumed', readers: this.#rest(body.grantId, false) }
      case 'DEVICE_DELETED':
        this.#deleted = true
        return { kind: 'deleted', readers: this.#readers.splice(0) }
    }
  }

  reader(grantId: Bytes): ReaderEntry | null {
    return this.#readers.find((r) => equal(r.grantId, grantId)) ?? null
  }

  /** Readers whose time is over at `now` (milliseconds since 1970, confirmed telegram time). */
  expired(now: number): ReaderEntry[] {
    return this.#readers.filter((r) => r.until <= now)
  }

  /** The same question every second, without a list. */
  anyExpired(now: number): boolean {
    for (let i = 0; i < this.#readers.length; i++) if (this.#readers[i]!.until <= now) return true
    return false
  }

  /** Takes an expired reader out, after the caller has made that durable. */
  expire(grantId: Bytes): void {
    this.#drop(grantId)
  }

  /** Those whose state has changed by it: one consent may rest by itself while all do. */
  #rest(grantId: Bytes | null, rest: boolean): ReaderEntry[] {
    const before = this.#readers.map((r) => this.paused(r.grantId))
    if (!grantId) this.#allPaused = rest
    else if (rest) this.#paused.add(base64url(grantId))
    else this.#paused.delete(base64url(grantId))
    return this.#readers.filter((r, i) => this.paused(r.grantId) !== before[i])
  }

  #drop(grantId: Bytes): ReaderEntry | null {
    const i = this.#readers.findIndex((r) => equal(r.grantId, grantId))
    this.#paused.delete(base64url(grantId))
    return i < 0 ? null : this.#readers.splice(i, 1)[0]!
  }
}
