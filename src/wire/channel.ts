// Messages of `/wattle/channel/1.0.0`, docs/wire.md "Channel protocol": a reader subscribes to one class
// of a device and gets frames, grants and the end of access. Every message is one length-prefixed block
// whose first byte is its type. Decoders return null for anything else; byte fields are views.

import type { Bytes } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { LIMITS } from '../base/limits.ts'
import type { ClassId } from './frame.ts'
import { CLASS_NAMES, FRAME_BYTES } from './frame.ts'

export const CHANNEL_PROTOCOL = '/wattle/channel/1.0.0'

export const CHANNEL = {
  subscribe: 1,
  witness: 2,
  frames: 3,
  grant: 4,
  ended: 5,
  gap: 6,
  refused: 7,
  waiting: 8,
  entry: 9,
  subscribeAt: 10,
  deposit: 11,
  digest: 12,
} as const

/** Frames in one message at most, so that a message stays below LIMITS.net.messageBytes. */
export const FRAMES_PER_MESSAGE = 60

/** Why a subscription was refused or ended. */
export const ENDING = {
  notReader: 1,
  revoked: 2,
  expired: 3,
  deleted: 4,
  unclaimed: 5,
  paused: 6,
  malformed: 7,
  tooMany: 8,
} as const
export type Ending = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

export interface Subscribe {
  class: ClassId
  /** The next frame wanted; epoch 0 means "from my grant on". */
  epoch: number
  index: number
  /** True where the reader still has the chain key of that place and needs no grant. */
  hasKey: boolean
  /** 16 bytes: the consent that the key came by; zeros for an owner, or before the first grant. */
  grantId: Bytes
}

export function encodeSubscribe(s: Subscribe): Bytes {
  const w = new Writer(new Uint8Array(29)).u8(CHANNEL.subscribe).u8(s.class).u32(s.epoch).u48(s.index)
  return w.u8(s.hasKey ? 1 : 0).put(s.grantId).bytes
}

export function decodeSubscribe(bytes: Bytes): Subscribe | null {
  const r = new Reader(bytes)
  const type = r.u8()
  const cls = r.u8()
  const epoch = r.u32()
  const index = r.u48()
  const flags = r.u8()
  const grantId = r.take(16).slice()
  if (!r.done || type !== CHANNEL.subscribe || cls >= CLASS_NAMES.length || flags > 1) return null
  return { class: cls as ClassId, epoch, index, hasKey: flags === 1, grantId }
}

/** SUBSCRIBE to a mailbox: whose frames, in front. */
export function encodeSubscribeAt(device: Bytes, s: Subscribe): Bytes {
  const body = encodeSubscribe(s).subarray(1)
  return new Writer(new Uint8Array(33 + body.length)).u8(CHANNEL.subscribeAt).put(device).put(body).bytes
}

export function decodeSubscribeAt(bytes: Bytes): { device: Bytes; subscribe: Subscribe } | null {
  if (bytes.length !== 61 || bytes[0] !== CHANNEL.subscribeAt) return null
  const body = bytes.slice(32)
  body[0] = CHANNEL.subscribe
  const subscribe = decodeSubscribe(body)
  return subscribe && { device: bytes.slice(1, 33), subscribe }
}

/** Device → mailbox: frames are to come, and these consents (16-byte grant ids) may be served. */
export function encodeDeposit(grantIds: readonly Bytes[]): Bytes {
  const w = new Writer(new Uint8Array(2 + 16 * grantIds.length)).u8(CHANNEL.deposit).u8(grantIds.length)
  for (const grantId of grantIds) w.put(grantId)
  return w.bytes
}

/** Copies. */
export function decodeDeposit(bytes: Bytes): Bytes[] | null {
  const r = new Reader(bytes)
  const type = r.u8()
  const n = r.u8()
  if (type !== CHANNEL.deposit || n > LIMITS.channel.readers || bytes.length !== 2 + 16 * n) return null
  return Array.from({ length: n }, () => r.take(16).slice())
}

/** What an owner shows the device after each connect: the newest frame it holds of each class, and its log head. */
export interface Witness {
  logSeq: number
  logHead: Bytes
  /** Whole frames, so that the device can check its own signature. */
  frames: Bytes[]
}

export function encodeWitness(w: Witness): Bytes {
  const out = new Writer(new Uint8Array(38 + w.frames.length * FRAME_BYTES))
    .u8(CHANNEL.witness)
    .u32(w.logSeq)
    .put(w.logHead)
  out.u8(w.frames.length)
  for (const frame of w.frames) out.put(frame)
  return out.bytes
}

export function decodeWitness(bytes: Bytes): Witness | null {
  const r = new Reader(bytes)
  const type = r.u8()
  const logSeq = r.u32()
  const logHead = r.take(32)
  const count = r.u8()
  if (!r.ok || type !== CHANNEL.witness || count > CLASS_NAMES.length) return null
  const frames: Bytes[] = []
  for (let i = 0; i < count; i++) frames.push(r.take(FRAME_BYTES))
  return r.done ? { logSeq, logHead, frames } : null
}

/** The frames in a FRAMES message, or 0 where it is none. */
export function framesIn(bytes: Bytes): number {
  const n = (bytes.length - 1) / FRAME_BYTES
  return bytes[0] === CHANNEL.frames && Number.isInteger(n) && n > 0 && n <= FRAMES_PER_MESSAGE ? n : 0
}

/** View of frame `i` of a FRAMES message. */
export function frameAt(bytes: Bytes, i: number): Bytes {
  return bytes.subarray(1 + i * FRAME_BYTES, 1 + (i + 1) * FRAME_BYTES)
}

/** A grant, an ending or another access entry, signed by the device; what is inside: channel/grant.ts, channel/access.ts. */
export function encodeSigned(type: 4 | 5 | 9 | 12, signed: Bytes): Bytes {
  return new Writer(new Uint8Array(1 + signed.length)).u8(type).put(signed).bytes
}

export interface Gap {
  class: ClassId
  /** First frame that is missing. */
  epoch: number
  index: number
  /** First frame that is there again. */
  toEpoch: number
  toIndex: number
}

export function encodeGap(g: Gap): Bytes {
  return new Writer(new Uint8Array(22))
    .u8(CHANNEL.gap)
    .u8(g.class)
    .u32(g.epoch)
    .u48(g.index)
    .u32(g.toEpoch)
    .u48(g.toIndex).bytes
}

export function decodeGap(bytes: Bytes): Gap | null {
  const r = new Reader(bytes)
  const type = r.u8()
  const gap = { class: r.u8() as ClassId, epoch: r.u32(), index: r.u48(), toEpoch: r.u32(), toIndex: r.u48() }
  return r.done && type === CHANNEL.gap && gap.class < CLASS_NAMES.length ? gap : null
}

export function encodeRefused(reason: Ending): Bytes {
  return Uint8Array.of(CHANNEL.refused, reason)
}

/** The device has no witness since its boot: boxes follow when it has one. */
export function encodeWaiting(): Bytes {
  return Uint8Array.of(CHANNEL.waiting)
}
