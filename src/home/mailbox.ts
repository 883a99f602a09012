// The mailbox: frames of a device as it sealed them, by (device, class, epoch, index), kept by the owner's
// home and handed to the device's readers while it is away (docs/wire.md "Mailbox"). It holds no key for
// anybody: who may be served is asked from our copy of the owner log and of the log of keys, and what a
// reader gets it could have had from the device.

import { type Bytes, equal, hex } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import { verifyFrame } from '../channel/reader.ts'
import { Verifier } from '../crypto/native.ts'
import type { Failure, Files } from '../hw/hardware.ts'
import type { Stream } from '../net/api.ts'
import { Messages } from '../net/messages.ts'
import { Ring } from '../node/frames/ring.ts'
import { Subscriber } from '../node/frames/subscriber.ts'
import {
  CHANNEL,
  decodeSubscribeAt,
  ENDING,
  encodeGap,
  encodeWaiting,
  type Subscribe,
} from '../wire/channel.ts'
import { CLASS_NAMES, type ClassId, FRAME_BYTES, frameClass, frameEpoch, frameIndex } from '../wire/frame.ts'
import type { DeviceAccess } from './access.ts'
import type { HomeStore, OwnedDevice } from './store.ts'

export interface MailboxOptions {
  files: Files
  /** May this key be served this class of that device now? */
  mayRead: (device: Bytes, reader: Bytes, cls: ClassId) => boolean
  /** Frames that a ring of `raw` holds; LIMITS.home.mailboxFrames unless told. */
  frames?: number
}

interface Box {
  device: Bytes
  rings: Ring[]
  readers: Subscriber[]
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
    const box: Box = { device, rings: [], readers: [] }
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
        (error, ring) => {
          if (!ring) return done(error)
          box.rings.push(ring)
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
    this.#message.set(frame, 1)
    for (const reader of box.readers) if (reader.class === cls) reader.onFrame(this.#message)
  }

  onStream(stream: Stream): void {
    let box: Box | null = null
    let reader: Subscriber | null = null
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        const asked = reader ? null : decodeSubscribeAt(message)
        if (!asked) {
          stream.reset()
          return
        }
        box = this.#boxes.get(hex(asked.device)) ?? null
        const key = stream.connection.remoteKey
        const cls = asked.subscribe.class
        if (!box || !this.#options.mayRead(asked.device, key, cls)) {
          outlet.send(Uint8Array.of(CHANNEL.refused, ENDING.notReader))
          stream.end()
          return
        }
        reader = this.#admit(box, { key, outlet, subscribe: asked.subscribe })
      },
      onDrain: () => reader?.onDrain(),
      onEnd: () => stream.end(),
      onClose: () => {
        const i = box && reader ? box.readers.indexOf(reader) : -1
        if (i >= 0) box?.readers.splice(i, 1)
      },
    })
    const outlet = { stream, send: (message: Bytes) => messages.send(message), close: () => stream.end() }
  }

  /** Somebody's access ended or rests: he is served no more. */
  drop(device: Bytes): void {
    for (const reader of [...(this.#boxes.get(hex(device))?.readers ?? [])])
      if (!this.#options.mayRead(device, reader.reader, reader.class)) reader.refuse(ENDING.notReader)
  }

  /** Nobody needs this device's frames any more. */
  forget(device: Bytes): void {
    const box = this.#boxes.get(hex(device))
    if (!box) return
    for (const reader of [...box.readers]) reader.close()
    for (const ring of box.rings) ring.close()
    for (const cls of [0, 1, 2] as const) this.#options.files.remove(boxName(device, cls), () => {})
    this.#boxes.delete(hex(device))
  }

  sync(): void {
    for (const { rings } of this.#boxes.values()) for (const ring of rings) ring.sync(() => {})
  }

  close(): void {
    for (const { rings, readers } of this.#boxes.values()) {
      for (const reader of [...readers]) reader.close()
      for (const ring of rings) ring.close()
    }
    this.#boxes.clear()
  }

  /** One stream for each reader and class, the newest, and so many in all. */
  #admit(
    box: Box,
    o: { key: Bytes; outlet: ConstructorParameters<typeof Subscriber>[0]['outlet']; subscribe: Subscribe },
  ): Subscriber | null {
    const { key, outlet, subscribe } = o
    const cls = subscribe.class
    for (const old of [...box.readers]) if (old.class === cls && equal(old.reader, key)) old.close()
    if (box.readers.length >= LIMITS.channel.readers * CLASS_NAMES.length) {
      outlet.send(Uint8Array.of(CHANNEL.refused, ENDING.tooMany))
      outlet.close()
      return null
    }
    const ring = box.rings[cls]!
    const reader = new Subscriber({ class: cls, reader: key, outlet, ring })
    box.readers.push(reader)
    // Without a place there is nothing to begin with: GRANTs come from the device alone.
    if (subscribe.epoch === 0) {
      outlet.send(encodeWaiting())
      return reader
    }
    ring.find(subscribe, (error, n) => {
      if (error) return reader.close()
      this.#tellGap(ring, n, { reader, subscribe, send: (m) => void outlet.send(m) }, () =>
        reader.start(n, []),
      )
    })
    return reader
  }

  /** What it wants next is older than all we have: said before the first frame. */
  #tellGap(
    ring: Ring,
    n: number,
    o: { reader: Subscriber; subscribe: Subscribe; send: (message: Bytes) => void },
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

/** The mailbox of a home: serves owners, and readers whose consent is there and open by the device's word. */
export function homeMailbox(o: {
  files: Files
  frames?: number
  store: HomeStore
  access: (device: OwnedDevice) => DeviceAccess | null
}): Mailbox {
  const mayRead = (key: Bytes, reader: Bytes, cls: ClassId): boolean => {
    const device = o.store.devices.find((d) => equal(d.log.device, key))
    if (!device || device.log.deleted) return false
    if (device.log.isOwner(reader)) return true
    const book = o.access(device)?.book
    return device.log.readers.some((r) => {
      if (r.class !== cls || !equal(r.sign, reader) || device.log.paused(r.grantId)) return false
      return (book?.spans(r.grantId).at(-1)?.why ?? null) === null
    })
  }
  const { files, frames } = o
  return new Mailbox({ files, mayRead, ...(frames === undefined ? {} : { frames }) })
}
