// What My Home keeps (docs/wire.md "Home files"): the owner's keys in a snapshot; devices, owner logs and
// providers' cards in a journal; where it stands in each channel in a snapshot that is replaced every
// few seconds. An event is written here after the device has taken it; a device that lost it (an older
// card) gets it again from here.

import { type Bytes, base64url, equal, text, utf8 } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { EXIT, WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import { sha256 } from '../crypto/native.ts'
import { Secret } from '../crypto/secret.ts'
import type { Failure, Files, Random } from '../hw/hardware.ts'
import { Journal, type JournalRecord } from '../node/journal.ts'
import { SnapshotFile } from '../node/snapshot.ts'
import { type Card, readCard } from '../ownership/card.ts'
import { type Decision, OwnerLog } from '../ownership/log.ts'
import { type OwnerCard, readOwnerCard } from '../ownership/owners/owner-card.ts'
import { readPolicy } from '../ownership/policy/policy.ts'
import { decodeOwnerSet, encodeOwnerSet, OWNER_SET_BYTES, type OwnerSet } from '../wire/owner-set.ts'

const JOURNAL = 'home.journal'
const RECORD = { device: 1, event: 2, card: 3, address: 4, change: 5, changeOver: 6, owner: 7 } as const

export interface OwnerSecrets {
  seed: Secret
  boxSeed: Secret
  /** Of the successor keys: ownership/owners/successors.ts. */
  successors: Secret
}

export interface OwnedDevice {
  /** Ed25519 and X25519 of the claim: what it is called by here. Its keys of now are the log's. */
  key: Bytes
  box: Bytes
  name: string
  addresses: string[]
  certificate: Bytes
  /** The owners of the claim, and their policy; those of now are the log's. */
  owners: OwnerSet
  policy: Bytes
  log: OwnerLog
  /** Texts of the owner log, oldest first. */
  events: string[]
  /** A signed change that the device has not taken yet. */
  change: string | null
}

type NewDevice = Omit<OwnedDevice, 'log' | 'events' | 'change'>

export class HomeStore {
  readonly keys: OwnerSecrets
  readonly devices: OwnedDevice[]
  /** Cards by the text they came in, newest of each key. */
  readonly cards: { card: Card; line: string }[]
  /** Other owners' cards, newest of each key. */
  readonly ownerCards: { card: OwnerCard; line: string }[]
  #journal!: Journal

  private constructor(keys: OwnerSecrets) {
    this.keys = keys
    this.devices = []
    this.cards = []
    this.ownerCards = []
  }

  static open(files: Files, random: Random, done: (error: Failure, store: HomeStore | null) => void): void {
    openKeys(files, random, (error, keys) => {
      if (error || !keys) return done(error, null)
      const store = new HomeStore(keys)
      let bad: string | null = null
      const onRecord = (type: number, payload: Bytes): void => {
        if (bad === null && !store.#apply(type, payload))
          bad = `record of type ${type} with ${payload.length} bytes`
      }
      Journal.open({ files, random, name: JOURNAL }, onRecord, (failure, journal) => {
        if (failure || !journal) return done(failure, null)
        store.#journal = journal
        if (bad === null)
          return journal.compact(
            () => store.#records(),
            (trouble) => done(trouble, trouble ? null : store),
          )
        const what = `${JOURNAL}: ${bad} cannot be applied; restore the folder from a backup`
        done(new WattleError('state-damaged', what, EXIT.stay), null)
      })
    })
  }

  device(key: Bytes): OwnedDevice | null {
    return this.devices.find((d) => equal(d.key, key)) ?? null
  }

  /** By base64url key, name, or the beginning of either; those that were given up only where no other fits. */
  find(word: string): OwnedDevice | null {
    const live = this.devices.filter((d) => !d.log.deleted)
    return findIn(live, word) ?? findIn(this.devices, word)
  }

  /** By its key, or by a name or domain that only one has: a card may call itself as it likes. */
  card(word: string): Card | null {
    const cards = this.cards.map(({ card }) => card)
    const exact = cards.find((card) => base64url(card.sign) === word)
    if (exact) return exact
    const named = cards.filter((card) => card.name === word || card.domain === word)
    return named.length === 1 ? named[0]! : null
  }

  /** `name`, or where a device goes by it already, `name-2` and so on. */
  freeName(name: string): string {
    let free = name
    for (let n = 2; this.devices.some((d) => d.name === free && !d.log.deleted); n++) free = `${name}-${n}`
    return free
  }

  /** Room for one more; ask before a device is claimed that could not be kept. */
  get full(): boolean {
    return this.devices.length >= LIMITS.home.devices
  }

  addDevice(d: NewDevice, done: (error: Failure) => void): void {
    if (this.full && !this.device(d.key)) return done(tooMany())
    this.#append(RECORD.device, encodeDevice(d), done)
  }

  /** All that the journal says, once. */
  #records(): JournalRecord[] {
    const records: JournalRecord[] = []
    for (const device of this.devices) {
      records.push({ type: RECORD.device, payload: encodeDevice(device) })
      for (const jws of device.events) records.push({ type: RECORD.event, payload: encodeEvent(device, jws) })
      if (device.change) records.push({ type: RECORD.change, payload: encodeEvent(device, device.change) })
    }
    for (const { line } of this.cards) records.push({ type: RECORD.card, payload: utf8(line) })
    for (const { line } of this.ownerCards) records.push({ type: RECORD.owner, payload: utf8(line) })
    return records
  }

  /** An event that the device has taken, or had already. It must fit on our copy of the log. */
  addEvent(
    device: OwnedDevice,
    jws: string,
    done: (error: Failure, decision: Decision | null) => void,
  ): void {
    const checked = device.log.check(jws)
    if (checked.refusal !== null)
      return done(
        new WattleError('log-mismatch', `the device's log does not continue ours: ${checked.refusal}`),
        null,
      )
    this.#journal.append(RECORD.event, encodeEvent(device, jws), (error) => {
      if (error) return done(error, null)
      device.events.push(jws)
      done(null, device.log.commit(checked))
    })
  }

  addCard(line: string, done: (error: Failure, card: Card | null) => void): void {
    const card = readCard(line)
    if (!card)
      return done(
        new WattleError('bad-card', 'expected a line "wattle-provider:…" signed by the key it names'),
        null,
      )
    if (this.cards.some((c) => c.line === line.trim())) return done(null, card)
    this.#append(RECORD.card, utf8(line.trim()), (error) => done(error, error ? null : card))
  }

  addOwnerCard(line: string, done: (error: Failure, card: OwnerCard | null) => void): void {
    const card = readOwnerCard(line)
    if (!card)
      return done(
        new WattleError('bad-card', 'expected a line "wattle-owner:…" signed by the key it names'),
        null,
      )
    this.#append(RECORD.owner, utf8(line.trim()), (error) => done(error, error ? null : card))
  }

  /** Keeps a signed change for when the device is there; null forgets it. */
  setChange(device: OwnedDevice, jws: string | null, done: (error: Failure) => void): void {
    if (jws === null) this.#append(RECORD.changeOver, device.key, done)
    else this.#append(RECORD.change, encodeEvent(device, jws), done)
  }

  setAddresses(device: OwnedDevice, addresses: string[], done: (error: Failure) => void): void {
    const list = utf8(addresses.join(' '))
    this.#append(
      RECORD.address,
      new Writer(new Uint8Array(32 + list.length)).put(device.key).put(list).bytes,
      done,
    )
  }

  close(): void {
    this.#journal.close()
  }

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
      case RECORD.device:
        return this.#applyDevice(r)
      case RECORD.event: {
        const device = this.device(r.take(32))
        const jws = text(r.rest())
        const checked = device?.log.check(jws)
        if (!device || !checked || checked.refusal !== null) return false
        device.log.commit(checked)
        device.events.push(jws)
        return true
      }
      case RECORD.card: {
        const line = text(payload)
        const card = readCard(line)
        if (!card) return false
        const old = this.cards.findIndex((c) => equal(c.card.sign, card.sign))
        if (old >= 0) this.cards.splice(old, 1)
        this.cards.push({ card, line })
        if (this.cards.length > LIMITS.home.cards) this.cards.shift()
        return true
      }
      case RECORD.change:
      case RECORD.changeOver: {
        const device = this.device(r.take(32))
        if (device) device.change = type === RECORD.change ? text(r.rest()) : null
        return r.ok
      }
      case RECORD.owner: {
        const line = text(payload)
        const card = readOwnerCard(line)
        if (!card) return false
        const old = this.ownerCards.findIndex((c) => equal(c.card.sign, card.sign))
        if (old >= 0) this.ownerCards.splice(old, 1)
        this.ownerCards.push({ card, line })
        if (this.ownerCards.length > LIMITS.home.ownerCards) this.ownerCards.shift()
        return true
      }
      case RECORD.address: {
        const device = this.device(r.take(32))
        if (device)
          device.addresses = text(r.rest())
            .split(' ')
            .filter((a) => a.length > 0)
        return true
      }
      default:
        return false
    }
  }

  #applyDevice(r: Reader): boolean {
    const key = r.take(32).slice()
    const box = r.take(32).slice()
    const name = text(r.block(256))
    const addresses = text(r.block(1_000))
      .split(' ')
      .filter((a) => a.length > 0)
    const certificate = r.block(LIMITS.ownership.eventBytes).slice()
    const owners = decodeOwnerSet(r.block(OWNER_SET_BYTES))
    const policy = r.block(LIMITS.ownership.policyBytes).slice()
    const asked = readPolicy(policy)
    if (!r.done || !owners || !asked) return false
    const log = new OwnerLog(key, owners, sha256(certificate), { copy: true, policy: asked })
    const old = this.devices.findIndex((d) => equal(d.key, key))
    if (old >= 0) return true
    const kept = { key, box, name, addresses, certificate, owners, policy }
    this.devices.push({ ...kept, log, events: [], change: null })
    return this.devices.length <= LIMITS.home.devices
  }
}

