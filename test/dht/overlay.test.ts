// The private signed overlay: tag, proof of possession, pinning, admission, no merging with Mainline.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { type Bytes, concat, equal, utf8 } from '../../src/base/bytes.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { bencodeBytes, plainItem, signItem } from '../../src/dht/objects.ts'
import { idOfKey, tagOf } from '../../src/dht/overlay/proof.ts'
import { encode, message, type Value } from './help/bencode.ts'
import { type Member, Net } from './help/net.ts'

const TAG = tagOf('home')

function overlay(net: Net, host: string, signer: Signer = net.signer()): Member {
  return net.add(host, 6881, { overlay: { name: 'home', signer } })
}

/** The text that a proof signs, written out as docs/wire/dht.md has it. */
function proofText(prover: Bytes, asker: Bytes, challenge: Bytes, address: Bytes): Bytes {
  const padded = new Uint8Array(18)
  padded.set(address)
  return concat(utf8('wattle dht proof 1'), TAG, prover, asker, challenge, padded)
}

/** A hand-made overlay node: answers queries with `prove`'s fields. */
function puppet(
  net: Net,
  host: string,
  id: Bytes,
  prove: (challenge: Bytes, asker: Bytes, address: Bytes) => { [key: string]: Value },
): string {
  const address = `${host}:5000`
  net.taps.set(address, (bytes, from) => {
    const m = message(bytes)
    if (m.y !== 'q') return
    const [peer, port] = from.split(':')
    const ip = Uint8Array.from([...peer!.split('.').map(Number), Number(port) >> 8, Number(port) & 255])
    const proof = 'wc' in m.a ? prove(m.a['wc']!, m.a['id']!, ip) : {}
    net.send(
      encode({ ip, r: { id, nodes: '', token: 'tttttttt', ...proof }, t: m.t, w: TAG, y: 'r' }),
      { host, port: 5000 },
      from,
    )
  })
  return address
}

function honestProof(signer: Signer) {
  return (challenge: Bytes, asker: Bytes, ip: Bytes): { [key: string]: Value } => ({
    wk: signer.publicKey,
    ws: signer.sign(proofText(idOfKey(signer.publicKey), asker, challenge, ip)),
  })
}

t.test('only a proof of the key lets a node in', async (t) => {
  const net = new Net(21)
  const node = overlay(net, '127.0.0.1')
  const good = net.signer()
  const id = idOfKey(good.publicKey)
  const other = net.signer()
  let n = 1
  const tries: [string, Parameters<typeof puppet>[3], number][] = [
    ['no proof', () => ({}), 0],
    ['a key of another id', honestProof(other), 0],
    ['a random signature', () => ({ wk: good.publicKey, ws: randomBytes(64) }), 0],
    [
      'a signature by another key',
      (c, a, ip) => ({ wk: good.publicKey, ws: honestProof(other)(c, a, ip)['ws']! }),
      0,
    ],
    ['another challenge', (_c, a, ip) => honestProof(good)(randomBytes(8), a, ip), 0],
    ['another asker', (c, _a, ip) => honestProof(good)(c, randomBytes(20), ip), 0],
    ['another address', (c, a) => honestProof(good)(c, a, Uint8Array.from([127, 9, 9, 9, 1, 1])), 0],
    ['a short signature', () => ({ wk: good.publicKey, ws: randomBytes(63) }), 0],
    ['its own proof', honestProof(good), 1],
  ]
  for (const [name, prove, expected] of tries) {
    const address = puppet(net, `127.0.1.${n++}`, id, prove)
    node.dht.addBootstrap(address)
    node.dht.ping(address, net.now, () => {})
    net.run(1_500)
    t.equal(node.dht.stats(net.now).nodes4, expected, name)
  }
  const [contact] = node.dht.closest(id, 4, net.now)
  t.ok(equal(contact!.publicKey!, good.publicKey))
})

t.test('a proof runs out after an hour, and is then not passed on', async (t) => {
  const net = new Net(22)
  const node = overlay(net, '127.0.0.1')
  const signer = net.signer()
  const address = puppet(net, '127.0.1.1', idOfKey(signer.publicKey), honestProof(signer))
  node.dht.ping(address, net.now, () => {})
  net.run(1_000)
  t.equal(node.dht.stats(net.now).good4, 1)
  // From now on it answers, but proves nothing any more.
  puppet(net, '127.0.1.1', idOfKey(signer.publicKey), () => ({}))
  net.run(3_500_000)
  t.equal(node.dht.stats(net.now).good4, 1, 'still within the hour')
  net.run(200_000)
  t.equal(node.dht.stats(net.now).good4, 0)
})

t.test('a recorded proof is worth nothing from another address', async (t) => {
  const net = new Net(23)
  const node = overlay(net, '127.0.0.1')
  const victim = overlay(net, '127.0.0.2')
  let recorded: Bytes | null = null
  net.onDatagram = ({ from, bytes }) => {
    if (from === victim.address && message(bytes).r['ws']) recorded = Uint8Array.from(bytes)
  }
  node.dht.ping(victim.address, net.now, () => {})
  net.run(1_000)
  t.ok(recorded)
  net.onDatagram = null
  const fresh = overlay(net, '127.0.0.3')
  for (const host of ['127.0.0.9', '127.0.0.2']) net.send(recorded!, { host, port: 6881 }, fresh.address)
  net.run(1_000)
  t.equal(fresh.dht.stats(net.now).nodes4, 0)
  // Replaying it in answer to a query of its own does not help either: the challenge differs.
  const r = message(recorded!).r
  const address = puppet(net, '127.0.0.9', victim.dht.id, () => ({ wk: r['wk']!, ws: r['ws']! }))
  fresh.dht.ping(address, net.now, () => {})
  net.run(1_000)
  t.equal(fresh.dht.stats(net.now).nodes4, 0)
  t.ok(fresh.dht.stats(net.now).counts.badSignature >= 1)
})

