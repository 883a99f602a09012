// What a person may write about the DHT, and what comes of it.
import t from 'tap'
import { base64url } from '../../../src/base/bytes.ts'
import { dhtSettings } from '../../../src/node/dht/settings.ts'

const KEY = base64url(new Uint8Array(32).fill(7))
const of =
  (set: Record<string, string>) =>
  (name: string): string | undefined =>
    set[name]

t.test('off until somebody to ask or an address to listen on is given', async (t) => {
  t.equal(dhtSettings(of({})), null)
  t.equal(dhtSettings(of({ 'dht.k': '8', 'dht.overlay': 'street' })), null)
  const s = dhtSettings(of({ 'dht.bootstrap': `${KEY}@10.0.0.1:4002, [fd00::1]:4002` }))!
  t.same(s.listen, ['0.0.0.0:0', '[::]:0'])
  t.same(
    s.bootstrap.map((p) => [p.address, p.publicKey?.length ?? 0]),
    [
      ['10.0.0.1:4002', 32],
      ['[fd00::1]:4002', 0],
    ],
  )
  t.same([s.overlay, s.k, s.alpha, s.storeTtl], ['wattle', 8, 4, 7_200_000])
  const own = dhtSettings(
    of({
      'dht.listen': '10.0.0.2:4002',
      'dht.overlay': 'street',
      'dht.k': '12',
      'dht.alpha': '2',
      'dht.storeTtl': '86400',
    }),
  )!
  t.same([own.listen, own.overlay, own.k, own.alpha], [['10.0.0.2:4002'], 'street', 12, 2])
  t.equal(own.storeTtl, 86_400_000)
})

t.test('the record is a witness only where every peer that was asked first is pinned', async (t) => {
  const witness = (set: Record<string, string>) => dhtSettings(of(set))!.witness
  t.equal(witness({ 'dht.bootstrap': `${KEY}@10.0.0.1:1` }), true)
  t.equal(witness({ 'dht.bootstrap': `${KEY}@10.0.0.1:1`, 'dht.witness': 'off' }), false)
  t.equal(witness({ 'dht.bootstrap': `${KEY}@10.0.0.1:1,10.0.0.2:1` }), false)
  t.equal(witness({ 'dht.listen': '10.0.0.1:1' }), false, 'nobody to ask first')
})

t.test('what cannot be meant is refused with what was expected', async (t) => {
  for (const [name, text] of [
    ['dht.bootstrap', 'router.example:1'],
    ['dht.bootstrap', '10.0.0.1'],
    ['dht.bootstrap', 'abc@10.0.0.1:1'],
    ['dht.bootstrap', Array(9).fill('10.0.0.1:1').join()],
    ['dht.listen', 'localhost:1'],
    ['dht.k', '3'],
    ['dht.k', '8.5'],
    ['dht.alpha', '0'],
    ['dht.storeTtl', '1'],
    ['dht.witness', 'perhaps'],
  ] as const)
    t.throws(
      () => dhtSettings(of({ [name]: text })),
      { code: 'bad-config', message: new RegExp(`^${name}:`) },
      text,
    )
})
