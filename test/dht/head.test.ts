import { randomBytes } from 'node:crypto'
import t from 'tap'
import { equal, utf8 } from '../../src/base/bytes.ts'
import { BlindSigner, blindKey } from '../../src/crypto/blind.ts'
import { Signer, Verifier } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { signedText, targetOf } from '../../src/dht/objects.ts'
import {
  decodeHead,
  encodeHead,
  type Head,
  openPublicHead,
  publicHead,
  publicPlace,
} from '../../src/dht/overlay/head.ts'

const head = (): Head => ({
  epoch: 7,
  index: 2 ** 40 + 3,
  hash: new Uint8Array(randomBytes(32)),
  thing: new Uint8Array(randomBytes(32)),
  log: { seq: 9, head: new Uint8Array(randomBytes(32)) },
  addresses: ['192.168.1.20:4001', '[2001:db8::1]:4001'],
})

t.test('a head record goes both ways and refuses everything else', async (t) => {
  const h = head()
  const bytes = encodeHead(h)
  t.same(decodeHead(bytes), h)
  for (let n = 0; n < bytes.length; n++) t.equal(decodeHead(bytes.subarray(0, n)), null, `cut at ${n}`)
  const longest = { ...h, addresses: Array<string>(8).fill('x'.repeat(64)) }
  t.ok(encodeHead(longest).length <= 1_000 - 16 - 4)
  t.same(decodeHead(encodeHead(longest)), longest)
  t.throws(() => encodeHead({ ...h, addresses: ['x'.repeat(65)] }), RangeError)
  t.throws(() => encodeHead({ ...h, log: { seq: 1, head: randomBytes(31) } }), RangeError)
  t.throws(() => encodeHead({ ...h, addresses: Array<string>(9).fill('x') }), RangeError)
  t.equal(decodeHead(Uint8Array.of(2, ...bytes.subarray(1))), null, 'another version')
  t.equal(decodeHead(Uint8Array.of(...bytes, 1)), null, 'something behind it')
})

t.test('blinded keys: the same from both sides, plain signatures, no link without the factor', async (t) => {
  for (let i = 0; i < 8; i++) {
    const seed = new Uint8Array(randomBytes(32))
    const signer = new Signer(new Secret(seed.slice()))
    const factor = new Uint8Array(randomBytes(32))
    const blind = new BlindSigner(new Secret(seed.slice()), factor)
    t.ok(equal(blind.publicKey, blindKey(signer.publicKey, factor)!))
    t.notOk(equal(blind.publicKey, signer.publicKey))
    const message = randomBytes(i * 50)
    const verifier = Verifier.of(blind.publicKey)!
    t.ok(verifier.verify(message, blind.sign(message)))
    t.notOk(verifier.verify(randomBytes(20), blind.sign(message)))
    t.notOk(verifier.verify(message, signer.sign(message)), 'the plain key does not sign for it')
    t.notOk(equal(blindKey(signer.publicKey, randomBytes(32))!, blind.publicKey))
  }
  t.equal(blindKey(new Uint8Array(32), randomBytes(32)), null)
  t.equal(blindKey(new Uint8Array(31), randomBytes(32)), null)
})

t.test('a public record is found, opened and unlinkable', async (t) => {
  const seed = new Uint8Array(randomBytes(32))
  const { publicKey } = new Signer(new Secret(seed.slice()))
  const locator = new Secret(new Uint8Array(randomBytes(32)))
  const keys = { seed: new Secret(seed), publicKey, locator }
  const h = head()
  const today = publicHead(keys, 20_000, h, 5n)
  const tomorrow = publicHead(keys, 20_001, h, 5n)
  const place = publicPlace(publicKey, locator, 20_000)!
  t.ok(equal(place.target, today.target))
  t.ok(equal(place.publicKey, today.publicKey!))
  t.ok(Verifier.of(today.publicKey!)!.verify(signedText(today.value, 5n), today.signature!))
  t.same(openPublicHead(today, locator), h)
  t.equal(openPublicHead(today, new Secret(new Uint8Array(randomBytes(32)))), null, 'another secret')
  t.equal(openPublicHead({ ...today, seq: 6n }, locator), null, 'another seq')
  t.notOk(equal(today.target, targetOf(publicKey)), 'not under the device key')
  t.notOk(equal(today.publicKey!, tomorrow.publicKey!))
  t.notOk(equal(today.target, tomorrow.target))
  const small = publicHead(keys, 20_000, { ...h, addresses: [] }, 6n)
  t.equal(small.value.length, today.value.length, 'one length whatever it says')
  t.ok(today.value.length <= 1_000)
  for (const secret of [h.hash, h.thing, publicKey, utf8('192.168')])
    t.equal(Buffer.from(today.value).indexOf(secret), -1)
})
