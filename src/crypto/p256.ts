// NIST P-256 as @noble/curves has it: adding points, taking them apart and putting them together, for
// SPAKE2+. What multiplies is `multiplyP256` of native.ts or noble.ts. Scalars are BigInt in here: they
// cannot be wiped, and run time is only nearly constant. The curve is made at the first use, not at start-up.

import {
  type WeierstrassPoint,
  type WeierstrassPointCons,
  weierstrass,
} from '@noble/curves/abstract/weierstrass.js'

const big = (h: string): bigint => BigInt(`0x${h}`)

export type P256Point = WeierstrassPoint<bigint>

export interface Curve {
  readonly Point: WeierstrassPointCons<bigint>
  /** The two points that SPAKE2+ masks shares with. */
  readonly M: P256Point
  readonly N: P256Point
  /** Of the group, and of the field. */
  readonly order: bigint
  readonly prime: bigint
}

// SEC 2 section 2.4.2 and RFC 9383 section 4.
function makeCurve(): Curve {
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
  return { Point, M, N, order: Point.Fn.ORDER, prime: Point.Fp.ORDER }
}

let made: Curve | null = null

export function curve(): Curve {
  made ??= makeCurve()
  return made
}
