// js-libp2p 3 in both roles over 127.0.0.1: identify, ping, echo of 1 MiB, 100 streams at once, half
// close, reset, unknown protocols.
import { randomFillSync } from 'node:crypto'
import type { Stream as ForeignStream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { equal } from '../../src/base/bytes.ts'
import { Identity, peerId } from '../../src/net/noise/identity.ts'
import { identify } from '../../src/net/services/identify.ts'
import { ping } from '../../src/net/services/ping.ts'
import {
  addressOf,
  dialled,
  type Foreign,
  foreign,
  listening,
  opened,
  ours,
  random,
  roundTrip,
  signer,
} from './help/party.ts'

const MIB = 1_048_576
const randomBytes = (n: number): Uint8Array => randomFillSync(new Uint8Array(n))

/** Sends `bytes` from a js-libp2p stream, ends, and collects what comes back. */
async function foreignRoundTrip(stream: ForeignStream, bytes: Uint8Array): Promise<Uint8Array> {
  const reading = collect(stream)
  for (let at = 0; at < bytes.length; at += 30_000)
    if (!stream.send(bytes.subarray(at, at + 30_000))) await stream.onDrain()
  await stream.close()
  return reading
}

async function collect(stream: ForeignStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part.subarray())
  return Buffer.concat(parts)
}

async function handleEcho(node: Foreign): Promise<void> {
  const handler = async (stream: ForeignStream): Promise<void> => {
    for await (const part of stream) if (!stream.send(part)) await stream.onDrain()
    await stream.close()
  }
  await node.handle('/echo/1.0.0', handler, { maxInboundStreams: 200 })
}

t.test('js-libp2p dials us', async (t) => {
  const host = ours()
  const address = await listening(host)
  const node = await foreign()
  t.teardown(async () => {
    host.close()
    await node.stop()
  })
  const [, port] = address.split(':')
  const id = peerId(host.shared.identity.publicKey)
  const connection = await node.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}/p2p/${id}`))
  t.equal(connection.remotePeer.toString(), id)
  t.equal(connection.multiplexer, '/yamux/1.0.0')
  t.ok((await node.services.ping.ping(connection.remotePeer)) >= 0)
  t.equal(host.connections().length, 1)
  t.equal(peerId(host.connections()[0]!.remoteKey), node.peerId.toString())
  const said = await node.services.identify.identify(connection)
  t.equal(said.agentVersion, 'wattle/test')
  t.same(said.protocols.sort(), ['/echo/1.0.0', '/ipfs/id/1.0.0', '/ipfs/ping/1.0.0'])
  t.equal(said.listenAddrs[0]!.toString(), `/ip4/127.0.0.1/tcp/${port}`)

  const bytes = randomBytes(MIB)
  t.ok(
    equal(await foreignRoundTrip(await connection.newStream('/echo/1.0.0'), bytes), bytes),
    'echo of 1 MiB',
  )

  const hundred = Array.from({ length: 100 }, async (_, i) => {
    const bytes = randomBytes(100 * i)
    const stream = await connection.newStream('/echo/1.0.0', { maxOutboundStreams: 200 })
    return equal(await foreignRoundTrip(stream, bytes), bytes)
  })
  t.ok((await Promise.all(hundred)).every(Boolean), '100 streams at once')
  await t.rejects(connection.newStream('/unknown/1.0.0'))

  const aborted = await connection.newStream('/echo/1.0.0')
  aborted.abort(new Error('enough'))
  const after = await foreignRoundTrip(await connection.newStream('/echo/1.0.0'), bytes.subarray(0, 5))
  t.equal(after.length, 5, 'a reset of one stream leaves the connection alone')
})

t.test('we dial js-libp2p', async (t) => {
  const host = ours()
  const node = await foreign(true)
  await handleEcho(node)
  t.teardown(async () => {
    host.close()
    await node.stop()
  })
  const key = node.peerId.publicKey!.raw
  const connection = await dialled(host, addressOf(node), key)
  t.ok(equal(connection.remoteKey, key))
  const ms = await new Promise<number>((resolve, reject) => {
    ping(host, connection, (error, ms) => (error ? reject(error) : resolve(ms)))
  })
  t.ok(ms >= 0 && ms < 5_000)
  const said = await new Promise<{ agent: string; protocols: string[]; observed: string } | null>(
    (resolve, reject) => {
      identify(connection, (error, said) => (error ? reject(error) : resolve(said)))
    },
  )
  t.match(said!.agent, /libp2p/)
  t.ok(said!.protocols.includes('/ipfs/ping/1.0.0'))
  t.match(said!.observed, /^127\.0\.0\.1:\d+$/)

  const bytes = randomBytes(MIB)
  t.ok(equal(await roundTrip(await opened(connection, '/echo/1.0.0'), bytes), bytes), 'echo of 1 MiB')
  const hundred = Array.from({ length: 100 }, async (_, i) => {
    const bytes = randomBytes(100 * i)
    return equal(await roundTrip(await opened(connection, '/echo/1.0.0'), bytes), bytes)
  })
  t.ok((await Promise.all(hundred)).every(Boolean), '100 streams at once')
  await t.rejects(opened(connection, '/unknown/1.0.0'), { code: 'protocol-unknown' })

  const reset = await opened(connection, '/echo/1.0.0')
  const closed = new Promise((resolve) => {
    reset.events = { onData: () => {}, onDrain: () => {}, onEnd: () => {}, onClose: resolve }
  })
  reset.write(bytes.subarray(0, 100))
  reset.reset()
  t.match(await closed, { code: 'stream-reset' })
  t.equal((await roundTrip(await opened(connection, '/echo/1.0.0'), bytes.subarray(0, 5))).length, 5)
})

t.test('Yamux agreed on after the handshake, as peers without the early offer do', async (t) => {
  const host = ours()
  Object.assign(host.shared, { identity: new Identity(signer(), random, []) })
  const [, port] = (await listening(host)).split(':')
  const node = await foreign(true)
  await handleEcho(node)
  t.teardown(async () => {
    host.close()
    await node.stop()
  })
  const bytes = randomBytes(5_000)
  const there = await node.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}`))
  t.ok(equal(await foreignRoundTrip(await there.newStream('/echo/1.0.0'), bytes), bytes))
  const here = await dialled(host, addressOf(node))
  t.ok(equal(await roundTrip(await opened(here, '/echo/1.0.0'), bytes), bytes))
})

t.test('the wrong key is refused', async (t) => {
  const host = ours()
  const node = await foreign(true)
  t.teardown(async () => {
    host.close()
    await node.stop()
  })
  await t.rejects(dialled(host, addressOf(node), randomBytes(32)), { code: 'wrong-key' })
  t.equal(host.counters.get('wrongKeys'), 1)
})
