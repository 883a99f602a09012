// The plane on real sockets: the DHT on the same port as sessions and STUN, connections of the stream
// plane over pipes, and over TCP where no UDP arrives.
import { randomFillSync } from 'node:crypto'
import t, { type Test } from 'tap'
import { concat, equal } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import type { Sockets, UdpSocket } from '../../src/hw/hardware.ts'
import { LinuxClock } from '../../src/hw/linux/clock.ts'
import { LinuxSockets } from '../../src/hw/linux/sockets.ts'
import { Host } from '../../src/net/host.ts'
import { placeOf } from '../../src/net/udp/address.ts'
import { bindingRequest, decodeStun } from '../../src/net/udp/stun/message.ts'
import { DhtRunner } from '../../src/node/dht-runner.ts'
import { Loop } from '../../src/node/loop.ts'
import { Plane } from '../../src/node/path/plane.ts'
import { sharedSockets } from '../../src/node/path/shared.ts'

const random = (into: Uint8Array): void => void randomFillSync(into)

interface Party {
  plane: Plane
  host: Host
  loop: Loop
  signer: Signer
  sockets: Sockets
}

async function party(t: Test, options: { relay?: boolean; sockets?: Sockets } = {}): Promise<Party> {
  const sockets = options.sockets ?? new LinuxSockets()
  const loop = new Loop(new LinuxClock(), LIMITS.node.peerTimers)
  const signer = new Signer(Secret.fresh(random))
  const relay = options.relay ? { relay: { mine: () => true, inviters: [], open: false } } : {}
  const plane = new Plane({ loop, sockets, random, signer, ...relay })
  const host = new Host({ sockets, timers: loop, random, signer, agent: 'wattle/test' })
  plane.carry(host)
  t.teardown(() => {
    plane.close()
    host.close()
  })
  await new Promise<void>((done, fail) =>
    plane.start(['127.0.0.1:0'], (error) => (error ? fail(error) : done())),
  )
  return { plane, host, loop, signer, sockets }
}

async function until(done: () => boolean, ms = 8_000): Promise<boolean> {
  const end = performance.now() + ms
  while (!done() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5))
  return done()
}

t.test('one port: sessions, STUN and the DHT', async (t) => {
  const runners: DhtRunner[] = []
  const parties = [await party(t), await party(t)]
  for (const { plane, sockets, loop, signer } of parties) {
    const runner = new DhtRunner(
      { loop, random, sockets: sharedSockets(plane, sockets, loop) },
      {
        listen: plane.sockets.addresses,
        overlay: { name: 'shared', signer },
        bootstrap: parties
          .filter((p) => p.plane !== plane)
          .map((p) => ({ address: p.plane.sockets.addresses[0]!, publicKey: p.plane.key })),
      },
    )
    await runner.start()
    t.same(runner.addresses, plane.sockets.addresses)
    runners.push(runner)
  }
  t.teardown(() => Promise.all(runners.map((r) => r.stop())))
  t.ok(await runners[0]!.joined(8_000), 'the DHT finds its neighbour')
  const [a, b] = parties as [Party, Party]
  const session = a.plane.want(b.plane.key, [placeOf(b.plane.sockets.addresses[0]!)!])!
  t.ok(await until(() => session.up), 'a session to the same port')
  let answer: Uint8Array | null = null
  let asking: UdpSocket | null = null
  new LinuxSockets().bindUdp(
    '127.0.0.1:0',
    (bytes) => {
      answer = bytes.slice()
    },
    (_error, socket) => {
      asking = socket
      const to = placeOf(b.plane.sockets.addresses[0]!)!
      socket!.send(bindingRequest(new Uint8Array(12).fill(7)), to.host, to.port)
    },
  )
  t.ok(await until(() => answer !== null), 'and STUN')
  t.equal(`127.0.0.1:${decodeStun(answer!)!.mapped!.port}`, asking!.address)
  asking!.close()
  const second = sharedSockets(a.plane, a.sockets, a.loop)
  const error = await new Promise((done) => second.bindUdp('0.0.0.0:0', () => {}, done))
  t.match(error, { code: 'udp-bind' }, 'a second user is refused')
})

/** Everything that is written comes back. */
async function echoes(t: Test, from: Party, to: Party, address: string, bytes: number): Promise<void> {
  to.host.handle('/test/echo', (stream) => {
    stream.events = {
      onData: (data) => void stream.write(data),
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: () => {},
    }
  })
  const got: Uint8Array[] = []
  const sent = new Uint8Array(bytes)
  random(sent)
  let problem: unknown = null
  from.host.dial(address, to.plane.key, (error, connection) => {
    problem = error
    connection?.open('/test/echo', (failure, stream) => {
      problem ??= failure
      if (!stream) return
      stream.events = { onData: (b) => got.push(b.slice()), onDrain() {}, onEnd() {}, onClose() {} }
      stream.write(sent)
    })
  })
  t.ok(await until(() => got.reduce((n, b) => n + b.length, 0) >= sent.length || problem !== null))
  t.equal(problem, null)
  t.ok(equal(concat(...got), sent))
}

t.test('a connection of the stream plane over a pipe', async (t) => {
  const [a, b] = [await party(t), await party(t)]
  await echoes(t, a, b, `udp:${b.plane.sockets.addresses[0]}`, 50_000)
  t.equal(a.plane.datagrams.counters.get('handshakes'), 1)
  t.ok(b.plane.datagrams.find(a.plane.key)!.busy, 'its session is kept alive')
})

t.test('through a relay that only TCP reaches', async (t) => {
  const relay = await party(t, { relay: true })
  const address = relay.plane.sockets.addresses[0]!
  await new Promise<void>((done, fail) => relay.host.listen(address, (e) => (e ? fail(e) : done())))
  const b = await party(t)
  b.plane.useRelay(relay.plane.key, placeOf(address)!)
  const real = new LinuxSockets()
  const deaf: Sockets = {
    listenTcp: (x, y, z) => real.listenTcp(x, y, z),
    dialTcp: (x, y) => real.dialTcp(x, y),
    networks: () => [],
    gateways: () => [],
    joinGroup: (x, y, z) => real.joinGroup(x, y, z),
    bindUdp: (x, _onDatagram, z) =>
      real.bindUdp(
        x,
        () => {},
        (error, socket) =>
          z(
            error,
            socket && { address: socket.address, send() {}, sendShort() {}, close: () => socket.close() },
          ),
      ),
  }
  const a = await party(t, { sockets: deaf })
  a.plane.useRelay(relay.plane.key, placeOf(address)!)
  t.ok(await until(() => relay.plane.relay!.size.reservations === 2), 'both have reserved')
  // There and back within what a circuit carries at once.
  await echoes(t, a, b, 'udp:', 20_000)
  const session = a.plane.datagrams.find(b.plane.key)!
  t.match(session.best!.text, /^relay /)
  t.match(a.plane.datagrams.find(relay.plane.key)!.best!.text, /^tcp 127/)
})
