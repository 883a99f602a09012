// SPAKE2+ (RFC 9383), suite P256-SHA256-HKDF-SHA256-HMAC-SHA256, behind the small interface `Pake`:
// the device (verifier) holds a record that is not the code, the owner (prover) holds the code, and
// both come out with one key, or with nothing. Nobody learns more than whether one guess was right.
// Points are multiplied by the platform, which does it in constant time and, on the slowest board, in
// milliseconds; what is left for @noble/curves (p256.ts) is adding points and reading them.

import { type Bytes, concat, hex, unhex, utf8 } from '../base/bytes.ts'
import { hkdf, hmac, multiplyP256, sha256 } from './native.ts'
import { curve, type P256Point } from './p256.ts'
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
const decode = (bytes: Bytes): P256Point => curve().Point.fromBytes(bytes)
/** scalar · point, both in bytes as in `multiplyP256`. */
const times = (scalar: Secret, of: Bytes | null): Bytes => multiplyP256(scalar.bytes(), of)

function scalarBytes(v: bigint): Secret {
  return new Secret(unhex(v.toString(16).padStart(64, '0'))!)
}

/** 1 … order - 1 from 40 random bytes: 64 bits more than the order has, so no bias to speak of. */
function freshScalar(random: Random): Secret {
  const bytes = new Uint8Array(40)
  random(bytes)
  const v = (big(hex(bytes)) % (curve().order - 1n)) + 1n
  bytes.fill(0)
  return scalarBytes(v)
}

interface Masks {
  readonly w0M: P256Point
  readonly w0N: P256Point
}

// What never changes for one record, so that each CHALLENGE costs the device three multiplications.
const masks = new WeakMap<PakeRecord, Masks>()

function masksOf(record: PakeRecord): Masks | null {
  const known = masks.get(record)
  if (known) return known
  const { M, N } = curve()
  if (!point(record.L)) return null
  const made = { w0M: decode(times(record.w0, encode(M))), w0N: decode(times(record.w0, encode(N))) }
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
function keys(names: PakeNames, shares: [Bytes, Bytes], [z, v]: [Bytes, Bytes], w0: Secret): PakeKeys {
  const { M, N } = curve()
  const [shareP, shareV] = shares
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
    return { w0: w0.copy(), L: times(w1, null) }
  },

  begin({ w0 }, random) {
    const x = freshScalar(random)
    const w0M = decode(times(w0, encode(curve().M)))
    return { shareP: encode(decode(times(x, null)).add(w0M)), x }
  },

  answer(record, names, shareP, random) {
    const fixed = masksOf(record)
    const base = fixed && point(shareP)?.subtract(fixed.w0M)
    if (!base || base.is0()) return null
    const y = freshScalar(random)
    const shareV = encode(decode(times(y, null)).add(fixed.w0N))
    const shares: [Bytes, Bytes] = [Uint8Array.from(shareP), shareV]
    const made = keys(names, shares, [times(y, encode(base)), times(y, record.L)], record.w0)
    y.wipe()
    return { shareV, keys: made }
  },

  finish({ w0, w1 }, names, { shareP, x }, shareV) {
    const base = point(shareV)?.subtract(decode(times(w0, encode(curve().N))))
    if (!base || base.is0()) return null
    const at = encode(base)
    return keys(names, [shareP, Uint8Array.from(shareV)], [times(x, at), times(w1, at)], w0)
  },
}
