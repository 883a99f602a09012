// What strangers may try on the routing table, tokens and the node's own id: nothing of it may change them.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { type Bytes, concat, utf8 } from '../../../src/base/bytes.ts'
import { encode, message, type Value } from '../help/bencode.ts'
import { Net } from '../help/net.ts'

import { ID, lone, puppet, query } from './help.ts'

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

t.test('many ids of one /64', async (t) => {
  const net = new Net(78)
  const node = net.add('fd00::1', 6881, { strictLocal: true, reach: 'private' })
  for (let i = 0; i < 60; i++) {
    const id = randomBytes(20)
    const host = `fd00:0:0:${i < 30 ? 'a' : 'b'}::${i + 1}`
    net.taps.set(`[${host}]:5000`, (bytes) => {
      const m = message(bytes)
      if (m.y === 'q') net.send(encode({ r: { id }, t: m.t, y: 'r' }), { host, port: 5000 }, node.address)
    })
    net.send(query('ping', { id }), { host, port: 5000 }, node.address)
    net.run(200)
  }
  const { nodes6 } = node.dht.stats(net.now)
  t.ok(nodes6 >= 2 && nodes6 <= 8, `${nodes6} entries from two subnets`)
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

t.test('our own external address in a list is not asked', async (t) => {
  const net = new Net(79)
  const node = net.add('10.0.0.1', 6881, { reach: 'private' })
  const own = [124, 31, 75, 21]
  for (let i = 0; i < 6; i++) {
    const host = `10.1.${i}.1`
    const id = randomBytes(20)
    const nodes = concat(randomBytes(20), Uint8Array.from([...own, 0x1a, 0xe1]))
    net.taps.set(`${host}:5000`, (bytes, from) => {
      const m = message(bytes)
      const reply = { ip: Uint8Array.from([...own, 0x1a, 0xe1]), r: { id, nodes }, t: m.t, y: 'r' }
      if (m.y === 'q') net.send(encode(reply), { host, port: 5000 }, from)
    })
    node.dht.ping(`${host}:5000`, net.now, () => {})
    net.run(200)
  }
  t.equal(node.dht.externalAddress(), '124.31.75.21:6881')
  const asked = new Set<string>()
  net.onDatagram = ({ to }) => asked.add(to)
  net.ask(node, { kind: 'find', target: randomBytes(20) })
  t.ok([...asked].some((to) => to.startsWith('10.1.')))
  t.notOk(asked.has('124.31.75.21:6881'))
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
