// The frames inside a data datagram: type, length, body, one after the other to its end. Types that are
// not known are skipped, so that newer peers may say more. docs/wire/datagrams.md lists the bodies.

import type { Bytes } from '../../base/bytes.ts'

export const FRAME = {
  challenge: 1,
  answer: 2,
  close: 3,
  message: 4,
  part: 5,
  partAck: 6,
  pipe: 7,
  pipeAck: 8,
  pipeReset: 9,
  reserve: 16,
  reserved: 17,
  connect: 18,
  connected: 19,
  incoming: 20,
  forward: 21,
  hangUp: 22,
  offer: 32,
  offerAnswer: 33,
  go: 34,
  cross: 35,
  crossAnswer: 36,
  crossGo: 37,
} as const

/** Type and length. */
export const FRAME_HEAD = 3

/** Writes one frame at `at`; where it ends. */
export function putFrame(into: Bytes, at: number, type: number, head: Bytes, body: Bytes): number {
  const length = head.length + body.length
  into[at] = type
  into[at + 1] = length >> 8
  into[at + 2] = length
  into.set(head, at + FRAME_HEAD)
  into.set(body, at + FRAME_HEAD + head.length)
  return at + FRAME_HEAD + length
}
