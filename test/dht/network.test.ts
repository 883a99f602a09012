// Many nodes in one process, in virtual time: Mainline style and overlay, dead nodes, churn.
import t, { type Test } from 'tap'
import { equal, hex, text, utf8 } from '../../src/base/bytes.ts'
import { sha1 } from '../../src/crypto/native.ts'
import { bencodeBytes, bytesOf, plainItem, signItem } from '../../src/dht/objects.ts'
import { type Member, median, Net } from './help/net.ts'

const NODES = 100

/** A put from one node and a get from another, mutable and immutable, and peers. */
function exchange(t: Test, net: Net, all: Member[], rounds: number): void {
  const pick = () => all.filter((m) => m.alive)[Math.floor(net.chance() * all.filter((m) => m.alive).length)]!
  for (let i = 0; i < rounds; i++) {
    const signer = net.signer()
    const value = bencodeBytes(utf8(`value ${i}`))
    const item = signItem(signer, value, { seq: BigInt(i) + 2n ** 62n, salt: utf8('s') })
    const put = net.ask(pick(), { kind: 'put', item })
    t.ok(put.stored >= 4, `stored on ${put.stored}`)
    const got = net.ask(pick(), { kind: 'get', target: item.target, salt: utf8('s') })
    t.equal(got.item?.seq, item.seq)
    t.ok(equal(got.item!.value, value))
    const plain = plainItem(value)
    net.ask(pick(), { kind: 'put', item: plain })
    const same = net.ask(pick(), { kind: 'get', target: plain.target })
    t.equal(text(bytesOf(same.item!.value)!), `value ${i}`)
    const topic = sha1(utf8(`street ${i}`))
    const who = pick()
    t.ok(net.ask(who, { kind: 'announce', target: topic, port: 4_000 + i }).stored >= 4)
    t.ok(net.ask(pick(), { kind: 'peers', target: topic }).peers.includes(`${who.host}:${4_000 + i}`))
  }
}

t.test('a hundred Mainline nodes', async (t) => {
  const net = new Net(1)
  const all = net.crowd(NODES)
  t.ok(all.every((m) => m.dht.joined))
  exchange(t, net, all, 6)
  const ids = all.map((m) => ({ m, id: m.dht.id }))
  let right = 0
  for (let i = 0; i < 20; i++) {
    const target = all[Math.floor(net.chance() * NODES)]!.dht.id
    const from = all[i]!
    const found = net.ask(from, { kind: 'find', target })
    const best = ids
      .filter((x) => x.m !== from)
      .sort((a, b) => distance(a.id, target, b.id))
      .slice(0, 8)
      .map((x) => hex(x.id))
    right += found.nodes.filter((n) => best.includes(hex(n.id))).length
  }
  t.ok(right >= 150, `${right} of 160 nearest nodes found`)
})

t.test('a hundred overlay nodes', async (t) => {
  const net = new Net(2)
  const all = net.crowd(NODES, () => ({ overlay: { name: 'test', signer: net.signer() } }))
  t.ok(all.every((m) => m.dht.joined))
  exchange(t, net, all, 4)
  const found = net.ask(all[3]!, { kind: 'find', target: all[60]!.dht.id })
  t.same(found.nodes[0]?.id, all[60]!.dht.id, 'a node is found under its own id')
  t.equal(found.nodes[0]?.publicKey?.length, 32, 'with the key it proved')
})

t.test('thirty in a hundred dead', async (t) => {
  const net = new Net(3)
  const all = net.crowd(NODES)
  net.run(30_000)
  for (let i = 1; i < NODES; i++) if (i % 10 < 3) all[i]!.alive = false
  const times: number[] = []
  const alive = all.filter((m) => m.alive)
  for (let i = 0; i < 40; i++) {
    const target = new Uint8Array(20)
    net.random(target)
    const from = alive[i]!
    times.push(net.ask(from, { kind: 'find', target }).ms)
  }
  t.ok(median(times) <= 400, `median lookup ${Math.round(median(times))} ms`)
  exchange(t, net, all, 4)
})

t.test('churn: nodes come and go, lost datagrams', async (t) => {
  const net = new Net(4)
  const all = net.crowd(60)
  net.loss = 0.05
  for (let i = 0; i < 40; i++) {
    const old = all.filter((m, j) => j > 0 && m.alive)
    old[Math.floor(net.chance() * old.length)]!.alive = false
    const fresh = net.add(`127.2.0.${i}`, 6881)
    fresh.dht.addBootstrap(all[0]!.address)
    all.push(fresh)
    net.run(20_000)
  }
  const signer = net.signer()
  let ok = 0
  for (let i = 0; i < 20; i++) {
    const alive = all.filter((m) => m.alive && m.dht.joined)
    const item = signItem(signer, bencodeBytes(utf8(`v${i}`)), { seq: BigInt(i), salt: utf8('churn') })
    net.ask(alive[i]!, { kind: 'put', item })
    const got = net.ask(alive[alive.length - 1 - i]!, {
      kind: 'get',
      target: item.target,
      salt: utf8('churn'),
    })
    if (got.item?.seq === BigInt(i)) ok++
  }
  t.ok(ok >= 19, `${ok} of 20 read back`)
})

