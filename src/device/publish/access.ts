// Letting readers in and out, in the order that no crash can turn against the owner: the entry in the log
// of keys is durable before the key is handed out, and access is taken on the card before the next frame
// is sealed. A consent for summaries opens with the first full period behind it (DESIGN, "Grants"); one
// that rests (paused) opens nothing, and nothing of the pause is readable afterwards.

import { type Bytes, base64url, unbase64url } from '../../base/bytes.ts'
import type { ReaderKeys } from '../../channel/grant.ts'
import type { Signer } from '../../crypto/native.ts'
import type { Failure } from '../../hw/hardware.ts'
import type { ReaderEntry } from '../../ownership/event.ts'
import { ENTRY } from '../../wire/access.ts'
import { ENDING, type Ending } from '../../wire/channel.ts'
import { CLASS, type ClassId, type Reason } from '../../wire/frame.ts'
import type { DeviceState } from '../state.ts'
import { ALL_CLASSES, type Channels } from './channels.ts'
import type { Entitled, Subscribers } from './subscribers.ts'

type Done = (error: Failure) => void

/** Somebody who goes, why, and by which event of the owner (zeros: by none). */
export interface Leaver {
  reader: ReaderEntry
  ending: Ending
  event: Bytes
}

export interface AccessOptions {
  state: DeviceState
  signer: Signer
  channels: Channels
  subscribers: Subscribers
  /** The current telegram, packed: what a joiner needs. */
  currentState: (cls: ClassId) => Bytes
  /** True while a period of this class runs whose summary will be sealed. */
  periodRuns: (cls: ClassId) => boolean
  now: () => number
  wall: () => number
}

export class Access {
  readonly #options: AccessOptions
  /** When those came whose first full period has not begun; who is not in here came before our start. */
  readonly #since: Map<string, number>
  /** Who is let in when keys have been changed. */
  #waiting: { reader: ReaderEntry; done: Done }[]

  constructor(options: AccessOptions) {
    this.#options = options
    this.#since = new Map()
    this.#waiting = []
  }

