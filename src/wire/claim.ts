// Messages of `/wattle/claim/1.0.0`, byte for byte as docs/wire/claim.md has them. A message is one
// length-prefixed block (on a stream) or one binary WebSocket message; its first byte is its type.
// Decoders return null for anything else and never look at what the bytes mean; byte fields are views.

import type { Bytes } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { LIMITS } from '../base/limits.ts'
import { OWNER_SET_BYTES } from './owner-set.ts'

export const CLAIM_PROTOCOL = '/wattle/claim/1.0.0'

/** In HELLO and CLAIM_DEVICE; an unknown one is reported, never guessed. */
export const CLAIM_VERSION = 1

export const CLAIM = {
  hello: 1,
  claimDevice: 2,
  challenge: 3,
  answerChallenge: 4,
  claimResult: 5,
  reclaimProof: 6,
} as const

/** HELLO's state. */
export const STATE = { closed: 0, window: 1, claimed: 2 } as const
export type ClaimState = (typeof STATE)[keyof typeof STATE]

/** CLAIM_RESULT's code. The first two carry a box, the reasons carry nothing. */
export const RESULT = { ok: 0, again: 1, auth: 2, busy: 3, windowClosed: 4, alreadyClaimed: 5 } as const
export type ResultCode = (typeof RESULT)[keyof typeof RESULT]

/** The one stretching there is: scrypt with N = 2^15, r = 8, p = 1. */
export const KDF_SCRYPT_15_8_1 = 1

/** ANSWER_CHALLENGE's box at its largest: record (version, set, policy, signatures) and tag. */
export const OWNER_BOX_BYTES: number =
  1 + OWNER_SET_BYTES + 2 + LIMITS.ownership.policyBytes + LIMITS.ownership.owners * 64 + 16

/** CLAIM_RESULT's box: a certificate under AEAD, or under HPKE. */
export const CERTIFICATE_BYTES = 199
const RESULT_BOX_BYTES = CERTIFICATE_BYTES + 48

export interface Hello {
  readonly version: number
  readonly state: ClaimState
  /** Seconds the window stays open; 0 unless it is. */
  readonly left: number
  readonly discriminator: number
  readonly kdf: number
  /** 16 bytes. */
  readonly salt: Bytes
  /** 16 bytes: the window's nonce, or the reclaim nonce of a claimed device, or zeros. */
  readonly nonce: Bytes
  /** 32 bytes: Ed25519 of a claimed device, else zeros. */
  readonly device: Bytes
}

export function encodeHello(h: Hello): Bytes {
  return new Writer(new Uint8Array(71))
    .u8(CLAIM.hello)
    .u8(h.version)
    .u8(h.state)
    .u8(h.left)
    .u16(h.discriminator)
    .u8(h.kdf)
    .put(h.salt)
    .put(h.nonce)
    .put(h.device).bytes
}

/** A HELLO of another version is returned with its version and nothing else that is to be trusted. */
export function decodeHello(bytes: Bytes): Hello | null {
  const r = new Reader(bytes)
  const type = r.u8()
  const version = r.u8()
  const state = r.u8()
  const hello = {
    version,
    state: state as ClaimState,
    left: r.u8(),
    discriminator: r.u16(),
    kdf: r.u8(),
    salt: r.take(16),
    nonce: r.take(16),
    device: r.take(32),
  }
  if (!r.ok || type !== CLAIM.hello) return null
  if (version !== CLAIM_VERSION) return hello
  return r.done && state <= STATE.claimed ? hello : null
}

export interface ClaimDeviceMessage {
  readonly version: number
  readonly window: Bytes
  readonly ownerNonce: Bytes
  readonly shareP: Bytes
}

export function encodeClaimDevice(m: ClaimDeviceMessage): Bytes {
  const w = new Writer(new Uint8Array(99)).u8(CLAIM.claimDevice).u8(m.version)
  return w.put(m.window).put(m.ownerNonce).put(m.shareP).bytes
}

export function decodeClaimDevice(bytes: Bytes): ClaimDeviceMessage | null {
  const r = new Reader(bytes)
  const type = r.u8()
  const message = { version: r.u8(), window: r.take(16), ownerNonce: r.take(16), shareP: r.take(65) }
  return r.done && type === CLAIM.claimDevice ? message : null
}

export interface Challenge {
  readonly shareV: Bytes
  readonly confirmV: Bytes
}

export function encodeChallenge(m: Challenge): Bytes {
  return new Writer(new Uint8Array(98)).u8(CLAIM.challenge).put(m.shareV).put(m.confirmV).bytes
}

export function decodeChallenge(bytes: Bytes): Challenge | null {
  const r = new Reader(bytes)
  const type = r.u8()
  const message = { shareV: r.take(65), confirmV: r.take(32) }
  return r.done && type === CLAIM.challenge ? message : null
}

export interface AnswerChallenge {
  readonly confirmP: Bytes
  readonly box: Bytes
}

export function encodeAnswer(m: AnswerChallenge): Bytes {
  const w = new Writer(new Uint8Array(33 + m.box.length)).u8(CLAIM.answerChallenge)
  return w.put(m.confirmP).put(m.box).bytes
}

export function decodeAnswer(bytes: Bytes): AnswerChallenge | null {
  const r = new Reader(bytes)
  const type = r.u8()
  const message = { confirmP: r.take(32), box: r.rest() }
  if (!r.ok || type !== CLAIM.answerChallenge || message.box.length > OWNER_BOX_BYTES) return null
  return message
}

export interface ClaimResult {
  readonly code: ResultCode
  /** Empty unless the code is `ok` or `again`. */
  readonly box: Bytes
}

const NO_BOX: Bytes = new Uint8Array(0)

export function encodeResult(code: ResultCode, box: Bytes = NO_BOX): Bytes {
  return new Writer(new Uint8Array(2 + box.length)).u8(CLAIM.claimResult).u8(code).put(box).bytes
}

export function decodeResult(bytes: Bytes): ClaimResult | null {
  const r = new Reader(bytes)
  const type = r.u8()
  const code = r.u8() as ResultCode
  const box = r.rest()
  if (!r.ok || type !== CLAIM.claimResult || code > RESULT.alreadyClaimed) return null
  const boxed = code === RESULT.ok || code === RESULT.again
  return boxed === box.length > 0 && box.length <= RESULT_BOX_BYTES ? { code, box } : null
}

export interface ReclaimProof {
  /** The owner's Ed25519 key. */
  readonly owner: Bytes
  readonly signature: Bytes
}

export function encodeReclaim(m: ReclaimProof): Bytes {
  return new Writer(new Uint8Array(97)).u8(CLAIM.reclaimProof).put(m.owner).put(m.signature).bytes
}

export function decodeReclaim(bytes: Bytes): ReclaimProof | null {
  const r = new Reader(bytes)
  const type = r.u8()
  const message = { owner: r.take(32), signature: r.take(64) }
  return r.done && type === CLAIM.reclaimProof ? message : null
}