t.test('a bootstrap peer is pinned to its key', async (t) => {
  const net = new Net(24)
  const wanted = net.signer()
  const impostor = overlay(net, '127.0.0.2')
  const admit = (key: Bytes): boolean => equal(key, wanted.publicKey)
  const node = net.add('127.0.0.1', 6881, { overlay: { name: 'home', signer: net.signer(), admit } })
  node.dht.addBootstrap(impostor.address, wanted.publicKey)
  net.run(10_000)
  t.notOk(node.dht.joined)
  t.ok(node.dht.stats(net.now).counts.wrongId >= 1)
  const real = overlay(net, '127.0.0.3', wanted)
  const second = overlay(net, '127.0.0.4')
  second.dht.addBootstrap(real.address, wanted.publicKey)
  net.run(10_000)
  t.ok(second.dht.joined)
})

t.test('admission: a proven key that the policy refuses stays outside', async (t) => {
  const net = new Net(25)
  const friend = net.signer()
  const stranger = net.signer()
  const admit = (key: Bytes): boolean => equal(key, friend.publicKey)
  const node = net.add('127.0.0.1', 6881, { overlay: { name: 'home', signer: net.signer(), admit } })
  const a = overlay(net, '127.0.0.2', friend)
  const b = overlay(net, '127.0.0.3', stranger)
  for (const m of [a, b]) m.dht.addBootstrap(node.address)
  net.run(10_000)
  t.same(
    node.dht.closest(node.dht.id, 4, net.now).map((c) => c.address),
    [a.address],
  )
  t.equal(net.ask(b, { kind: 'put', item: plainItem(bencodeBytes(utf8('x'))) }).refusal, 401)
  t.equal(net.ask(a, { kind: 'put', item: plainItem(bencodeBytes(utf8('y'))) }).refusal, 0)
  t.equal(node.dht.stats(net.now).items, 1)
})

t.test('no merging: other tags, no tag, and Mainline', async (t) => {
  const net = new Net(26)
  const home = overlay(net, '127.0.0.1')
  const elsewhere = net.add('127.0.0.2', 6881, { overlay: { name: 'elsewhere', signer: net.signer() } })
  const mainline = net.add('127.0.0.3', 6881)
  const all = [home, elsewhere, mainline]
  for (const m of all) for (const o of all) if (m !== o) m.dht.addBootstrap(o.address)
  net.run(20_000)
  for (const m of all) {
    t.notOk(m.dht.joined)
    t.equal(m.dht.stats(net.now).nodes4, 0)
    t.ok(m.dht.stats(net.now).counts.foreign > 0)
  }
  const plain = encode({ a: { id: randomBytes(20) }, q: 'ping', t: 'aa', y: 'q' })
  t.equal(net.say('127.0.0.9:9', home.address, plain).length, 0)
  t.equal(net.say('127.0.0.9:9', mainline.address, plain).length, 1)
})

t.test('who has not proven a key gets answers, but nothing is kept for it', async (t) => {
  const net = new Net(27)
  const node = overlay(net, '127.0.0.1')
  const target = plainItem(bencodeBytes(utf8('z'))).target
  const ask = (q: string, a: { [key: string]: Value }) =>
    message(
      net.say(
        '127.0.0.9:9',
        node.address,
        encode({ a: { id: randomBytes(20), ...a }, q, t: 'aa', w: TAG, y: 'q' }),
      )[0]!,
    )
  const token = ask('get', { target }).r['token']!
  t.ok(token)
  t.equal(ask('put', { token, v: 'z' }).code, 401)
  const peers = ask('get_peers', { info_hash: target }).r['token']!
  t.equal(ask('announce_peer', { info_hash: target, port: 9, token: peers }).code, 401)
  t.equal(node.dht.stats(net.now).items + node.dht.stats(net.now).peers, 0)
})

t.test('a client that only reads the network may still put, once it has proven its key', async (t) => {
  const net = new Net(28)
  const all = net.crowd(20, () => ({ overlay: { name: 'test', signer: net.signer() } }))
  const signer = net.signer()
  const client = net.add('127.8.0.1', 7, { overlay: { name: 'test', signer }, readOnly: true })
  client.dht.addBootstrap(all[0]!.address)
  net.run(5_000)
  t.ok(client.dht.joined)
  const item = signItem(signer, bencodeBytes(utf8('head')), { seq: 3n })
  t.ok(net.ask(client, { kind: 'put', item }).stored >= 6)
  t.equal(net.ask(all[9]!, { kind: 'get', target: item.target }).item?.seq, 3n)
  for (const m of all)
    t.notOk(m.dht.closest(client.dht.id, 4, net.now).some((c) => c.address === client.address))
})

t.test('a flood of challenges makes no more signatures than the budget', async (t) => {
  const net = new Net(29)
  let signed = 0
  const signer = new Signer(new Secret(randomBytes(32)))
  const counting = new Proxy(signer, {
    get: (s, key) =>
      key === 'sign'
        ? (m: Bytes) => {
            signed++
            return s.sign(m)
          }
        : s.publicKey,
  })
  const node = net.add('127.0.0.1', 6881, {
    overlay: { name: 'home', signer: counting },
    rates: { signatures: 30 },
  })
  const ping = encode({ a: { id: randomBytes(20), wc: randomBytes(8) }, q: 'ping', t: 'aa', w: TAG, y: 'q' })
  for (let i = 0; i < 5_000; i++) node.dht.onDatagram(ping, '127.4.4.4', i + 1, net.now)
  t.ok(signed > 0 && signed <= 130, `${signed} signatures`)
})
