// What the device must not forget, in one journal (docs/wire.md "Device journal"): its identity and
// owners, the owner log, the epoch counter, who has expired, grants owed to readers that were away.
// Each change is durable before it takes effect: the callers wait for `done`.

import { type Bytes, base64url, equal, text, utf8 } from '../base/bytes.ts'
import { Reader } from '../base/cursor.ts'
import { EXIT, WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import { Exchange, Signer, sha256 } from '../crypto/native.ts'
import { Secret } from '../crypto/secret.ts'
import type { Failure, Files, Random } from '../hw/hardware.ts'
import { Journal, type JournalRecord } from '../node/journal.ts'
import { eventHash, type OwnerEvent, type ReaderEntry } from '../ownership/event.ts'
import { type Decision, OwnerLog } from '../ownership/log.ts'
import { readPolicy } from '../ownership/policy/policy.ts'
import type { ClassId } from '../wire/frame.ts'
import { decodeOwnerSet, OWNER_SET_BYTES, type OwnerSet } from '../wire/owner-set.ts'
import {
  decodePair,
  encodeIdentity,
  encodeOwed,
  encodePair,
  encodeTime,
  entryRecord,
  type Identity,
  type KeyPair,
  type Owed,
  RECORD,
  word,
} from './owning/records.ts'
import { AccessLog } from './publish/access-log.ts'

const FILE = 'device.journal'

export class DeviceState {
  #journal!: Journal
  identity: Identity | null
  log: OwnerLog | null
  signer: Signer | null
  exchange: Exchange | null
  /** The newest epoch number ever used. */
  epoch: number
  incarnation: number
  /** Confirmed telegram time that was written down last, ms since 1970; 0 where none was. */
  time: number
  /** Telegram time that a recovery under way has waited, ms. */
  recovered: number
  owed: Owed[]
  /** The keys that the device would go by next; null until an owner has asked for them. */
  next: KeyPair | null
  /** The journal holds keys that are not in force any more. */
  #keyTaken: boolean
  /** Who was handed which keys. */
  readonly access: AccessLog
  /** New entries are durable: owners may be told. */
  onEntries: () => void
  /** The event by which a consent may be read now, by grant id. */
  readonly #authorizedBy: Map<string, Bytes>
  readonly #events: string[]
  /** Consents whose time was over, each with how many events there were by then. */
  readonly #ends: { after: number; grantId: Bytes }[]

  private constructor() {
    this.identity = null
    this.log = null
    this.signer = null
    this.exchange = null
    this.epoch = 0
    this.incarnation = 0
    this.time = 0
    this.recovered = 0
    this.owed = []
    this.next = null
    this.#keyTaken = false
    this.access = new AccessLog()
    this.onEntries = () => {}
    this.#authorizedBy = new Map()
    this.#events = []
    this.#ends = []
  }

  static open(files: Files, random: Random, done: (error: Failure, state: DeviceState | null) => void): void {
    const state = new DeviceState()
    let bad: string | null = null
    const onRecord = (type: number, payload: Bytes): void => {
      if (bad === null && !state.#apply(type, payload))
        bad = `record of type ${type} with ${payload.length} bytes`
    }
    Journal.open({ files, random, name: FILE }, onRecord, (error, journal) => {
      if (error || !journal) return done(error, null)
      state.#journal = journal
      if (state.log && !equal(state.log.device, state.signer!.publicKey))
        bad ??= 'the key of now is missing: it'
      const opened = (failure: Failure): void => done(failure, failure ? null : state)
      // A power cut may have left the key before this one on the card.
      if (bad === null && state.#keyTaken) return state.rewrite(opened)
      if (bad === null) return journal.compact(() => state.#records(), opened)
      const what = `${FILE}: ${bad} cannot be applied; restore the state folder, or reset the device`
      done(new WattleError('state-damaged', what, EXIT.stay), null)
    })
  }

  /** Every event of the owner log, as text. */
  get events(): readonly string[] {
    return this.#events
  }

  /** The log's head when it had `seq` events. */
  headAt(seq: number): Bytes {
    const jws = this.#events[seq - 1]
    return jws === undefined ? sha256(this.identity?.certificate ?? new Uint8Array(0)) : eventHash(jws)
  }

  /** Identity and owners in one durable write. */
  claim(identity: Identity, done: (error: Failure) => void): void {
    const record = encodeIdentity(identity)
    this.#append(RECORD.identity, record, (error) => {
      record.fill(0)
      done(error)
    })
  }

  /** Applies an event that is durable. What a reader who leaves was owed is forgotten with it. */
  commit(checked: { event: OwnerEvent; jws: string; set: OwnerSet | null }): Decision {
    const decision = this.log!.commit(checked)
    if (decision.kind === 'revoked') this.#forgetOwed(decision.reader)
    if (decision.kind === 'key') this.#takeKey(decision.after)
    if (decision.kind === 'owners') for (const reader of decision.readers) this.#forgetOwed(reader)
    const readers = decision.kind === 'authorized' ? [decision.reader] : []
    for (const { grantId } of decision.kind === 'resumed' ? decision.readers : readers)
      this.#authorizedBy.set(base64url(grantId), this.log!.head)
    return decision
  }

  /** The next keys, made now where there are none: durable when done. */
  prepareKey(random: Random, done: (error: Failure) => void): void {
    if (this.next) return done(null)
    const record = encodePair({ seed: Secret.fresh(random), boxSeed: Secret.fresh(random) })
    this.#append(RECORD.next, record, (error) => {
      record.fill(0)
      done(error)
    })
  }

  /** The device goes by this key now. What was sealed under the old one is of no use to anybody. */
  #takeKey(after: Bytes): void {
    this.owed = []
    const next = this.next && { ...this.next, signer: new Signer(this.next.seed) }
    // A journal that was written anew since has the newest keys in its first record.
    if (!next || !equal(next.signer.publicKey, after)) return
    const { seed, boxSeed, signer } = next
    this.identity = { ...this.identity!, seed, boxSeed }
    this.signer = signer
    this.exchange = new Exchange(boxSeed)
    this.next = null
    this.#keyTaken = true
  }

  /** Everything is written anew, so that keys which are not in force any more are off the card. */
  rewrite(done: (error: Failure) => void): void {
    this.#journal.rewrite(this.#records(), (error) => {
      if (!error) this.#keyTaken = false
      done(error)
    })
  }

  /** Writes a checked event; the caller commits it when this is done. */
  event(jws: string, done: (error: Failure) => void): void {
    this.#journal.append(RECORD.event, utf8(jws), (error) => {
      if (!error) this.#events.push(jws)
      done(error)
    })
  }

  /** Hash of the event by which this consent may be read; zeros where there is none. */
  authorizedBy(grantId: Bytes): Bytes {
    return this.#authorizedBy.get(base64url(grantId)) ?? new Uint8Array(32)
  }

  /** True where the consent's time was over. */
  hasExpired(grantId: Bytes): boolean {
    return this.#ends.some((end) => equal(end.grantId, grantId))
  }

  /**
   * The next `n` epoch numbers, durable before they are handed out. `entries` makes the entries of the log
   * of keys that belong to them; they are in the same write.
   */
  nextEpochs(
    n: number,
    o: { atLeast: number; entries: (first: number) => void },
    done: (error: Failure, first: number) => void,
  ): void {
    const first = Math.max(this.epoch, o.atLeast) + 1
    if (first + n - 1 > 0xffff_ffff)
      return done(new WattleError('epochs-used-up', `no ${n} epoch numbers are left`), 0)
    // Counted at once, so that a second caller gets other numbers.
    this.epoch = first + n - 1
    o.entries(first)
    this.#keep([{ type: RECORD.epoch, payload: word(this.epoch) }], (error) => done(error, first))
  }

  /** Writes the entries that were made since the last write, and nothing else. */
  saveEntries(done: (error: Failure) => void): void {
    this.#keep([], done)
  }

  /** New entries and what belongs to them, in one durable write. */
  #keep(records: readonly JournalRecord[], done: (error: Failure) => void): void {
    const entries = this.access.unsaved()
    const all = [...entries.map(entryRecord), ...records]
    if (all.length === 0) return done(null)
    this.#journal.appendAll(all, (error) => {
      if (!error && entries.length > 0) {
        this.access.onDurable(entries.at(-1)!.number)
        this.onEntries()
      }
      done(error)
    })
  }

  expired(grantId: Bytes, done: (error: Failure) => void): void {
    this.#append(RECORD.expired, grantId, done)
  }

  /** The confirmed time, and with it how far a recovery has come. */
  keepTime(time: number, done: (error: Failure) => void): void {
    this.#journal.append(RECORD.time, encodeTime(time, this.recovered), (error) => {
      if (!error) this.time = time
      done(error)
    })
  }

  owe(owed: Owed, done: (error: Failure) => void): void {
    const payload = encodeOwed(owed)
    this.#keep([{ type: RECORD.owed, payload }], (error) => {
      if (!error) this.#apply(RECORD.owed, payload)
      done(error)
    })
  }

  /** Forgets identity, owners and log in one durable write; keeps counters. */
  erase(done: (error: Failure) => void): void {
    this.#journal.rewrite(this.#counters(), (error) => {
      if (error) return done(error)
      this.identity?.seed.wipe()
      this.identity?.boxSeed.wipe()
      this.next = null
      this.identity = null
      this.log = null
      this.signer = null
      this.exchange = null
      this.owed = []
      this.recovered = 0
      this.access.clear()
      this.#authorizedBy.clear()
      this.#events.length = 0
      this.#ends.length = 0
      done(null)
    })
  }

  close(): void {
    this.#journal.close()
  }

  /** What survives every owner. */
  #counters(): JournalRecord[] {
    return [
      { type: RECORD.incarnation, payload: word(this.incarnation) },
      { type: RECORD.epoch, payload: word(this.epoch) },
    ]
  }

  /** All that the journal says, once. Ends stay where they were between the events: a later one may need the room. */
  #records(): JournalRecord[] {
    const records = this.#counters()
    if (!this.identity) return records
    records.push({ type: RECORD.identity, payload: encodeIdentity(this.identity) })
    let next = 0
    for (let n = 0; n <= this.#events.length; n++) {
      for (; this.#ends[next]?.after === n; next++)
        records.push({ type: RECORD.expired, payload: this.#ends[next]!.grantId })
      if (n < this.#events.length) records.push({ type: RECORD.event, payload: utf8(this.#events[n]!) })
    }
    if (this.next) records.push({ type: RECORD.next, payload: encodePair(this.next) })
    for (const entry of this.access.entries) records.push(entryRecord(entry))
    for (const owed of this.owed) records.push({ type: RECORD.owed, payload: encodeOwed(owed) })
    if (this.time > 0) records.push({ type: RECORD.time, payload: encodeTime(this.time, this.recovered) })
    return records
  }

  /** Takes effect in memory only once it is on the card. */
  #append(type: number, payload: Bytes, done: (error: Failure) => void): void {
    const kept = payload.slice()
    this.#journal.append(type, payload, (error) => {
      if (!error) this.#apply(type, kept)
      done(error)
    })
  }

  #apply(type: number, payload: Bytes): boolean {
    const r = new Reader(payload)
    switch (type) {
      case RECORD.identity:
        return this.#applyIdentity(r)
      case RECORD.event: {
        const jws = text(payload)
        const checked = this.log?.check(jws)
        if (!checked || checked.refusal !== null) return false
        if (this.commit(checked).kind === 'recovery') this.recovered = 0
        this.#events.push(jws)
        return true
      }
      case RECORD.epoch:
        this.epoch = Math.max(this.epoch, r.u32())
        return r.done
      case RECORD.expired: {
        const reader = this.log?.reader(payload)
        this.log?.expire(payload)
        if (reader) {
          this.#ends.push({ after: this.#events.length, grantId: payload.slice() })
          this.#forgetOwed(reader)
        }
        return payload.length === 16
      }
      case RECORD.owed: {
        const owed = {
          reader: r.take(32).slice(),
          class: r.u8() as ClassId,
          epoch: r.u32(),
          index: r.u48(),
          bytes: r.rest().slice(),
        }
        // Whose consent ended while this was being written is owed nothing any more.
        if (!this.log?.readers.some((x) => x.class === owed.class && equal(x.sign, owed.reader))) return r.ok
        this.owed = this.owed.filter(
          (o) => !(equal(o.reader, owed.reader) && o.class === owed.class && o.epoch === owed.epoch),
        )
        this.owed.push(owed)
        if (this.owed.length > LIMITS.channel.readers * LIMITS.channel.unwitnessedEpochs) this.owed.shift()
        return r.ok
      }
      case RECORD.time:
        this.time = r.u48()
        this.recovered = r.u48()
        return r.done
      case RECORD.next:
        this.next = decodePair(payload)
        return this.next !== null
      case RECORD.entry:
        return this.access.take(r.u32(), r.rest().slice())
      case RECORD.incarnation:
        this.incarnation = r.u32()
        return r.done
      default:
        return false
    }
  }

  #forgetOwed(reader: ReaderEntry): void {
    this.owed = this.owed.filter((o) => o.class !== reader.class || !equal(o.reader, reader.sign))
  }

  #applyIdentity(r: Reader): boolean {
    const seed = new Secret(r.take(32).slice())
    const boxSeed = new Secret(r.take(32).slice())
    const incarnation = r.u32()
    const owners = decodeOwnerSet(r.block(OWNER_SET_BYTES))
    const certificate = r.block(LIMITS.ownership.eventBytes).slice()
    const policy = r.rest().slice()
    const asked = readPolicy(policy)
    if (!r.ok || !owners || !asked) return false
    this.identity = { seed, boxSeed, owners, incarnation, certificate, policy }
    this.incarnation = incarnation
    this.signer = new Signer(seed)
    this.exchange = new Exchange(boxSeed)
    // Of the claim; the key of now may be another one by the end of the log.
    const first = certificate.slice(1, 33)
    this.log = new OwnerLog(first, owners, sha256(certificate), { policy: asked })
    this.owed = []
    this.next = null
    this.recovered = 0
    this.access.clear()
    this.#authorizedBy.clear()
    this.#events.length = 0
    this.#ends.length = 0
    return true
  }
}
