// A reader's half of `/wattle/channel/1.0.0`: subscribes, opens grants, feeds frames to the reader and
// says in one word where access stands. A plain machine: messages in and out, no sockets; home, provider
// and the page in a phone all use this one.

import { type Bytes, equal } from '../base/bytes.ts'
import type { Exchange, Verifier } from '../crypto/native.ts'
import { ENTRY, type ReaderEntryText } from '../wire/access.ts'
import {
  CHANNEL,
  decodeGap,
  ENDING,
  type Ending,
  encodeSubscribe,
  frameAt,
  framesIn,
  type Gap,
  type Subscribe,
} from '../wire/channel.ts'
import { type ClassId, frameEpoch, frameIndex } from '../wire/frame.ts'
import { openEntry } from './access.ts'
import { openEnded, openGrant } from './grant.ts'
import { ChannelReader, type ReaderEvents, type ReaderState, type Verdict } from './reader.ts'

/**
 * offline: no stream · waiting: the device has no witness yet, or our grant is on its way ·
 * open: frames are being opened · closed: frames arrive and none is for us · ended: access was taken.
 */
export type Access = 'offline' | 'waiting' | 'open' | 'closed' | 'ended'

export interface FollowerEvents extends ReaderEvents {
  onAccess(access: Access, why: Ending | null): void
  /** A genuine frame that is sealed to others only. */
  onSealed(at: { epoch: number; index: number }): void
  /** A grant was taken: `state` is the current telegram, packed, and may be empty. */
  onGrant(state: Bytes, grantId: Bytes, until: number): void
  /** A signed entry of the device's log of keys, about us; a view of its bytes, and what they say. */
  onEntry?(bytes: Bytes, entry: ReaderEntryText): void
  /** Instead of frames, over a relay of strangers: the telegram of now, packed, before the frame at this place. */
  onDigest?(state: Bytes, at: { epoch: number; index: number }): void
  /** Bad frames and forged messages; one of the verdicts, or what kind of message it was. */
  onReject(what: 'bad' | 'fork' | 'message'): void
  /** The newest genuine frame; a view, valid until the call returns. */
  onFrame(frame: Bytes): void
}

export interface FollowerOptions {
  device: Verifier
  deviceBox: Bytes
  class: ClassId
  /** Our Ed25519 public key, over which grants are signed, and the X25519 key they are sealed to. */
  own: { sign: Bytes; exchange: Exchange }
  events: FollowerEvents
  /** `batch`: of frames that came together, the newest signature of each linked run; otherwise every one. */
  verify?: 'every' | 'batch'
}

export class Follower {
  readonly reader: ChannelReader
  readonly #options: FollowerOptions
  #access: Access
  #ended: ReaderEntryText | null
  /** Place of the newest digest. */
  readonly #digested: { epoch: number; index: number }

  constructor(options: FollowerOptions) {
    const { device, deviceBox, own } = options
    this.#options = options
    this.#access = 'offline'
    this.#ended = null
    this.#digested = { epoch: 0, index: 0 }
    this.reader = new ChannelReader({
      device,
      deviceBox,
      class: options.class,
      exchange: own.exchange,
      events: options.events,
    })
  }

  get access(): Access {
    return this.#access
  }

  /** The signed end of our access, if the device has told us. */
  get ended(): ReaderEntryText | null {
    return this.#ended
  }

  restore(state: ReaderState): void {
    this.reader.restore(state)
  }

  /** We were let in anew: what ended before counts no more. */
  invited(): void {
    this.#ended = null
  }

  /** The first message of a new stream. */
  subscribe(): Bytes {
    this.#become(this.reader.open ? 'open' : 'waiting')
    return encodeSubscribe(this.request())
  }

  /** What is asked for next, of the device or of a mailbox. */
  request(): Subscribe {
    const next = this.reader.next()
    return {
      class: this.#options.class,
      epoch: next?.epoch ?? 0,
      index: next?.index ?? 0,
      hasKey: this.reader.open,
      grantId: this.reader.grantId ?? new Uint8Array(16),
    }
  }

