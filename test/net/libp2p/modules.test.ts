// Our Noise, Yamux and TCP inside a js-libp2p node, through the interfaces of @libp2p/interface,
// against a js-libp2p node with its own; both roles, each module alone and all together.
import { randomFillSync } from 'node:crypto'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { type Logger, type Stream, transportSymbol } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import t from 'tap'
import { equal } from '../../../src/base/bytes.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'
import { WrappedConnection } from '../../../src/net/libp2p/connection.ts'
import { wattleNoise } from '../../../src/net/libp2p/encrypter.ts'
import { wattleYamux } from '../../../src/net/libp2p/muxer.ts'
import { wattleTcp } from '../../../src/net/libp2p/transport.ts'
import { addressOf, dialled, type Foreign, foreign, ours, random } from '../help/party.ts'

const randomBytes = (n: number): Uint8Array => randomFillSync(new Uint8Array(n))

async function mixed(ours: { noise: boolean; yamux: boolean; tcp: boolean }): Promise<Foreign> {
  return createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [
      ours.tcp
        ? wattleTcp({
            sockets: new LinuxSockets(),
            multiaddrOf: (b) => multiaddr(b),
            now: Date.now,
            symbol: transportSymbol,
          })
        : tcp(),
    ],
    connectionEncrypters: [
      ours.noise
        ? wattleNoise({
            random,
            now: Date.now,
            peerIdOf: (key) => peerIdFromPublicKey(publicKeyFromRaw(key)),
          })
        : noise(),
    ],
    streamMuxers: [ours.yamux ? wattleYamux(Date.now) : yamux()],
    services: { identify: identify(), ping: ping() },
    connectionGater: { denyDialMultiaddr: () => false },
  })
}

async function echo(node: Foreign): Promise<void> {
  const handler = async (stream: Stream): Promise<void> => {
    for await (const part of stream) if (!stream.send(part)) await stream.onDrain()
    await stream.close()
  }
  await node.handle('/echo/1.0.0', handler, { maxInboundStreams: 200 })
}

async function roundTrip(from: Foreign, to: Foreign, bytes: Uint8Array): Promise<Uint8Array> {
  const stream = await from.dialProtocol(to.getMultiaddrs(), '/echo/1.0.0', { maxOutboundStreams: 200 })
  const reading = (async () => {
    const parts: Uint8Array[] = []
    for await (const part of stream) parts.push(part.subarray())
    return Buffer.concat(parts)
  })()
  for (let at = 0; at < bytes.length; at += 100_000)
    if (!stream.send(bytes.subarray(at, at + 100_000))) await stream.onDrain()
  await stream.close()
  return reading
}

for (const parts of ['noise', 'yamux', 'tcp', 'all'] as const) {
  t.test(`${parts} of ours inside js-libp2p`, async (t) => {
    const all = parts === 'all'
    const ours = await mixed({
      noise: all || parts === 'noise',
      yamux: all || parts === 'yamux',
      tcp: all || parts === 'tcp',
    })
    const theirs = await foreign(true)
    t.teardown(() => Promise.all([ours.stop(), theirs.stop()]))
    await echo(ours)
    await echo(theirs)
    for (const [from, to] of [
      [ours, theirs],
      [theirs, ours],
    ] as const) {
      const who = from === ours ? 'we dial' : 'we are dialled'
      const bytes = randomBytes(1_048_576)
      t.ok(equal(await roundTrip(from, to, bytes), bytes), `${who}: echo of 1 MiB`)
      const many = Array.from({ length: 50 }, async (_, i) => {
        const bytes = randomBytes(1 + 100 * i)
        return equal(await roundTrip(from, to, bytes), bytes)
      })
      t.ok((await Promise.all(many)).every(Boolean), `${who}: 50 streams at once`)
      t.ok((await from.services.ping.ping(to.peerId)) >= 0, `${who}: ping`)
      const said = await from.services.identify.identify(from.getConnections(to.peerId)[0]!)
      t.ok(said.protocols.includes('/echo/1.0.0'), `${who}: identify`)
      await from.getConnections(to.peerId)[0]!.close()
      t.equal(from.getConnections(to.peerId).length, 0)
      for (let i = 0; i < 100 && to.getConnections(from.peerId).length > 0; i++)
        await new Promise((resolve) => setTimeout(resolve, 10))
      t.equal(to.getConnections(from.peerId).length, 0, `${who}: the other side saw it close`)
    }
  })
}

t.test('the wrong peer is refused', async (t) => {
  const ours = await mixed({ noise: true, yamux: true, tcp: true })
  const theirs = await foreign(true)
  const other = await foreign()
  t.teardown(() => Promise.all([ours.stop(), theirs.stop(), other.stop()]))
  const address = theirs
    .getMultiaddrs()[0]!
    .toString()
    .replace(/\/p2p\/.*/, `/p2p/${other.peerId}`)
  await t.rejects(ours.dial(multiaddr(address)))
  t.equal(ours.getConnections().length, 0)
})

t.test('an aborted stream leaves the connection alone, an aborted dial rejects', async (t) => {
  const ours = await mixed({ noise: true, yamux: true, tcp: true })
  const theirs = await foreign(true)
  t.teardown(() => Promise.all([ours.stop(), theirs.stop()]))
  await echo(theirs)
  const stream = await ours.dialProtocol(theirs.getMultiaddrs(), '/echo/1.0.0')
  const closed = new Promise((resolve) => stream.addEventListener('close', resolve))
  stream.abort(new Error('enough'))
  t.match(await closed, { local: true, error: { message: 'enough' } })
  t.throws(() => stream.send(randomBytes(1)))
  t.equal((await roundTrip(ours, theirs, randomBytes(10))).length, 10)
  await t.rejects(ours.dial(multiaddr('/ip4/127.0.0.1/tcp/1')))
})

t.test('a connection of our host, seen as libp2p sees it', async (t) => {
  const setup = {
    log: Object.assign(() => {}, {
      enabled: false,
      error: () => {},
      trace: () => {},
      newScope: () => setup.log,
    }) as Logger,
    peerIdOf: (key: Uint8Array) => peerIdFromPublicKey(publicKeyFromRaw(key)),
    multiaddrOf: (bytes: Uint8Array) => multiaddr(bytes),
    now: Date.now,
  }
  const host = ours()
  const theirs = await foreign(true)
  t.teardown(() => {
    host.close()
    return theirs.stop()
  })
  await echo(theirs)
  const connection = new WrappedConnection(await dialled(host, addressOf(theirs)), setup)
  t.equal(connection.remotePeer.toString(), theirs.peerId.toString())
  t.equal(
    connection.remoteAddr.toString(),
    theirs
      .getMultiaddrs()[0]!
      .toString()
      .replace(/\/p2p\/.*/, ''),
  )
  const stream = await connection.newStream(['/unknown/1.0.0', '/echo/1.0.0'])
  t.match(stream, { protocol: '/echo/1.0.0', direction: 'outbound', status: 'open' })
  const bytes = randomBytes(300_000)
  const parts: Uint8Array[] = []
  const reading = (async () => {
    for await (const part of stream) parts.push(part.subarray())
  })()
  if (!stream.send(bytes)) await stream.onDrain()
  await stream.close()
  await reading
  t.ok(equal(Buffer.concat(parts), bytes))
  await t.rejects(connection.newStream('/unknown/1.0.0'), { code: 'protocol-unknown' })
  await connection.close()
  t.equal(connection.status, 'closed')
  t.equal(connection.streams.length, 0)
})
