// The sealed frame of a channel, docs/wire.md "Frame": 256 bytes, always.
// Offsets only; sealing and opening is channel/. Nothing here may depend on what a frame carries.

import { type Bytes, utf8 } from '../base/bytes.ts'
import { getU32, getU48, putU32, putU48 } from '../base/cursor.ts'

export const FRAME_BYTES: number = 256
export const HEADER_BYTES: number = 48
/** Cipher text (128) and tag (16), or the clear body of a KEY_ROTATION part. */
export const BODY_BYTES: number = 144
export const SIGNED_BYTES: number = HEADER_BYTES + BODY_BYTES
/** Plain bytes in one DATA frame; the first says how many of the rest are used. */
export const PLAIN_BYTES: number = BODY_BYTES - 16
export const USABLE_BYTES: number = PLAIN_BYTES - 1

export const FRAME = { data: 1, rotation: 2 } as const

/** Resolution classes: separate channels with independent secrets. */
export const CLASS = { raw: 0, quarter: 1, day: 2 } as const
export type ClassId = 0 | 1 | 2
export const CLASS_NAMES: readonly ['raw', '15min', 'day'] = ['raw', '15min', 'day']
export type ClassName = 'raw' | '15min' | 'day'

/** The id of a class name, or null. */
export function classId(name: string): ClassId | null {
  const i = CLASS_NAMES.indexOf(name as ClassName)
  return i < 0 ? null : (i as ClassId)
}

/** Why a new epoch began. */
export const REASON = {
  boot: 1,
  revoked: 2,
  expired: 3,
  daily: 4,
  added: 5,
  deleted: 6,
  repaired: 7,
  paused: 8,
} as const
export type Reason = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

/** Prefix of every signed frame, so that no other signature of the device can pass for one. */
export const FRAME_DOMAIN: Bytes = utf8('wattle/frame/1\0')

export const frameClass = (f: Bytes): number => f[1]!
export const framePart = (f: Bytes): number => f[2]!
export const frameParts = (f: Bytes): number => f[3]!
export const frameEpoch = (f: Bytes): number => getU32(f, 4)
export const frameIndex = (f: Bytes): number => getU48(f, 8)
/** The epoch's 16 random bytes. */
export const frameNonce = (f: Bytes): Bytes => f.subarray(16, 32)
/** First 16 bytes of SHA-256 over the whole frame before. */
export const framePrev = (f: Bytes): Bytes => f.subarray(32, 48)
export const frameBody = (f: Bytes): Bytes => f.subarray(HEADER_BYTES, SIGNED_BYTES)
export const frameSignature = (f: Bytes): Bytes => f.subarray(SIGNED_BYTES, FRAME_BYTES)

export interface FrameHead {
  type: number
  class: number
  part: number
  parts: number
  epoch: number
  index: number
}

/** Writes bytes 0..32 of a frame; the link (32..48) is copied from the hash of the frame before. */
export function putHeader(f: Bytes, head: FrameHead, nonce: Bytes, prevHash: Bytes): void {
  f[0] = head.type
  f[1] = head.class
  f[2] = head.part
  f[3] = head.parts
  putU32(f, 4, head.epoch)
  putU48(f, 8, head.index)
  f[14] = 0
  f[15] = 0
  f.set(nonce, 16)
  for (let i = 0; i < 16; i++) f[32 + i] = prevHash[i]!
}

/** Cheap checks before any signature is looked at. */
export function plausibleFrame(f: Bytes): boolean {
  if (f.length !== FRAME_BYTES) return false
  const parts = frameParts(f)
  return (
    (f[0] === FRAME.data || f[0] === FRAME.rotation) &&
    frameClass(f) < CLASS_NAMES.length &&
    parts > 0 &&
    framePart(f) < parts &&
    f[14] === 0 &&
    f[15] === 0
  )
}
