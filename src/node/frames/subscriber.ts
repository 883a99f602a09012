// One reader's stream of one class, from wherever it left off: first what is missing out of the ring,
// then each frame as it is sealed. Never more than one read and one socket's worth of bytes is held; a
// slow reader simply falls back to the ring. Grants are put in exactly before the frame they open.

import type { Bytes } from '../../base/bytes.ts'
import type { Stream } from '../../net/api.ts'
import {
  CHANNEL,
  type Ending,
  encodeGap,
  encodeRefused,
  encodeSigned,
  encodeWaiting,
  FRAMES_PER_MESSAGE,
} from '../../wire/channel.ts'
import { type ClassId, FRAME, FRAME_BYTES, frameEpoch, frameIndex } from '../../wire/frame.ts'
import type { Place, Ring } from './ring.ts'

/** A signed GRANT and the first frame it opens. */
export interface PlacedGrant extends Place {
  bytes: Bytes
}

/** What a subscriber needs of `net/messages.ts`. */
export interface Outlet {
  readonly stream: Stream
  /** One of several that a reader may have open: a page. */
  readonly page?: boolean
  send(message: Bytes): boolean
  close(): void
}

/** Between two digests. */
const DIGEST_MS = 60_000
const CHUNK = FRAMES_PER_MESSAGE * FRAME_BYTES

export class Subscriber {
  readonly class: ClassId
  /** Ed25519 key that the connection proved. */
  readonly reader: Bytes
  /** Several of these may belong to one reader. */
  readonly page: boolean
  readonly #outlet: Outlet
  readonly #ring: Ring
  /** FRAMES message under construction (type byte, then frames); only while the ring is being read. */
  #message: Bytes | null
  #cursor: number
  #live: boolean
  #reading: boolean
  #closed: boolean
  /** Number of frames after which an ended reader hears no more; -1 while it reads. */
  #farewell: number
  /** The consent by which it reads; zeros for an owner. */
  #grantId: Bytes
  /** The newest DATA frame that went out; epoch 0 before the first. */
  #sentEpoch: number
  #sentIndex: number
  /** The last place before its consent came to rest, or null. */
  #restedAt: Place | null
  #resting: boolean
  #grants: PlacedGrant[]
  /** Nothing is sent while the connection is limited; the ring has it for later. */
  #held: boolean
  /** When the last digest went out; milliseconds since 1970. */
  #digestAt: number

  constructor(o: { class: ClassId; reader: Bytes; outlet: Outlet; ring: Ring }) {
    this.class = o.class
    this.reader = o.reader
    this.page = o.outlet.page === true
    this.#outlet = o.outlet
    this.#ring = o.ring
    this.#message = null
    this.#cursor = 0
    this.#live = false
    this.#reading = false
    this.#closed = false
    this.#farewell = -1
    this.#grantId = new Uint8Array(16)
    this.#sentEpoch = 0
    this.#sentIndex = 0
    this.#restedAt = null
    this.#resting = false
    this.#grants = []
    this.#held = false
    this.#digestAt = 0
  }

  /** It gets digests instead of frames: every telegram would be too much for where it comes through. */
  get digests(): boolean {
    return this.class === 0 && this.#outlet.stream.connection.limited === true
  }

