// How the device's journal writes down what it keeps (docs/wire.md "Device journal"): payloads of its
// records. Layouts only; what a record does is state.ts.

import type { Bytes } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/cursor.ts'
import { Secret } from '../../crypto/secret.ts'
import type { PlacedGrant } from '../../node/frames/subscriber.ts'
import type { JournalRecord } from '../../node/journal.ts'
import type { ClassId } from '../../wire/frame.ts'
import { encodeOwnerSet, type OwnerSet } from '../../wire/owner-set.ts'
import type { Entry } from '../publish/access-log.ts'

export const RECORD = {
  identity: 1,
  event: 2,
  epoch: 3,
  expired: 4,
  owed: 5,
  incarnation: 6,
  time: 7,
  entry: 8,
  next: 9,
} as const

/** Made only by a verified claim. */
export interface Identity {
  seed: Secret
  boxSeed: Secret
  /** The owners of the claim; those of now are the log's. */
  owners: OwnerSet
  /** Which life of this hardware: grows with each claim. */
  incarnation: number
  certificate: Bytes
  /** The policy of the claim; that of now is the log's. */
  policy: Bytes
}

/** A grant for a reader that was not connected when it became due. */
export interface Owed extends PlacedGrant {
  reader: Bytes
  class: ClassId
}

export interface KeyPair {
  readonly seed: Secret
  readonly boxSeed: Secret
}

/** Payload of the journal's record; hold no copy of it. */
export function encodePair({ seed, boxSeed }: KeyPair): Bytes {
  return new Writer(new Uint8Array(64)).put(seed.bytes()).put(boxSeed.bytes()).bytes
}

export function decodePair(payload: Bytes): KeyPair | null {
  const r = new Reader(payload)
  const pair = { seed: new Secret(r.take(32).slice()), boxSeed: new Secret(r.take(32).slice()) }
  return r.done ? pair : null
}

export function entryRecord({ number, bytes }: Entry): JournalRecord {
  return {
    type: RECORD.entry,
    payload: new Writer(new Uint8Array(4 + bytes.length)).u32(number).put(bytes).bytes,
  }
}

export function encodeIdentity(identity: Identity): Bytes {
  const owners = encodeOwnerSet(identity.owners)
  const { certificate, policy } = identity
  const w = new Writer(new Uint8Array(74 + owners.length + certificate.length + policy.length))
  w.put(identity.seed.bytes()).put(identity.boxSeed.bytes()).u32(identity.incarnation)
  w.block(owners).block(certificate).put(policy)
  return w.done()
}

export function encodeOwed(owed: Owed): Bytes {
  const w = new Writer(new Uint8Array(43 + owed.bytes.length))
  return w.put(owed.reader).u8(owed.class).u32(owed.epoch).u48(owed.index).put(owed.bytes).bytes
}

export function encodeTime(time: number, recovered: number): Bytes {
  return new Writer(new Uint8Array(12)).u48(time).u48(Math.floor(recovered)).bytes
}

export function word(value: number): Bytes {
  return new Writer(new Uint8Array(4)).u32(value).bytes
}
