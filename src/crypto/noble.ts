// The same primitives on @noble/*, for browsers and as a second opinion in tests: the page's build
// puts this file in native.ts's place. Same exports, same verdicts (docs/decisions/0002-signatures.md):
// the Ed25519 equation is OpenSSL's cofactorless one, written out here because noble's own `verify`
// multiplies by the cofactor. BigInt cannot be wiped and is only nearly constant in time: a phone
// shows charts and claims, the device itself uses native.ts.

import { gcm } from '@noble/ciphers/aes.js'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { pow } from '@noble/curves/abstract/modular.js'
import { montgomery } from '@noble/curves/abstract/montgomery.js'
import { p256, p384, p521 } from '@noble/curves/nist.js'
import { getPublicKey, hashes, Point, sign } from '@noble/ed25519'
import { hkdf as nobleHkdf } from '@noble/hashes/hkdf.js'
import { hmac as nobleHmac } from '@noble/hashes/hmac.js'
import { sha1 as nobleSha1 } from '@noble/hashes/legacy.js'
import { scrypt as nobleScrypt } from '@noble/hashes/scrypt.js'
import { sha256 as nobleSha256, sha512 as nobleSha512 } from '@noble/hashes/sha2.js'
import { type Bytes, equal, hex } from '../base/bytes.ts'
import { curve } from './p256.ts'
import { canonicalEd25519, canonicalX25519, type EcAlg, ecPoint, plausibleSignature } from './points.ts'
import { Secret } from './secret.ts'

hashes.sha512 = nobleSha512

const ORDER = Point.CURVE().n

// RFC 7748 section 4.1, on noble's ladder: `curves/ed25519.js` would bring a second edwards25519 along,
// which a page has no room for.
const P25519 = 2n ** 255n - 19n
const x25519 = montgomery({
  P: P25519,
  type: 'x25519',
  powPminus2: (x) => pow(x, P25519 - 2n, P25519),
  adjustScalarBytes: (bytes: Bytes) => {
    bytes[0]! &= 248
    bytes[31]! &= 127
    bytes[31]! |= 64
    return bytes
  },
})

