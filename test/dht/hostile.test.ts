// What strangers may try: poisoning, forged tokens, floods, bad items. Nothing of it may change the
// table, the stores or the node's health.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { type Bytes, concat, equal, text, unhex, utf8 } from '../../src/base/bytes.ts'
import { bencodeBytes, plainItem, signItem, targetOf } from '../../src/dht/objects.ts'
import type { DhtOptions } from '../../src/dht/options.ts'
import { tagOf } from '../../src/dht/overlay/proof.ts'
import { encode, message, type Value } from './bencode.ts'
import { type Member, Net } from './net.ts'

const ID = utf8('abcdefghij0123456789')

function query(q: string, a: { [key: string]: Value }, extra: { [key: string]: Value } = {}): Bytes {
  return encode({ a: { id: ID, ...a }, q, t: 'aa', y: 'q', ...extra })
}

/** One node, no neighbours. */
function lone(options: Partial<DhtOptions> = {}): { net: Net; node: Member } {
  const net = new Net(77)
  const node = net.add('127.0.0.1', 6881, { strictLocal: true, ...options })
  net.run(100)
  return { net, node }
}

/** Answers every query sent to `address` as a node with this id; `change` may spoil the answer. */
function puppet(
  net: Net,
  address: string,
  id: Bytes,
  change: (r: { [key: string]: Value }, q: string) => { [key: string]: Value } | null = (r) => r,
): void {
  const [host, port] = address.split(':')
  net.taps.set(address, (bytes, from) => {
    const m = message(bytes)
    if (m.y !== 'q') return
    const r = change({ id, nodes: '', token: 'tttttttt' }, m.q)
    if (r) net.send(encode({ r, t: m.t, y: 'r' }), { host: host!, port: Number(port) }, from)
  })
}

t.test('who does not answer does not enter the table', async (t) => {
  const { net, node } = lone()
  for (let i = 0; i < 50; i++)
    net.say(`127.0.${i}.9:5000`, node.address, query('ping', { id: randomBytes(20) }))
  t.equal(node.dht.stats(net.now).nodes4, 0, 'unsolicited queries')
  for (let i = 0; i < 50; i++)
    net.say(
      `127.0.${i}.9:5000`,
      node.address,
      encode({ r: { id: randomBytes(20), nodes: randomBytes(208) }, t: randomBytes(4), y: 'r' }),
    )
  t.equal(node.dht.stats(net.now).nodes4, 0, 'unsolicited answers')
  t.ok(node.dht.stats(net.now).counts.unsolicited >= 50)
  puppet(net, '127.5.0.1:5000', ID)
  net.send(query('find_node', { target: ID }, { ro: 1 }), { host: '127.5.0.1', port: 5000 }, node.address)
  net.run(2_000)
  t.equal(node.dht.stats(net.now).nodes4, 0, 'a read-only sender (BEP-43)')
  net.send(query('find_node', { target: ID }), { host: '127.5.0.1', port: 5000 }, node.address)
  net.run(2_000)
  t.equal(node.dht.stats(net.now).nodes4, 1, 'but one that answers our ping does')
})

t.test('many ids of one address, and of one subnet', async (t) => {
  const { net, node } = lone()
  for (let i = 0; i < 60; i++) {
    const address = i < 30 ? `127.9.9.9:${5000 + i}` : `127.9.8.${i}:5000`
    const id = randomBytes(20)
    puppet(net, address, id)
    const [host, port] = address.split(':')
    net.send(query('ping', { id }), { host: host!, port: Number(port) }, node.address)
    net.run(200)
  }
  const { nodes4 } = node.dht.stats(net.now)
  t.ok(nodes4 >= 2 && nodes4 <= 5, `${nodes4} entries from two subnets`)
})

t.test('answers from elsewhere or of another id do not count', async (t) => {
  for (const trick of ['port', 'host', 'id', 'tid', 'self'] as const) {
    const { net, node } = lone()
    net.taps.set('127.3.0.1:5000', (bytes, from) => {
      const m = message(bytes)
      const id = trick === 'self' ? node.dht.id : ID
      const reply = encode({ r: { id }, t: trick === 'tid' ? randomBytes(4) : m.t, y: 'r' })
      const host = trick === 'host' ? '127.3.0.2' : '127.3.0.1'
      net.send(reply, { host, port: trick === 'port' ? 5001 : 5000 }, from)
    })
    const sender = trick === 'id' ? randomBytes(20) : ID
    net.send(query('ping', { id: sender }), { host: '127.3.0.1', port: 5000 }, node.address)
    net.run(6_000)
    t.equal(node.dht.stats(net.now).nodes4, 0, trick)
  }
})

