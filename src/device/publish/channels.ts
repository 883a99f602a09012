// The device's three channels (raw, 15min, day): publisher, ring and subscribers of each. Opens epochs
// in the order that no crash can turn against the owner: numbers durable, frames before them on the
// card, then KEY_ROTATION (DESIGN, "Power cuts and rollback"). The reader set is asked for, never kept.

import { type Bytes, base64url } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { ReaderKeys } from '../../channel/grant.ts'
import { Publisher } from '../../channel/publisher.ts'
import { verifyFrame } from '../../channel/reader.ts'
import { Verifier } from '../../crypto/native.ts'
import type { Failure, Files, Random } from '../../hw/hardware.ts'
import { type Place, Ring } from '../../node/frames/ring.ts'
import { CHANNEL } from '../../wire/channel.ts'
import {
  CLASS_NAMES,
  type ClassId,
  FRAME,
  FRAME_BYTES,
  frameEpoch,
  framePart,
  frameParts,
  type Reason,
} from '../../wire/frame.ts'
import { type Head, rotationParts } from '../../wire/rotation.ts'
import type { DeviceState } from '../state.ts'
import { headsName, ringName } from './ring-files.ts'

const NO_HEAD: Head = { epoch: 0, index: 0, hash: new Uint8Array(32) }
/** Frames of the longest KEY_ROTATION. */
const MOST_PARTS = rotationParts(LIMITS.channel.readers)
const CLASSES: readonly ClassId[] = [0, 1, 2]

export interface ChannelsOptions {
  files: Files
  random: Random
  state: DeviceState
  /** Who gets a box in this class's next epoch. */
  readers: (cls: ClassId) => ReaderKeys[]
  /** True while nobody outside has confirmed our newest head: first keys are kept for those who wait. */
  unwitnessed: () => boolean
  /** A sealed frame, as a FRAMES message of one; a view, valid until the call returns. */
  onFrame: (cls: ClassId, message: Bytes) => void
  /** A class is about to begin an epoch: what comes next must stand by itself. */
  onEpoch: (cls: ClassId) => void
  /** Keys have changed: what waited may be sealed. */
  onRotated: () => void
  wall: () => number
  /** Frames that a ring holds; LIMITS.channel.ringFrames unless told. */
  ringFrames?: number
}

interface Channel {
  publisher: Publisher
  ring: Ring
  /** KEY_ROTATIONs once more: they stay as long as any frame that they open. */
  heads: Ring
  head: Head
}

/** An epoch that is about to be opened, as it was written down. */
interface NextEpoch {
  class: ClassId
  epoch: number
  readers: ReaderKeys[]
  keepStart: boolean
}

export class Channels {
  readonly #options: ChannelsOptions
  readonly #channels: Channel[]
  readonly #message: Bytes
  #rotating: number
  #failed: Failure
  /** Grants whose readers have a key of the epoch of now, by class. */
  readonly #handed: readonly Set<string>[]

  private constructor(options: ChannelsOptions) {
    this.#options = options
    this.#channels = []
    this.#message = new Uint8Array(1 + FRAME_BYTES)
    this.#message[0] = CHANNEL.frames
    this.#rotating = 0
    this.#failed = null
    this.#handed = CLASSES.map(() => new Set())
  }

  /** Opens the rings of a device that has an identity; no epoch yet. */
  static open(options: ChannelsOptions, done: (error: Failure, channels: Channels | null) => void): void {
    const channels = new Channels(options)
    const next = (cls: number): void => {
      if (cls === CLASS_NAMES.length) return done(null, channels)
      channels.#openOne(cls as ClassId, (error) => (error ? done(error, null) : next(cls + 1)))
    }
    next(0)
  }

