// Floods and amplification: budgets hold, honest askers are served.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { Bytes } from '../../../src/base/bytes.ts'
import { encode, message } from '../help/bencode.ts'
import { Net } from '../help/net.ts'

import { ID, lone, puppet, query } from './help.ts'

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
    ['no id', encode({ a: { target: topic }, q: 'find_node', t: 'aa', y: 'q' }), 1],
    ['no method', encode({ a: { id: ID }, t: 'aa', y: 'q' }), 1],
    ['a long id', query('ping', { id: new Uint8Array(21) }), 1],
  ] as const) {
    const [reply] = net.say('127.99.0.1:7', node.address, bytes)
    t.ok(reply!.length <= factor * bytes.length, `${name}: ${bytes.length} to ${reply!.length}`)
  }
  const m = message(net.say('127.99.0.1:7', node.address, query('get_peers', { info_hash: topic }))[0]!)
  t.equal((m.raw['r'] as { values: Bytes[] }).values.length, 32, 'no more peers than the cap')
  t.equal(m.r['nodes']!.length, 8 * 26)
})
