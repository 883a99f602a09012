// The keys of a channel, docs/wire.md "Keys". Forward only: from a chain key all later ones of its epoch
// follow, none before. An epoch's secret is random, in memory only, and different for each class.

import { type Bytes, concat, utf8 } from '../base/bytes.ts'
import { Writer } from '../base/cursor.ts'
import { type Exchange, hkdf, hmac, readerSha512, sha512 } from '../crypto/native.ts'
import type { ClassId } from '../wire/frame.ts'

const CK0 = utf8('wattle/ck0/1\0')
const STEP = utf8('wattle/step/1\0')
/** What a step hashes: a counter of one, the chain key, the label (SP 800-56C, one-step). One step ends before the next begins. */
const step: Bytes = concat(Uint8Array.of(0, 0, 0, 1), new Uint8Array(32), STEP)
const SLOT = utf8('wattle/slot/1\0')
const ROTATION_INFO = utf8('wattle/rotation/1\0')
const GRANT_INFO = utf8('wattle/grant/1\0')

/** The first chain key of an epoch (32 bytes). */
export function firstChainKey(secret: Bytes, nonce: Bytes, cls: ClassId): Bytes {
  return hmac(secret, CK0, nonce, Uint8Array.of(cls))
}

/**
 * One step of the chain, in place: SHA-512 over the chain key gives the key of this frame (first half,
 * into `messageKey`) and the chain key of the next (second half). What was the chain key is gone.
 */
export function stepChain(chainKey: Bytes, messageKey: Bytes): void {
  step.set(chainKey, 4)
  const both = sha512(step)
  for (let i = 0; i < 32; i++) {
    messageKey[i] = both[i]!
    chainKey[i] = both[32 + i]!
  }
  both.fill(0)
  step.fill(0, 4, 36)
}

const walked: Bytes = new Uint8Array(64)

/**
 * So many steps at once, in place, for a reader: `messageKey` is that of the last. Not for a device, whose
 * earlier keys have to be gone (see `readerSha512`).
 */
export function walkChain(chainKey: Bytes, messageKey: Bytes, steps: number): void {
  step.set(chainKey, 4)
  for (let n = 0; n < steps; n++) {
    readerSha512(step, walked)
    for (let i = 0; i < 32; i++) step[4 + i] = walked[32 + i]!
  }
  for (let i = 0; i < 32; i++) {
    messageKey[i] = walked[i]!
    chainKey[i] = walked[32 + i]!
  }
  walked.fill(0)
  step.fill(0, 4, 36)
}

/**
 * The key from which a reader's tags are made. Device and reader both get it from their X25519 keys, so
 * nobody else can test whether a box is for a certain reader. Null for a bad public key.
 */
export function slotKey(own: Exchange, other: Bytes, grantId: Bytes): Bytes | null {
  const shared = own.agree(other)
  if (!shared) return null
  const key = hkdf(grantId, shared.bytes(), SLOT, 32)
  shared.wipe()
  return key
}

/** The 8 bytes by which a reader finds its box in a KEY_ROTATION. */
export function boxTag(slot: Bytes, nonce: Bytes, cls: ClassId): Bytes {
  return hmac(slot, nonce, Uint8Array.of(cls)).subarray(0, 8)
}

/** Everything that a box or a grant is bound to. */
export interface Binding {
  device: Bytes
  class: ClassId
  epoch: number
  nonce: Bytes
  index: number
  /** The reader's X25519 key. */
  reader: Bytes
  grantId: Bytes
}

/** HPKE `info` of a KEY_ROTATION box or of a grant. */
export function bindingInfo(kind: 'rotation' | 'grant', b: Binding): Bytes {
  const place = new Writer(new Uint8Array(11)).u8(b.class).u32(b.epoch).u48(b.index).bytes
  return concat(kind === 'rotation' ? ROTATION_INFO : GRANT_INFO, b.device, place, b.nonce)
}

/** HPKE `aad` of the same. */
export function bindingAad(b: Binding): Bytes {
  return concat(b.reader, b.grantId)
}
