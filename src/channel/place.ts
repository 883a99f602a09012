// Where a reader stands in its channels, as bytes for a state file (docs/wire.md "Reader places"). Holds
// chain keys: such bytes belong into a file of mode 0600 and nowhere else.

import { type Bytes, equal } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { LIMITS } from '../base/limits.ts'
import { Secret } from '../crypto/secret.ts'
import type { ClassId } from '../wire/frame.ts'
import type { ReaderState } from './reader.ts'

export interface ReaderPlace {
  /** The device's Ed25519 key. */
  device: Bytes
  class: ClassId
  state: ReaderState
  /** What the reader of the payloads needs besides (for `raw` the reference telegrams). */
  context: Bytes
}

const FIXED_BYTES = 33 + 107 + 2

export function encodePlaces(places: readonly ReaderPlace[]): Bytes {
  const size = places.reduce((n, p) => n + FIXED_BYTES + p.context.length, 2)
  const w = new Writer(new Uint8Array(size)).u16(places.length)
  for (const { device, class: cls, state: s, context } of places) {
    w.put(device).u8(cls)
    w.put(s.grantId)
      .u32(s.epoch)
      .put(s.nonce)
      .u48(s.index)
      .put(s.hash)
      .u8(s.chainKey ? 1 : 0)
    w.put(s.chainKey?.bytes() ?? new Uint8Array(32)).block(context)
  }
  return w.bytes
}

/** Copies; null where the bytes are none. */
export function decodePlaces(bytes: Bytes): ReaderPlace[] | null {
  const r = new Reader(bytes)
  const places: ReaderPlace[] = []
  for (let n = r.u16(); n > 0 && r.ok; n--) {
    const device = r.take(32).slice()
    const cls = r.u8() as ClassId
    const place = {
      grantId: r.take(16).slice(),
      epoch: r.u32(),
      nonce: r.take(16).slice(),
      index: r.u48(),
      hash: r.take(32).slice(),
    }
    const open = r.u8() === 1
    const key = new Secret(r.take(32).slice())
    const context = r.block(2 * LIMITS.p1.telegramBytes + 4 + LIMITS.channel.frameBytes).slice()
    places.push({ device, class: cls, state: { ...place, chainKey: open ? key : null }, context })
  }
  return r.done ? places : null
}

/** The place in one channel, or null. */
export function placeOf(places: readonly ReaderPlace[], device: Bytes, cls: ClassId): ReaderPlace | null {
  return places.find((p) => p.class === cls && equal(p.device, device)) ?? null
}