/** SHA-256 (32 bytes) of the parts, one after the other. */
export function sha256(...parts: Bytes[]): Bytes {
  const hash = nobleSha256.create()
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** The same of bytes that are no secret. */
export function publicSha256(bytes: Bytes): Bytes {
  return nobleSha256(bytes)
}

/** SHA-512 into `out` (64 bytes). */
export function readerSha512(bytes: Bytes, out: Bytes): void {
  out.set(nobleSha512(bytes))
}

/** SHA-256 of what comes piece by piece. */
export class Sha256 {
  readonly #hash: ReturnType<typeof nobleSha256.create> = nobleSha256.create()

  update(bytes: Bytes): this {
    this.#hash.update(bytes)
    return this
  }

  /** 32 bytes; the last call. */
  digest(): Bytes {
    return this.#hash.digest()
  }
}

/** SHA-1 (20 bytes) of the parts: names of things in BitTorrent's DHT, and for nothing that must hold. */
export function sha1(...parts: Bytes[]): Bytes {
  const hash = nobleSha1.create()
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** HMAC-SHA-256 (32 bytes) of the parts, one after the other. */
export function hmac(key: Bytes, ...parts: Bytes[]): Bytes {
  const mac = nobleHmac.create(nobleSha256, key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

/** SHA-512 (64 bytes): two keys of 32 bytes at one price. */
export function sha512(bytes: Bytes): Bytes {
  return nobleSha512(bytes)
}

/** HKDF-SHA-256 (RFC 5869), `length` bytes, at most 8,160. */
export function hkdf(salt: Bytes, ikm: Bytes, info: Bytes, length: number): Bytes {
  return nobleHkdf(nobleSha256, ikm, salt, info, length)
}

/** scrypt (RFC 7914) with N = 2^logN, p = 1. */
export function scrypt(password: Bytes, salt: Bytes, logN: number, r: number, length: number): Bytes {
  const N = 2 ** logN
  return nobleScrypt(password, salt, { N, r, p: 1, dkLen: length, maxmem: 256 * N * r })
}

/** Equal content without a branch on it; different lengths are simply unequal. */
export function equalSecret(a: Bytes, b: Bytes): boolean {
  if (a.length !== b.length) return false
  let different = 0
  for (let i = 0; i < a.length; i++) different |= a[i]! ^ b[i]!
  return different === 0
}

/** ChaCha20-Poly1305 (RFC 8439): cipher text and 16-byte tag. Key 32, nonce 12 bytes. */
export function seal(key: Bytes, nonce: Bytes, aad: Bytes, plain: Bytes): Bytes {
  return chacha20poly1305(key, nonce, aad).encrypt(plain)
}

/** As `seal`, into the start of `out`, which must have plain.length + 16 bytes of room. */
export function sealInto(key: Bytes, nonce: Bytes, aad: Bytes, plain: Bytes, out: Bytes): void {
  out.set(seal(key, nonce, aad, plain))
}

/** The plain text, or null when the tag does not verify. */
export function open(key: Bytes, nonce: Bytes, aad: Bytes, box: Bytes): Bytes | null {
  if (box.length < 16) return null
  const cipher = chacha20poly1305(key, nonce, aad)
  try {
    return cipher.decrypt(box)
  } catch {
    return null
  }
}

/** Signs as one Ed25519 key (RFC 8032). */
export class Signer {
  readonly alg = 'EdDSA'
  readonly publicKey: Bytes
  readonly #seed: Secret

  /** @param seed 32 bytes; copied. */
  constructor(seed: Secret) {
    this.#seed = seed.copy()
    this.publicKey = getPublicKey(this.#seed.bytes())
  }

  /** 64 bytes. */
  sign(message: Bytes): Bytes {
    return sign(message, this.#seed.bytes())
  }
}

/** Least significant byte first. */
function littleEndian(bytes: Bytes): bigint {
  return BigInt(`0x${hex(Uint8Array.from(bytes).reverse())}`)
}

function decodePoint(raw: Bytes): Point | null {
  try {
    return Point.fromBytes(raw)
  } catch {
    return null
  }
}

/** Verifies for one Ed25519 key. */
export class Verifier {
  readonly alg = 'EdDSA'
  readonly publicKey: Bytes
  /** Null for a key that is on no point: as with OpenSSL it is found out when it verifies nothing. */
  readonly #point: Point | null

  private constructor(raw: Bytes) {
    this.publicKey = raw
    this.#point = decodePoint(raw)
  }

  /** Null for what is not canonical or has small order. Copies `raw`. */
  static of(raw: Bytes): Verifier | null {
    return canonicalEd25519(raw) ? new Verifier(Uint8Array.from(raw)) : null
  }

  /** RFC 8032 section 5.1.7 as OpenSSL does it: S below the order, and encode(S·B - k·A) is R, byte for byte. */
  verify(message: Bytes, signature: Bytes): boolean {
    const point = this.#point
    if (!point || !plausibleSignature(signature)) return false
    const s = littleEndian(signature.subarray(32))
    if (s >= ORDER) return false
    const r = signature.subarray(0, 32)
    const hash = nobleSha512.create().update(r).update(this.publicKey).update(message)
    const k = littleEndian(hash.digest()) % ORDER
    const sB = Point.BASE.multiplyUnsafe(s)
    return equal(sB.subtract(point.multiplyUnsafe(k)).toBytes(), r)
  }
}

/** One X25519 key pair (RFC 7748). */
export class Exchange {
  readonly publicKey: Bytes
  readonly #secret: Secret

  /** @param secret 32 bytes, clamped when used; copied. */
  constructor(secret: Secret) {
    this.#secret = secret.copy()
    this.publicKey = x25519.getPublicKey(this.#secret.bytes())
  }

  /** A pair for one handshake. */
  static fresh(random: (into: Bytes) => void): Exchange {
    return new Exchange(Secret.fresh(random))
  }

  /** The shared secret (32 bytes), or null for a public key that is not canonical or of small order. */
  agree(other: Bytes): Secret | null {
    if (!canonicalX25519(other)) return null
    try {
      return new Secret(x25519.getSharedSecret(this.#secret.bytes(), other))
    } catch {
      return null
    }
  }
}

/** scalar · point on P-256, as in native.ts. */
export function multiplyP256(scalar: Bytes, point: Bytes | null): Bytes {
  const { Point } = curve()
  const base = point ? Point.fromBytes(point) : Point.BASE
  return base.multiply(BigInt(`0x${hex(scalar)}`)).toBytes(false)
}

const CURVES = { ES256: p256, ES384: p384, ES512: p521 } as const

/** Verifies for one ECDSA key on a NIST curve (RFC 7518 section 3.4); providers may have such keys. */
export class EcVerifier {
  readonly alg: EcAlg
  readonly #point: Bytes

  private constructor(alg: EcAlg, point: Bytes) {
    this.alg = alg
    this.#point = point
  }

  /** @param point 0x04, x, y. Null for what is no point of the algorithm's curve. */
  static of(alg: EcAlg, point: Bytes): EcVerifier | null {
    if (!ecPoint(alg, point)) return null
    return CURVES[alg].utils.isValidPublicKey(point, false)
      ? new EcVerifier(alg, Uint8Array.from(point))
      : null
  }

  /** @param signature r and s at full width, one after the other; not DER. */
  verify(message: Bytes, signature: Bytes): boolean {
    try {
      return CURVES[this.alg].verify(signature, message, this.#point, { lowS: false, format: 'compact' })
    } catch {
      return false
    }
  }
}

/**
 * AES-128-GCM with 12 bytes each of iv and tag, as encrypted meters send it. The plain text, or null
 * when the tag does not verify or a length is wrong; with `tag` null the text is returned unauthenticated and the caller must say so.
 */
export function openAes128Gcm(
  key: Bytes,
  iv: Bytes,
  aad: Bytes,
  text: Bytes,
  tag: Bytes | null,
): Bytes | null {
  if (iv.length !== 12 || (tag && tag.length !== 12)) return null
  // GCM is a key stream: sealing the sealed text opens it. Sealing it again gives the whole tag.
  const plain = gcm(key, iv, aad).encrypt(text).slice(0, text.length)
  if (!tag) return plain
  const whole = gcm(key, iv, aad).encrypt(plain).subarray(text.length)
  return equalSecret(whole.subarray(0, 12), tag) ? plain : null
}