t.test('lists of nodes: bogus, own and repeated ones are dropped', async (t) => {
  const { net, node } = lone({ reach: 'private', strictLocal: false })
  const node2 = (id: Bytes, ip: number[], port: number): Bytes =>
    concat(id, Uint8Array.from([...ip, port >> 8, port & 255]))
  const list = concat(
    node2(randomBytes(20), [0, 1, 2, 3], 5),
    node2(randomBytes(20), [127, 0, 0, 1], 5),
    node2(randomBytes(20), [224, 0, 0, 1], 5),
    node2(randomBytes(20), [255, 255, 255, 255], 5),
    node2(randomBytes(20), [10, 0, 0, 7], 0),
    node2(node.dht.id, [10, 0, 0, 8], 5),
    node2(ID, [10, 0, 0, 9], 5),
    node2(ID, [10, 0, 0, 10], 5),
    node2(randomBytes(20), [10, 0, 0, 9], 5),
  )
  const asked = new Set<string>()
  net.onDatagram = ({ from, to }) => {
    if (from.startsWith('127.0.0.1:6881')) asked.add(to)
  }
  puppet(net, '10.0.0.1:5000', utf8('ABCDEFGHIJ0123456789'), (r) => ({ ...r, nodes: list }))
  node.dht.addBootstrap('10.0.0.1:5000')
  node.next = net.now
  net.run(10_000)
  t.same(
    [...asked].sort((a, b) => (a < b ? -1 : 1)),
    ['10.0.0.1:5000', '10.0.0.9:5'],
    'only one honest entry was asked',
  )
})

t.test('write tokens: address, target, age, shape', async (t) => {
  const { net, node } = lone()
  const topic = randomBytes(20)
  const token = (from: string, info: Bytes): Bytes =>
    message(net.say(from, node.address, query('get_peers', { info_hash: info }))[0]!).r['token']!
  const announce = (from: string, with_: Value, info: Bytes = topic): number =>
    message(
      net.say(
        from,
        node.address,
        query('announce_peer', { info_hash: info, port: 99, token: with_, implied_port: 0 }),
      )[0]!,
    ).code
  const mine = token('127.1.0.1:7', topic)
  t.equal(announce('127.1.0.1:7', mine), 0, 'the right one')
  t.equal(announce('127.1.0.1:8', mine), 0, 'another port of the same address')
  t.equal(announce('127.1.0.2:7', mine), 203, 'another address')
  t.equal(announce('127.1.0.1:7', mine, randomBytes(20)), 203, 'another target')
  for (const bad of ['', randomBytes(8), randomBytes(1_000), 7, ['a'], concat(mine, mine)])
    t.equal(announce('127.1.0.1:7', bad), 203)
  net.run(250_000)
  t.equal(announce('127.1.0.1:7', mine), 0, 'the secret before')
  net.run(600_000)
  t.equal(announce('127.1.0.1:7', mine), 203, 'two secrets ago')
  t.equal(node.dht.stats(net.now).topics, 1)
  for (const port of [0, -1, 65_536, 'x'])
    t.equal(
      message(
        net.say(
          '127.1.0.1:7',
          node.address,
          query('announce_peer', { info_hash: topic, port, token: token('127.1.0.1:7', topic) }),
        )[0]!,
      ).code,
      203,
      `port ${port}`,
    )
})

