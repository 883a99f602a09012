// Who may read, and what happens to the keys when that changes: owners always, others by the owner log;
// whoever leaves has no key from the next frame on. What is asked for here is durable already; here it is
// carried out, and where the card fails nothing more is sealed.

import { type Bytes, base64url, equal } from '../../base/bytes.ts'
import type { ReaderKeys } from '../../channel/grant.ts'
import type { Failure } from '../../hw/hardware.ts'
import type { ReaderEntry } from '../../ownership/event.ts'
import { ENDING, type Ending } from '../../wire/channel.ts'
import { type ClassId, REASON, type Reason } from '../../wire/frame.ts'
import { type OwnerKeys, type OwnerSet, ownerIn } from '../../wire/owner-set.ts'
import { ALL_CLASSES, type Channels } from '../publish/channels.ts'
import type { Entitled, Subscribers } from '../publish/subscribers.ts'
import type { DeviceState } from '../state.ts'

type Done = (error: Failure) => void

/** Owners have no grant of their own: their boxes are bound to this id. */
export const OWNER_GRANT: Bytes = new Uint8Array(16)

export interface AccessOptions {
  state: DeviceState
  /** The current telegram, packed: what a joiner needs. */
  currentState: (cls: ClassId) => Bytes
  report: (event: string, detail?: Record<string, unknown>) => void
}

export class Access {
  readonly #options: AccessOptions
  #channels: Channels | null
  #subscribers: Subscribers | null

  constructor(options: AccessOptions) {
    this.#options = options
    this.#channels = null
    this.#subscribers = null
  }

  get channels(): Channels | null {
    return this.#channels
  }

  /** The channels are open (after the claim, or after a start); null when they are closed. */
  attach(channels: Channels | null, subscribers: Subscribers | null): void {
    this.#channels = channels
    this.#subscribers = subscribers
  }

  /** By the key that a connection proved; null for strangers. */
  entitled(sign: Bytes, cls: ClassId): Entitled | null {
    const { log } = this.#options.state
    if (!log || log.deleted) return null
    const owner = ownerIn(log.set, sign)
    if (owner) return { ...ownerKeys(owner), owner: true }
    const reader = log.readers.find((r) => r.class === cls && equal(r.sign, sign))
    return reader ? { ...keysOf(reader), owner: false } : null
  }

  /** Everybody who gets a box in a new epoch of this class. */
  readers(cls: ClassId, witnessed: boolean): ReaderKeys[] {
    const { log } = this.#options.state
    if (!log) return []
    const owners = log.owners.map(ownerKeys)
    return witnessed ? [...owners, ...log.readers.filter((r) => r.class === cls).map(keysOf)] : owners
  }

  /** No new epoch: from the next frame on, whenever the reader comes to fetch it. */
  letIn(reader: ReaderEntry, done: Done): void {
    const { state, currentState } = this.#options
    const publisher = this.#channels?.publisher(reader.class)
    const bytes = publisher?.grant(keysOf(reader), currentState(reader.class))
    if (!publisher || !bytes) return done(null)
    state.owe({ reader: reader.sign, class: reader.class, ...publisher.next(), bytes }, done)
  }

  /** The next frame is closed to these readers, and they are told. */
  putOut(readers: readonly ReaderEntry[], ending: Ending, reason: Reason, done: Done): void {
    const classes = [...new Set(readers.map((reader) => reader.class))]
    this.#rotate(classes, reason, done, () => {
      for (const reader of readers) {
        this.#subscribers?.end(keysOf(reader), reader.class, ending)
        this.#options.report('revoked', {
          reader: reader.name,
          grant: base64url(reader.grantId),
          epoch: this.#channels?.next(reader.class).epoch,
        })
      }
    })
  }

  /** Readers whose time is over at `now`: written down, then put out. */
  expire(now: number, done: Done): void {
    const { state } = this.#options
    const late = state.log?.expired(now) ?? []
    // An owner's event that was before us may have ended them already.
    if (late.length === 0) return done(null)
    let open = late.length
    let failure: Failure = null
    for (const reader of late)
      state.expired(reader.grantId, (error) => {
        failure ??= error
        if (--open > 0) return
        if (failure) done(failure)
        else this.putOut(late, ENDING.expired, REASON.expired, done)
      })
  }

  /** Who left, and with another household its readers too, has no key from the next frame on; who came has one. */
  changeOwners(before: OwnerSet, after: OwnerSet, readers: readonly ReaderEntry[], done: Done): void {
    const gone = before.owners.filter((o) => !ownerIn(after, o.sign))
    this.#rotate(ALL_CLASSES, gone.length > 0 ? REASON.revoked : REASON.added, done, () => {
      for (const reader of readers) this.#subscribers?.end(keysOf(reader), reader.class, ENDING.revoked)
      for (const owner of gone)
        for (const cls of ALL_CLASSES) this.#subscribers?.end(ownerKeys(owner), cls, ENDING.revoked)
    })
  }

  /** Not one frame more under keys that anybody has; whoever could read is told. */
  deleted(readers: readonly ReaderEntry[]): void {
    this.#channels?.hold()
    for (const reader of readers) this.#subscribers?.end(keysOf(reader), reader.class, ENDING.deleted)
  }

  #rotate(classes: readonly ClassId[], reason: Reason, done: Done, then: () => void): void {
    const finish = (error: Failure): void => {
      if (error) this.#options.report('failed', { what: 'rotation', text: error.message })
      else then()
      done(error)
    }
    if (this.#channels) this.#channels.rotate(classes, reason, finish)
    else finish(null)
  }
}

function ownerKeys({ sign, box }: OwnerKeys): ReaderKeys {
  return { sign, box, grantId: OWNER_GRANT, until: 0 }
}

function keysOf(reader: ReaderEntry): ReaderKeys {
  return { sign: reader.sign, box: reader.box, grantId: reader.grantId, until: reader.until }
}