function findIn(devices: readonly OwnedDevice[], word: string): OwnedDevice | null {
  const keys = (d: OwnedDevice): string[] => [d.key, d.log.device].map(base64url)
  const exact = devices.find((d) => d.name === word || keys(d).includes(word))
  if (exact) return exact
  const near = devices.filter((d) => d.name.startsWith(word) || keys(d).some((key) => key.startsWith(word)))
  return near.length === 1 ? near[0]! : null
}

/** An error of the disk, in the words of a refusal. */
export function unwritten(error: Error): WattleError {
  return error instanceof WattleError
    ? error
    : new WattleError('storage', `cannot be written: ${error.message}`)
}

/** What a claim is refused with where there is no room for its device. */
export function tooMany(): WattleError {
  return new WattleError(
    'too-many-devices',
    `My Home keeps ${LIMITS.home.devices} devices, those given up among them`,
  )
}

function encodeDevice(d: NewDevice): Bytes {
  const owners = encodeOwnerSet(d.owners)
  const name = utf8(d.name)
  const addresses = utf8(d.addresses.join(' '))
  const w = new Writer(
    new Uint8Array(
      74 + name.length + addresses.length + d.certificate.length + owners.length + d.policy.length,
    ),
  )
  w.put(d.key).put(d.box).block(name).block(addresses).block(d.certificate)
  return w.block(owners).block(d.policy).done()
}