t.test('items: shapes, sizes, seq, cas, signatures', async (t) => {
  const { net, node } = lone({ rates: { perSource: 1_000, signatures: 1_000 } })
  const from = '127.1.0.1:7'
  const signer = net.signer()
  const k = signer.publicKey
  const tokenFor = (target: Bytes): Bytes =>
    message(net.say(from, node.address, query('get', { target }))[0]!).r['token']!
  const put = (a: { [key: string]: Value }, target: Bytes): number =>
    message(net.say(from, node.address, query('put', { token: tokenFor(target), ...a }))[0]!).code
  const mutable = (
    v: Bytes,
    seq: bigint,
    more: { [key: string]: Value } = {},
    salt = '',
    encoded = v,
  ): number => {
    const item = signItem(signer, v, { seq, salt: utf8(salt) })
    const raw = query('put', {
      token: tokenFor(targetOf(k, utf8(salt))),
      k,
      sig: item.signature!,
      seq,
      ...(salt ? { salt } : {}),
      ...more,
      v: 'VALUE',
    })
    // The value goes in as it is encoded.
    const marker = Buffer.from(raw).indexOf('5:VALUE')
    const bytes = concat(raw.subarray(0, marker), encoded, raw.subarray(marker + 7))
    return message(net.say(from, node.address, bytes)[0]!).code
  }
  const v = (s: string) => bencodeBytes(utf8(s))
  t.equal(mutable(v('a'), 5n), 0)
  t.equal(mutable(v('a'), 5n), 0, 'the same again')
  t.equal(mutable(v('b'), 5n), 302, 'equal seq, another value')
  t.equal(mutable(v('b'), 4n), 302, 'older')
  t.equal(mutable(v('b'), 6n, { cas: 4 }), 301)
  t.equal(mutable(v('b'), 6n, { cas: 5 }), 0)
  t.equal(mutable(v('c'), 2n ** 53n + 1n), 0)
  t.equal(mutable(v('d'), 2n ** 53n), 302, 'seq is no double')
  t.equal(mutable(v('e'), 2n ** 63n - 1n), 0)
  t.equal(mutable(v('f'), 7n, {}, 's'), 0, 'another salt is another item')
  t.equal(mutable(v('f'), 8n, { sig: randomBytes(64) }, 's'), 206)
  t.equal(mutable(v('f'), 8n, { sig: randomBytes(63) }, 's'), 203)
  t.equal(mutable(v('f'), 8n, { k: new Uint8Array(32) }, 's'), 203, 'a token for another key')
  t.equal(mutable(v('f'), 8n, { seq: -1 }, 's'), 203)
  t.equal(mutable(v('f'), 8n, { seq: '8' }, 's'), 203)
  t.equal(mutable(v('f'), 8n, { salt: ['x'] }, 's'), 203)
  t.equal(mutable(v('f'), 8n, { salt: 'x'.repeat(65) }, 's'), 207)
  t.equal(mutable(v('f'), 9n, {}, 's', utf8('d1:bi1e1:ai1ee')), 203, 'keys out of order')
  const sized = (n: number) => v('x'.repeat(n - 4))
  t.equal(mutable(sized(1_000), 10n, {}, 's'), 0, 'exactly a thousand bytes')
  t.throws(() => signItem(signer, sized(1_001), { seq: 1n }), RangeError)
  for (const [value, code] of [
    ['plain', 0],
    [7, 0],
    [[1, 2], 0],
    [{ a: 1 }, 0],
    ['', 0],
    ['x'.repeat(1_000), 205],
    [['x'.repeat(600), 'y'.repeat(600)], 205],
  ] as const) {
    const value2 = value as Value
    const target = unhex(sha(encode(value2)))!
    t.equal(put({ v: value2 }, target), code, JSON.stringify(value).slice(0, 20))
  }
  t.equal(put({}, ID), 203, 'no value')
  // What was stored comes back byte by byte, and signature with it.
  const got = message(net.say(from, node.address, query('get', { target: targetOf(k) }))[0]!)
  t.ok(equal(got.r['v']!, utf8('e')))
  t.equal(BigInt(got.raw['r'] ? ((got.raw['r'] as { seq: bigint }).seq as bigint) : 0n), 2n ** 63n - 1n)
  const newer = message(
    net.say(from, node.address, query('get', { target: targetOf(k), seq: 2n ** 63n - 1n }))[0]!,
  )
  t.notOk('v' in newer.r, 'nothing newer than what the asker has')
  net.run(2 * 3_600_000 + 3_600_000)
  t.equal(node.dht.stats(net.now).items, 0, 'forgotten after two hours')
})

t.test('a replay of an old signed item does not bring it back', async (t) => {
  const net = new Net(8)
  const all = net.crowd(30)
  const signer = net.signer()
  const put = (s: string, seq: bigint) =>
    net.ask(all[3]!, { kind: 'put', item: signItem(signer, bencodeBytes(utf8(s)), { seq }) })
  put('old', 1n)
  t.equal(put('new', 2n).refusal, 0)
  const replay = put('old', 1n)
  t.same([replay.stored, replay.refusal], [0, 302])
  const got = net.ask(all[9]!, { kind: 'get', target: targetOf(signer.publicKey) })
  t.equal(text(got.item!.value), '3:new')
})

