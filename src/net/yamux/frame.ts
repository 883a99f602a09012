// Yamux frames, /yamux/1.0.0 (hashicorp/yamux spec.md, libp2p specs yamux/README.md): twelve bytes of
// header — version, type, flags, stream id, length, big-endian — and after Data the bytes. Layout and
// numbers only; what a frame means is session.ts.

import type { Bytes } from '../../base/bytes.ts'
import { putU32 } from '../../base/cursor.ts'

export const HEADER = 12

export const TYPE: { readonly data: 0; readonly window: 1; readonly ping: 2; readonly goAway: 3 } = {
  data: 0,
  window: 1,
  ping: 2,
  goAway: 3,
}

export const FLAG: { readonly syn: 1; readonly ack: 2; readonly fin: 4; readonly rst: 8 } = {
  syn: 1,
  ack: 2,
  fin: 4,
  rst: 8,
}

export const GO_AWAY: { readonly normal: 0; readonly protocol: 1; readonly internal: 2 } = {
  normal: 0,
  protocol: 1,
  internal: 2,
}

/** Where a session lays its frames out, and what carries them away. */
export interface FrameOutput {
  /** The next frame begins at `at`; as much room as `buffer` has behind it may be used. */
  readonly buffer: Bytes
  readonly at: number
  /** Bytes kept free behind a frame (a tag). */
  readonly spare: number
  /** Carries the first `n` bytes from `at` away at once. */
  commit(n: number): void
  /** True: no data now; `Session.onWritable` follows. Other frames may still be sent. */
  congested(): boolean
}

export function putHeader(out: FrameOutput, type: number, flags: number, id: number, length: number): void {
  const b = out.buffer
  const at = out.at
  b[at] = 0
  b[at + 1] = type
  b[at + 2] = 0
  b[at + 3] = flags
  putU32(b, at + 4, id)
  putU32(b, at + 8, length)
}