  onDisconnect(): void {
    this.#become(this.#ended ? 'ended' : 'offline')
  }

  onMessage(message: Bytes): void {
    const { events, device, own } = this.#options
    switch (message[0]) {
      case CHANNEL.frames: {
        const n = framesIn(message)
        if (n === 0) events.onReject('message')
        if (this.#options.verify === 'batch' && n > 1) {
          const frames = Array.from({ length: n }, (_, i) => frameAt(message, i))
          this.reader.onFrames(frames, this.#onVerdict)
        } else
          for (let i = 0; i < n; i++) {
            const frame = frameAt(message, i)
            this.#onVerdict(this.reader.onFrame(frame), frame)
          }
        return
      }
      case CHANNEL.grant: {
        const grant = openGrant(message.subarray(1), own, device)
        if (!grant || grant.class !== this.#options.class) return events.onReject('message')
        if (!this.reader.grant(grant)) return
        this.#ended = null
        this.#become('open')
        return events.onGrant(grant.state, grant.grantId, grant.until)
      }
      case CHANNEL.ended: {
        const ended = openEnded(message.subarray(1), own.sign, device)
        if (!ended || ended.class !== this.#options.class) return events.onReject('message')
        this.#ended = ended
        events.onEntry?.(message.subarray(1), ended)
        return this.#become('ended', ended.why || null)
      }
      case CHANNEL.entry: {
        const entry = openEntry(message.subarray(1), device)
        if (!entry || entry.kind === ENTRY.keys || !equal(entry.sign, own.sign))
          return events.onReject('message')
        return events.onEntry?.(message.subarray(1), entry)
      }
      case CHANNEL.gap: {
        const gap = decodeGap(message)
        return gap ? this.#onGap(gap) : events.onReject('message')
      }
      case CHANNEL.digest:
        return this.#onDigest(message.subarray(1))
      case CHANNEL.waiting:
        return this.#become('waiting')
      case CHANNEL.refused:
        return this.#become('closed', (message[1] ?? ENDING.malformed) as Ending)
      default:
        events.onReject('message')
    }
  }

  /** A GRANT that moves nobody's place: what lies between comes later, over a better path. */
  #onDigest(bytes: Bytes): void {
    const { events, device, own } = this.#options
    const grant = openGrant(bytes, own, device)
    grant?.chainKey.wipe()
    if (!grant || grant.class !== this.#options.class || grant.state.length === 0)
      return events.onReject('message')
    const last = this.#digested
    const place = this.reader.next()
    const later = (than: { epoch: number; index: number }): boolean =>
      grant.epoch > than.epoch || (grant.epoch === than.epoch && grant.index > than.index)
    // One that was held back, or sent twice.
    if (!later(last) || (place && !later({ epoch: place.epoch, index: place.index - 1 }))) return
    last.epoch = grant.epoch
    last.index = grant.index
    events.onDigest?.(grant.state, { epoch: grant.epoch, index: grant.index })
  }

  #onGap(gap: Gap): void {
    this.#options.events.onGap(
      { epoch: gap.epoch, index: gap.index },
      { epoch: gap.toEpoch, index: gap.toIndex },
    )
  }

  readonly #onVerdict = (verdict: Verdict, frame: Bytes): void => {
    const { events } = this.#options
    if (verdict === 'bad' || verdict === 'fork') return events.onReject(verdict)
    if (verdict === 'old') return
    events.onFrame(frame)
    if (verdict !== 'closed') {
      if (verdict === 'rotated') this.#become('open')
      return
    }
    if (this.#access === 'open') this.#become('closed')
    events.onSealed({ epoch: frameEpoch(frame), index: frameIndex(frame) })
  }

  #become(access: Access, why: Ending | null = null): void {
    if (access === this.#access) return
    this.#access = access
    this.#options.events.onAccess(access, why)
  }
}
