// Published vectors: BEP-44 "Test Vectors", BEP-42 and libtorrent's IPv6 case, SHA-1 and SipHash-2-4.
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { hex, unhex, utf8 } from '../../src/base/bytes.ts'
import { sha1, Verifier } from '../../src/crypto/native.ts'
import { addressOf } from '../../src/dht/krpc/address.ts'
import { fitsAddress, fitTo, prefixOf } from '../../src/dht/math/bep42.ts'
import { idOf } from '../../src/dht/math/id.ts'
import { SipHash } from '../../src/dht/math/siphash.ts'
import { bencodeBytes, plainItem, signedText, targetOf } from '../../src/dht/objects.ts'

t.test('SHA-1 agrees with FIPS 180 and with node:crypto at every length', async (t) => {
  t.equal(hex(sha1(utf8('abc'))), 'a9993e364706816aba3e25717850c26c9cd0d89d')
  for (let n = 0; n < 200; n++) {
    const bytes = randomBytes(n)
    t.equal(hex(sha1(bytes)), createHash('sha1').update(bytes).digest('hex'), `${n} bytes`)
  }
})

t.test('SipHash-2-4 gives the published value for 15 bytes', async (t) => {
  const key = new Int32Array(Uint8Array.from({ length: 16 }, (_, i) => i).buffer)
  const input = Uint8Array.from({ length: 15 }, (_, i) => i)
  const sip = new SipHash()
  sip.hash(key, 0, input, 0, 15)
  t.same([sip.high >>> 0, sip.low >>> 0], [0xa129ca61, 0x49be45e5])
  sip.hash(key, 0, input, 0, 0)
  t.same([sip.high >>> 0, sip.low >>> 0], [0x726fdb47, 0xdd0e0e31], 'the empty message')
  sip.hash(key, 0, input, 0, 8)
  t.same([sip.high >>> 0, sip.low >>> 0], [0x93f5f579, 0x9a932462], 'eight bytes')
})

t.test('BEP-44: targets and signatures', async (t) => {
  const key = unhex('77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548')!
  const value = bencodeBytes(utf8('Hello World!'))
  t.equal(hex(targetOf(key)), '4a533d47ec9c7d95b1ad75f576cffc641853b750')
  t.equal(hex(targetOf(key, utf8('foobar'))), '411eba73b6f087ca51a3795d9c8c938d365e32c1')
  t.equal(hex(plainItem(value).target), 'e5f96f6f38320f0f33959cb4d3d656452117aadb')
  const plain = unhex(
    '305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01',
  )!
  const salted = unhex(
    '6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17ddf9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08',
  )!
  const verifier = Verifier.of(key)!
  t.ok(verifier.verify(signedText(value, 1n), plain))
  t.ok(verifier.verify(signedText(value, 1n, utf8('foobar')), salted))
  t.notOk(verifier.verify(signedText(value, 2n), plain), 'another seq')
})

t.test('BEP-42: ids that belong to addresses', async (t) => {
  for (const [ip, r, prefix] of [
    ['124.31.75.21', 1, '5fbfbf'],
    ['21.75.31.124', 86, '5a3ce9'],
    ['65.23.51.170', 22, 'a5d432'],
    ['84.124.73.14', 65, '1b0321'],
    ['43.213.53.83', 90, 'e56f6c'],
    ['2001:b829:2123:be84:e16c:d6ae:5290:49f1', 4, '0a8ad1'],
  ] as const) {
    const a = addressOf(ip.includes(':') ? `[${ip}]:1` : `${ip}:1`)!
    const wanted = Number.parseInt(prefix, 16)
    // The first 21 of the 24 bits written out in the text count.
    t.equal((prefixOf(a, r & 7) >>> 8) >>> 3, wanted >>> 3, ip)
    const id = idOf(randomBytes(20))
    fitTo(id, 0, a, r)
    t.ok(fitsAddress(id, 0, a))
    id[0] = id[0]! ^ 0x800
    t.notOk(fitsAddress(id, 0, a), 'bit 21 counts')
  }
  t.ok(fitsAddress(idOf(randomBytes(20)), 0, addressOf('192.168.1.7:1')!), 'local addresses are exempt')
})