t.test('a tenth of all datagrams damaged: nothing throws, and the network goes on', async (t) => {
  for (const overlay of [false, true]) {
    const net = new Net(17)
    const all = net.crowd(30, () => (overlay ? { overlay: { name: 'd', signer: net.signer() } } : {}))
    net.damage = 0.1
    const rounds = process.env['WATTLE_FULL'] ? 2_000 : 60
    let ok = 0
    for (let i = 0; i < rounds; i++) {
      const item = signItem(net.signer(), bencodeBytes(utf8('x'.repeat(i % 990))), {
        seq: BigInt(i),
        salt: utf8('s'),
      })
      const from = all[i % 30]!
      net.ask(from, { kind: 'put', item })
      if (net.ask(all[(i * 7 + 1) % 30]!, { kind: 'get', target: item.target, salt: item.salt }).item) ok++
      net.ask(from, { kind: 'announce', target: sha1(utf8(`${i}`)), port: 0 })
    }
    t.ok(ok >= 0.9 * rounds, `${ok} of ${rounds}`)
    t.ok(all.every((m) => m.dht.stats(net.now).good4 > 5))
  }
})

t.test('many nodes put their items at once; later they do not do so again at one time', async (t) => {
  const net = new Net(18)
  const all = net.crowd(20)
  for (const m of all) {
    const item = signItem(net.signer(), bencodeBytes(utf8('head')), { seq: 1n })
    m.dht.start({ kind: 'put', item, keep: true }, 4, net.now, () => {})
  }
  const perMinute: number[] = new Array<number>(90).fill(0)
  const start = net.now
  net.onDatagram = ({ bytes }) => {
    if (Buffer.from(bytes).includes('1:q3:put')) perMinute[Math.floor((net.now - start) / 60_000)]! += 1 / 8
  }
  net.run(89 * 60_000)
  const later = perMinute.slice(30)
  t.ok(later.reduce((a, b) => a + b) >= 18, 'all were put again')
  t.ok(Math.max(...later) <= 8, `at most ${Math.max(...later)} of 20 in one minute`)
})

t.test('k, alpha and storeTtl', async (t) => {
  const net = new Net(19)
  const all = net.crowd(40, () => ({ k: 4, alpha: 1, storeTtl: 600_000 }))
  const held = () => all.filter((m) => m.dht.item(item.target)).length
  const item = signItem(net.signer(), bencodeBytes(utf8('short')), { seq: 1n })
  const { stored, nodes } = net.ask(all[5]!, { kind: 'put', item })
  t.ok(stored >= 4 && stored <= 6, `stored on ${stored}`)
  t.equal(nodes.length, 4)
  net.run(9 * 60_000)
  t.ok(held() >= 4, 'still there after nine minutes')
  net.run(3 * 60_000)
  t.equal(held(), 0, 'and gone after twelve')
  for (const wrong of [{ k: 3 }, { k: 17 }, { alpha: 0 }, { alpha: 1.5 }, { storeTtl: 1_000 }])
    t.throws(() => net.add('127.9.9.9', 1, wrong), RangeError)
})

t.test('what this node keeps itself does not count where others are asked', async (t) => {
  const net = new Net(20)
  const all = net.crowd(12)
  const alone = net.add('127.8.0.1', 1)
  const item = signItem(net.signer(), bencodeBytes(utf8('mine')), { seq: 1n })
  net.ask(alone, { kind: 'put', item, keep: true })
  const get = (foreign: boolean) =>
    net.ask(alone, { kind: 'get', target: item.target, foreign }).item?.seq ?? null
  t.equal(get(false), 1n)
  t.equal(get(true), null)
  alone.dht.addBootstrap(all[0]!.address)
  alone.next = net.now
  t.ok(net.run(20_000, () => alone.dht.joined))
  net.ask(alone, { kind: 'put', item })
  t.equal(get(true), 1n, 'now others have it')
})

t.test('IPv6, and both families side by side', async (t) => {
  const net = new Net(5)
  const all: Member[] = []
  for (let i = 0; i < 20; i++) {
    const m = net.add(`fd00:0:0:${(i + 16).toString(16)}::1`, 6881)
    if (i > 0) m.dht.addBootstrap(all[0]!.address)
    all.push(m)
    net.run(50)
  }
  net.run(10_000)
  const item = signItem(net.signer(), bencodeBytes(utf8('six')), { seq: 2n ** 63n - 1n })
  t.ok(net.ask(all[4]!, { kind: 'put', item }, 6).stored >= 8)
  t.equal(net.ask(all[9]!, { kind: 'get', target: item.target }, 6).item?.seq, 2n ** 63n - 1n)
  const topic = sha1(utf8('t'))
  net.ask(all[5]!, { kind: 'announce', target: topic, port: 0 }, 6)
  t.same(net.ask(all[6]!, { kind: 'peers', target: topic }, 6).peers, [all[5]!.address])
})

t.test('stop leaves nothing under way', async (t) => {
  const net = new Net(6)
  const a = net.add('127.0.0.1', 1)
  a.dht.addBootstrap('127.0.0.1:2')
  net.run(500)
  t.ok(a.dht.busy > 0)
  a.dht.start({ kind: 'find', target: a.dht.id }, 4, net.now, () => t.fail('called after stop'))
  a.dht.stop()
  t.equal(a.dht.busy, 0)
  t.equal(a.dht.tick(net.now + 5_000), Number.POSITIVE_INFINITY)
})

function distance(a: Uint8Array, target: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < 20; i++) {
    const d = (a[i]! ^ target[i]!) - (b[i]! ^ target[i]!)
    if (d !== 0) return d
  }
  return 0
}