t.test('floods: one source, thousands of sources, bad signatures', async (t) => {
  const { net, node } = lone({ strictLocal: true })
  let answered = 0
  net.onDatagram = ({ bytes }) => {
    if (Buffer.from(bytes).includes('1:y1:re')) answered++
  }
  const target = randomBytes(20)
  const find = query('find_node', { target })
  const flood = (n: number, host: (i: number) => string): number => {
    answered = 0
    for (let i = 0; i < n; i++) {
      node.dht.onDatagram(find, host(i), 999, net.now)
      if (i % 100 === 0) net.now++
    }
    return answered
  }
  t.ok(flood(2_000, () => '127.44.0.1') <= 250, 'one source')
  t.ok(flood(2_000, (i) => `127.44.0.${i % 250}`) <= 5, 'the rest of its subnet shares its allowance')
  t.equal(
    flood(1, () => '127.45.0.1'),
    1,
    'an honest source is served',
  )
  const before = node.dht.stats(net.now)
  flood(4_096, (i) => `127.${50 + (i >> 8)}.${i & 255}.1`)
  net.run(1_000)
  t.equal(
    flood(1, () => '127.200.0.1'),
    1,
    'and a second after 4,096 sources as well',
  )
  t.equal(node.dht.stats(net.now).used, before.used)
  net.run(10_000)
  t.ok(flood(1_000_000 / 100, (i) => `127.${i % 250}.${(i / 250) | 0}.1`) * find.length * 3 < 1_000_000)
})

t.test('an asker of our table is answered while strangers exhaust the bytes', async (t) => {
  const { net, node } = lone({ rates: { bytes: 20_000 } })
  puppet(net, '127.5.0.1:5000', ID)
  node.dht.addBootstrap('127.5.0.1:5000')
  node.next = net.now
  net.run(3_000)
  t.equal(node.dht.stats(net.now).nodes4, 1)
  const find = query('find_node', { id: randomBytes(20), target: ID })
  for (let i = 0; i < 3_000; i++) node.dht.onDatagram(find, `127.${i % 200}.${i >> 8}.7`, 9, net.now)
  let answered = 0
  net.onDatagram = () => answered++
  node.dht.onDatagram(find, '127.201.0.7', 9, net.now)
  t.equal(answered, 0, 'a stranger is not')
  node.dht.onDatagram(query('ping', {}), '127.5.0.1', 5000, net.now)
  t.equal(answered, 1)
})

t.test('answers stay in proportion to questions', async (t) => {
  const net = new Net(9)
  const all = net.crowd(60)
  const topic = randomBytes(20)
  const node = all[0]!
  for (let i = 0; i < 40; i++) {
    const from = `127.77.${i}.1:7`
    const get = net.say(from, node.address, query('get_peers', { info_hash: topic }))
    const token = message(get[0]!).r['token']!
    net.say(from, node.address, query('announce_peer', { info_hash: topic, port: 7, token }))
  }
  for (const [name, bytes, factor] of [
    ['ping', query('ping', {}), 3.3],
    ['find_node', query('find_node', { target: topic }), 3.3],
    ['both', query('find_node', { target: topic, want: ['n4', 'n6'] }), 3.3],
    ['get_peers', query('get_peers', { info_hash: topic }), 10],
    ['get', query('get', { target: topic }), 10],
    ['unknown', query('vote', { target: topic }), 1],
  ] as const) {
    const [reply] = net.say('127.99.0.1:7', node.address, bytes)
    t.ok(reply!.length <= factor * bytes.length, `${name}: ${bytes.length} to ${reply!.length}`)
  }
  const m = message(net.say('127.99.0.1:7', node.address, query('get_peers', { info_hash: topic }))[0]!)
  t.equal((m.raw['r'] as { values: Bytes[] }).values.length, 32, 'no more peers than the cap')
  t.equal(m.r['nodes']!.length, 8 * 26)
})

