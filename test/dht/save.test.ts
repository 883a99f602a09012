// What a node writes down and what it believes of it later.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { utf8 } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/crypto/native.ts'
import { bencodeBytes, signItem } from '../../src/dht/objects.ts'
import { Net } from './help/net.ts'

t.test('a restarted node finds its network without any bootstrap peer', async (t) => {
  for (const overlay of [false, true]) {
    const net = new Net(31)
    const signers = Array.from({ length: 12 }, () => net.signer())
    const with_ = (i: number) => (overlay ? { overlay: { name: 'net', signer: signers[i]! } } : {})
    const all = net.crowd(12, with_)
    const old = all[7]!
    const item = signItem(net.signer(), bencodeBytes(utf8('mine')), { seq: 4n, salt: utf8('s') })
    net.ask(old, { kind: 'put', item, keep: true })
    const file = old.dht.save()
    const before = old.dht.stats(net.now).nodes4
    old.dht.stop()
    net.members.delete(old.address)
    // Everybody forgets items after two hours; only their owner brings them back.
    net.run(2.2 * 3_600_000)
    const fresh = net.add(old.host, old.port, with_(7))
    t.ok(fresh.dht.restore(file))
    t.equal(fresh.dht.stats(net.now).nodes4, before)
    t.equal(fresh.dht.stats(net.now).good4, 0, 'nothing is believed yet')
    t.same(fresh.dht.id, old.dht.id)
    t.ok(
      net.run(20_000, () => fresh.dht.joined),
      'joined by itself',
    )
    net.run(10_000)
    const got = net.ask(all[9]!, { kind: 'get', target: item.target, salt: item.salt })
    t.equal(got.item?.seq, 4n, 'and its item was put again')
    net.run(2.2 * 3_600_000)
    const later = net.ask(all[10]!, { kind: 'get', target: item.target, salt: item.salt })
    t.equal(later.item?.seq, 4n, 'and is kept alive')
  }
})

t.test('damaged, cut, foreign and newer files are ignored', async (t) => {
  const net = new Net(32)
  const all = net.crowd(12)
  const file = all[3]!.dht.save()
  const fresh = net.add('127.9.0.1', 1)
  for (let n = 0; n < file.length; n += 1 + (n >> 3)) t.notOk(fresh.dht.restore(file.subarray(0, n)))
  for (let i = 0; i < 200; i++) {
    const bad = Uint8Array.from(file)
    bad[randomBytes(2).readUInt16BE() % bad.length]! ^= 1 << (i % 8)
    t.notOk(fresh.dht.restore(bad))
  }
  const sealed = (body: Uint8Array): Uint8Array => Buffer.concat([body, sha256(body)])
  const body = file.subarray(0, file.length - 32)
  const newer = Uint8Array.from(body)
  newer[4] = 2
  t.notOk(fresh.dht.restore(sealed(newer)), 'a newer version')
  t.notOk(fresh.dht.restore(sealed(Buffer.concat([body, utf8('x')]))), 'more than there should be')
  t.notOk(fresh.dht.restore(randomBytes(5_000)))
  const other = net.add('127.9.0.2', 1, { overlay: { name: 'elsewhere', signer: net.signer() } })
  t.notOk(other.dht.restore(file), 'a file of another network')
  t.equal(other.dht.stats(net.now).nodes4, 0)
  t.equal(fresh.dht.stats(net.now).items, 0)
  t.equal(fresh.dht.stats(net.now).nodes4, 0)
})
