// My Home as one of several owners (docs/owners.md): makes changes of owners and policy for all devices
// in one act, signs them with our key and our successor, hands them on as text where others have to sign
// too, and brings each to its device, now or when it is there again.

import { type Bytes, base64url, equal } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { countersign, type JwsSigner, splitJws } from '../../crypto/jws.ts'
import type { Exchange, Signer } from '../../crypto/native.ts'
import type { Failure } from '../../hw/hardware.ts'
import type { Host } from '../../net/host.ts'
import type { Loop } from '../../node/loop.ts'
import { readCertificate } from '../../ownership/claim-keys.ts'
import { type EventBody, signEvent } from '../../ownership/event.ts'
import type { Decision } from '../../ownership/log.ts'
import { decodeChange, describePolicies, describeSets, encodeChange } from '../../ownership/owners/change.ts'
import { alike, type Edit } from '../../ownership/owners/edits.ts'
import { signOwnerCard } from '../../ownership/owners/owner-card.ts'
import { leaves } from '../../ownership/owners/rights.ts'
import type { Successors } from '../../ownership/owners/successors.ts'
import { looser, type Policy } from '../../ownership/policy/policy.ts'
import { ownerIn } from '../../wire/owner-set.ts'
import type { Owned } from '../owned.ts'
import type { HomeStore, OwnedDevice } from '../store.ts'
import { askNextKey, certificateOf } from './device-key.ts'

export interface OwningOptions {
  store: HomeStore
  signer: Signer
  exchange: Exchange
  successors: Successors
  /** Devices that we own now. */
  owned: () => readonly Owned[]
  host: Host
  loop: Loop
  /** An event that our copy took without the device. */
  onTaken: (device: OwnedDevice, decision: Decision) => void
  wall: () => number
  report: (event: string, detail?: Record<string, unknown>) => void
}

/** How far a change is at one device. */
export interface Progress {
  device: string
  /** done; signed by enough and waiting for the device; or more owners have to sign. */
  state: 'done' | 'waiting' | 'needs-signatures'
  /** What it does, in words. */
  does: string[]
  /** Why it waits. */
  text?: string
}

/** `change`: the text for the other owners, null when it is not needed. */
export type Outcome = (error: WattleError | null, progress: Progress[], change: string | null) => void

/** So long a change waits for a device that is not connected, before it is left for later. */
const SOON_MS = 5_000
const LOOK_MS = 200

export class Owning {
  readonly #options: OwningOptions

  constructor(options: OwningOptions) {
    this.#options = options
  }

  /** Our card, for another owner to add us. */
  card(name: string): string {
    const { signer, exchange } = this.#options
    const card = { name, sign: signer.publicKey, box: exchange.publicKey, next: this.nextDigest() }
    return signOwnerCard(card, signer)
  }

  /** What a set that we enter says of our successor. */
  nextDigest(): Bytes {
    return this.#options.successors.digest(Math.max(0, this.#highest()))
  }

  nameOf = (sign: Bytes): string => {
    const { store, signer } = this.#options
    if (equal(sign, signer.publicKey)) return 'this home'
    const short = base64url(sign).slice(0, 8)
    const name = store.ownerCards.find(({ card }) => equal(card.sign, sign))?.card.name
    if (name === undefined) return short
    // Two cards may bear one name: then it says nothing by itself.
    const alone = store.ownerCards.filter(({ card }) => card.name === name).length === 1
    return alone && name !== 'this home' ? name : `${name} (${short})`
  }

  /** One change of the owners of these devices, signed by us and brought as far as it goes. */
  edit(devices: readonly Owned[], edit: Edit, done: Outcome): void {
    this.#propose(devices, (d) => ({ type: 'OWNERS_CHANGED', set: edit(d.log.set) }), done)
  }

  setPolicy(devices: readonly Owned[], policy: (before: Policy) => Policy, done: Outcome): void {
    this.#propose(devices, (d) => ({ type: 'POLICY_SET', policy: policy(d.log.policy) }), done)
  }

