// Circuit relay v2 with js-libp2p 3, over 127.0.0.1: its relay carries us in both roles, ours carries two of its.
import { randomFillSync } from 'node:crypto'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import type { Stream as ForeignStream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import t from 'tap'
import { equal } from '../../../src/base/bytes.ts'
import { WattleError } from '../../../src/base/errors.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'
import type { Connection } from '../../../src/net/api.ts'
import { CircuitClient, type Reserved } from '../../../src/net/circuit/client.ts'
import { CircuitServer } from '../../../src/net/circuit/server.ts'
import { Host } from '../../../src/net/host.ts'
import { peerId } from '../../../src/net/noise/identity.ts'
import { serveIdentify } from '../../../src/net/services/identify.ts'
import { dialled, listening, opened, ours, random, realTimers, roundTrip, signer } from '../help/party.ts'

const bytes = randomFillSync(new Uint8Array(100_000))

async function node(options: { relay?: boolean; listen?: string[] }): Promise<Libp2p> {
  const services = {
    identify: identify(),
    ...(options.relay ? { relay: circuitRelayServer({ reservations: { applyDefaultLimit: false } }) } : {}),
  }
  const made = await createLibp2p({
    addresses: { listen: options.listen ?? [] },
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services,
    connectionGater: { denyDialMultiaddr: () => false },
  })
  const handler = async (stream: ForeignStream): Promise<void> => {
    for await (const part of stream) if (!stream.send(part)) await stream.onDrain()
    await stream.close()
  }
  await made.handle('/echo/1.0.0', handler, { runOnLimitedConnection: true })
  return made
}

async function foreignEcho(stream: ForeignStream, what: Uint8Array): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  const reading = (async () => {
    for await (const part of stream) parts.push(part.subarray())
  })()
  for (let at = 0; at < what.length; at += 30_000)
    if (!stream.send(what.subarray(at, at + 30_000))) await stream.onDrain()
  await stream.close()
  await reading
  return Buffer.concat(parts)
}

function reserve(client: CircuitClient, relay: Connection): Promise<Reserved> {
  return new Promise((resolve, reject) =>
    client.reserve(relay, new Uint8Array(0), (error, reserved) =>
      reserved ? resolve(reserved) : reject(error),
    ),
  )
}

/** Dials `peer` through the connection to a relay. */
function through(
  host: Host,
  client: CircuitClient,
  relay: Connection,
  peer: Uint8Array,
): Promise<Connection> {
  host.dialCircuit = (_, key, done) => client.dial(relay, key, done)
  return dialled(host, 'relay:', peer)
}

const portOf = (n: Libp2p): string => n.getMultiaddrs()[0]!.toString().split('/')[4]!

t.test('a relay of js-libp2p carries us, called and calling', { timeout: 30_000 }, async (t) => {
  const relay = await node({ relay: true, listen: ['/ip4/127.0.0.1/tcp/0'] })
  const [a, b] = [ours(), ours()]
  const other = await node({})
  t.teardown(async () => {
    a.close()
    b.close()
    await Promise.all([relay.stop(), other.stop()])
  })
  const at = `127.0.0.1:${portOf(relay)}`
  const key = relay.peerId.publicKey!.raw
  const ca = new CircuitClient(a, realTimers())
  const cb = new CircuitClient(b, realTimers())
  const reserved = await reserve(ca, await dialled(a, at, key))
  t.ok(reserved.until > Date.now(), 'a reservation')

  const c = await through(b, cb, await dialled(b, at, key), a.shared.identity.publicKey)
  t.ok(equal(c.remoteKey, a.shared.identity.publicKey), 'the handshake inside proves who is called')
  t.match(c.remote, /^circuit:127\.0\.0\.1:/)
  t.ok(equal(await roundTrip(await opened(c, '/echo/1.0.0'), bytes), bytes), '100 kB through it and back')

  const id = peerId(a.shared.identity.publicKey)
  const foreign = await other.dial(
    multiaddr(`/ip4/127.0.0.1/tcp/${portOf(relay)}/p2p/${relay.peerId}/p2p-circuit/p2p/${id}`),
  )
  t.equal(foreign.remotePeer.toString(), id)
  const stream = await foreign.newStream('/echo/1.0.0', { runOnLimitedConnection: true })
  t.ok(equal(await foreignEcho(stream, bytes), bytes), 'js-libp2p calls us through its own relay')
})

t.test('our relay carries two of js-libp2p, and one of each', { timeout: 30_000 }, async (t) => {
  const timers = realTimers()
  const who = signer()
  const host = new Host({ sockets: new LinuxSockets(), timers, random, signer: who, agent: 'wattle/test' })
  serveIdentify(host)
  const server = new CircuitServer({
    host,
    timers,
    signer: who,
    rules: { mine: () => true, inviters: [], open: false },
    wall: () => Date.now(),
  })
  host.onDisconnect = (connection) => server.onDisconnect(connection)
  const [, port] = (await listening(host)).split(':')
  const me = `/ip4/127.0.0.1/tcp/${port}/p2p/${peerId(who.publicKey)}`
  const called = await node({ listen: [`${me}/p2p-circuit`] })
  const calling = await node({})
  const third = ours()
  t.teardown(async () => {
    server.stop()
    host.close()
    third.close()
    await Promise.all([called.stop(), calling.stop()])
  })
  for (let i = 0; i < 100 && server.size.reservations === 0; i++) await new Promise((r) => setTimeout(r, 50))
  t.equal(server.size.reservations, 1, 'js-libp2p reserved')
  t.ok(
    called.getMultiaddrs().some((each) => each.toString().includes('p2p-circuit')),
    'and announces itself through us',
  )
  const small = bytes.subarray(0, 20_000)
  const c = await calling.dial(multiaddr(`${me}/p2p-circuit/p2p/${called.peerId}`))
  t.equal(c.remotePeer.toString(), called.peerId.toString())
  t.ok(equal(await foreignEcho(await c.newStream('/echo/1.0.0'), small), small), 'two of js-libp2p')

  const client = new CircuitClient(third, realTimers())
  const relay = await dialled(third, `127.0.0.1:${port}`, who.publicKey)
  const mixed = await through(third, client, relay, called.peerId.publicKey!.raw)
  t.ok(
    equal(await roundTrip(await opened(mixed, '/echo/1.0.0'), small), small),
    'we call js-libp2p through it',
  )
  t.equal(server.size.circuits, 2)
  await t.rejects(
    through(third, client, relay, signer().publicKey),
    WattleError,
    'nobody of that name is there',
  )
  await c.close()
  mixed.close()
  for (let i = 0; i < 60 && server.size.circuits > 0; i++) await new Promise((r) => setTimeout(r, 50))
  t.equal(server.size.circuits, 0, 'circuits end with the connections in them')
})
