// Which keys and signatures are valid (docs/decisions/0002-signatures.md): the edge cases on which
// implementations differ, their verdicts stored, the same from both back-ends.

import { createPublicKey, verify as nodeVerify } from 'node:crypto'
import { Point } from '@noble/ed25519'
import t from 'tap'
import { type Bytes, base64url, concat, hex } from '../../src/base/bytes.ts'
import * as native from '../../src/crypto/native.ts'
import * as noble from '../../src/crypto/noble.ts'
import { canonicalEd25519, canonicalX25519 } from '../../src/crypto/points.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { h, json } from './vectors.ts'

const backends = { native, noble }
const P = 2n ** 255n - 19n
const le = (v: bigint): Bytes => h(v.toString(16).padStart(64, '0')).reverse()

interface Verdict {
  readonly case: number
  readonly key: 'accepted' | 'refused'
  readonly valid: boolean
  readonly why: string
}

t.test('RFC 8032 section 7.1', async (t) => {
  // TEST 1 to 3 and SHA(abc): seed, key, message, signature.
  const cases = [
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
    [
      '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
      'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
    ],
  ] as const
  for (const b of Object.values(backends))
    for (const [seed, key, message, signature] of cases) {
      const signer = new b.Signer(new Secret(h(seed)))
      t.equal(hex(signer.publicKey), key)
      t.equal(hex(signer.sign(h(message))), signature)
      t.ok(b.Verifier.of(h(key))!.verify(h(message), h(signature)))
    }
})

t.test('RFC 7748 section 6.1, and one key whose top bit is set', async (t) => {
  for (const b of Object.values(backends)) {
    const alice = new b.Exchange(
      new Secret(h('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a')),
    )
    const bob = new b.Exchange(
      new Secret(h('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb')),
    )
    t.equal(hex(alice.publicKey), '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')
    const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'
    t.equal(hex(alice.agree(bob.publicKey)!.bytes()), shared)
    t.equal(hex(bob.agree(alice.publicKey)!.bytes()), shared)
    const masked = Uint8Array.from(bob.publicKey)
    masked[31]! |= 0x80
    t.equal(alice.agree(masked), null, 'RFC 7748 would mask it; one key has one name here')
  }
})

t.test('the public edge cases: stored verdicts, the same from both', async (t) => {
  const cases = json<{ message: string; pub_key: string; signature: string }[]>('ed25519-speccheck.json')
  const verdicts = json<Verdict[]>('ed25519-verdicts.json')
  t.equal(verdicts.length, cases.length)
  for (const [name, b] of Object.entries(backends))
    cases.forEach((c, i) => {
      const key = b.Verifier.of(h(c.pub_key))
      const { key: import_, valid, why } = verdicts[i]!
      t.equal(key ? 'accepted' : 'refused', import_, `${name} case ${i}: ${why}`)
      t.equal(key?.verify(h(c.message), h(c.signature)) ?? false, valid, `${name} case ${i}: ${why}`)
    })
})

t.test(
  'what node:crypto answers by itself: only the cases that our own rules decide may differ',
  async (t) => {
    // Node verified signatures with a key or R of small order, and from some version on does not.
    const cases = json<{ message: string; pub_key: string; signature: string }[]>('ed25519-speccheck.json')
    const raw = cases.map((c) => {
      const key = createPublicKey({
        key: { kty: 'OKP', crv: 'Ed25519', x: base64url(h(c.pub_key)) },
        format: 'jwk',
      })
      return nodeVerify(null, h(c.message), key, h(c.signature))
    })
    const [a, b, c, ...rest] = raw
    t.ok(a === b && b === c, `cases 0 to 2: ${process.version} answers ${a}, other versions otherwise`)
    t.same(rest, [true, false, false, false, false, false, false])
  },
)

t.test('all points of small order, in every encoding, are refused', async (t) => {
  // The eight points: multiples of one of order eight; and y + p where it still fits 255 bits.
  const eighth = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')
  const encodings: Bytes[] = []
  let point = Point.ZERO
  for (let i = 0; i < 8; i++) {
    encodings.push(point.toBytes())
    point = point.add(eighth)
  }
  t.ok(point.equals(Point.ZERO))
  t.equal(new Set(encodings.map(hex)).size, 8)
  for (const raw of encodings) {
    for (const sign of [0, 0x80]) {
      const other = Uint8Array.from(raw)
      other[31] = (other[31]! & 0x7f) | sign
      for (const b of Object.values(backends)) t.equal(b.Verifier.of(other), null, hex(other))
    }
  }
})

t.test(
  'non-canonical encodings are refused, the largest canonical ones are not judged by form',
  async (t) => {
    for (let n = 0n; n < 19n; n++)
      for (const b of Object.values(backends)) {
        t.equal(b.Verifier.of(le(P + n)), null, `p + ${n}`)
        t.notOk(canonicalX25519(le(P + n)))
      }
    t.ok(canonicalEd25519(le(P - 2n)))
    t.ok(canonicalX25519(le(P - 2n)))
    t.notOk(canonicalX25519(le(2n ** 255n + 9n)))
    for (const n of [0, 31, 33, 64]) t.notOk(canonicalEd25519(new Uint8Array(n).fill(9)))
  },
)

t.test('both sides agree on what is a point at all', async (t) => {
  let points = 0
  for (let n = 0; n < 400; n++) {
    const raw = crypto.getRandomValues(new Uint8Array(32))
    let point = true
    try {
      Point.fromBytes(raw)
    } catch {
      point = false
    }
    if (point) points++
    // OpenSSL looks at the point when it verifies only: a key on no point is imported and verifies nothing.
    for (const b of Object.values(backends)) {
      const key = b.Verifier.of(raw)
      if (!key || key.verify(raw, concat(raw, new Uint8Array(32)))) t.fail(hex(raw))
    }
  }
  t.ok(points > 100 && points < 300, `${points} of 400`)
})
