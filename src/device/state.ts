// What the device must not forget, in one journal (docs/wire.md "Device journal"): its identity and
// owners, the owner log, the epoch counter, who has expired, grants owed to readers that were away.
// Each change is durable before it takes effect: the callers wait for `done`.

import { type Bytes, base64url, equal, text, utf8 } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { EXIT, WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import { Exchange, Signer, sha256 } from '../crypto/native.ts'
import { Secret } from '../crypto/secret.ts'
import type { Failure, Files, Random } from '../hw/hardware.ts'
import type { PlacedGrant } from '../node/frames/subscriber.ts'
import { Journal, type JournalRecord } from '../node/journal.ts'
import { eventHash, type OwnerEvent, type ReaderEntry } from '../ownership/event.ts'
import { type Decision, OwnerLog } from '../ownership/log.ts'
import { readPolicy } from '../ownership/policy/policy.ts'
import type { ClassId } from '../wire/frame.ts'
import { decodeOwnerSet, encodeOwnerSet, OWNER_SET_BYTES, type OwnerSet } from '../wire/owner-set.ts'
import { AccessLog, type Entry } from './publish/access-log.ts'

const RECORD = {
  identity: 1,
  event: 2,
  epoch: 3,
  expired: 4,
  owed: 5,
  incarnation: 6,
  time: 7,
  entry: 8,
} as const
const FILE = 'device.journal'

/** Made only by a verified claim. */
export interface Identity {
  seed: Secret
  boxSeed: Secret
  /** The owners of the claim; those of now are the log's. */
  owners: OwnerSet
  /** Which life of this hardware: grows with each claim. */
  incarnation: number
  certificate: Bytes
  /** The policy of the claim; that of now is the log's. */
  policy: Bytes
}

/** A grant for a reader that was not connected when it became due. */
export interface Owed extends PlacedGrant {
  reader: Bytes
  class: ClassId
}

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
      if (bad === null)
        return journal.compact(
          () => state.#records(),
          (failure) => done(failure, failure ? null : state),
        )
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
    if (decision.kind === 'owners') for (const reader of decision.readers) this.#forgetOwed(reader)
    const readers = decision.kind === 'authorized' ? [decision.reader] : []
    for (const { grantId } of decision.kind === 'resumed' ? decision.readers : readers)
      this.#authorizedBy.set(base64url(grantId), this.log!.head)
    return decision
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
    this.log = new OwnerLog(this.signer.publicKey, owners, sha256(certificate), { policy: asked })
    this.owed = []
    this.recovered = 0
    this.access.clear()
    this.#authorizedBy.clear()
    this.#events.length = 0
    this.#ends.length = 0
    return true
  }
}

function entryRecord({ number, bytes }: Entry): JournalRecord {
  return {
    type: RECORD.entry,
    payload: new Writer(new Uint8Array(4 + bytes.length)).u32(number).put(bytes).bytes,
  }
}

function encodeIdentity(identity: Identity): Bytes {
  const owners = encodeOwnerSet(identity.owners)
  const { certificate, policy } = identity
  const w = new Writer(new Uint8Array(74 + owners.length + certificate.length + policy.length))
  w.put(identity.seed.bytes()).put(identity.boxSeed.bytes()).u32(identity.incarnation)
  w.block(owners).block(certificate).put(policy)
  return w.done()
}

function encodeOwed(owed: Owed): Bytes {
  const w = new Writer(new Uint8Array(43 + owed.bytes.length))
  return w.put(owed.reader).u8(owed.class).u32(owed.epoch).u48(owed.index).put(owed.bytes).bytes
}

function encodeTime(time: number, recovered: number): Bytes {
  return new Writer(new Uint8Array(12)).u48(time).u48(Math.floor(recovered)).bytes
}

function word(value: number): Bytes {
  return new Writer(new Uint8Array(4)).u32(value).bytes
}
