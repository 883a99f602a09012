// The mailbox: frames of a device as it sealed them, by (device, class, epoch, index), kept by the owner's
// home, or by a peer that the owners' policy names (peer-mail.ts), and handed to the device's readers while
// it is away (docs/wire.md "Mailbox"). It holds no key for anybody, and what a reader gets it could have had
// from the device; who may be served is asked each time.

import { type Bytes, equal, hex } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { verifyFrame } from '../../channel/reader.ts'
import { Verifier } from '../../crypto/native.ts'
import type { Failure, Files } from '../../hw/hardware.ts'
import type { Stream } from '../../net/api.ts'
import { type MessageEvents, Messages } from '../../net/messages.ts'
import { type Place, Ring } from '../../node/frames/ring.ts'
import { type Outlet, type PlacedGrant, Subscriber } from '../../node/frames/subscriber.ts'
import {
  CHANNEL,
  decodeSubscribeAt,
  ENDING,
  type Ending,
  encodeGap,
  encodeWaiting,
  type Subscribe,
} from '../../wire/channel.ts'
import {
  CLASS_NAMES,
  type ClassId,
  FRAME_BYTES,
  frameClass,
  frameEpoch,
  frameIndex,
} from '../../wire/frame.ts'

export interface MailboxOptions {
  files: Files
  /**
   * The consent (16 bytes; zeros for an owner) by which a key may be served this class of that device now, or
   * null. `shown` is the entry that the reader showed, or null.
   */
  consentOf: (asked: Asked) => Bytes | null
  /** GRANTs of a consent, oldest first; none where only the device has them. */
  grants?: (device: Bytes, cls: ClassId, grantId: Bytes) => readonly PlacedGrant[]
  /** A device begins to bring frames; what takes them, or null where it may not. */
  onDeposit?: (stream: Stream, first: Bytes, send: (message: Bytes) => void) => MessageEvents | null
  /** Frames that a ring of `raw` holds; LIMITS.home.mailboxFrames unless told. */
  frames?: number
}

/** Who asks for what. */
export interface Asked {
  device: Bytes
  reader: Bytes
  class: ClassId
  shown: Bytes | null
}

interface Served {
  subscriber: Subscriber
  asked: Asked
}

interface Box {
  device: Bytes
  rings: Ring[]
  /** Place of the newest frame of each class; epoch 0 before the first. */
  newest: Place[]
  readers: Served[]
}

export class Mailbox {
  readonly #options: MailboxOptions
  readonly #boxes: Map<string, Box>
  readonly #message: Bytes

  constructor(options: MailboxOptions) {
    this.#options = options
    this.#boxes = new Map()
    this.#message = new Uint8Array(1 + FRAME_BYTES)
    this.#message[0] = CHANNEL.frames
  }

