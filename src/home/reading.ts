// One class of a device as its owner reads it: the link on which frames come, what they say, and the newest
// of them, which a witness shows. Owned has one for `raw`, and where home is a mailbox one for each class.

import { type Bytes, concat } from '../base/bytes.ts'
import { Reader } from '../base/cursor.ts'
import { WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import { Follower } from '../channel/follower.ts'
import type { ReaderPlace } from '../channel/place.ts'
import { type Exchange, Verifier } from '../crypto/native.ts'
import { Link, type LinkOptions } from '../node/link.ts'
import { TelegramUnpacker } from '../p1/sequence.ts'
import { CHANNEL_PROTOCOL } from '../wire/channel.ts'
import { type ClassId, FRAME_BYTES } from '../wire/frame.ts'
import type { OwnedEvents } from './events.ts'
import type { OwnedDevice } from './store.ts'

export interface ClassReadingOptions {
  device: OwnedDevice
  class: ClassId
  own: { sign: Bytes; exchange: Exchange }
  place: ReaderPlace | null
  events: OwnedEvents
  /** Where and how the device is reached. */
  link: Omit<LinkOptions, 'protocol' | 'opening' | 'onMessage' | 'onState'>
  /** What is shown before SUBSCRIBE. */
  witness: () => Bytes
  /** Each genuine frame, in order; a view, valid until the call returns. */
  onFrame: (frame: Bytes) => void
}

export class ClassReading {
  readonly class: ClassId
  readonly follower: Follower
  readonly unpacker: TelegramUnpacker
  readonly link: Link
  readonly #options: ClassReadingOptions
  /** Digests stand by themselves, beside the telegrams. */
  readonly #digests: TelegramUnpacker
  readonly #newest: Bytes
  #hasNewest: boolean

  constructor(options: ClassReadingOptions) {
    this.class = options.class
    this.#options = options
    this.unpacker = new TelegramUnpacker()
    this.#digests = new TelegramUnpacker()
    this.#newest = new Uint8Array(FRAME_BYTES)
    this.#hasNewest = false
    this.follower = this.#makeFollower()
    if (options.place) {
      this.follower.restore(options.place.state)
      this.#restore(options.place.context)
    }
    this.link = new Link({
      ...options.link,
      protocol: CHANNEL_PROTOCOL,
      opening: () => [options.witness(), this.follower.subscribe()],
      onMessage: (message) => this.follower.onMessage(message),
      onState: (up) => {
        if (!up) this.follower.onDisconnect()
      },
    })
  }

  /** The newest genuine frame, or null before the first. */
  get newest(): Bytes | null {
    return this.#hasNewest ? this.#newest : null
  }

  /** The place to save, or null before the first grant. */
  place(): ReaderPlace | null {
    const state = this.follower.reader.state()
    return (
      state && { device: this.#options.device.log.device, class: this.class, state, context: this.#context() }
    )
  }

  /** The telegrams of the unpacker, and the newest frame: a home that was restarted is a witness all the same. */
  #context(): Bytes {
    return this.#hasNewest ? concat(this.unpacker.save(), this.#newest) : this.unpacker.save()
  }

  #restore(context: Bytes): void {
    const r = new Reader(context)
    r.block(LIMITS.p1.telegramBytes)
    r.block(LIMITS.p1.telegramBytes)
    const telegrams = r.at
    if (r.left === FRAME_BYTES) {
      this.#newest.set(r.rest())
      this.#hasNewest = true
    }
    this.unpacker.restore(context.subarray(0, telegrams))
  }

  #makeFollower(): Follower {
    const { device, own, events } = this.#options
    const verifier = Verifier.of(device.log.device)
    if (!verifier) throw new WattleError('bad-key', `the key of ${device.name} is no Ed25519 key`)
    const raw = this.class === 0
    return new Follower({
      device: verifier,
      deviceBox: device.log.replaced?.box ?? device.box,
      class: this.class,
      verify: 'batch',
      own,
      events: {
        onPayload: (payload, at) => {
          if (!raw) return events.onSummary?.(device, this.class, payload)
          const telegram = this.unpacker.unpack(payload)
          if (telegram) events.onTelegram(device, telegram, { ...at, wall: this.unpacker.wall })
          else events.onReject(device, 'payload')
        },
        onGap: (from, to) => {
          this.unpacker.lost()
          events.onGap(device, from, to)
        },
        onAccess: (access, why) => {
          if (raw) events.onAccess(device, access, why)
        },
        onSealed: () => events.onReject(device, 'sealed'),
        onGrant: (state) => {
          if (state.length > 0) this.unpacker.join(state)
        },
        onDigest: (state, at) => {
          const telegram = this.#digests.join(state)
          if (telegram) events.onDigest?.(device, telegram, at)
          else events.onReject(device, 'payload')
        },
        onReject: (what) => events.onReject(device, what),
        onFrame: (frame) => {
          this.#newest.set(frame)
          this.#hasNewest = true
          this.#options.onFrame(frame)
        },
      },
    })
  }
}
