// Everybody who reads this device now: who may subscribe, who waits for a witness, who is told that
// access has ended. A stream is believed only for the key its connection proved; the reader set itself
// is asked from ownership each time.

import { type Bytes, equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { type ReaderKeys, signEnded } from '../../channel/grant.ts'
import type { Signer } from '../../crypto/native.ts'
import {
  CHANNEL,
  decodeSubscribe,
  decodeWitness,
  ENDING,
  type Ending,
  type Subscribe,
  type Witness,
} from '../../wire/channel.ts'
import { CLASS_NAMES, type ClassId } from '../../wire/frame.ts'
import type { Channels } from './channels.ts'
import { Reads } from './reads.ts'
import { type Outlet, type PlacedGrant, Subscriber } from './subscriber.ts'

/** One who may read a class, as ownership has it at this moment. */
export interface Entitled extends ReaderKeys {
  owner: boolean
}

export interface SubscribersOptions {
  channels: Channels
  signer: Signer
  entitled: (sign: Bytes, cls: ClassId) => Entitled | null
  /** Grants that became due while this reader was away, oldest first. */
  owed: (sign: Bytes, cls: ClassId) => PlacedGrant[]
  /** The current telegram in packed form, for joiners of `raw`; told that somebody joins. */
  currentState: (cls: ClassId) => Bytes
  witnessed: () => boolean
  onWitness: (witness: Witness, owner: Bytes) => void
  wall: () => number
  onChange: () => void
}

/** Sealed frames that a revoked reader still hears: at most a minute of them. */
const FAREWELL_FRAMES = 60

export class Subscribers {
  readonly #options: SubscribersOptions
  readonly reads: Reads
  readonly #active: Subscriber[]
  /** Subscriptions that wait for a witness. */
  readonly #waiting: { subscriber: Subscriber; request: Subscribe }[]

  constructor(options: SubscribersOptions) {
    this.#options = options
    this.reads = new Reads(options.wall)
    this.#active = []
    this.#waiting = []
  }

  get count(): number {
    return this.#active.length
  }

  /** A message on a channel stream; the first must be WITNESS or SUBSCRIBE. Returns the stream's subscriber, if it has one now. */
  onMessage(message: Bytes, reader: Bytes, outlet: Outlet): Subscriber | null {
    const { channels, entitled } = this.#options
    if (message[0] === CHANNEL.witness) {
      const witness = decodeWitness(message)
      const owner = entitled(reader, 0)
      if (witness && owner?.owner) this.#options.onWitness(witness, reader)
      else this.#refuse(outlet, ENDING.malformed)
      return null
    }
    const request = decodeSubscribe(message)
    if (!request) {
      this.#refuse(outlet, ENDING.malformed)
      return null
    }
    const who = entitled(reader, request.class)
    if (!who) {
      this.#refuse(outlet, ENDING.notReader)
      return null
    }
    if (!outlet.page) this.#makeRoom(reader, request.class)
    if (this.#active.length >= LIMITS.channel.readers * CLASS_NAMES.length) {
      this.#refuse(outlet, ENDING.tooMany)
      return null
    }
    const subscriber = new Subscriber({
      class: request.class,
      reader,
      outlet: who.owner ? outlet : this.reads.counted(who.grantId, outlet),
      ring: channels.ring(request.class),
    })
    this.#admit(subscriber, request, who)
    return subscriber
  }

  onClose(subscriber: Subscriber): void {
    this.#forget(subscriber)
    // Whose access has ended is like everybody else, unless another class is read over the same connection.
    const ended = this.#options.entitled(subscriber.reader, subscriber.class) === null
    if (ended && !this.#active.some((other) => other.shares(subscriber))) subscriber.keep(false)
    this.#options.onChange()
  }

  /** One stream for each reader and class: the newest; each open page has its own. One that we have closed counts no more. */
  #makeRoom(reader: Bytes, cls: ClassId): void {
    for (const old of [...this.#active]) {
      if (old.class === cls && !old.page && equal(old.reader, reader)) old.close()
      if (old.closed) this.#forget(old)
    }
  }

  #forget(subscriber: Subscriber): void {
    const i = this.#active.indexOf(subscriber)
    if (i >= 0) this.#active.splice(i, 1)
    const w = this.#waiting.findIndex((x) => x.subscriber === subscriber)
    if (w >= 0) this.#waiting.splice(w, 1)
  }

  /** A frame was sealed: to everybody who is up to date. */
  onFrame(cls: ClassId, message: Bytes): void {
    for (let i = 0; i < this.#active.length; i++) {
      const subscriber = this.#active[i]!
      if (subscriber.class === cls) subscriber.onFrame(message)
    }
  }

  /** A witness has confirmed: those who waited are served. */
  onWitnessed(): void {
    for (const { subscriber, request } of this.#waiting.splice(0)) {
      const who = this.#options.entitled(subscriber.reader, request.class)
      if (who) this.#begin(subscriber, request, who)
      else subscriber.refuse(ENDING.notReader)
    }
  }

  /**
   * Somebody's access ended, and the new epoch is open: a signed word, then at most a minute of closed
   * frames. Who has another consent for the same class gets its key under that one.
   */
  end(reader: ReaderKeys, cls: ClassId, reason: Ending): void {
    const { signer, channels, wall, entitled, currentState } = this.#options
    const still = reason === ENDING.deleted ? null : entitled(reader.sign, cls)
    for (const subscriber of this.#active) {
      if (subscriber.class !== cls || subscriber.ended || !equal(subscriber.reader, reader.sign)) continue
      const grant = still && channels.publisher(cls).grant(still, currentState(cls))
      if (grant) {
        if (subscriber.live) subscriber.grant(grant)
        else subscriber.close()
        continue
      }
      const { epoch } = channels.next(cls)
      const at = Math.max(0, Math.floor(wall()))
      subscriber.end(
        signEnded({ class: cls, reason, epoch, index: 0, grantId: reader.grantId, at }, reader, signer),
        FAREWELL_FRAMES,
      )
    }
  }

  closeAll(): void {
    for (const subscriber of [...this.#active]) subscriber.close()
    this.#active.length = 0
    this.#waiting.length = 0
  }

  #refuse(outlet: Outlet, reason: Ending): void {
    outlet.send(Uint8Array.of(CHANNEL.refused, reason))
    outlet.close()
  }

  #admit(subscriber: Subscriber, request: Subscribe, who: Entitled): void {
    this.#active.push(subscriber)
    subscriber.keep(true)
    this.#options.onChange()
    if (who.owner || this.#options.witnessed()) {
      this.#begin(subscriber, request, who)
      return
    }
    this.#waiting.push({ subscriber, request })
    subscriber.waiting()
  }

  #begin(subscriber: Subscriber, request: Subscribe, who: Entitled): void {
    const { channels, owed, entitled } = this.#options
    const ring = channels.ring(request.class)
    // A key of a consent that has ended opens nothing any more, whatever its holder believes.
    const hasKey = request.hasKey && equal(request.grantId, who.grantId)
    const due = owed(who.sign, request.class).filter((g) => !hasKey || g.epoch > request.epoch)
    const from = hasKey ? request : due[0]
    if (!from) {
      this.#joinNow(subscriber, request, who)
      return
    }
    due.push(...this.#forNow(from.epoch, request.class, who))
    ring.find(from, (error, n) => {
      // The card took its time: the consent may have ended meanwhile.
      const still = entitled(subscriber.reader, request.class)
      if (error || !still || !equal(still.grantId, who.grantId)) {
        subscriber.close()
        return
      }
      if (n > ring.oldest || ring.oldest === 0) {
        subscriber.start(n, due)
        return
      }
      // What it wants next has been overwritten: it says so, and begins anew.
      this.#joinNow(subscriber, request, who)
    })
  }

  /** Whoever comes from an earlier epoch may miss a box on the way, if first keys died with a start of ours. */
  #forNow(epoch: number, cls: ClassId, who: Entitled): PlacedGrant[] {
    const { channels, currentState } = this.#options
    const next = channels.next(cls)
    if (epoch >= next.epoch) return []
    const bytes = channels.publisher(cls).grant(who, currentState(cls))
    return bytes ? [{ epoch: next.epoch, index: next.index, bytes }] : []
  }

  /** From the next frame on, with the current telegram in the grant. */
  #joinNow(subscriber: Subscriber, request: Subscribe, who: Entitled): void {
    const { channels, currentState } = this.#options
    const next = channels.next(request.class)
    // A reader that still has its key sees the gap in the grant itself.
    if (request.epoch > 0 && !request.hasKey) subscriber.gap(request, next)
    const grant = channels.publisher(request.class).grant(who, currentState(request.class))
    if (!grant) {
      subscriber.refuse(ENDING.notReader)
      return
    }
    subscriber.grant(grant)
    subscriber.start(channels.ring(request.class).next, [])
  }
}
