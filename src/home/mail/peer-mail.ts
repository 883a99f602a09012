// The mailbox of a peer that is nobody's home (docs/wire.md "Deposits"): devices that it was told of bring
// their frames, the grant ids of consents that stand, and GRANTs. Readers show an entry that the device has
// signed about them. The peer knows no owner and no log; it can open nothing, and keeps so many bytes.

import { type Bytes, equal, hex } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/cursor.ts'
import { LIMITS } from '../../base/limits.ts'
import { openEntry } from '../../channel/access.ts'
import { grantPlace } from '../../channel/grant.ts'
import { verifyFrame } from '../../channel/reader.ts'
import { Verifier } from '../../crypto/native.ts'
import type { Failure, Files } from '../../hw/hardware.ts'
import type { Stream } from '../../net/api.ts'
import type { MessageEvents } from '../../net/messages.ts'
import type { Place } from '../../node/frames/ring.ts'
import type { PlacedGrant } from '../../node/frames/subscriber.ts'
import { SnapshotFile } from '../../node/snapshot.ts'
import { ENTRY } from '../../wire/access.ts'
import { CHANNEL, decodeDeposit, encodeSubscribe, frameAt, framesIn } from '../../wire/channel.ts'
import { CLASS_NAMES, type ClassId, frameClass, frameEpoch, frameIndex } from '../../wire/frame.ts'
import { type Asked, Mailbox } from './mailbox.ts'

export interface PeerMailOptions {
  files: Files
  /** Ed25519 keys of the devices whose frames are kept, at most LIMITS.home.mailboxDevices. */
  devices: readonly Bytes[]
  /** Frames that a ring of `raw` holds; LIMITS.home.mailboxFrames unless told. */
  frames?: number
}

interface Grant extends PlacedGrant {
  class: ClassId
  grantId: Bytes
}

interface Kept {
  device: Bytes
  verifier: Verifier
  file: SnapshotFile
  /** Consents that may be served. */
  open: Bytes[]
  grants: Grant[]
  stream: Stream | null
  /** Changed since the write that is under way began. */
  dirty: boolean
  writing: boolean
}

/** Of a GRANT: everything but its box, and the longest box. */
const LEAST_GRANT = 116 + 64
const MOST_GRANT = LEAST_GRANT + LIMITS.p1.telegramBytes + 96

export class PeerMail {
  readonly mailbox: Mailbox
  readonly #kept: Map<string, Kept>

  private constructor(options: PeerMailOptions) {
    const { files, frames } = options
    this.#kept = new Map()
    this.mailbox = new Mailbox({
      files,
      consentOf: (asked) => this.#consentOf(asked),
      grants: (device, cls, grantId) =>
        this.#kept.get(hex(device))?.grants.filter((g) => g.class === cls && equal(g.grantId, grantId)) ?? [],
      onDeposit: (stream, first, send) => this.#onDeposit(stream, first, send),
      ...(frames === undefined ? {} : { frames }),
    })
  }

  /** Opens what is kept of each device. Fails with `state-damaged` or what a file failed with. */
  static open(options: PeerMailOptions, done: (error: Failure, mail: PeerMail | null) => void): void {
    const mail = new PeerMail(options)
    const devices = options.devices.slice(0, LIMITS.home.mailboxDevices)
    const next = (i: number): void => {
      const device = devices[i]
      if (!device) return done(null, mail)
      const verifier = Verifier.of(device)
      if (!verifier) return next(i + 1)
      const file = new SnapshotFile(options.files, `mail-${hex(device.subarray(0, 8))}.grants`, 'mail', 1)
      file.read((error, content) => {
        if (error) return done(error, null)
        const empty = { open: [], grants: [], stream: null, dirty: false, writing: false }
        const kept: Kept = { device, verifier, file, ...empty }
        if (content) decodeKept(content, kept)
        mail.#kept.set(hex(device), kept)
        mail.mailbox.open(device, (failure) => (failure ? done(failure, null) : next(i + 1)))
      })
    }
    next(0)
  }

  close(): void {
    for (const { stream } of this.#kept.values()) stream?.reset()
    this.mailbox.close()
  }

  /** By an entry of the device about this very reader, under a consent that the device named last. */
  #consentOf({ device, reader, class: cls, shown }: Asked): Bytes | null {
    const kept = this.#kept.get(hex(device))
    const entry = kept && shown && openEntry(shown, kept.verifier)
    if (!entry || entry.kind === ENTRY.keys || entry.class !== cls || !equal(entry.sign, reader)) return null
    return kept.open.find((id) => equal(id, entry.grantId)) ?? null
  }