function encodeEvent(device: OwnedDevice, jws: string): Bytes {
  const body = utf8(jws)
  return new Writer(new Uint8Array(32 + body.length)).put(device.key).put(body).bytes
}

/** The owner's keys and the successors' secret, each in a file of its own: the second may be kept elsewhere. */
function openKeys(
  files: Files,
  random: Random,
  done: (error: Failure, keys: OwnerSecrets | null) => void,
): void {
  openSecret({ files, random, name: 'owner.keys', kind: 'ownr', bytes: 64 }, (error, seeds) => {
    if (!seeds) return done(error, null)
    const successors = { files, random, name: 'owner.successors', kind: 'succ', bytes: 32 }
    openSecret(successors, (failure, secret) => {
      if (!secret) return done(failure, null)
      const seed = new Secret(seeds.slice(0, 32))
      const boxSeed = new Secret(seeds.slice(32, 64))
      seeds.fill(0)
      done(null, { seed, boxSeed, successors: new Secret(secret) })
    })
  })
}

function openSecret(
  o: { files: Files; random: Random; name: string; kind: string; bytes: number },
  done: (error: Failure, secret: Bytes | null) => void,
): void {
  const file = new SnapshotFile(o.files, o.name, o.kind, 1)
  file.read((error, content) => {
    if (error) return done(error, null)
    if (content?.length === o.bytes) return done(null, content)
    if (content) {
      const what = `${o.name}: expected ${o.bytes} bytes, found ${content.length}`
      return done(new WattleError('state-damaged', what, EXIT.stay), null)
    }
    const fresh = new Uint8Array(o.bytes)
    o.random(fresh)
    file.write(fresh, (failure) => done(failure, failure ? null : fresh))
  })
}
