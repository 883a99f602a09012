// SPAKE2+ (RFC 9383), suite P256-SHA256-HKDF-SHA256-HMAC-SHA256, behind the small interface `Pake`:
// the device (verifier) holds a record that is not the code, the owner (prover) holds the code, and
// both come out with one key, or with nothing. Nobody learns more than whether one guess was right.
// Scalars are BigInt inside @noble/curves: they cannot be wiped, and run time is only nearly constant.
// The curve's tables are made at the first use, not at start-up.

import { weierstrass } from '@noble/curves/abstract/weierstrass.js'
import { type Bytes, concat, hex, unhex, utf8 } from '../base/bytes.ts'
import { hkdf, hmac, sha256 } from './native.ts'
import { type Random, Secret } from './secret.ts'

/** What the owner derives from the code. */
export interface PakeSecret {
  readonly w0: Secret
  readonly w1: Secret
}

/** What the device keeps: w0 and the point L = w1·P (65 bytes). */
export interface PakeRecord {
  readonly w0: Secret
  readonly L: Bytes
}

/** Everything both sides must agree on besides the code. */
export interface PakeNames {
  readonly context: Bytes
  readonly prover: Bytes
  readonly verifier: Bytes
}

export interface PakeKeys {
  /** 32 bytes each; compare in constant time. The verifier sends confirmV first. */
  readonly confirmP: Bytes
  readonly confirmV: Bytes
  readonly shared: Secret
}

export interface PakeBegun {
  readonly shareP: Bytes
  readonly x: Secret
}

/** A password-authenticated key exchange with a verifier; null always means an unusable peer share. */
export interface Pake {
  /** From 80 stretched bytes (RFC 9383 section 3.2). */
  secret(stretched: Secret): PakeSecret
  record(secret: PakeSecret): PakeRecord
  /** Prover, first message. */
  begin(secret: PakeSecret, random: Random): PakeBegun
  /** Verifier, on shareP. */
  answer(
    record: PakeRecord,
    names: PakeNames,
    shareP: Bytes,
    random: Random,
  ): { readonly shareV: Bytes; readonly keys: PakeKeys } | null
  /** Prover, on shareV. */
  finish(secret: PakeSecret, names: PakeNames, begun: PakeBegun, shareV: Bytes): PakeKeys | null
}

const big = (h: string): bigint => BigInt(`0x${h}`)
const NONE: Bytes = new Uint8Array(0)

