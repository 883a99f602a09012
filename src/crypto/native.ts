// Primitives on node:crypto: the back-end of device, home and provider. crypto/noble.ts has the same
// exports for browsers; the page's build puts it in this file's place. Both must give the same
// verdicts (docs/decisions/0002-signatures.md): keys of small order or in non-canonical form are
// refused at import, the Ed25519 equation is the cofactorless one.
// Everything is synchronous: on one core the thread pool costs more than it gains.

import * as nodeCrypto from 'node:crypto'
import {
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  ECDH,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
  scryptSync,
  timingSafeEqual,
} from 'node:crypto'
import type { Bytes } from '../base/bytes.ts'
import { curve } from './p256.ts'
import {
  canonicalEd25519,
  canonicalX25519,
  EC_CURVES,
  type EcAlg,
  ecPoint,
  plausibleSignature,
} from './points.ts'
import { Secret } from './secret.ts'

const PKCS8_ED25519 = Uint8Array.from([
  0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
])
const PKCS8_X25519 = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20])
const TAG = { authTagLength: 16 } as const

// A Buffer's slice() is a view where a Uint8Array's is a copy, so no Buffer leaves this file.
function plainBytes(b: Buffer): Bytes {
  return new Uint8Array(b.buffer, b.byteOffset, b.length)
}

function privateKey(prefix: Bytes, seed: Bytes): KeyObject {
  const der = Buffer.alloc(prefix.length + 32)
  der.set(prefix)
  der.set(seed, prefix.length)
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  der.fill(0)
  return key
}

/** As JWK: node:crypto takes that apart by itself, while DER goes through OpenSSL's slow decoders (make bench-crypto). */
function publicKey(crv: 'Ed25519' | 'X25519', raw: Bytes): KeyObject {
  const x = Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv, x }, format: 'jwk' })
}

function rawPublic(key: KeyObject): Bytes {
  return lastBytes(createPublicKey(key))
}

/** A public key's 32 bytes. Never by JWK: for a key made of a private one, Node 18 waits for itself there for ever. */
function lastBytes(key: KeyObject): Bytes {
  const der = key.export({ format: 'der', type: 'spki' })
  return new Uint8Array(der.subarray(der.length - 32))
}

/** One call instead of three objects; Node 18 does not have it. */
const oneShot: ((algorithm: string, bytes: Bytes, encoding: 'buffer') => Buffer) | undefined = nodeCrypto.hash
const textShot: ((algorithm: string, bytes: Bytes, encoding: 'binary') => string) | undefined =
  nodeCrypto.hash

/** SHA-256 (32 bytes) of the parts, one after the other. */
export function sha256(...parts: Bytes[]): Bytes {
  if (parts.length === 1 && oneShot) return plainBytes(oneShot('sha256', parts[0]!, 'buffer'))
  const hash = createHash('sha256')
  for (let i = 0; i < parts.length; i++) hash.update(parts[i]!)
  return plainBytes(hash.digest())
}

/**
 * SHA-256 (32 bytes) of bytes that are no secret: it passes through a string, which nobody can wipe, and
 * costs half of `sha256` and less garbage.
 */
export function publicSha256(bytes: Bytes): Bytes {
  if (!textShot) return sha256(bytes)
  const digest = textShot('sha256', bytes, 'binary')
  const out = new Uint8Array(32)
  for (let i = 0; i < 32; i++) out[i] = digest.charCodeAt(i)
  return out
}

/**
 * SHA-512 into `out` (64 bytes), without a buffer of its own: it passes through a string, which nobody can
 * wipe. For a reader's chain keys, which open what it has read already; never for a device's.
 */
export function readerSha512(bytes: Bytes, out: Bytes): void {
  if (!textShot) {
    out.set(createHash('sha512').update(bytes).digest())
    return
  }
  const digest = textShot('sha512', bytes, 'binary')
  for (let i = 0; i < 64; i++) out[i] = digest.charCodeAt(i)
}

/** SHA-256 of what comes piece by piece. */
export class Sha256 {
  readonly #hash: ReturnType<typeof createHash> = createHash('sha256')

  update(bytes: Bytes): this {
    this.#hash.update(bytes)
    return this
  }

