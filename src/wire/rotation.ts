// The body of KEY_ROTATION, docs/wire.md "KEY_ROTATION": clear text, split over the first frames of an
// epoch. It names the last durable frame before, and carries one box for each reader among dummies.

import { type Bytes, concat } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import type { Reason } from './frame.ts'
import { BODY_BYTES } from './frame.ts'

/** tag 8, encapsulated key 32, sealed first chain key 32 and its tag 16. */
export const BOX_BYTES = 88
const FIXED_BYTES = 54
const VERSION = 1

/** Where a chain stands: the hash is SHA-256 over the whole frame at (epoch, index). */
export interface Head {
  epoch: number
  index: number
  hash: Bytes
}

export interface RotationBox {
  tag: Bytes
  box: Bytes
}

export interface Rotation {
  reason: Reason
  /** Milliseconds since 1970 as the device believed when the epoch began. */
  at: number
  /** The last durable frame before this epoch; epoch 0 and a zero hash where there was none. */
  prev: Head
  boxes: RotationBox[]
}

/** Frames that a rotation with this many boxes takes. */
export function rotationParts(boxes: number): number {
  return Math.ceil((FIXED_BYTES + boxes * BOX_BYTES) / BODY_BYTES)
}

/** Boxes on the wire for this many readers: 4, 8, 16 or 32, so that their number says little. */
export function paddedBoxes(readers: number): number {
  return readers <= 4 ? 4 : readers <= 8 ? 8 : readers <= 16 ? 16 : 32
}

/** The body, padded with zeros to whole frames. */
export function encodeRotation(r: Rotation): Bytes {
  const w = new Writer(new Uint8Array(rotationParts(r.boxes.length) * BODY_BYTES))
  w.u8(VERSION).u8(r.reason).u16(r.boxes.length).u48(r.at)
  w.u32(r.prev.epoch).u48(r.prev.index).put(r.prev.hash).u16(0)
  for (const box of r.boxes) w.put(box.tag).put(box.box)
  return w.bytes
}

/** Null for anything that is not exactly such a body. Copies what it returns. */
export function decodeRotation(bytes: Bytes): Rotation | null {
  const r = new Reader(concat(bytes))
  const version = r.u8()
  const reason = r.u8()
  const count = r.u16()
  const at = r.u48()
  const prev = { epoch: r.u32(), index: r.u48(), hash: r.take(32) }
  const zero = r.u16()
  if (!r.ok || version !== VERSION || zero !== 0 || reason < 1 || reason > 8) return null
  if (count !== paddedBoxes(count) || bytes.length !== rotationParts(count) * BODY_BYTES) return null
  const boxes: RotationBox[] = []
  for (let i = 0; i < count; i++) boxes.push({ tag: r.take(8), box: r.take(BOX_BYTES - 8) })
  return r.ok ? { reason: reason as Reason, at, prev, boxes } : null
}