  cancelRecovery(devices: readonly Owned[], done: Outcome): void {
    this.#propose(devices, () => ({ type: 'RECOVERY_CANCELLED' }), done)
  }

  /** Another key for a device that is connected: it names one, its old key and its owners sign. */
  replaceKey(owned: Owned, done: Outcome): void {
    const { host, loop } = this.#options
    askNextKey({ host, loop, device: owned.device }, (error, next) => {
      if (!next) return done(error, [], null)
      const { certificate, by } = next
      const succession = { certificate, by }
      this.#propose([owned], () => ({ type: 'DEVICE_KEY_REPLACED', succession }), done)
    })
  }

  /** Nobody is to believe this device's key any more, whether it can be reached or not; `successor` follows it. */
  revokeKey(owned: Owned, successor: Owned | null, done: Outcome): void {
    const certificate = successor && certificateOf(successor.device)
    this.#propose([owned], () => ({ type: 'DEVICE_KEY_REVOKED', successor: certificate }), done)
  }

  /** What a change from another owner does, before we sign it. @throws WattleError `bad-change`, `stale-change`. */
  describe(line: string): Progress[] {
    return this.#read(line).map(({ owned, jws }) => this.#progress(owned.device, jws))
  }

  /** Adds our signatures to another owner's change, and brings it as far as it goes. */
  sign(line: string, done: Outcome): void {
    let signed: { owned: Owned; jws: string }[]
    try {
      signed = this.#read(line).map(({ owned, jws, body }) => {
        const both = countersign(jws, this.#signers(owned.device, body))
        if (both === null) throw badChange()
        return { owned, jws: both }
      })
    } catch (error) {
      return done(asWattle(error), [], null)
    }
    this.#bring(signed, done)
  }

  /** Brings what waits for these devices, again. */
  apply(devices: readonly Owned[], done: Outcome): void {
    const waiting = devices.flatMap((owned) =>
      owned.device.change === null ? [] : [{ owned, jws: owned.device.change }],
    )
    if (waiting.length === 0) done(null, [], null)
    else this.#bring(waiting, done)
  }

  /** Forgets what waits for these devices. */
  drop(devices: readonly Owned[], done: Outcome): void {
    const waiting = devices.filter((owned) => owned.device.change !== null)
    let left = waiting.length
    if (left === 0) return done(null, [], null)
    for (const owned of waiting)
      this.#options.store.setChange(owned.device, null, () => {
        if (--left === 0) done(null, [], null)
      })
  }

  /** A device of ours is in step: what waited for it goes out. */
  onSynced(owned: Owned): void {
    const { store, report } = this.#options
    const jws = owned.device.change
    if (jws === null) return
    if (owned.device.events.includes(jws)) return store.setChange(owned.device, null, () => {})
    owned.submit(jws, (error) => {
      report('change', { device: owned.device.name, state: error?.code ?? 'done' })
      // Without the press it waits on; anything else will not get better.
      if (error && (!error.code.startsWith('refused-') || error.code === 'refused-press-needed')) return
      store.setChange(owned.device, null, () => {})
    })
  }

  /** A device that was just claimed gets the owners of the others; the press of its claim counts. */
  onAdded(owned: Owned): void {
    const { signer, report } = this.#options
    const own = signer.publicKey
    const other = this.#options
      .owned()
      .filter((o) => o !== owned && o.device.log.isOwner(own))
      .sort((a, b) => b.device.log.owners.length - a.device.log.owners.length)[0]
    const like = other?.device.log.set
    if (!like || (like.owners.length === 1 && !like.recovery)) return
    this.edit([owned], alike(like, own), (error, [progress]) =>
      report('change', { device: owned.device.name, state: error?.code ?? progress?.state }),
    )
  }

  #propose(devices: readonly Owned[], bodyOf: (device: OwnedDevice) => EventBody, done: Outcome): void {
    try {
      if (devices.length === 0) throw new WattleError('no-device', 'no device is owned here')
      const waiting = devices.find((o) => o.device.change !== null)
      if (waiting)
        throw new WattleError(
          'change-waiting',
          `a change of ${waiting.device.name} is still on its way; bring it there with: home owners apply, or forget it with: home owners drop`,
        )
      const then = this.#highest() + 1
      const signed = devices.map((owned) => {
        const { device } = owned
        const { log } = device
        const body = bodyOf(device)
        const at = Math.floor(this.#options.wall())
        const event = { device: log.device, seq: log.seq + 1, prev: log.head, at, body }
        return { owned, jws: signEvent(event, this.#signers(device, body, then)) }
      })
      this.#bring(signed, done)
    } catch (error) {
      done(asWattle(error), [], null)
    }
  }

  /** Each to its device where enough have signed; the text for others where not. */
  #bring(signed: readonly { owned: Owned; jws: string }[], done: Outcome): void {
    const progress: Progress[] = []
    const open: string[] = []
    let left = signed.length
    let failure: WattleError | null = null
    const one = (p: Progress | null): void => {
      if (p) progress.push(p)
      if (--left === 0) done(failure, progress, open.length > 0 ? encodeChange(open) : null)
    }
    for (const { owned, jws } of signed) {
      const { log } = owned.device
      const checked = log.check(jws)
      const p = this.#progress(owned.device, jws)
      if (checked.refusal === 'needs-signatures') {
        open.push(jws)
        one(p)
      } else if (checked.refusal !== null) {
        failure ??= new WattleError(`refused-${checked.refusal}`, `${log.name}: ${checked.refusal}`)
        one(null)
      } else if (checked.event.body.type === 'DEVICE_KEY_REVOKED') {
        // The other owners' copies need it too: the device need not be there to tell them.
        open.push(jws)
        this.#takeRevoked(owned, jws, p, one)
      } else this.#submit(owned, jws, p, one)
    }
  }

  /** The device destroys its identity where it is there; it holds here all the same. */
  #takeRevoked(owned: Owned, jws: string, p: Progress, one: (p: Progress) => void): void {
    const { store, onTaken } = this.#options
    const { device } = owned
    owned.submit(jws, () => {
      if (device.log.revoked) return one({ ...p, state: 'done' })
      store.addEvent(device, jws, (error, decision) => {
        if (decision) onTaken(device, decision)
        one(error ? { ...p, state: 'waiting', text: error.message } : { ...p, state: 'done' })
      })
    })
  }

  #submit(owned: Owned, jws: string, p: Progress, one: (p: Progress) => void): void {
    const { store } = this.#options
    // Written down first: a change that was signed is brought, whatever happens to this process.
    store.setChange(owned.device, jws, (failure) => {
      if (failure) return one({ ...p, state: 'waiting', text: failure.message })
      this.#submitSoon(owned, jws, (error) => {
        const final =
          error === null || (error.code.startsWith('refused-') && error.code !== 'refused-press-needed')
        const over = (trouble: Failure): void =>
          one(
            error
              ? { ...p, state: 'waiting', text: wordsFor(error) }
              : { ...p, state: 'done', ...(trouble ? { text: trouble.message } : {}) },
          )
        if (final) store.setChange(owned.device, null, over)
        else over(null)
      })
    })
  }

  /** A device that is coming back, after a change of its key for instance, is waited for a moment. */
  #submitSoon(owned: Owned, jws: string, done: (error: WattleError | null) => void): void {
    const { loop } = this.#options
    const until = loop.now() + SOON_MS
    const timer = `soon ${base64url(owned.device.key).slice(0, 12)}`
    const look = (): void => {
      // It may have been opened anew under another key meanwhile.
      const now = this.#options.owned().find((o) => o.device === owned.device) ?? owned
      if (now.ready || loop.now() >= until) now.submit(jws, done)
      else loop.after(timer, LOOK_MS, look)
    }
    look()
  }

  #progress(device: OwnedDevice, jws: string): Progress {
    const { log } = device
    const checked = log.check(jws)
    const { body } = this.#eventOf(jws)
    const does =
      body.type === 'OWNERS_CHANGED'
        ? describeSets(log.set, body.set, this.nameOf)
        : body.type === 'POLICY_SET'
          ? describePolicies(log.policy, body.policy)
          : [wordsOf(body)]
    return {
      device: device.name,
      state: checked.refusal === 'needs-signatures' ? 'needs-signatures' : 'waiting',
      does,
    }
  }

  #eventOf(jws: string): { body: EventBody } {
    return decodeChange(encodeChange([jws]))![0]!.event
  }

  #read(line: string): { owned: Owned; jws: string; body: EventBody }[] {
    const events = decodeChange(line)
    if (!events) throw badChange()
    return events.map(({ event, jws }) => {
      const owned = this.#options.owned().find((o) => equal(o.device.log.device, event.device))
      if (!owned) throw new WattleError('unknown-device', 'this change is about a device that is not ours')
      const { log, name } = owned.device
      if (event.seq !== log.seq + 1 || !equal(event.prev, log.head))
        throw new WattleError(
          'stale-change',
          `${name}: its log has gone on since this change was made; it has to be made anew`,
        )
      const refusal = log.check(jws).refusal
      if (refusal !== null && refusal !== 'needs-signatures')
        throw new WattleError(`refused-${refusal}`, `${name}: ${refusal}`)
      return { owned, jws, body: event.body }
    })
  }

  /** Our key, and our successor where this gives power. */
  #signers(device: OwnedDevice, body: EventBody, then: number = this.#highest() + 1): JwsSigner[] {
    const { signer, successors } = this.#options
    const { set, policy } = device.log
    const own = ownerIn(set, signer.publicKey)
    if (!own) throw new WattleError('not-owner', `this home is no owner of ${device.name}`)
    const signers: JwsSigner[] = [{ kid: base64url(signer.publicKey), signer }]
    const alone = { owners: [own], revealed: [], paper: false, heirs: [], device: false }
    const gives =
      (body.type === 'OWNERS_CHANGED' && !leaves(set, body.set, alone)) ||
      (body.type === 'POLICY_SET' && looser(policy, body.policy)) ||
      (body.type === 'DEVICE_KEY_REVOKED' && body.successor !== null)
    if (!gives || !own.next) return signers
    const n = successors.numberOf(own.next)
    if (n < 0)
      throw new WattleError(
        'no-successor',
        'the successor key that this device expects is not in owner.successors; put that file back',
      )
    return [...signers, successors.signer(n, then)]
  }

  /** The highest number of a successor of ours that any device, or a change on its way, knows; -1 at first. */
  #highest(): number {
    const { store, signer, successors } = this.#options
    let highest = -1
    for (const { log, change } of store.devices) {
      const own = ownerIn(log.set, signer.publicKey)
      if (own?.next) highest = Math.max(highest, successors.numberOf(own.next))
      for (const kid of change ? (splitJws(change)?.kids ?? []) : []) {
        const digest = kid.split('.')[1]
        for (let n = highest + 1; digest && n <= highest + 4; n++)
          if (base64url(successors.digest(n)) === digest) highest = n
      }
    }
    return highest
  }
}

function wordsOf(body: EventBody): string {
  if (body.type === 'DEVICE_KEY_REPLACED')
    return 'the device goes by another key, which its old key signs for'
  if (body.type !== 'DEVICE_KEY_REVOKED') return body.type.toLowerCase().replaceAll('_', ' ')
  const next = body.successor && readCertificate(body.successor)
  const words = 'the device is given up, and nobody is to believe its key'
  return next ? `${words}; the device ${base64url(next.device).slice(0, 8)} follows it` : words
}

function badChange(): WattleError {
  return new WattleError('bad-change', 'expected a line "wattle-change:…", or a file that holds one')
}

function wordsFor(error: WattleError): string {
  return error.code === 'refused-press-needed'
    ? 'hold the button of the device for three to eight seconds; the change is taken within ten minutes of that (home owners apply)'
    : error.message
}

function asWattle(error: unknown): WattleError {
  if (error instanceof WattleError) return error
  throw error
}
