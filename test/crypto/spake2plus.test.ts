import { p256 } from '@noble/curves/nist.js'
import t from 'tap'
import { hex, unhex, utf8 } from '../../src/base/bytes.ts'
import { type Random, Secret } from '../../src/crypto/secret.ts'
import { isScalar, isShare, type PakeNames, spake2plus } from '../../src/crypto/spake2plus.ts'
import { h, json } from './vectors.ts'

const v = json<Record<string, string>>('spake2plus-rfc9383-p256-sha256.json')
const ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
const names: PakeNames = {
  context: utf8(v['context']!),
  prover: utf8(v['idProver']!),
  verifier: utf8(v['idVerifier']!),
}
const secret = { w0: new Secret(h(v['w0'])), w1: new Secret(h(v['w1'])) }
const random: Random = (into) => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>)
/** A source whose scalar is the one that the vector wants. */
const giving =
  (scalar: string): Random =>
  (into) =>
    into.set(unhex((BigInt(`0x${scalar}`) - 1n).toString(16).padStart(2 * into.length, '0'))!)

t.test('RFC 9383 Appendix C, P256-SHA256', async (t) => {
  const record = spake2plus.record(secret)
  t.equal(hex(record.L), v['L'])
  const begun = spake2plus.begin(secret, giving(v['x']!))
  t.equal(hex(begun.shareP), v['shareP'])
  const answer = spake2plus.answer(record, names, begun.shareP, giving(v['y']!))!
  t.equal(hex(answer.shareV), v['shareV'])
  const finished = spake2plus.finish(secret, names, begun, answer.shareV)!
  for (const keys of [answer.keys, finished]) {
    t.equal(hex(keys.confirmP), v['confirmP'])
    t.equal(hex(keys.confirmV), v['confirmV'])
    t.equal(hex(keys.shared.bytes()), v['Kshared'])
  }
})

t.test('another code, context or name: nothing fits', async (t) => {
  const record = spake2plus.record(secret)
  const begun = spake2plus.begin(secret, random)
  const { shareV, keys } = spake2plus.answer(record, names, begun.shareP, random)!
  const good = spake2plus.finish(secret, names, begun, shareV)!
  t.same(good.confirmV, keys.confirmV)
  const wrong = spake2plus.secret(new Secret(crypto.getRandomValues(new Uint8Array(80))))
  for (const [s, n] of [
    [wrong, names],
    [{ w0: secret.w0, w1: wrong.w1 }, names],
    [{ w0: wrong.w0, w1: secret.w1 }, names],
    [secret, { ...names, context: utf8('other') }],
    [secret, { ...names, prover: names.verifier, verifier: names.prover }],
  ] as const) {
    const other = spake2plus.finish(s, n, begun, shareV)!
    t.notSame(other.confirmV, keys.confirmV)
    t.notSame(other.confirmP, keys.confirmP)
    t.notSame(other.shared.bytes(), keys.shared.bytes())
  }
})

t.test('shares that are no points, or take the secret away, are refused', async (t) => {
  const record = spake2plus.record(secret)
  const begun = spake2plus.begin(secret, random)
  const compressed = `03${v['shareP']!.slice(2, 66)}`
  const offCurve = Uint8Array.from(begun.shareP)
  offCurve[64]! ^= 1
  // w0·M and w0·N: what is left without the mask is the identity, whatever the other side does.
  const masked = (point: string): Uint8Array =>
    p256.Point.fromHex(point)
      .multiply(BigInt(`0x${v['w0']}`))
      .toBytes(false)
  const maskM = masked('02886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f')
  const maskN = masked('03d8bbd6c639c62937b04d997f38c3770719c629d7014d49a24b4f98baa1292b49')
  t.ok(isShare(maskM) && isShare(maskN), 'a point like any other')
  t.equal(spake2plus.answer(record, names, maskM, random), null)
  t.equal(spake2plus.finish(secret, names, begun, maskN), null)
  const bad = [
    new Uint8Array(0),
    Uint8Array.of(0),
    new Uint8Array(65),
    new Uint8Array(65).fill(4),
    h(compressed),
    offCurve,
    begun.shareP.subarray(0, 64),
    Uint8Array.from([...begun.shareP, 0]),
    Uint8Array.from([6, ...begun.shareP.subarray(1)]),
    Uint8Array.from([4, ...h('ff'.repeat(64))]),
  ]
  for (const share of bad) {
    t.notOk(isShare(share), hex(share))
    t.equal(spake2plus.answer(record, names, share, random), null)
    t.equal(spake2plus.finish(secret, names, begun, share), null)
  }
})

t.test('scalars: zero and the order are refused, the secret is reduced', async (t) => {
  const bytes = (n: bigint): Uint8Array => unhex(n.toString(16).padStart(64, '0'))!
  t.notOk(isScalar(bytes(0n)))
  t.ok(isScalar(bytes(1n)))
  t.ok(isScalar(bytes(ORDER - 1n)))
  t.notOk(isScalar(bytes(ORDER)))
  t.notOk(isScalar(new Uint8Array(31).fill(1)))
  const big = spake2plus.secret(new Secret(new Uint8Array(80).fill(255)))
  t.ok(isScalar(big.w0.bytes()))
  t.equal(hex(big.w0.bytes()), hex(bytes((2n ** 320n - 1n) % ORDER)))
  t.throws(() => spake2plus.secret(new Secret(new Uint8Array(64))), RangeError)
})
