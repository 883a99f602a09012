// The owner log of one device: who owns it, who may read it, what they decided in advance, and the chain
// of events that made it so (docs/wire.md "Owner log", docs/wire/owners.md). The device orders it: an
// event whose `prev` is not the head is refused with that head, so two owners cannot fork it. Home runs
// the same machine over the same texts and so holds the same state. `check` changes nothing; `commit`
// does, after the caller has made the event durable. Press and delay are the device's to see to.

import { type Bytes, base64url, equal } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import { Verifier } from '../crypto/native.ts'
import { type OwnerKeys, type OwnerSet, ownerIn } from '../wire/owner-set.ts'
import { readCertificate } from './claim-keys.ts'
import { type EventBody, eventHash, type OwnerEvent, type ReaderEntry, readEvent } from './event.ts'
import { readSuccession } from './owners/device-key.ts'
import { needsPress, unsigned } from './owners/needs.ts'
import { type Known, keyOf, nextSet, type Signers, signersOf } from './owners/rights.ts'
import { FACTORY_POLICY, type Policy } from './policy/policy.ts'

export type Owner = OwnerKeys

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
  /** More owners, or their successors too, have to sign this. */
  | 'needs-signatures'
  /** The new set meddles with a successor, or commits to a key that is known. */
  | 'bad-set'
  | 'recovery-pending'
  | 'no-recovery'

export type Checked =
  | { refusal: Refusal }
  | {
      refusal: null
      event: OwnerEvent
      jws: string
      /** It gives power and there is one owner only: the device takes it after a press alone. */
      press: boolean
      /** Where it leads, for an event that changes the owners. */
      set: OwnerSet | null
    }

/** What a committed event means for the channels. */
export type Decision =
  | { kind: 'added' }
  | { kind: 'authorized'; reader: ReaderEntry }
  | { kind: 'revoked'; reader: ReaderEntry }
  /** It ends what had ended before. */
  | { kind: 'noted' }
  /** Another set of owners. `readers`: whose consent ended with the household that gave it. */
  | { kind: 'owners'; before: OwnerSet; after: OwnerSet; readers: readonly ReaderEntry[] }
  | { kind: 'policy'; before: Policy; after: Policy }
  | { kind: 'recovery'; heirs: OwnerSet }
  | { kind: 'recovery-cancelled' }
  /** With those who could read until now, or can again. */
  | { kind: 'paused' | 'resumed'; readers: readonly ReaderEntry[] }
  /** The device goes by another key: who reads, reads on under that. */
  | { kind: 'key'; before: Bytes; after: Bytes; box: Bytes }
  /** With those who could read until now; `successor`: certificate of the device that follows, where one does. */
  | { kind: 'deleted'; readers: readonly ReaderEntry[]; successor: Bytes | null }