t.test('the largest answers fit, whatever is asked for at once', async (t) => {
  for (const overlay of [false, true])
    for (const host of ['127.0.0.1', 'fd00::1']) {
      const net = new Net(14)
      const options = overlay ? { overlay: { name: 'x', signer: net.signer() } } : {}
      const all: Member[] = []
      for (let i = 0; i < 30; i++) {
        const at = host === '127.0.0.1' ? `127.0.${i}.1` : `fd00:0:0:${i + 1}::1`
        const m = net.add(
          at,
          6881,
          i === 0 ? options : overlay ? { overlay: { name: 'x', signer: net.signer() } } : {},
        )
        if (i > 0) m.dht.addBootstrap(all[0]!.address)
        all.push(m)
        net.run(100)
      }
      net.run(5_000)
      const family = host === '127.0.0.1' ? 4 : 6
      const salt = randomBytes(64)
      const signed = signItem(net.signer(), bencodeBytes(randomBytes(996)), { seq: 2n ** 63n - 1n, salt })
      const plain = plainItem(bencodeBytes(randomBytes(996)))
      for (const item of [signed, plain]) net.ask(all[0]!, { kind: 'put', item }, family)
      let longest = 0
      net.onDatagram = ({ from, bytes }) => {
        if (from === `${all[0]!.host}:6881`) longest = Math.max(longest, bytes.length)
      }
      const tag = overlay ? { w: tagOf('x') } : {}
      const ask = (q: string, target: Bytes): void =>
        all[0]!.dht.onDatagram(
          encode({
            a: {
              id: ID,
              target,
              info_hash: target,
              want: ['n4', 'n6'],
              wc: randomBytes(8),
              pad: randomBytes(900),
            },
            q,
            t: randomBytes(16),
            y: 'q',
            ...tag,
          }),
          family === 4 ? '127.200.1.1' : 'fd00:0:0:ff::1',
          1_000,
          net.now,
        )
      for (const target of [signed.target, plain.target])
        for (const q of ['find_node', 'get_peers', 'get', 'ping']) ask(q, target)
      t.ok(longest > 1_000 && longest <= 1_400, `${longest} bytes`)
    }
})

t.test('bad signatures are checked up to the budget and no further', async (t) => {
  const { net, node } = lone({ rates: { perSource: 1e6, bytes: 1e9, signatures: 30 } })
  const k = net.signer().publicKey
  const [got] = net.say('127.1.0.1:7', node.address, query('get', { target: targetOf(k) }))
  const token = message(got!).r['token']!
  const put = query('put', { token, k, sig: randomBytes(64), seq: 1, v: 'x' })
  for (let i = 0; i < 5_000; i++) node.dht.onDatagram(put, '127.1.0.1', 7, net.now)
  const { badSignature, refused } = node.dht.stats(net.now).counts
  t.ok(badSignature > 0 && badSignature <= 130, `${badSignature} checked`)
  t.equal(refused, 5_000)
})

t.test('BEP-42: a few voices do not move the id, and nobody makes it flap', async (t) => {
  const net = new Net(10)
  const node = net.add('10.0.0.1', 6881, { reach: 'private' })
  const first = node.dht.id
  const claim = (i: number, ip: number[]) => {
    const address = `10.1.${i}.1:5000`
    const id = randomBytes(20)
    net.taps.set(address, (bytes, from) => {
      const m = message(bytes)
      if (m.y !== 'q') return
      const [host] = address.split(':')
      net.send(
        encode({ r: { id, nodes: '' }, t: m.t, y: 'r', ip: Uint8Array.from([...ip, 1, 2]) }),
        { host: host!, port: 5000 },
        from,
      )
    })
    node.dht.ping(address, net.now, () => {})
    net.run(100)
  }
  for (let i = 0; i < 3; i++) claim(i, [9, 9, 9, 9])
  for (let i = 0; i < 10; i++) claim(0, [9, 9, 9, 9])
  t.same(node.dht.id, first, 'three voices, one of them loud')
  for (let i = 4; i < 12; i++) claim(i, [124, 31, 75, 21])
  t.equal(node.dht.externalAddress()?.split(':')[0], '124.31.75.21')
  const second = node.dht.id
  t.notSame(second, first)
  for (let i = 20; i < 40; i++) claim(i, [8, 8, 8, 8])
  t.same(node.dht.id, second, 'not again within minutes')
})

t.test('BEP-43: a read-only node asks with ro and never answers', async (t) => {
  const { net, node } = lone({ readOnly: true })
  let asked: Bytes | null = null
  puppet(net, '127.5.0.1:5000', ID)
  net.onDatagram = ({ from, bytes }) => {
    if (from === '127.0.0.1:6881') asked = Uint8Array.from(bytes)
  }
  node.dht.addBootstrap('127.5.0.1:5000')
  node.next = net.now
  net.run(3_000)
  t.ok(node.dht.joined)
  t.equal(message(asked!).raw['ro'], 1n)
  t.equal(net.say('127.6.0.1:7', node.address, query('ping', {})).length, 0)
})

function sha(bytes: Bytes): string {
  return Buffer.from(targetOf(bytes)).toString('hex')
}