  /** AUTHORIZED: no new epoch. From the next frame on, or from the next full period on. */
  letIn(reader: ReaderEntry, done: Done): void {
    const { state, signer, now } = this.#options
    if (!state.access.knows(reader.grantId))
      state.access.reader(ENTRY.admitted, { ...this.#text(reader), epoch: 0, index: 0, why: 0 }, signer)
    this.#since.set(base64url(reader.grantId), now())
    if (this.#mayOpen(reader)) this.#give(reader, done)
    else state.saveEntries(done)
  }

  /** RESUMED: the same, under the same consents. */
  resume(readers: readonly ReaderEntry[], done: Done): void {
    let open = readers.length
    let failure: Failure = null
    if (open === 0) return done(null)
    for (const reader of readers)
      this.letIn(reader, (error) => {
        failure ??= error
        if (--open === 0) done(failure)
      })
  }

  /**
   * A period began: those are let in who came before it. `agoMs` is how long ago; `Infinity` where none
   * runs now, so that the next one is a full one for everybody.
   */
  onPeriod(cls: ClassId, agoMs: number): void {
    const { state, now } = this.#options
    for (const reader of state.log?.readers ?? []) {
      if (reader.class !== cls || !this.#isDue(reader)) continue
      const since = this.#since.get(base64url(reader.grantId))
      if (since === undefined || now() - since >= agoMs || agoMs === Number.POSITIVE_INFINITY)
        this.#give(reader, () => {})
    }
  }

  /**
   * A witness has confirmed. Readers who were entitled all along get the keys with which epochs began since
   * our start, written down with their GRANTs; done when all of that is durable.
   */
  starts(readers: (cls: ClassId) => readonly ReaderKeys[], done: () => void): void {
    const { state, signer, channels, wall } = this.#options
    let open = 1
    const settle = (): void => {
      if (--open === 0) done()
    }
    for (const cls of ALL_CLASSES)
      for (const reader of readers(cls)) {
        const given = state.access.newestOf(reader.grantId)?.epoch ?? 0
        for (const grant of channels.publisher(cls).startGrants(reader, given)) {
          open++
          const places = [{ class: cls, epoch: grant.epoch, index: grant.index }]
          const at = Math.max(0, Math.floor(wall()))
          state.access.keys({ reason: 0, places, at, grantIds: [reader.grantId] }, signer)
          if (grant.epoch === channels.next(cls).epoch) channels.handed(cls, reader.grantId)
          state.owe({ reader: reader.sign, class: cls, ...grant }, settle)
        }
      }
    settle()
  }

  /** Keys have been changed. */
  onRotated(): void {
    const { log } = this.#options.state
    for (const { reader, done } of this.#waiting.splice(0))
      if (log?.reader(reader.grantId) && this.#isDue(reader)) this.#give(reader, done)
      else done(null)
  }

  /** A witness has confirmed: whom a power cut kept from being let in is let in now. */
  settle(): void {
    for (const reader of this.#options.state.log?.readers ?? [])
      if (this.#isDue(reader) && this.#mayOpen(reader)) this.letIn(reader, () => {})
  }

  /**
   * New epochs without those who go; done when the very next frame is closed to them. Their ends are
   * written together with the new epochs' numbers.
   */
  take(leavers: readonly Leaver[], reason: Reason, done: Done): void {
    this.#rotateWithout([...new Set(leavers.map(({ reader }) => reader.class))], leavers, reason, done)
  }

  /** Other owners: a new epoch of every class with boxes for them; former owners read no further. */
  changeOwners(leavers: readonly Leaver[], gone: readonly Bytes[], reason: Reason, done: Done): void {
    this.#rotateWithout(ALL_CLASSES, leavers, reason, (error) => {
      if (!error) for (const sign of gone) this.#options.subscribers.closeOf(sign)
      done(error)
    })
  }

  #rotateWithout(classes: readonly ClassId[], leavers: readonly Leaver[], reason: Reason, done: Done): void {
    const { state, signer, channels, subscribers } = this.#options
    const ends: Bytes[] = []
    const leaving = (epochOf: (cls: ClassId) => number): void => {
      for (const { reader, ending, event } of leavers) {
        const place = { epoch: epochOf(reader.class), index: 0, why: ending, event }
        ends.push(state.access.reader(ENTRY.taken, { ...this.#text(reader), ...place }, signer))
        this.#since.delete(base64url(reader.grantId))
      }
    }
    channels.rotate(classes, reason, { leaving }, (error) => {
      if (!error) leavers.forEach(({ reader, ending }, i) => void subscribers.end(reader, ends[i]!, ending))
      done(error)
    })
  }

  /** The device is given up: no epoch follows, and nothing is sealed any more. */
  takeAll(readers: readonly ReaderEntry[], done: Done): void {
    const { state, signer, channels, subscribers } = this.#options
    const event = state.log?.deleted ? state.log.head : new Uint8Array(32)
    const ends = readers.map((reader) => {
      const place = { ...channels.next(reader.class), why: ENDING.deleted, event }
      return state.access.reader(ENTRY.taken, { ...this.#text(reader), ...place }, signer)
    })
    state.saveEntries((error) => {
      readers.forEach((reader, i) => void subscribers.end(reader, ends[i]!, ENDING.deleted))
      done(error)
    })
  }

  /** What a start finds still open though its consent is gone: a power cut came between the two. */
  closeLost(epochOf: (cls: ClassId) => number): void {
    const { state, signer, wall } = this.#options
    const { log, access } = state
    for (const id of access.open()) {
      const grantId = unbase64url(id)!
      const reader = log?.reader(grantId)
      const last = access.newestOf(grantId)
      if (!last || (reader && !log?.paused(grantId))) continue
      const why = reader ? ENDING.paused : state.hasExpired(grantId) ? ENDING.expired : ENDING.revoked
      const at = Math.max(0, Math.floor(wall()))
      const event = new Uint8Array(32)
      access.reader(ENTRY.taken, { ...last, epoch: epochOf(last.class), index: 0, why, event, at }, signer)
    }
  }

  /**
   * A GRANT for the next frame, for one who may read it: owners, and those who were handed a key of this
   * epoch already; for anybody else it is written down first. Null where it could not be.
   */
  again(who: Entitled, cls: ClassId, done: (bytes: Bytes | null) => void): void {
    const { state, signer, channels, currentState, wall } = this.#options
    const publisher = channels.publisher(cls)
    const make = (): Bytes | null => publisher.grant(who, currentState(cls))
    if (who.owner || channels.isHanded(cls, who.grantId)) return done(make())
    const places = [{ class: cls, ...publisher.next() }]
    const at = Math.max(0, Math.floor(wall()))
    state.access.keys({ reason: 0, places, at, grantIds: [who.grantId] }, signer)
    channels.handed(cls, who.grantId)
    state.saveEntries((error) => done(error ? null : make()))
  }

  #isDue(reader: ReaderEntry): boolean {
    const { log, access } = this.#options.state
    return access.given(reader.grantId) === null && log?.paused(reader.grantId) === false
  }

  #mayOpen(reader: ReaderEntry): boolean {
    const { periodRuns, state } = this.#options
    if (state.log?.paused(reader.grantId) !== false) return false
    return reader.class === CLASS.raw || !periodRuns(reader.class)
  }

  /** Its entry and its GRANT, kept until it comes, in one write; after that it may read. */
  #give(reader: ReaderEntry, done: Done): void {
    const { state, signer, channels, subscribers, currentState } = this.#options
    // The epoch that is about to open has no box for somebody who comes now.
    if (channels.failed) return done(channels.failed)
    if (channels.rotating) {
      this.#waiting.push({ reader, done })
      return
    }
    const publisher = channels.publisher(reader.class)
    const next = publisher.next()
    state.access.reader(ENTRY.given, { ...this.#text(reader), ...next, why: 0 }, signer)
    this.#since.delete(base64url(reader.grantId))
    channels.handed(reader.class, reader.grantId)
    const bytes = publisher.grant(keysOf(reader, state), currentState(reader.class))
    // A key that nothing can be sealed to: the owner log took it, and it opens nothing.
    if (!bytes) return state.saveEntries(done)
    state.owe({ reader: reader.sign, class: reader.class, ...next, bytes }, (error) => {
      if (!error) subscribers.wake()
      done(error)
    })
  }

  #text(reader: ReaderEntry): {
    class: ClassId
    sign: Bytes
    box: Bytes
    grantId: Bytes
    at: number
    until: number
    event: Bytes
  } {
    const { class: cls, sign, box, grantId, until } = reader
    const at = Math.max(0, Math.floor(this.#options.wall()))
    return { class: cls, sign, box, grantId, until, at, event: this.#options.state.authorizedBy(grantId) }
  }
}

/** A reader as the channel sees it. */
export function keysOf(reader: ReaderEntry, state: DeviceState): ReaderKeys {
  const { sign, box, grantId, until } = reader
  return { sign, box, grantId, until, entry: state.access.given(grantId) ?? new Uint8Array(32) }
}