export class OwnerLog {
  /** The device's keys, the first one first. */
  readonly #keys: Bytes[]
  /** Certificate of the newest, and the X25519 key in it, where it is not the claim's. */
  #certificate: Bytes | null
  #box: Bytes | null
  #revoked: boolean
  #set: OwnerSet
  #policy: Policy
  #heirs: OwnerSet | null
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
   * @param set the owners of the claim.
   * @param root SHA-256 of the claim certificate: the head before the first event.
   * @param copy an owner's copy: how many readers there may be is the device's to say, since only there
   * those whose time is over are taken out.
   * @param policy the policy of the claim; the factory default unless given.
   */
  constructor(
    device: Bytes,
    set: OwnerSet,
    root: Bytes,
    { copy = false, policy = FACTORY_POLICY }: { copy?: boolean; policy?: Policy } = {},
  ) {
    this.#keys = [device]
    this.#certificate = null
    this.#box = null
    this.#revoked = false
    this.#set = set
    this.#policy = policy
    this.#heirs = null
    this.#copy = copy
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

  /** The device's Ed25519 key of now. */
  get device(): Bytes {
    return this.#keys.at(-1)!
  }

  /** All that it had, oldest first. */
  get keys(): readonly Bytes[] {
    return this.#keys
  }

  /** Certificate and X25519 key of the key of now; null while that is the one of the claim. */
  get replaced(): { certificate: Bytes; box: Bytes } | null {
    const [certificate, box] = [this.#certificate, this.#box]
    return certificate && box ? { certificate, box } : null
  }

  /** Its owners have said that this key is no device of theirs. */
  get revoked(): boolean {
    return this.#revoked
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

  /** The owners of now. */
  get set(): OwnerSet {
    return this.#set
  }

  get owners(): readonly OwnerKeys[] {
    return this.#set.owners
  }

  get policy(): Policy {
    return this.#policy
  }

  /** Whom a paper key has asked for as owners; null while no recovery is under way. */
  get heirs(): OwnerSet | null {
    return this.#heirs
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
    return ownerIn(this.#set, sign) !== null
  }

  /** Whose signature may stand under the next event. */
  get known(): Known {
    return { device: this.device, set: this.#set, heirs: this.#heirs }
  }

  /** May this event be applied next? Nothing is changed yet. */
  check(jws: string): Checked {
    const known = this.known
    const read = readEvent(jws, (kid) => keyOf(kid, known))
    if (!read) return { refusal: 'malformed' }
    const { event } = read
    const signers = signersOf(read.signers, known)
    const refusal =
      this.#misplaced(event, jws) ??
      unsigned(event.body, signers, { set: this.#set, policy: this.#policy }) ??
      this.#unfit(event)
    if (refusal) return { refusal }
    const set = this.#leadsTo(event, signers)
    if (set === undefined) return { refusal: 'bad-set' }
    return {
      refusal: null,
      event,
      jws,
      press: needsPress(event.body, signers, { set: this.#set, policy: this.#policy }),
      set,
    }
  }

  #misplaced(event: OwnerEvent, jws: string): Refusal | null {
    const body = event.body
    if (!equal(event.device, this.device)) return 'other-device'
    if (this.#deleted) return 'deleted'
    if (event.seq !== this.#seq + 1 || !equal(event.prev, this.#head)) return 'stale'
    if (body.type === 'DEVICE_KEY_REPLACED' && this.#keys.length > LIMITS.ownership.keySteps)
      return 'log-full'
    if (this.#mayWait(body) && this.#bytes + jws.length > LIMITS.ownership.logBytes) return 'log-full'
    return this.#added === (body.type === 'DEVICE_ADDED') ? 'out-of-order' : null
  }

  /** Events that a log which is full does not take: what takes power away always finds room. */
  #mayWait(body: EventBody): boolean {
    if (body.type === 'AUTHORIZATION_REVOKED') return !this.reader(body.grantId)
    return ['AUTHORIZED', 'RESUMED', 'POLICY_SET', 'DEVICE_KEY_REPLACED'].includes(body.type)
  }

  #unfit({ body, prev }: OwnerEvent): Refusal | null {
    if (body.type === 'DEVICE_KEY_REPLACED') {
      const next = readSuccession(body.succession, { device: this.device, prev, set: this.#set })
      if (!next || this.#keys.some((key) => equal(key, next.device))) return 'bad-key'
    }
    if (body.type === 'DEVICE_KEY_REVOKED' && body.successor) {
      const next = readCertificate(body.successor)
      if (!next || this.#keys.some((key) => equal(key, next.device))) return 'bad-key'
    }
    if (body.type === 'AUTHORIZED') {
      // Owners need boxes too: the table holds both.
      const places = this.#copy ? Number.POSITIVE_INFINITY : LIMITS.channel.readers
      if (this.#readers.length + this.owners.length >= places) return 'too-many-readers'
      if (this.#grantIds.has(base64url(body.reader.grantId))) return 'double-grant'
      if (!Verifier.of(body.reader.sign)) return 'bad-key'
    }
    // A consent that has ended by time may be revoked once more: its owner need not know, and nobody is hurt.
    if (body.type === 'AUTHORIZATION_REVOKED' && !this.#grantIds.has(base64url(body.grantId)))
      return 'unknown-grant'
    if (body.type === 'OWNERS_CHANGED' && !this.#copy) {
      if (this.#readers.length + body.set.owners.length > LIMITS.channel.readers) return 'too-many-readers'
    }
    if (body.type === 'RECOVERY_STARTED' && this.#heirs) return 'recovery-pending'
    if (body.type === 'PAUSED' || body.type === 'RESUMED') {
      if (body.grantId && !this.reader(body.grantId)) return 'unknown-grant'
      const rests = body.grantId ? this.#paused.has(base64url(body.grantId)) : this.#allPaused
      if (rests === (body.type === 'PAUSED')) return 'out-of-order'
    }
    if (body.type === 'RECOVERY_FINISHED' || body.type === 'RECOVERY_CANCELLED')
      return this.#heirs ? null : 'no-recovery'
    return null
  }

  /** The owners after this event; null where it does not change them, undefined where it may not. */
  #leadsTo({ body }: OwnerEvent, signers: Signers): OwnerSet | null | undefined {
    switch (body.type) {
      case 'OWNERS_CHANGED':
        return nextSet(this.#set, body.set, signers) ?? undefined
      case 'POLICY_SET':
        // Revealed successors give way to the next ones here too.
        return signers.revealed.length > 0 ? (nextSet(this.#set, this.#set, signers) ?? undefined) : null
      case 'RECOVERY_STARTED':
        return nextSet(this.#set, body.set, signers) ? null : undefined
      case 'RECOVERY_FINISHED':
        return (this.#heirs && nextSet(this.#set, this.#heirs, signers)) ?? undefined
      default:
        return null
    }
  }

  /** Applies a checked event. */
  commit(checked: { event: OwnerEvent; jws: string; set: OwnerSet | null }): Decision {
    const { event, jws, set } = checked
    this.#seq = event.seq
    this.#head = eventHash(jws)
    this.#bytes += jws.length
    const before = this.#set
    if (set) this.#set = set
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
      case 'AUTHORIZATION_REVOKED': {
        const reader = this.#drop(body.grantId)
        return reader ? { kind: 'revoked', reader } : { kind: 'noted' }
      }
      case 'OWNERS_CHANGED': {
        this.#heirs = null
        const moved = !before.owners.some((o) => ownerIn(this.#set, o.sign))
        const readers = moved ? this.#readers.splice(0) : []
        return { kind: 'owners', before, after: this.#set, readers }
      }
      case 'RECOVERY_STARTED':
        this.#heirs = body.set
        return { kind: 'recovery', heirs: body.set }
      case 'RECOVERY_FINISHED':
        this.#heirs = null
        return { kind: 'owners', before, after: this.#set, readers: [] }
      case 'RECOVERY_CANCELLED':
        this.#heirs = null
        return { kind: 'recovery-cancelled' }
      case 'POLICY_SET': {
        const old = this.#policy
        this.#policy = body.policy
        return { kind: 'policy', before: old, after: body.policy }
      }
      case 'PAUSED':
        return { kind: 'paused', readers: this.#rest(body.grantId, true) }
      case 'RESUMED':
        return { kind: 'resumed', readers: this.#rest(body.grantId, false) }
      case 'DEVICE_KEY_REPLACED': {
        const before = this.device
        const { certificate } = body.succession
        const next = readCertificate(certificate)!
        this.#keys.push(next.device)
        this.#certificate = certificate
        this.#box = next.box
        return { kind: 'key', before, after: next.device, box: next.box }
      }
      case 'DEVICE_KEY_REVOKED':
        this.#deleted = true
        this.#revoked = true
        return { kind: 'deleted', readers: this.#readers.splice(0), successor: body.successor }
      case 'DEVICE_DELETED':
        this.#deleted = true
        return { kind: 'deleted', readers: this.#readers.splice(0), successor: null }
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