  /** The newest stream of a device counts. */
  #onDeposit(stream: Stream, first: Bytes, send: (message: Bytes) => void): MessageEvents | null {
    const kept = this.#kept.get(hex(stream.connection.remoteKey))
    const newest = kept && this.mailbox.newest(kept.device)
    const open = decodeDeposit(first)
    if (!kept || !newest || !open) return null
    kept.stream?.reset()
    kept.stream = stream
    this.#setOpen(kept, open)
    newest.forEach(({ epoch, index }, cls) => {
      const place = epoch === 0 ? { epoch, index: 0 } : { epoch, index: index + 1 }
      send(encodeSubscribe({ class: cls as ClassId, ...place, hasKey: true, grantId: new Uint8Array(16) }))
    })
    return {
      onMessage: (message) => {
        if (!this.#onMessage(kept, newest, message)) stream.reset()
      },
      onDrain: () => {},
      onEnd: () => {},
      onClose: () => {
        if (kept.stream === stream) kept.stream = null
      },
    }
  }

  /** False for what no device of ours sends. */
  #onMessage(kept: Kept, newest: readonly Place[], message: Bytes): boolean {
    if (message[0] === CHANNEL.deposit) {
      const open = decodeDeposit(message)
      if (open) this.#setOpen(kept, open)
      return open !== null
    }
    if (message[0] === CHANNEL.grant) return this.#onGrant(kept, message.slice(1))
    const n = framesIn(message)
    for (let i = 0; i < n; i++) {
      const frame = frameAt(message, i)
      if (!verifyFrame(frame, kept.verifier)) return false
      const last = newest[frameClass(frame)]
      const [epoch, index] = [frameEpoch(frame), frameIndex(frame)]
      if (!last) return false
      if (epoch > last.epoch || (epoch === last.epoch && index > last.index))
        this.mailbox.onFrame(kept.device, frame)
    }
    return n > 0
  }

  #setOpen(kept: Kept, open: Bytes[]): void {
    kept.open = open
    kept.grants = kept.grants.filter((g) => open.some((id) => equal(id, g.grantId)))
    this.mailbox.drop(kept.device)
    this.#write(kept)
  }

  /** Sealed to a reader whom we do not know; where there are too many bytes, the oldest go. */
  #onGrant(kept: Kept, bytes: Bytes): boolean {
    const grant = readGrant(bytes)
    if (!grant) return false
    if (!kept.open.some((id) => equal(id, grant.grantId))) return true
    if (kept.grants.some((g) => equal(g.bytes, bytes))) return true
    kept.grants = kept.grants.filter(
      (g) => !(equal(g.grantId, grant.grantId) && g.class === grant.class && g.epoch === grant.epoch),
    )
    kept.grants.push(grant)
    let size = kept.grants.reduce((sum, g) => sum + g.bytes.length, 0)
    while (size > LIMITS.home.mailboxGrantBytes) size -= kept.grants.shift()!.bytes.length
    kept.grants.sort((a, b) => a.epoch - b.epoch || a.index - b.index)
    this.mailbox.renew(kept.device, grant.grantId)
    this.#write(kept)
    return true
  }

  /** One write after the other. What could not be written the device brings again. */
  #write(kept: Kept): void {
    kept.dirty = true
    if (kept.writing) return
    kept.writing = true
    kept.dirty = false
    kept.file.write(encodeKept(kept), (error) => {
      kept.writing = false
      if (kept.dirty && !error) this.#write(kept)
    })
  }
}

function readGrant(bytes: Bytes): Grant | null {
  if (bytes.length < LEAST_GRANT || bytes.length > MOST_GRANT || bytes[0] !== 1) return null
  const place = grantPlace(bytes)
  if (bytes[1]! >= CLASS_NAMES.length || place.epoch === 0) return null
  return { ...place, class: bytes[1] as ClassId, grantId: bytes.slice(60, 76), bytes }
}

function encodeKept({ open, grants }: Kept): Bytes {
  const size = grants.reduce((sum, g) => sum + 2 + g.bytes.length, 0)
  const w = new Writer(new Uint8Array(3 + 16 * open.length + size)).u8(open.length)
  for (const id of open) w.put(id)
  w.u16(grants.length)
  for (const { bytes } of grants) w.block(bytes)
  return w.done()
}

function decodeKept(content: Bytes, kept: Kept): void {
  const r = new Reader(content)
  const n = r.u8()
  for (let i = 0; i < n && r.ok; i++) kept.open.push(r.take(16).slice())
  const m = r.u16()
  for (let i = 0; i < m && r.ok; i++) {
    const grant = readGrant(r.block(MOST_GRANT).slice())
    if (grant) kept.grants.push(grant)
  }
}
