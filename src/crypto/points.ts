// Which public keys are refused at import, by both back-ends: encodings that are not the canonical
// one and points of small order (RFC 8032 section 5.1.3, RFC 7748 section 6.1); and which signatures
// are refused before any library sees them (docs/decisions/0002-signatures.md). The lists are short
// and complete, so no curve arithmetic is needed on the device.

import { type Bytes, base64url, unhex } from '../base/bytes.ts'

// The y coordinates of the eight points of small order on edwards25519, sign bit cleared.
const SMALL_ORDER_Y = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
].map((h) => unhex(h)!)

// u coordinates of small order on curve25519 and its twist, below 2^255 - 19.
const SMALL_ORDER_U = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map((h) => unhex(h)!)

function same31(a: Bytes, b: Bytes): boolean {
  for (let i = 0; i < 31; i++) if (a[i] !== b[i]) return false
  return (a[31]! & 0x7f) === b[31]!
}

/** y (or u) below p = 2^255 - 19, top bit aside. */
function belowP(raw: Bytes): boolean {
  if ((raw[31]! & 0x7f) !== 0x7f) return true
  for (let i = 30; i > 0; i--) if (raw[i] !== 0xff) return true
  return raw[0]! < 0xed
}

function among(list: readonly Bytes[], raw: Bytes): boolean {
  for (let i = 0; i < list.length; i++) if (same31(raw, list[i]!)) return true
  return false
}

/** True for 32 bytes that may be an Ed25519 key: canonical and not of small order. */
export function canonicalEd25519(raw: Bytes): boolean {
  return raw.length === 32 && belowP(raw) && !among(SMALL_ORDER_Y, raw)
}

/**
 * True for 64 bytes whose R is not of small order. Some versions of Node verify such signatures and
 * some do not; no honest signer makes one. (An R that is not canonical never verifies.)
 */
export function plausibleSignature(signature: Bytes): boolean {
  return signature.length === 64 && !among(SMALL_ORDER_Y, signature)
}

/**
 * True for 32 bytes that may be an X25519 key: u below p, top bit clear, not of small order. RFC 7748
 * would mask and reduce the others; we refuse them, so that one key has one name (decision 0002).
 */
export function canonicalX25519(raw: Bytes): boolean {
  return raw.length === 32 && raw[31]! < 0x80 && belowP(raw) && !among(SMALL_ORDER_U, raw)
}

/** JOSE's ECDSA algorithms (RFC 7518 section 3.4): the curve, its coordinate's bytes, the hash. */
export const EC_CURVES = {
  ES256: { crv: 'P-256', bytes: 32, hash: 'sha256' },
  ES384: { crv: 'P-384', bytes: 48, hash: 'sha384' },
  ES512: { crv: 'P-521', bytes: 66, hash: 'sha512' },
} as const

export type EcAlg = keyof typeof EC_CURVES

/** The JWK of an uncompressed point, or null for another length or form. Not yet proven on the curve. */
export function ecPoint(alg: EcAlg, point: Bytes): { kty: 'EC'; crv: string; x: string; y: string } | null {
  const { crv, bytes } = EC_CURVES[alg]
  if (point.length !== 1 + 2 * bytes || point[0] !== 4) return null
  return {
    kty: 'EC',
    crv,
    x: base64url(point.subarray(1, 1 + bytes)),
    y: base64url(point.subarray(1 + bytes)),
  }
}