  #openOne(cls: ClassId, done: (error: Failure) => void): void {
    const { files, random, state, ringFrames } = this.#options
    const { signer, exchange } = state
    if (!signer || !exchange) throw new Error('channels without an identity')
    // The aggregates have few frames: 96 a day and 1 a day, three times over for rotations.
    const slots = cls === 0 ? (ringFrames ?? LIMITS.channel.ringFrames) : LIMITS.channel.aggregateRingFrames
    const device = Verifier.of(signer.publicKey)!
    const genuine = (frame: Bytes): boolean => verifyFrame(frame, device)
    Ring.open(
      files,
      { name: ringName(cls, state.log?.keys.length ?? 1), slots, genuine },
      (error, ring, head) => {
        if (error || !ring) return done(error)
        const own = {
          name: headsName(cls, state.log?.keys.length ?? 1),
          slots: LIMITS.channel.headsFrames,
          genuine,
          gaps: true,
        }
        Ring.open(files, own, (failure, heads) => {
          if (failure || !heads) return done(failure)
          const onFrame = (frame: Bytes): void => {
            ring.append(frame)
            if (frame[0] === FRAME.rotation) heads.append(frame)
            this.#message.set(frame, 1)
            this.#options.onFrame(cls, this.#message)
          }
          this.#channels.push({
            publisher: new Publisher({ class: cls, signer, exchange, random, onFrame }),
            ring,
            heads,
            head: head ?? NO_HEAD,
          })
          done(null)
        })
      },
    )
  }

  publisher(cls: ClassId): Publisher {
    return this.#channels[cls]!.publisher
  }

  ring(cls: ClassId): Ring {
    return this.#channels[cls]!.ring
  }

  /**
   * What a reader needs before the oldest frame that is kept, where that lies inside an epoch: the parts of
   * its KEY_ROTATION that were overwritten, in order. Empty where there are none, null where one is missing.
   */
  headOf(cls: ClassId, done: (parts: Bytes[] | null) => void): void {
    const { ring, heads } = this.#channels[cls]!
    const first = new Uint8Array(FRAME_BYTES)
    ring.read(ring.oldest, first, (error, n) => {
      if (error || n === 0) return done(null)
      const epoch = frameEpoch(first)
      const rotation = first[0] === FRAME.rotation
      if (rotation && framePart(first) === 0) return done([])
      heads.find({ epoch, index: 0 }, (failed, at) => {
        if (failed) return done(null)
        const block = new Uint8Array(MOST_PARTS * FRAME_BYTES)
        heads.read(at, block, (trouble, got) => {
          const parts = Array.from({ length: got }, (_, i) =>
            block.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES),
          ).filter((frame) => frameEpoch(frame) === epoch)
          const wanted = rotation ? framePart(first) : parts[0] ? frameParts(parts[0]) : 0
          const whole = parts.slice(0, wanted).every((frame, i) => framePart(frame) === i)
          done(!trouble && wanted > 0 && parts.length >= wanted && whole ? parts.slice(0, wanted) : null)
        })
      })
    })
  }

  /** True while keys are about to change: payloads must wait. */
  get rotating(): boolean {
    return this.#rotating > 0
  }

  /** Why nothing is sealed any more until the next start: keys could not be changed. */
  get failed(): Failure {
    return this.#failed
  }

  /** A loss of access could not be written down: whoever was to go has the keys of now, so nothing is sealed under them. */
  sealOff(error: NonNullable<Failure>): void {
    this.#failed ??= error
    this.hold()
  }

  /** Somebody's access has ended: nothing is sealed until `release`, which follows the rotation. */
  hold(): void {
    this.#rotating++
  }

  release(): void {
    this.#rotating--
    this.#options.onRotated()
  }

  /** The newest frame of a class, durable or not. */
  head(cls: ClassId): Head {
    const { publisher, head } = this.#channels[cls]!
    return publisher.epoch > 0 ? publisher.head() : head
  }

  /** Place of the next frame. */
  next(cls: ClassId): Place {
    return this.#channels[cls]!.publisher.next()
  }

  /**
   * New epochs for these classes. Sealing waits meanwhile (`rotating`), so the very next frame is
   * under the new keys. Where that fails (the card), it waits for good: a reader who was to leave still
   * has the old ones. `atLeast` is the highest epoch number that anybody has shown us; `leaving`
   * writes down who goes. Who gets the new keys is written before anything carries them.
   */
  rotate(
    classes: readonly ClassId[],
    reason: Reason,
    o: { atLeast?: number; leaving?: (epochOf: (cls: ClassId) => number) => void },
    done: (error: Failure) => void,
  ): void {
    const { state, readers, unwitnessed } = this.#options
    this.hold()
    const finish = (error: Failure): void => {
      if (error) this.#failed = error
      else this.release()
      done(error)
    }
    let next: NextEpoch[] = []
    const entries = (first: number): void => {
      o.leaving?.((cls) => first + classes.indexOf(cls))
      next = classes.map((cls, i) => ({
        class: cls,
        epoch: first + i,
        readers: readers(cls),
        keepStart: unwitnessed(),
      }))
      this.#writeKeys(next, reason)
    }
    state.nextEpochs(classes.length, { atLeast: o.atLeast ?? 0, entries }, (error) => {
      if (error) return finish(error)
      this.sync((failure) => {
        if (failure) return finish(failure)
        for (const epoch of next) this.#open(epoch, reason)
        finish(null)
      })
    })
  }

  /** Whoever has a box in an epoch is in the log of keys. */
  #writeKeys(next: readonly NextEpoch[], reason: Reason): void {
    const { state, wall } = this.#options
    const grantIds = next.flatMap(({ readers }) => readers.map((r) => r.grantId)).filter((id) => !isOwner(id))
    const places = next.map((epoch) => ({ class: epoch.class, epoch: epoch.epoch, index: 0 }))
    state.access.keys({ reason, places, at: Math.max(0, Math.floor(wall())), grantIds }, state.signer!)
  }

  /** Somebody was handed a key of the epoch of now by a GRANT. */
  handed(cls: ClassId, grantId: Bytes): void {
    this.#handed[cls]!.add(base64url(grantId))
  }

  isHanded(cls: ClassId, grantId: Bytes): boolean {
    return this.#handed[cls]!.has(base64url(grantId))
  }

  #open({ class: cls, epoch, readers, keepStart }: NextEpoch, reason: Reason): void {
    const { onEpoch, wall } = this.#options
    onEpoch(cls)
    const handed = this.#handed[cls]!
    handed.clear()
    for (const { grantId } of readers) handed.add(base64url(grantId))
    this.publisher(cls).openEpoch({
      epoch,
      reason,
      at: Math.max(0, Math.floor(wall())),
      prev: this.head(cls),
      readers,
      keepStart,
    })
  }

  /** A piece of the large ring gets its place on the card; false when all of it has. */
  layOut(): boolean {
    return this.ring(0).layOut()
  }

  /** Everything sealed so far is on the card when done. */
  sync(done: (error: Failure) => void): void {
    const rings = this.#channels.flatMap(({ ring, heads }) => [ring, heads])
    let open = rings.length
    let failure: Failure = null
    for (const ring of rings)
      ring.sync((error) => {
        failure ??= error
        if (--open === 0) done(failure)
      })
  }

  close(): void {
    for (const { publisher, ring, heads } of this.#channels) {
      publisher.close()
      ring.close()
      heads.close()
    }
  }
}

/** Owners have no grant: their id is zeros. */
function isOwner(grantId: Bytes): boolean {
  return grantId.every((b) => b === 0)
}

export const ALL_CLASSES: readonly ClassId[] = CLASSES
