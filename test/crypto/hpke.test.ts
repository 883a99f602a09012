import t from 'tap'
import { concat, hex, utf8 } from '../../src/base/bytes.ts'
import { deriveExchange, HPKE_OVERHEAD, openFrom, sealTo } from '../../src/crypto/hpke.ts'
import { Exchange } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { h, json } from './vectors.ts'

interface Vector {
  readonly mode: number
  readonly aead_id: number
  readonly [field: string]: unknown
  readonly encryptions: readonly { seq: number; pt: string; aad: string; ct: string }[]
}

const vectors = json<Vector[]>('hpke-rfc9180-x25519.json')
const random = (n: number): Uint8Array => crypto.getRandomValues(new Uint8Array(n))

t.test('RFC 9180 A.2.1: base mode, ChaCha20-Poly1305', async (t) => {
  const v = vectors.find((v) => v.mode === 0 && v.aead_id === 3)!
  const first = v.encryptions.find((e) => e.seq === 0)!
  const box = sealTo(h(v['pkRm']), h(v['info']), h(first.aad), h(first.pt), new Secret(h(v['ikmE'])))
  t.equal(hex(box!), `${v['enc']}${first.ct}`)
  const receiver = new Exchange(new Secret(h(v['skRm'])))
  t.equal(hex(receiver.publicKey), v['pkRm'])
  t.equal(hex(openFrom(receiver, h(v['info']), h(first.aad), box!)!), first.pt)
})

t.test('RFC 9180: DeriveKeyPair of every X25519 vector', async (t) => {
  for (const v of vectors) {
    t.equal(hex(deriveExchange(new Secret(h(v['ikmE']))).publicKey), v['pkEm'])
    t.equal(hex(deriveExchange(new Secret(h(v['ikmR']))).publicKey), v['pkRm'])
  }
})

t.test('a box opens for its receiver, info and aad alone, and untouched', async (t) => {
  const receiver = new Exchange(new Secret(random(32)))
  const other = new Exchange(new Secret(random(32)))
  const info = utf8('info')
  const aad = utf8('aad')
  for (const n of [0, 1, 31, 200]) {
    const plain = random(n)
    const box = sealTo(receiver.publicKey, info, aad, plain, new Secret(random(32)))!
    t.equal(box.length, n + HPKE_OVERHEAD)
    t.same(openFrom(receiver, info, aad, box), plain)
    t.equal(openFrom(other, info, aad, box), null)
    t.equal(openFrom(receiver, utf8('inf'), aad, box), null)
    t.equal(openFrom(receiver, info, utf8('aac'), box), null)
    t.equal(openFrom(receiver, info, aad, concat(box, random(1))), null)
    for (let cut = 0; cut < box.length; cut++)
      t.equal(openFrom(receiver, info, aad, box.subarray(0, cut)), null)
    for (let at = 0; at < box.length; at++) {
      const bent = Uint8Array.from(box)
      bent[at]! ^= 1 << (at % 8)
      t.equal(openFrom(receiver, info, aad, bent), null, `byte ${at}`)
    }
  }
})

t.test('a receiver key of small order or not canonical gets no box', async (t) => {
  const bad = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    `ee${'ff'.repeat(30)}7f`,
    `09${'00'.repeat(30)}80`,
    'ff'.repeat(32),
    '',
  ]
  for (const key of bad)
    t.equal(sealTo(h(key), utf8(''), utf8(''), utf8('x'), new Secret(random(32))), null, key)
})
