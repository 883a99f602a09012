// Ed25519 keys blinded with a secret factor (as Tor's v3 onion keys are, rend-spec-v3 appendix A.2): from
// a public key and the factor anybody who knows both finds the blinded public key, and only the owner of
// the seed signs under it; without the factor blinded keys of one owner cannot be told from others'.
// Signatures verify under plain RFC 8032.

import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { type Bytes, concat, utf8 } from '../base/bytes.ts'
import { canonicalEd25519 } from './points.ts'
import type { Secret } from './secret.ts'

const { Point } = ed25519
const ORDER = Point.Fn.ORDER
const PREFIX = utf8('wattle blinded nonce 1')

function little(bytes: Bytes): bigint {
  let n = 0n
  for (let i = bytes.length - 1; i >= 0; i--) n = (n << 8n) | BigInt(bytes[i]!)
  return n
}

function littleBytes(n: bigint): Bytes {
  const out = new Uint8Array(32)
  for (let i = 0; i < 32; i++) {
    out[i] = Number(n & 255n)
    n >>= 8n
  }
  return out
}

/** A scalar of 1 to ORDER - 1 from 64 bytes. */
function scalar(bytes: Bytes): bigint {
  return (little(bytes) % (ORDER - 1n)) + 1n
}

/** The blinded public key; null where `publicKey` is none. `factor` is 32 secret bytes. */
export function blindKey(publicKey: Bytes, factor: Bytes): Bytes | null {
  if (!canonicalEd25519(publicKey)) return null
  try {
    return Point.fromBytes(publicKey)
      .multiply(scalar(sha512(factor)))
      .toBytes()
  } catch {
    return null
  }
}

/** Signs under the key that `blindKey` gives for the same factor. */
export class BlindSigner {
  readonly publicKey: Bytes
  readonly #scalar: bigint
  readonly #prefix: Bytes

  constructor(seed: Secret, factor: Bytes) {
    const expanded = sha512(seed.bytes())
    const own = expanded.slice(0, 32)
    own[0]! &= 248
    own[31] = (own[31]! & 63) | 64
    this.#scalar = (little(own) * scalar(sha512(factor))) % ORDER
    this.#prefix = sha512(concat(PREFIX, expanded.subarray(32), factor)).slice(0, 32)
    this.publicKey = Point.BASE.multiply(this.#scalar).toBytes()
    expanded.fill(0)
    own.fill(0)
  }

  /** 64 bytes. */
  sign(message: Bytes): Bytes {
    const r = little(sha512(concat(this.#prefix, message))) % ORDER
    const point = Point.BASE.multiply(r).toBytes()
    const k = little(sha512(concat(point, this.publicKey, message))) % ORDER
    return concat(point, littleBytes((r + k * this.#scalar) % ORDER))
  }
}
