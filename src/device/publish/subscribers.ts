// Everybody who reads this device now: who may subscribe, who waits for a witness, who is told that
// access has ended. A stream is believed only for the key its connection proved; the reader set itself
// is asked from ownership each time.

import { type Bytes, base64url, equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { grantPlace, type ReaderKeys } from '../../channel/grant.ts'
import type { Place } from '../../node/frames/ring.ts'
import { type Outlet, type PlacedGrant, Subscriber } from '../../node/frames/subscriber.ts'
import {
  CHANNEL,
  decodeSubscribe,
  decodeWitness,
  ENDING,
  type Ending,
  encodeSigned,
  type Subscribe,
  type Witness,
} from '../../wire/channel.ts'
import type { Delivered } from '../../wire/consent.ts'
import { CLASS_NAMES, type ClassId } from '../../wire/frame.ts'
import type { Channels } from './channels.ts'
import type { Deposits } from './deposits.ts'
import { Reads } from './reads.ts'

/** One who may read a class, as ownership has it at this moment. */
export interface Entitled extends ReaderKeys {
  owner: boolean
  /** May be handed keys now: its consent does not rest, and its first full period has begun. */
  open: boolean
}

export interface SubscribersOptions {
  channels: Channels
  entitled: (sign: Bytes, cls: ClassId) => Entitled | null
  /** Grants that became due while this reader was away, oldest first. */
  owed: (sign: Bytes, cls: ClassId) => PlacedGrant[]
  /** A GRANT for the next frame; null where there is none to be had. */
  grant: (who: Entitled, cls: ClassId, done: (bytes: Bytes | null) => void) => void
  /** Entries of the log of keys about one reader of a class. */
  entries: (sign: Bytes, cls: ClassId) => Bytes[]
  witnessed: () => boolean
  onWitness: (witness: Witness, owner: Bytes) => void
  /** What goes to mailboxes; null where nothing does. */
  deposits: Deposits | null
  wall: () => number
  onChange: () => void
}

/** Sealed frames that a revoked reader still hears: at most a minute of them. */
const FAREWELL_FRAMES = 60

export class Subscribers {
  readonly #options: SubscribersOptions
  readonly reads: Reads
  readonly deposits: Deposits | null
  readonly #active: Subscriber[]
  /** Subscriptions that wait: for a witness, for the first full period, or because their consent rests. */
  readonly #waiting: { subscriber: Subscriber; request: Subscribe }[]

  /** What went out last, by consent; brought up to date when it is asked for and when a stream ends. */
  readonly #sent: Map<string, Delivered>

  constructor(options: SubscribersOptions) {
    this.#options = options
    this.reads = new Reads(options.wall)
    this.deposits = options.deposits
    this.#active = []
    this.#waiting = []
    this.#sent = new Map()
  }

  /** The newest frame that went out to each reader that is no owner. */
  delivered(): Delivered[] {
    for (const subscriber of this.#active) this.#noteSent(subscriber)
    return [...this.#sent.values()]
  }

  /** Of consents that have ended since, the oldest are forgotten. */
  #noteSent(subscriber: Subscriber): void {
    const { grantId, epoch, index } = subscriber.sent
    const id = base64url(grantId)
    if (epoch === 0 || grantId.every((b) => b === 0)) return
    const known = this.#sent.get(id)
    if (known && known.epoch === epoch && known.index === index) return
    this.#sent.delete(id)
    this.#sent.set(id, { grantId, epoch, index, at: Math.max(0, Math.floor(this.#options.wall())) })
    if (this.#sent.size > LIMITS.channel.readers) this.#sent.delete(this.#sent.keys().next().value!)
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
      this.#sendEntries(outlet, reader, request.class)
      this.#refuse(outlet, ENDING.notReader)
      return null
    }
    if (!who.owner) this.#sendEntries(outlet, reader, request.class)
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
    this.#noteSent(subscriber)
    const i = this.#active.indexOf(subscriber)
    if (i >= 0) this.#active.splice(i, 1)
    const w = this.#waiting.findIndex((x) => x.subscriber === subscriber)
    if (w >= 0) this.#waiting.splice(w, 1)
  }

  /** A frame was sealed: to everybody who is up to date. */
  onFrame(cls: ClassId, message: Bytes): void {
    for (let i = 0; i < this.#active.length; i++) {
      const subscriber = this.#active[i]!
      if (subscriber.class !== cls) continue
      subscriber.onFrame(message)
      if (subscriber.digests) this.#digest(subscriber)
    }
    this.deposits?.onFrame(cls, message)
  }

  /** The telegram of now, once a minute, for who comes through a relay of strangers. */
  #digest(subscriber: Subscriber): void {
    const { entitled, grant, wall } = this.#options
    const who = entitled(subscriber.reader, subscriber.class)
    if (!who || !this.#mayRead(who) || !subscriber.digestDue(wall())) return
    grant(who, subscriber.class, (bytes) => {
      if (bytes && entitled(subscriber.reader, subscriber.class)) subscriber.digest(bytes)
    })
  }

  /** Those who waited and may read now are served: a witness has confirmed, or somebody was let in. */
  wake(): void {
    this.deposits?.changed()
    for (const waiting of this.#waiting.splice(0)) {
      const { subscriber, request } = waiting
      const who = this.#options.entitled(subscriber.reader, request.class)
      if (subscriber.closed) continue
      if (!who) subscriber.refuse(ENDING.notReader)
      else if (this.#mayRead(who)) {
        for (const entry of this.#options.entries(subscriber.reader, request.class)) subscriber.entry(entry)
        this.#begin(subscriber, request, who)
      } else this.#waiting.push(waiting)
    }
  }

  /**
   * Somebody's access ended, and the new epoch is open: the signed entry, then at most a minute of closed
   * frames; none while a consent rests. Who has another consent for the same class comes again for it.
   */
  end(reader: { sign: Bytes; grantId: Bytes; class: ClassId }, entry: Bytes, reason: Ending): void {
    const { entitled } = this.#options
    const cls = reader.class
    const still = reason === ENDING.deleted ? null : entitled(reader.sign, cls)
    this.deposits?.changed()
    for (const subscriber of [...this.#active]) {
      if (subscriber.class !== cls || subscriber.ended || !equal(subscriber.reader, reader.sign)) continue
      if (still && !equal(still.grantId, reader.grantId)) {
        subscriber.entry(entry)
        subscriber.close()
      } else if (still) {
        const request = { class: cls, epoch: 0, index: 0, hasKey: false, grantId: still.grantId }
        if (this.#waiting.some((w) => w.subscriber === subscriber)) subscriber.entry(entry)
        else {
          subscriber.rest(entry, this.#options.channels.next(cls))
          this.#waiting.push({ subscriber, request })
        }
      } else subscriber.end(entry, FAREWELL_FRAMES)
    }
  }

  /** Streams of one who may read no more, and to whom no entry is owed: a former owner. */
  closeOf(sign: Bytes): void {
    for (const subscriber of [...this.#active]) if (equal(subscriber.reader, sign)) subscriber.close()
  }

  closeAll(): void {
    for (const subscriber of [...this.#active]) subscriber.close()
    this.#active.length = 0
    this.#waiting.length = 0
    this.deposits?.close()
  }

  #refuse(outlet: Outlet, reason: Ending): void {
    outlet.send(Uint8Array.of(CHANNEL.refused, reason))
    outlet.close()
  }

  #admit(subscriber: Subscriber, request: Subscribe, who: Entitled): void {
    this.#active.push(subscriber)
    subscriber.keep(true)
    this.#options.onChange()
    if (this.#mayRead(who)) {
      this.#begin(subscriber, request, who)
      return
    }
    this.#waiting.push({ subscriber, request })
    subscriber.waiting()
  }

  #mayRead(who: Entitled): boolean {
    return who.owner || (who.open && this.#options.witnessed())
  }

  /** What its own log of keys says, for a reader that was away when it was said. */
  #sendEntries(outlet: Outlet, reader: Bytes, cls: ClassId): void {
    for (const entry of this.#options.entries(reader, cls)) outlet.send(encodeSigned(CHANNEL.entry, entry))
  }

  #begin(subscriber: Subscriber, request: Subscribe, who: Entitled): void {
    subscriber.reads(who.grantId)
    const { owed } = this.#options
    // A key of a consent that has ended opens nothing any more, whatever its holder believes.
    const hasKey = request.hasKey && equal(request.grantId, who.grantId)
    const rested = subscriber.restedAt
    const due = owed(who.sign, request.class).filter(
      (g) =>
        // With a key, those of later epochs. Without one, those from its place on: what lies before it has had.
        (hasKey ? g.epoch > request.epoch : comparePlaces(g, request) >= 0) &&
        (!rested || g.epoch >= rested.epoch),
    )
    const from = hasKey ? request : due[0]
    if (!from) {
      this.#joinNow(subscriber, request, who)
      return
    }
    this.#forNow(from.epoch, request.class, who, (more) => {
      this.#find(subscriber, { request, who, from, due: [...due, ...more] })
    })
  }

  #find(
    subscriber: Subscriber,
    o: { request: Subscribe; who: Entitled; from: Place; due: readonly PlacedGrant[] },
  ): void {
    const { channels, entitled } = this.#options
    const { request, who, from, due } = o
    const ring = channels.ring(request.class)
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
      // What it wants next has been overwritten: what is left, where it can find its box; otherwise anew.
      channels.headOf(request.class, (parts) => {
        if (subscriber.closed) return
        if (!request.hasKey || !parts) return this.#joinNow(subscriber, request, who)
        subscriber.frames(parts)
        subscriber.start(ring.oldest, due)
      })
    })
  }

  /** Whoever comes from an earlier epoch may miss a box on the way, if first keys died with a start of ours. */
  #forNow(epoch: number, cls: ClassId, who: Entitled, done: (grants: PlacedGrant[]) => void): void {
    const { channels, grant } = this.#options
    if (epoch >= channels.next(cls).epoch) return done([])
    grant(who, cls, (bytes) => done(bytes ? [{ ...grantPlace(bytes), bytes }] : []))
  }

  /** From the next frame on, with the current telegram in the grant. */
  #joinNow(subscriber: Subscriber, request: Subscribe, who: Entitled): void {
    const { channels, grant } = this.#options
    grant(who, request.class, (bytes) => {
      if (!bytes) {
        subscriber.refuse(ENDING.notReader)
        return
      }
      // A reader that still has its key sees the gap in the grant itself.
      if (request.epoch > 0 && !request.hasKey) subscriber.gap(request, grantPlace(bytes))
      subscriber.grant(bytes)
      subscriber.start(channels.ring(request.class).next, [])
    })
  }
}

function comparePlaces(a: Place, b: Place): number {
  return a.epoch - b.epoch || a.index - b.index
}