  /** 32 bytes; the last call. */
  digest(): Bytes {
    return plainBytes(this.#hash.digest())
  }
}

/** SHA-1 (20 bytes) of the parts: names of things in BitTorrent's DHT, and for nothing that must hold. */
export function sha1(...parts: Bytes[]): Bytes {
  const hash = createHash('sha1')
  for (let i = 0; i < parts.length; i++) hash.update(parts[i]!)
  return plainBytes(hash.digest())
}

/** HMAC-SHA-256 (32 bytes) of the parts, one after the other. */
export function hmac(key: Bytes, ...parts: Bytes[]): Bytes {
  // A key object costs less than a raw key, on Node 24 several times so (make bench-crypto).
  const mac = createHmac('sha256', createSecretKey(key))
  for (const part of parts) mac.update(part)
  return plainBytes(mac.digest())
}

/** SHA-512 (64 bytes): two keys of 32 bytes at one price. */
export function sha512(bytes: Bytes): Bytes {
  return plainBytes(
    oneShot ? oneShot('sha512', bytes, 'buffer') : createHash('sha512').update(bytes).digest(),
  )
}

/** HKDF-SHA-256 (RFC 5869), `length` bytes, at most 8,160. */
export function hkdf(salt: Bytes, ikm: Bytes, info: Bytes, length: number): Bytes {
  return new Uint8Array(hkdfSync('sha256', ikm, salt, info, length))
}

/** scrypt (RFC 7914) with N = 2^logN, p = 1. */
export function scrypt(password: Bytes, salt: Bytes, logN: number, r: number, length: number): Bytes {
  const N = 2 ** logN
  return new Uint8Array(scryptSync(password, salt, length, { N, r, p: 1, maxmem: 256 * N * r }))
}

/** Equal content in constant time; different lengths are simply unequal. */
export function equalSecret(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Only CCM has to know the length of the text beforehand, whatever the types say; an object less for each frame. */
interface WithAad {
  setAAD(aad: Bytes): unknown
}

/** ChaCha20-Poly1305 (RFC 8439): cipher text and 16-byte tag. Key 32, nonce 12 bytes. */
export function seal(key: Bytes, nonce: Bytes, aad: Bytes, plain: Bytes): Bytes {
  const out = new Uint8Array(plain.length + 16)
  sealInto(key, nonce, aad, plain, out)
  return out
}

/** As `seal`, into the start of `out`, which must have plain.length + 16 bytes of room. */
export function sealInto(key: Bytes, nonce: Bytes, aad: Bytes, plain: Bytes, out: Bytes): void {
  const cipher = createCipheriv('chacha20-poly1305', createSecretKey(key), nonce, TAG)
  if (aad.length > 0) (cipher as unknown as WithAad).setAAD(aad)
  out.set(cipher.update(plain))
  cipher.final()
  out.set(cipher.getAuthTag(), plain.length)
}

/** The plain text, or null when the tag does not verify. */
export function open(key: Bytes, nonce: Bytes, aad: Bytes, box: Bytes): Bytes | null {
  if (box.length < 16) return null
  const decipher = createDecipheriv('chacha20-poly1305', createSecretKey(key), nonce, TAG)
  if (aad.length > 0) (decipher as unknown as WithAad).setAAD(aad)
  decipher.setAuthTag(box.subarray(box.length - 16))
  const plain = decipher.update(box.subarray(0, box.length - 16))
  try {
    decipher.final()
  } catch {
    return null
  }
  return plainBytes(plain)
}

/** Signs as one Ed25519 key (RFC 8032). */
export class Signer {
  readonly alg = 'EdDSA'
  readonly publicKey: Bytes
  readonly #key: KeyObject

  /** @param seed 32 bytes; kept by node:crypto, not by us. */
  constructor(seed: Secret) {
    this.#key = privateKey(PKCS8_ED25519, seed.bytes())
    this.publicKey = rawPublic(this.#key)
  }

  /** 64 bytes. */
  sign(message: Bytes): Bytes {
    return plainBytes(nodeSign(null, message, this.#key))
  }
}

/** Verifies for one Ed25519 key; importing costs as much as a verification, so keep the object. */
export class Verifier {
  readonly alg = 'EdDSA'
  readonly publicKey: Bytes
  readonly #key: KeyObject

  private constructor(raw: Bytes) {
    this.publicKey = raw
    this.#key = publicKey('Ed25519', raw)
  }

  /** Null for what is not canonical or has small order. A key on no point verifies nothing. Copies `raw`. */
  static of(raw: Bytes): Verifier | null {
    return canonicalEd25519(raw) ? new Verifier(Uint8Array.from(raw)) : null
  }

  /** @param signature 64 bytes; one whose R has small order is refused on every version of Node. */
  verify(message: Bytes, signature: Bytes): boolean {
    return plausibleSignature(signature) && nodeVerify(null, message, this.#key, signature)
  }
}

/** One X25519 key pair (RFC 7748). */
export class Exchange {
  readonly publicKey: Bytes
  readonly #key: KeyObject

  /** @param secret 32 bytes, clamped when used; or a pair of OpenSSL's own making. */
  constructor(secret: Secret | { privateKey: KeyObject; publicKey: KeyObject }) {
    const given = secret instanceof Secret
    this.#key = given ? privateKey(PKCS8_X25519, secret.bytes()) : secret.privateKey
    this.publicKey = given ? rawPublic(this.#key) : lastBytes(secret.publicKey)
  }

  /**
   * A pair for one handshake. OpenSSL draws it, and its secret is never in our memory; reading one in
   * costs ten times as much on Node 18. @param _random what the other back-end draws it from
   */
  static fresh(_random: (into: Bytes) => void): Exchange {
    return new Exchange(generateKeyPairSync('x25519'))
  }

  /** The shared secret (32 bytes), or null for a public key that is not canonical or of small order. */
  agree(other: Bytes): Secret | null {
    if (!canonicalX25519(other)) return null
    try {
      const shared = diffieHellman({ privateKey: this.#key, publicKey: publicKey('X25519', other) })
      return shared.every((b) => b === 0) ? null : new Secret(plainBytes(shared))
    } catch {
      return null
    }
  }
}

const P256 = 'prime256v1'

/**
 * scalar · point on P-256: 65 bytes, uncompressed. OpenSSL gives the x of a product only; which of its
 * two y is meant shows in the x of the next multiple, by the curve's law of addition, squared up so that
 * nothing is inverted.
 * @param scalar 32 bytes, 1 … order - 1. @param point 65 bytes, on the curve; null for the base point.
 * @throws Error for anything else: callers have checked what came from outside.
 */
export function multiplyP256(scalar: Bytes, point: Bytes | null): Bytes {
  const ecdh = createECDH(P256)
  ecdh.setPrivateKey(scalar)
  if (!point) return new Uint8Array(ecdh.getPublicKey())
  const x = ecdh.computeSecret(point)
  const even = ECDH.convertKey(
    Buffer.concat([Buffer.of(2), x]),
    P256,
    undefined,
    undefined,
    'uncompressed',
  ) as Buffer
  const { order, prime } = curve()
  const number = (b: Uint8Array): bigint => BigInt(`0x${Buffer.from(b).toString('hex')}`)
  const [qx, qy] = [number(point.subarray(1, 33)), number(point.subarray(33))]
  const [rx, ry, next] = [number(x), number(even.subarray(33)), number(scalar) + 1n]
  let odd: boolean
  // The multiple before the identity is the point turned over.
  if (next === order) odd = ry === qy
  else {
    ecdh.setPrivateKey(next.toString(16).padStart(64, '0'), 'hex')
    const sum = number(ecdh.computeSecret(point)) + rx + qx
    odd = (sum * (rx - qx) ** 2n - (ry - qy) ** 2n) % prime !== 0n
  }
  const out = new Uint8Array(even)
  if (odd) out.set(Buffer.from((prime - ry).toString(16).padStart(64, '0'), 'hex'), 33)
  for (const used of [x, even]) used.fill(0)
  return out
}

/** Verifies for one ECDSA key on a NIST curve (RFC 7518 section 3.4); providers may have such keys. */
export class EcVerifier {
  readonly alg: EcAlg
  readonly #key: KeyObject

  private constructor(alg: EcAlg, key: KeyObject) {
    this.alg = alg
    this.#key = key
  }

  /** @param point 0x04, x, y. Null for what is no point of the algorithm's curve. */
  static of(alg: EcAlg, point: Bytes): EcVerifier | null {
    const jwk = ecPoint(alg, point)
    if (!jwk) return null
    try {
      return new EcVerifier(alg, createPublicKey({ key: jwk, format: 'jwk' }))
    } catch {
      return null
    }
  }

  /** @param signature r and s at full width, one after the other; not DER. */
  verify(message: Bytes, signature: Bytes): boolean {
    const curve = EC_CURVES[this.alg]
    if (signature.length !== 2 * curve.bytes) return false
    return nodeVerify(curve.hash, message, { key: this.#key, dsaEncoding: 'ieee-p1363' }, signature)
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
  const decipher = createDecipheriv('aes-128-gcm', key, iv, { authTagLength: 12 })
  decipher.setAAD(aad)
  if (tag) decipher.setAuthTag(tag)
  const plain = plainBytes(decipher.update(text))
  if (!tag) return plain
  try {
    decipher.final()
  } catch {
    return null
  }
  return plain
}
