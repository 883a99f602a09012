// What both halves of the claim compute alike (docs/wire/claim.md "Key exchange", "Owner record" and
// "Certificate"): names and context of the key exchange, the keys out of it, the owner record under
// them, and the certificate that the new device signs. `transcript` is an exporter of the exchange:
// it names one run, cannot be computed by a listener, and travels sealed only.

import { type Bytes, concat, equal, utf8 } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { LIMITS } from '../base/limits.ts'
import { hkdf, open, type Signer, seal, sha256, Verifier } from '../crypto/native.ts'
import { canonicalX25519 } from '../crypto/points.ts'
import { Secret } from '../crypto/secret.ts'
import type { PakeNames } from '../crypto/spake2plus.ts'
import { CERTIFICATE_BYTES, CLAIM_VERSION, OWNER_BOX_BYTES } from '../wire/claim.ts'
import { encodeOwnerSet, type OwnerSet, readOwnerSet } from '../wire/owner-set.ts'
import { deviceName, KDF_ID, OWNER_NAME } from './label.ts'

const NONE: Bytes = new Uint8Array(0)
const ZERO_NONCE: Bytes = new Uint8Array(12)
const CONTEXT = utf8('wattle-claim/1 P256-SHA256-HKDF-SHA256-HMAC-SHA256')
const OWNER_LABEL = utf8('wattle-claim/1 owner')
const CERTIFICATE_LABEL = utf8('wattle-claim/1 certificate')
const RECLAIM_LABEL = utf8('wattle-claim/1 reclaim')
/** `info` of the HPKE box in which a certificate is repeated. */
export const RECLAIM_INFO: Bytes = utf8('wattle-claim/1 again')

/** Names and context: everything in HELLO and CLAIM_DEVICE that an attacker might like to differ. */
export function claimNames(discriminator: number, salt: Bytes, window: Bytes, ownerNonce: Bytes): PakeNames {
  const w = new Writer(new Uint8Array(CONTEXT.length + 52)).put(CONTEXT).u8(CLAIM_VERSION)
  w.put(window).put(ownerNonce).u16(discriminator).u8(KDF_ID).put(salt)
  return { context: w.bytes, prover: OWNER_NAME, verifier: utf8(deviceName(discriminator)) }
}

export interface ClaimKeys {
  /** Seals one message each, so their nonce is zero. */
  readonly toDevice: Secret
  readonly toOwner: Secret
  readonly transcript: Bytes
}

/** Takes the shared key over and wipes it. */
export function claimKeys(shared: Secret): ClaimKeys {
  const derive = (info: string): Bytes => hkdf(NONE, shared.bytes(), utf8(`wattle-claim/1 ${info}`), 32)
  const keys = {
    toDevice: new Secret(derive('o2d')),
    toOwner: new Secret(derive('d2o')),
    transcript: derive('transcript'),
  }
  shared.wipe()
  return keys
}

export function wipeKeys(keys: ClaimKeys): void {
  keys.toDevice.wipe()
  keys.toOwner.wipe()
}

export interface OwnerRecord {
  readonly owners: OwnerSet
  /** The set's encoding, which `ownersHash` covers. */
  readonly ownersBytes: Bytes
  /** Opaque here. */
  readonly policy: Bytes
}

/** What each owner signs: this run of the exchange and this record. */
function ownerStatement(transcript: Bytes, record: Bytes): Bytes {
  return concat(OWNER_LABEL, transcript, sha256(record))
}

/**
 * ANSWER_CHALLENGE's box. The set must be in canonical order and `signers` hold each owner's key; that
 * is the caller's own data, so a missing one throws.
 */
