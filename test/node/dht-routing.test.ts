// The adapter in real js-libp2p 3 nodes on loopback: findPeer, getClosestPeers, provide, findProviders,
// put, get, discovery, and what it must refuse.
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair, publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey, Libp2p, PeerInfo } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import t from 'tap'
import { equal, text, utf8 } from '../../src/base/bytes.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { LinuxClock, linuxRandom } from '../../src/hw/linux/clock.ts'
import { LinuxSockets } from '../../src/hw/linux/sockets.ts'
import { contentKey, type DhtRouting, dhtRouting, routingKey } from '../../src/node/dht-routing.ts'
import { DhtRunner } from '../../src/node/dht-runner.ts'
import { Loop } from '../../src/node/loop.ts'

interface Node {
  libp2p: Libp2p<{ dht: DhtRouting }>
  runner: DhtRunner
  signer: Signer
  clock: LinuxClock
}

async function start(bootstrap: Node | null, onPeer: (peer: PeerInfo) => void): Promise<Node> {
  const privateKey: Ed25519PrivateKey = await generateKeyPair('Ed25519')
  const signer = new Signer(new Secret(privateKey.raw.slice(0, 32)))
  const clock = new LinuxClock()
  const loop = new Loop(clock)
  const runner = new DhtRunner(
    { loop, random: linuxRandom, sockets: new LinuxSockets() },
    {
      listen: ['127.0.0.1:0'],
      overlay: { name: 'libp2p test', signer },
      bootstrap: bootstrap
        ? [{ address: bootstrap.runner.addresses[0]!, publicKey: bootstrap.signer.publicKey }]
        : [],
    },
  )
  const libp2p = await createLibp2p({
    start: false,
    privateKey,
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      dht: dhtRouting({
        runner,
        loop,
        signer,
        peerId: (key) => peerIdFromPublicKey(publicKeyFromRaw(key)),
        multiaddr,
      }),
    },
  })
  libp2p.addEventListener('peer:discovery', (event) => onPeer(event.detail))
  await libp2p.start()
  return { libp2p, runner, signer, clock }
}

async function all<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = []
  for await (const x of iterable) out.push(x)
  return out
}

t.test('js-libp2p routes through the overlay', { timeout: 30_000 }, async (t) => {
  const nodes: Node[] = []
  const discovered: PeerInfo[] = []
  for (let i = 0; i < 5; i++) nodes.push(await start(nodes[0] ?? null, (peer) => discovered.push(peer)))
  t.teardown(async () => {
    for (const n of nodes) {
      await n.libp2p.stop()
      n.clock.stop()
    }
  })
  const [a, b, c, d] = nodes as [Node, Node, Node, Node, Node]
  for (const n of nodes) await n.libp2p.services.dht.publish()

  const info = await b.libp2p.peerRouting.findPeer(d.libp2p.peerId)
  t.ok(info.id.equals(d.libp2p.peerId))
  t.same(info.multiaddrs.map(String), d.libp2p.getMultiaddrs().map(String), 'the addresses that it signed')
  const connection = await b.libp2p.dial(d.libp2p.peerId)
  t.ok(connection.remotePeer.equals(d.libp2p.peerId), 'and it can be dialled by its id alone')

  const near = await all(a.libp2p.peerRouting.getClosestPeers(d.libp2p.peerId.toMultihash().bytes))
  t.ok(near[0]?.id.equals(d.libp2p.peerId), 'nearest to its own key')
  t.ok(near.length >= 3)

  const cid = CID.createV1(raw.code, await sha256.digest(utf8('the load curve of a street')))
  await c.libp2p.contentRouting.provide(cid)
  const providers = await all(a.libp2p.contentRouting.findProviders(cid))
  t.same(
    providers.map((p) => String(p.id)),
    [String(c.libp2p.peerId)],
  )
  t.ok(providers[0]!.multiaddrs.length > 0)

  const key = routingKey(a.signer.publicKey, utf8('head'))
  await a.libp2p.contentRouting.put(key, utf8('first'))
  await a.libp2p.contentRouting.put(key, utf8('second'))
  t.equal(text(await d.libp2p.contentRouting.get(key)), 'second')
  const content = utf8('a thing description')
  await b.libp2p.contentRouting.put(contentKey(content), content)
  t.ok(equal(await c.libp2p.contentRouting.get(contentKey(content)), content))

  await b.libp2p.contentRouting.put(key, utf8('forged'))
  t.equal(text(await d.libp2p.contentRouting.get(key)), 'second', 'a key that is not ours is passed over')
  await b.libp2p.contentRouting.put(utf8('/ipns/something'), utf8('x'))
  await t.rejects(d.libp2p.contentRouting.get(utf8('/ipns/something')))
  await t.rejects(d.libp2p.contentRouting.get(routingKey(b.signer.publicKey, utf8('nothing'))))
  const stranger = peerIdFromPublicKey((await generateKeyPair('Ed25519')).publicKey)
  await t.rejects(a.libp2p.peerRouting.findPeer(stranger))
  await t.rejects(a.libp2p.peerRouting.findPeer(stranger, { signal: AbortSignal.abort() }))
  t.ok(discovered.length > 0, 'neighbours are discovered')
})
