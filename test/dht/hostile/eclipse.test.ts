// Sixty-four made-up ids within 2^-20 of a target, each from a subnet of its own, that answer
// everything, name only each other and keep nothing.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { type Bytes, concat, text, utf8 } from '../../../src/base/bytes.ts'
import { sha1 } from '../../../src/crypto/native.ts'
import { bencodeBytes, signItem } from '../../../src/dht/objects.ts'
import { encode, message } from '../help/bencode.ts'
import { type Member, Net } from '../help/net.ts'

const ATTACKERS = 64

/** Attackers around `target` that pushed themselves into every honest node's table. */
function surround(net: Net, honest: readonly Member[], target: Bytes): string[] {
  const nodes = Array.from({ length: ATTACKERS }, (_, i) => {
    const id = randomBytes(20)
    id.set(target.subarray(0, 2))
    id[2] = (target[2]! & 0xf0) | (id[2]! & 0x0f)
    return { id, host: `127.66.${i}.1`, address: `127.66.${i}.1:5000` }
  })
  const list = (): Bytes =>
    concat(
      ...Array.from({ length: 8 }, () => {
        const n = nodes[Math.floor(net.chance() * ATTACKERS)]!
        return concat(n.id, Uint8Array.from([...n.host.split('.').map(Number), 5000 >> 8, 5000 & 255]))
      }),
    )
  for (const n of nodes)
    net.taps.set(n.address, (bytes, from) => {
      const m = message(bytes)
      if (m.y !== 'q') return
      net.send(
        encode({ r: { id: n.id, nodes: list(), token: 'tttttttt' }, t: m.t, y: 'r' }),
        { host: n.host, port: 5000 },
        from,
      )
    })
  for (const n of nodes)
    for (const m of honest) {
      net.send(
        encode({ a: { id: n.id, target }, q: 'find_node', t: 'aa', y: 'q' }),
        { host: n.host, port: 5000 },
        m.address,
      )
      net.run(2)
    }
  net.run(10_000)
  return nodes.map((n) => n.address)
}

t.test('a swarm around the target does not keep a put from honest nodes', async (t) => {
  const net = new Net(11)
  const honest = net.crowd(100)
  net.run(120_000)
  const signer = net.signer()
  for (let round = 0; round < 3; round++) {
    const item = signItem(signer, bencodeBytes(utf8(`round ${round}`)), {
      seq: 1n,
      salt: utf8(`${round}`),
    })
    const attackers = surround(net, honest, item.target)
    const found = net.ask(honest[7]!, { kind: 'find', target: item.target })
    t.ok(
      found.nodes.every((n) => attackers.includes(n.address)),
      'the attackers do hold the neighbourhood',
    )
    const put = net.ask(honest[7]!, { kind: 'put', item })
    const holders = honest.filter(
      (m, i) =>
        i !== 7 &&
        message(
          net.say(
            '127.99.0.1:9',
            m.address,
            encode({ a: { id: randomBytes(20), target: item.target }, q: 'get', t: 'aa', y: 'q' }),
          )[0]!,
        ).r['v'],
    )
    t.ok(holders.length >= 1, `${holders.length} honest nodes hold it, ${put.stored} said so`)
    const got = net.ask(honest[50]!, { kind: 'get', target: item.target, salt: item.salt })
    t.equal(got.item && text(got.item.value), text(item.value))
  }
})

t.test('a swarm around a topic does not hide its peers', async (t) => {
  const net = new Net(12)
  const honest = net.crowd(60)
  net.run(120_000)
  const topic = sha1(utf8('all meters of this street'))
  surround(net, honest, topic)
  net.ask(honest[3]!, { kind: 'announce', target: topic, port: 77 })
  const found = net.ask(honest[40]!, { kind: 'peers', target: topic })
  t.ok(found.peers.includes(`${honest[3]!.host}:77`))
})