// SEC 2 section 2.4.2 and RFC 9383 section 4.
function makeCurve() {
  const Point = weierstrass({
    p: big('ffffffff00000001000000000000000000000000ffffffffffffffffffffffff'),
    n: big('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
    h: 1n,
    a: big('ffffffff00000001000000000000000000000000fffffffffffffffffffffffc'),
    b: big('5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b'),
    Gx: big('6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296'),
    Gy: big('4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5'),
  })
  const M = Point.fromHex('02886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f')
  const N = Point.fromHex('03d8bbd6c639c62937b04d997f38c3770719c629d7014d49a24b4f98baa1292b49')
  return { Point, M, N, order: Point.Fn.ORDER }
}

type Curve = ReturnType<typeof makeCurve>
type P256Point = Curve['M']
let made: Curve | null = null

function curve(): Curve {
  made ??= makeCurve()
  return made
}

/** A point of the other side: 65 bytes, uncompressed, on the curve, not the identity; else null. */
function point(bytes: Bytes): P256Point | null {
  if (bytes.length !== 65 || bytes[0] !== 4) return null
  try {
    const p = curve().Point.fromBytes(bytes)
    return p.is0() ? null : p
  } catch {
    return null
  }
}

/** True for bytes that may be a share, or a record's L. */
export function isShare(bytes: Bytes): boolean {
  return point(bytes) !== null
}

/** True for 32 bytes that may be w0: not zero and below the group's order. */
export function isScalar(bytes: Bytes): boolean {
  const v = bytes.length === 32 ? big(hex(bytes)) : 0n
  return v > 0n && v < curve().order
}

const encode = (p: P256Point): Bytes => p.toBytes(false)
const scalarOf = (s: Secret): bigint => big(hex(s.bytes()))

function scalarBytes(v: bigint): Secret {
  return new Secret(unhex(v.toString(16).padStart(64, '0'))!)
}

/** 1 … order - 1 from 40 random bytes: 64 bits more than the order has, so no bias to speak of. */
function freshScalar(random: Random): bigint {
  const bytes = new Uint8Array(40)
  random(bytes)
  const v = (big(hex(bytes)) % (curve().order - 1n)) + 1n
  bytes.fill(0)
  return v
}

interface Masks {
  readonly w0M: P256Point
  readonly w0N: P256Point
  readonly L: P256Point
}

// What never changes for one record, so that each CHALLENGE costs the device three multiplications.
const masks = new WeakMap<PakeRecord, Masks>()

function masksOf(record: PakeRecord): Masks | null {
  const known = masks.get(record)
  if (known) return known
  const { M, N } = curve()
  const L = point(record.L)
  if (!L) return null
  const w0 = scalarOf(record.w0)
  const made = { w0M: M.multiply(w0), w0N: N.multiply(w0), L }
  masks.set(record, made)
  return made
}

/** A part of TT: its length in eight bytes, least significant first, then itself (section 3.3). */
function part(bytes: Bytes): Bytes {
  const out = new Uint8Array(8 + bytes.length)
  new DataView(out.buffer).setUint32(0, bytes.length, true)
  out.set(bytes, 8)
  return out
}

/** The text to stretch with scrypt: password and both names, each with its length (section 3.2). */
export function passwordInput(password: Bytes, prover: Bytes, verifier: Bytes): Bytes {
  return concat(part(password), part(prover), part(verifier))
}

/** TT and the key schedule, sections 3.3 and 3.4. */
function keys(
  names: PakeNames,
  shares: [Bytes, Bytes],
  points: [P256Point, P256Point],
  w0: Secret,
): PakeKeys {
  const { M, N } = curve()
  const [shareP, shareV] = shares
  const [z, v] = points.map(encode) as [Bytes, Bytes]
  const tt = [
    names.context,
    names.prover,
    names.verifier,
    encode(M),
    encode(N),
    shareP,
    shareV,
    z,
    v,
    w0.bytes(),
  ]
  const main = sha256(...tt.map(part))
  const confirm = hkdf(NONE, main, utf8('ConfirmationKeys'), 64)
  const out: PakeKeys = {
    confirmP: hmac(confirm.subarray(0, 32), shareV),
    confirmV: hmac(confirm.subarray(32), shareP),
    shared: new Secret(hkdf(NONE, main, utf8('SharedKey'), 32)),
  }
  for (const used of [z, v, main, confirm]) used.fill(0)
  return out
}

export const spake2plus: Pake = {
  secret(stretched) {
    const bytes = stretched.bytes()
    if (bytes.length !== 80) throw new RangeError(`SPAKE2+ wants 80 stretched bytes, not ${bytes.length}`)
    const { order } = curve()
    const w = (from: number): Secret => scalarBytes(big(hex(bytes.subarray(from, from + 40))) % order)
    return { w0: w(0), w1: w(40) }
  },

  record({ w0, w1 }) {
    return { w0: w0.copy(), L: encode(curve().Point.BASE.multiply(scalarOf(w1))) }
  },

  begin({ w0 }, random) {
    const { Point, M } = curve()
    const x = freshScalar(random)
    return { shareP: encode(Point.BASE.multiply(x).add(M.multiply(scalarOf(w0)))), x: scalarBytes(x) }
  },

  answer(record, names, shareP, random) {
    const fixed = masksOf(record)
    const base = fixed && point(shareP)?.subtract(fixed.w0M)
    if (!base || base.is0()) return null
    const y = freshScalar(random)
    const shareV = encode(curve().Point.BASE.multiply(y).add(fixed.w0N))
    const shares: [Bytes, Bytes] = [Uint8Array.from(shareP), shareV]
    return { shareV, keys: keys(names, shares, [base.multiply(y), fixed.L.multiply(y)], record.w0) }
  },

  finish({ w0, w1 }, names, { shareP, x }, shareV) {
    const base = point(shareV)?.subtract(curve().N.multiply(scalarOf(w0)))
    if (!base || base.is0()) return null
    const z = base.multiply(scalarOf(x))
    return keys(names, [shareP, Uint8Array.from(shareV)], [z, base.multiply(scalarOf(w1))], w0)
  },
}
