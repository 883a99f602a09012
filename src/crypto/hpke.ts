// HPKE, RFC 9180: base mode, single shot, one suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
// ChaCha20-Poly1305. A box is enc (32 bytes), cipher text, tag (16 bytes). The sender is not
// authenticated: whoever needs that signs the box. Randomness is handed in and must never be used
// for a second box.

import { type Bytes, concat, utf8 } from '../base/bytes.ts'
import { Exchange, hmac, open, seal } from './native.ts'
import { Secret } from './secret.ts'

/** What a box is longer than its plain text. */
export const HPKE_OVERHEAD = 48

const NONE: Bytes = new Uint8Array(0)
const ONE: Bytes = Uint8Array.of(1)
const VERSION = utf8('HPKE-v1')
const KEM_SUITE: Bytes = Uint8Array.from([...utf8('KEM'), 0, 0x20]) // section 4.1
const SUITE: Bytes = Uint8Array.from([...utf8('HPKE'), 0, 0x20, 0, 1, 0, 3]) // section 5.1

let pskIdHash: Bytes | null = null

/** LabeledExtract, section 4. */
function extract(suite: Bytes, salt: Bytes, label: string, ikm: Bytes): Bytes {
  return hmac(salt, VERSION, suite, utf8(label), ikm)
}

/** LabeledExpand, section 4, for at most 32 bytes: HKDF's first block is enough. */
function expand(suite: Bytes, prk: Bytes, label: string, info: Bytes, length: number): Bytes {
  const block = hmac(prk, Uint8Array.of(0, length), VERSION, suite, utf8(label), info, ONE)
  return length === 32 ? block : block.slice(0, length)
}

/** DeriveKeyPair, section 7.1.3: an X25519 pair from at least 32 random bytes. */
export function deriveExchange(seed: Secret): Exchange {
  const prk = extract(KEM_SUITE, NONE, 'dkp_prk', seed.bytes())
  const secret = new Secret(expand(KEM_SUITE, prk, 'sk', NONE, 32))
  prk.fill(0)
  const pair = new Exchange(secret)
  secret.wipe()
  return pair
}

/** Key and nonce of message 0: ExtractAndExpand (section 4.1), then KeySchedule (section 5.1). */
function schedule(shared: Secret, enc: Bytes, receiver: Bytes, info: Bytes): { key: Bytes; nonce: Bytes } {
  const eae = extract(KEM_SUITE, NONE, 'eae_prk', shared.bytes())
  shared.wipe()
  const kem = expand(KEM_SUITE, eae, 'shared_secret', concat(enc, receiver), 32)
  // The same for every box of base mode.
  pskIdHash ??= extract(SUITE, NONE, 'psk_id_hash', NONE)
  const context = concat(Uint8Array.of(0), pskIdHash, extract(SUITE, NONE, 'info_hash', info))
  const secret = extract(SUITE, kem, 'secret', NONE)
  const key = expand(SUITE, secret, 'key', context, 32)
  const nonce = expand(SUITE, secret, 'base_nonce', context, 12)
  eae.fill(0)
  kem.fill(0)
  secret.fill(0)
  return { key, nonce }
}

/**
 * SealBase (section 6.1): enc, cipher text, tag.
 * @param receiver X25519 public key; what `canonicalX25519` refuses gives null, nothing else does.
 * @param ephemeralSeed 32 fresh random bytes (ikmE); wipe it afterwards.
 */
export function sealTo(
  receiver: Bytes,
  info: Bytes,
  aad: Bytes,
  plain: Bytes,
  ephemeralSeed: Secret,
): Bytes | null {
  const pair = deriveExchange(ephemeralSeed)
  const shared = pair.agree(receiver)
  if (!shared) return null
  const { key, nonce } = schedule(shared, pair.publicKey, receiver, info)
  const box = concat(pair.publicKey, seal(key, nonce, aad, plain))
  key.fill(0)
  return box
}

/** OpenBase (section 6.1): the plain text, or null for any box that is not meant for us as it is. */
export function openFrom(receiver: Exchange, info: Bytes, aad: Bytes, box: Bytes): Bytes | null {
  if (box.length < HPKE_OVERHEAD) return null
  const enc = box.subarray(0, 32)
  const shared = receiver.agree(enc)
  if (!shared) return null
  const { key, nonce } = schedule(shared, enc, receiver.publicKey, info)
  const plain = open(key, nonce, aad, box.subarray(32))
  key.fill(0)
  return plain
}