export function sealOwnerRecord(
  keys: ClaimKeys,
  set: OwnerSet,
  policy: Bytes,
  signers: readonly Signer[],
): Bytes {
  if (policy.length > LIMITS.ownership.policyBytes)
    throw new RangeError(`a policy of ${policy.length} bytes is too long`)
  const w = new Writer(new Uint8Array(OWNER_BOX_BYTES))
    .u8(CLAIM_VERSION)
    .put(encodeOwnerSet(set))
    .block(policy)
  const statement = ownerStatement(keys.transcript, w.done())
  for (const owner of set.owners) {
    const signer = signers.find((s) => equal(s.publicKey, owner.sign))
    if (!signer) throw new RangeError('every owner must sign the claim')
    w.put(signer.sign(statement))
  }
  return seal(keys.toDevice.bytes(), ZERO_NONCE, keys.transcript, w.done())
}

/** The record, when every owner in it signed it in this very run; else null. Copies. */
export function openOwnerRecord(keys: ClaimKeys, box: Bytes): OwnerRecord | null {
  const plain = open(keys.toDevice.bytes(), ZERO_NONCE, keys.transcript, box)
  if (!plain) return null
  const r = new Reader(plain)
  if (r.u8() !== CLAIM_VERSION) return null
  const from = r.at
  const owners = readOwnerSet(r)
  const ownersBytes = plain.slice(from, r.at)
  const policy = r.block(LIMITS.ownership.policyBytes).slice()
  if (!owners || !r.ok || r.left !== 64 * owners.owners.length) return null
  const statement = ownerStatement(keys.transcript, plain.subarray(0, r.at))
  for (const owner of owners.owners) if (!Verifier.of(owner.sign)?.verify(statement, r.take(64))) return null
  return { owners, ownersBytes, policy }
}

/** What a device says of its birth: who it is, whose it is, from which run, for the how-manieth time. */
export interface Certificate {
  /** Ed25519 and X25519 of the device. */
  readonly device: Bytes
  readonly box: Bytes
  /** Counts claims of this hardware, from 1; a factory reset never sets it back. */
  readonly incarnation: number
  readonly discriminator: number
  /** SHA-256 of the owner set's encoding. */
  readonly ownersHash: Bytes
  readonly transcript: Bytes
}

/** 199 bytes, signed by the new device key: `signer.publicKey` is the device. */
export function makeCertificate(signer: Signer, about: Omit<Certificate, 'device'>): Bytes {
  const w = new Writer(new Uint8Array(CERTIFICATE_BYTES)).u8(CLAIM_VERSION).put(signer.publicKey)
  w.put(about.box).u32(about.incarnation).u16(about.discriminator).put(about.ownersHash).put(about.transcript)
  return w.put(signer.sign(concat(CERTIFICATE_LABEL, w.done()))).bytes
}

/** The certificate when its own device key signed it; else null. Whether it is the right one, the caller checks. */
export function readCertificate(bytes: Bytes): Certificate | null {
  const r = new Reader(bytes)
  const version = r.u8()
  const certificate = {
    device: r.take(32).slice(),
    box: r.take(32).slice(),
    incarnation: r.u32(),
    discriminator: r.u16(),
    ownersHash: r.take(32).slice(),
    transcript: r.take(32).slice(),
  }
  const signed = concat(CERTIFICATE_LABEL, bytes.subarray(0, r.at))
  const signature = r.take(64)
  if (!r.done || version !== CLAIM_VERSION || !canonicalX25519(certificate.box)) return null
  return Verifier.of(certificate.device)?.verify(signed, signature) ? certificate : null
}

/** CLAIM_RESULT's box in the claim itself. */
export function sealCertificate(keys: ClaimKeys, certificate: Bytes): Bytes {
  return seal(keys.toOwner.bytes(), ZERO_NONCE, keys.transcript, certificate)
}

export function openCertificate(keys: ClaimKeys, box: Bytes): Bytes | null {
  return open(keys.toOwner.bytes(), ZERO_NONCE, keys.transcript, box)
}

/** What an owner signs to have the certificate repeated: for this device, on this link. */
export function reclaimStatement(device: Bytes, nonce: Bytes): Bytes {
  return concat(RECLAIM_LABEL, device, nonce)
}