  /** A digest is due; it counts as sent. */
  digestDue(wall: number): boolean {
    if (!this.digests || this.#closed || this.#resting || this.#farewell >= 0) return false
    if (Math.abs(wall - this.#digestAt) < DIGEST_MS) return false
    this.#digestAt = wall
    return true
  }

  digest(grant: Bytes): void {
    if (!this.#closed) this.#outlet.send(encodeSigned(CHANNEL.digest, grant))
  }

  /** By which consent it reads from now on. */
  reads(grantId: Bytes): void {
    this.#grantId = grantId
  }

  /** What went out to it, for the owner to see. */
  get sent(): { grantId: Bytes; epoch: number; index: number } {
    return { grantId: this.#grantId, epoch: this.#sentEpoch, index: this.#sentIndex }
  }

  get live(): boolean {
    return this.#live
  }

  get closed(): boolean {
    return this.#closed
  }

  get ended(): boolean {
    return this.#farewell >= 0
  }

  /** The epoch that opened when its consent came to rest; null where it never did. */
  get restedAt(): Place | null {
    return this.#restedAt
  }

  /** Starts with the frame numbered `from`; grants are sent when their place is reached. */
  start(from: number, grants: readonly PlacedGrant[]): void {
    this.#cursor = from
    this.#resting = false
    this.#grants = [...grants]
    this.#pump()
  }

  /** Whether this reader's connection must not be closed to make room for others. */
  keep(keep: boolean): void {
    this.#outlet.stream.connection.keep = keep
  }

  /** True where both are read over one connection. */
  shares(other: Subscriber): boolean {
    return this.#outlet.stream.connection === other.#outlet.stream.connection
  }

  waiting(): void {
    this.#outlet.send(encodeWaiting())
  }

  gap(from: Place, to: Place): void {
    this.#outlet.send(
      encodeGap({
        class: this.class,
        epoch: from.epoch,
        index: from.index,
        toEpoch: to.epoch,
        toIndex: to.index,
      }),
    )
  }

  /** These frames now, before those of the ring. */
  frames(list: readonly Bytes[]): void {
    if (list.length === 0) return
    const message = new Uint8Array(1 + list.length * FRAME_BYTES)
    message[0] = CHANNEL.frames
    for (let i = 0; i < list.length; i++) message.set(list[i]!, 1 + i * FRAME_BYTES)
    this.#outlet.send(message)
  }

  /** A grant for the very next frame. */
  grant(bytes: Bytes): void {
    this.#outlet.send(encodeSigned(CHANNEL.grant, bytes))
  }

  /** An access entry about this reader. */
  entry(bytes: Bytes): void {
    this.#outlet.send(encodeSigned(CHANNEL.entry, bytes))
  }

  /** The consent rests: says so, and sends nothing until the next `start`. */
  rest(signed: Bytes, at: Place): void {
    this.#outlet.send(encodeSigned(CHANNEL.ended, signed))
    this.#grants = []
    this.#live = false
    this.#resting = true
    this.#restedAt = at
  }

  /** Access has ended: says so, and closes after `frames` more, which it cannot open. */
  end(signed: Bytes, frames: number): void {
    this.#outlet.send(encodeSigned(CHANNEL.ended, signed))
    this.#grants = []
    this.#farewell = frames
  }

  refuse(reason: Ending): void {
    this.#outlet.send(encodeRefused(reason))
    this.close()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#live = false
    this.#message = null
    this.#grants = []
    this.#outlet.close()
  }

  /** A frame was sealed and appended; `message` is the FRAMES message of it alone, shared by all. */
  onFrame(message: Bytes): void {
    if (this.#closed) return
    if (this.digests && this.#farewell < 0) {
      this.#live = false
      this.#held = true
      return
    }
    if (this.#held) {
      this.#held = false
      this.#pump()
      return
    }
    if (!this.#live) return
    if (this.#outlet.stream.writable() < message.length + 8) {
      this.#live = false
      return
    }
    this.#cursor++
    this.#outlet.send(message)
    this.#count(message.subarray(1), 1)
  }

  /** The stream has room again. */
  onDrain(): void {
    if (!this.#live) this.#pump()
  }

  /** Sends what the ring has, as far as the stream takes it; then lives from frame to frame. */
  #pump(): void {
    if (this.#reading || this.#closed || this.#live || this.#resting) return
    if (this.digests && this.#farewell < 0) {
      this.#held = true
      return
    }
    if (this.#cursor >= this.#ring.next && this.#grants.length === 0) {
      this.#live = true
      this.#message = null
      return
    }
    if (this.#outlet.stream.writable() < CHUNK + 64) return
    if (this.#cursor < this.#ring.oldest) this.#cursor = this.#ring.oldest
    this.#reading = true
    this.#message ??= new Uint8Array(1 + CHUNK)
    const message = this.#message
    message[0] = CHANNEL.frames
    this.#ring.read(this.#cursor, message.subarray(1), (error, frames) => {
      this.#reading = false
      if (this.#closed || this.#resting) return
      // Frames that the card does not give back (it failed): asking again at once would never end.
      if (error || (frames === 0 && this.#cursor < this.#ring.next)) {
        this.close()
        return
      }
      this.#sendChunk(message, frames)
      this.#pump()
    })
  }

  #sendChunk(message: Bytes, frames: number): void {
    let sent = 0
    for (let i = 0; i < frames; i++) {
      const frame = message.subarray(1 + i * FRAME_BYTES, 1 + (i + 1) * FRAME_BYTES)
      if (!this.#grantDue(frameEpoch(frame), frameIndex(frame))) continue
      this.#sendFrames(message, sent, i)
      sent = i
      this.#sendGrants(frameEpoch(frame), frameIndex(frame))
    }
    this.#sendFrames(message, sent, frames)
    this.#cursor += frames
    // Whatever is left lies ahead of the newest frame: it is for the next one.
    if (this.#cursor >= this.#ring.next) this.#sendGrants(Number.MAX_SAFE_INTEGER, 0)
    if (frames > 0) this.#count(message.subarray(1 + (frames - 1) * FRAME_BYTES), frames)
  }

  #sendFrames(message: Bytes, from: number, to: number): void {
    if (to <= from) return
    if (from === 0) {
      this.#outlet.send(message.subarray(0, 1 + to * FRAME_BYTES))
      return
    }
    const part = new Uint8Array(1 + (to - from) * FRAME_BYTES)
    part[0] = CHANNEL.frames
    part.set(message.subarray(1 + from * FRAME_BYTES, 1 + to * FRAME_BYTES), 1)
    this.#outlet.send(part)
  }

  #grantDue(epoch: number, index: number): boolean {
    const g = this.#grants[0]
    return g !== undefined && (g.epoch < epoch || (g.epoch === epoch && g.index <= index))
  }

  #sendGrants(epoch: number, index: number): void {
    while (this.#grantDue(epoch, index))
      this.#outlet.send(encodeSigned(CHANNEL.grant, this.#grants.shift()!.bytes))
  }

  /** `last` begins with the newest of these frames. */
  #count(last: Bytes, frames: number): void {
    if (this.#farewell < 0) {
      if (last[0] !== FRAME.data) return
      this.#sentEpoch = frameEpoch(last)
      this.#sentIndex = frameIndex(last)
      return
    }
    this.#farewell -= frames
    if (this.#farewell <= 0) this.close()
  }
}