  /** Frames of this device are kept from now on. */
  open(device: Bytes, done: (error: Failure) => void): void {
    const verifier = Verifier.of(device)
    const id = hex(device)
    if (!verifier || this.#boxes.has(id)) return done(null)
    const { files, frames } = this.#options
    const box: Box = { device, rings: [], newest: [], readers: [] }
    const genuine = (frame: Bytes): boolean => verifyFrame(frame, verifier)
    const next = (cls: number): void => {
      if (cls === CLASS_NAMES.length) {
        this.#boxes.set(id, box)
        return done(null)
      }
      const slots = cls === 0 ? (frames ?? LIMITS.home.mailboxFrames) : LIMITS.channel.aggregateRingFrames
      Ring.open(
        files,
        { name: boxName(device, cls as ClassId), slots, genuine, gaps: true },
        (error, ring, head) => {
          if (!ring) return done(error)
          box.rings.push(ring)
          box.newest.push(head ?? { epoch: 0, index: 0 })
          next(cls + 1)
        },
      )
    }
    next(0)
  }

  /** A genuine frame, in the order of places; also to whoever is being served. */
  onFrame(device: Bytes, frame: Bytes): void {
    const box = this.#boxes.get(hex(device))
    const cls = frameClass(frame) as ClassId
    const ring = box?.rings[cls]
    if (!box || !ring) return
    ring.append(frame)
    box.newest[cls] = { epoch: frameEpoch(frame), index: frameIndex(frame) }
    this.#message.set(frame, 1)
    for (const { subscriber } of box.readers) if (subscriber.class === cls) subscriber.onFrame(this.#message)
  }

  /** Place of the newest frame that is kept of each class, epoch 0 where there is none; null for another device. */
  newest(device: Bytes): readonly Place[] | null {
    return this.#boxes.get(hex(device))?.newest ?? null
  }

  onStream(stream: Stream): void {
    let taking: MessageEvents | null = null
    let shown: Bytes | null = null
    let served: { box: Box; reader: Served } | null = null
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        if (taking) return taking.onMessage(message)
        if (message[0] === CHANNEL.deposit && !shown && !served) {
          taking = this.#options.onDeposit?.(stream, message, (m) => void messages.send(m)) ?? null
          if (!taking) stream.reset()
          return
        }
        if (
          message[0] === CHANNEL.entry &&
          !shown &&
          !served &&
          message.length <= LIMITS.channel.entryBytes
        ) {
          shown = message.slice(1)
          return
        }
        const at = served ? null : decodeSubscribeAt(message)
        if (!at) {
          stream.reset()
          return
        }
        const { device, subscribe } = at
        const asked = { device, reader: stream.connection.remoteKey, class: subscribe.class, shown }
        served = this.#serve(asked, subscribe, outlet)
      },
      onDrain: () => (taking ? taking.onDrain() : served?.reader.subscriber.onDrain()),
      onEnd: () => stream.end(),
      onClose: (why) => {
        taking?.onClose(why)
        const i = served ? served.box.readers.indexOf(served.reader) : -1
        if (i >= 0) served?.box.readers.splice(i, 1)
      },
    })
    const outlet: Outlet = {
      stream,
      send: (message: Bytes) => messages.send(message),
      close: () => stream.end(),
    }
  }

  #serve(asked: Asked, subscribe: Subscribe, outlet: Outlet): { box: Box; reader: Served } | null {
    const box = this.#boxes.get(hex(asked.device))
    const grantId = box ? this.#options.consentOf(asked) : null
    if (!box || !grantId) return this.#refuse(outlet, ENDING.notReader)
    const cls = asked.class
    for (const { subscriber } of [...box.readers])
      if (subscriber.class === cls && equal(subscriber.reader, asked.reader)) subscriber.close()
    if (box.readers.length >= LIMITS.channel.readers * CLASS_NAMES.length)
      return this.#refuse(outlet, ENDING.tooMany)
    const ring = box.rings[cls]!
    const reader = {
      subscriber: new Subscriber({ class: cls, reader: asked.reader, outlet, ring }),
      asked,
    }
    box.readers.push(reader)
    this.#begin({ ring, subscribe, outlet, ...reader }, grantId)
    return { box, reader }
  }

  #refuse(outlet: Outlet, why: Ending): null {
    outlet.send(Uint8Array.of(CHANNEL.refused, why))
    outlet.close()
    return null
  }

  /** From its place on, or from that of the first GRANT that it needs. */
  #begin(o: Served & { ring: Ring; subscribe: Subscribe; outlet: Outlet }, grantId: Bytes): void {
    const { ring, subscribe, outlet, subscriber, asked } = o
    const { device, class: cls } = asked
    const hasKey = subscribe.hasKey && equal(subscribe.grantId, grantId)
    const all = this.#options.grants?.(device, cls, grantId) ?? []
    const due = all.filter((g) => (hasKey ? g.epoch > subscribe.epoch : comparePlaces(g, subscribe) >= 0))
    // Without a place and without a GRANT there is nothing to begin with: those come from the device.
    const from = subscribe.epoch > 0 && (hasKey || !due[0]) ? subscribe : due[0]
    if (!from) {
      outlet.send(encodeWaiting())
      return
    }
    ring.find(from, (error, n) => {
      if (error) return subscriber.close()
      const gap = subscribe.epoch === 0 ? { ...subscribe, ...from } : subscribe
      this.#tellGap(ring, n, { subscribe: gap, send: (m) => void outlet.send(m) }, () =>
        subscriber.start(n, due),
      )
    })
  }

  /** Somebody's access ended or rests: he is served no more. */
  drop(device: Bytes): void {
    for (const { subscriber, asked } of [...(this.#boxes.get(hex(device))?.readers ?? [])])
      if (!this.#options.consentOf(asked)) subscriber.refuse(ENDING.notReader)
  }

  /** There is a GRANT for a consent: who waits for one asks again. */
  renew(device: Bytes, grantId: Bytes): void {
    for (const { subscriber, asked } of [...(this.#boxes.get(hex(device))?.readers ?? [])]) {
      const mine = this.#options.consentOf(asked)
      if (mine && equal(mine, grantId)) subscriber.close()
    }
  }

  /** Nobody needs this device's frames any more. */
  forget(device: Bytes): void {
    const box = this.#boxes.get(hex(device))
    if (!box) return
    for (const { subscriber } of [...box.readers]) subscriber.close()
    for (const ring of box.rings) ring.close()
    for (const cls of [0, 1, 2] as const) this.#options.files.remove(boxName(device, cls), () => {})
    this.#boxes.delete(hex(device))
  }

  sync(): void {
    for (const { rings } of this.#boxes.values()) for (const ring of rings) ring.sync(() => {})
  }

  close(): void {
    for (const { rings, readers } of this.#boxes.values()) {
      for (const { subscriber } of [...readers]) subscriber.close()
      for (const ring of rings) ring.close()
    }
    this.#boxes.clear()
  }

  /** What it wants next is older than all we have: said before the first frame. */
  #tellGap(
    ring: Ring,
    n: number,
    o: { subscribe: Subscribe; send: (message: Bytes) => void },
    then: () => void,
  ): void {
    if (n > ring.oldest || n >= ring.next) return then()
    const first = new Uint8Array(FRAME_BYTES)
    ring.read(n, first, (error, frames) => {
      const { class: cls, epoch, index } = o.subscribe
      const to = { toEpoch: frameEpoch(first), toIndex: frameIndex(first) }
      if (!error && frames > 0 && (to.toEpoch !== epoch || to.toIndex !== index))
        o.send(encodeGap({ class: cls, epoch, index, ...to }))
      then()
    })
  }
}

function boxName(device: Bytes, cls: ClassId): string {
  return `mail-${hex(device.subarray(0, 8))}-${CLASS_NAMES[cls]}.ring`
}

function comparePlaces(a: Place, b: Place): number {
  return a.epoch - b.epoch || a.index - b.index
}
