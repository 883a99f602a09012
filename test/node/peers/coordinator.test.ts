// Finding each other on the simulated network: every layer alone is enough, all off says why, a network
// cut in two heals, and a device whose address changes is found again.
import t from 'tap'
import { base64url } from '../../../src/base/bytes.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { World } from '../../../src/hw/sim/world.ts'
import { Host } from '../../../src/net/host.ts'
import { tagOf } from '../../../src/net/mdns/announcement.ts'
import { Loop } from '../../../src/node/loop.ts'
import { Coordinator, type Layer } from '../../../src/node/peers/coordinator.ts'
import type { ListedPeer } from '../../../src/node/peers/list.ts'
import { serveRendezvous } from '../../../src/node/peers/service.ts'
import { signContact } from '../../../src/wire/net/contact.ts'

const signerOf = (n: number): Signer => new Signer(new Secret(new Uint8Array(32).fill(n)))
const PORT = 4_001

interface Seat {
  host: Host
  coordinator: Coordinator
  reachable: string[]
  address: string
}

function seat(
  world: World,
  name: string,
  o: {
    n: number
    lan?: boolean
    hidden?: boolean
    bootstrap?: readonly ListedPeer[]
    layer?: (c: () => Coordinator) => Layer
  },
): Seat {
  const machine = world.machine(name)
  const { clock, random, sockets } = machine.hardware
  const loop = new Loop(clock)
  const signer = signerOf(o.n)
  const host = new Host({ sockets, timers: loop, random, signer, agent: name })
  host.listen(`${machine.address}:${PORT}`, () => {})
  const address = `${machine.address}:${PORT}`
  const reachable: string[] = []
  const wall = (): number => clock.wall()
  const announcement = () => ({
    claimed: true,
    key: o.hidden ? null : signer.publicKey,
    tag: o.hidden ? tagOf(signer.publicKey, wall()) : null,
    protocols: [],
    capabilities: 0,
    port: PORT,
    udpPort: 0,
  })
  const contact = () =>
    signContact(
      {
        key: signer.publicKey,
        datagramKey: new Uint8Array(32),
        seq: Math.floor(wall() / 1_000),
        expires: Math.floor(wall()) + 3_600_000,
        addresses: [`tcp:${address}`],
      },
      signer,
    )
  const coordinator: Coordinator = new Coordinator({
    loop,
    host,
    wall,
    lan: o.lan
      ? { sockets, random, host: name, announcement, signer: () => (o.hidden ? null : signer) }
      : null,
    bootstrap: o.bootstrap ? { peers: () => o.bootstrap!, contact } : null,
    ...(o.layer ? { layers: [o.layer(() => coordinator)] } : {}),
    onReachable: (key) => {
      reachable.push(base64url(key))
      for (const to of coordinator.addressesOf(key))
        host.dial(to, key, (error) => {
          if (error) coordinator.didNotWork(to)
          else coordinator.worked(key, to)
        })
    },
  })
  coordinator.start()
  return { host, coordinator, reachable, address }
}

const met = (a: Seat, n: number): boolean => a.host.find(signerOf(n).publicKey) !== null

t.test('the local network alone, key shown or hidden', async (t) => {
  for (const hidden of [false, true]) {
    const world = new World({ seed: hidden ? 2 : 1 })
    seat(world, 'device', { n: 1, lan: true, hidden })
    const home = seat(world, 'home', { n: 2, lan: true })
    home.coordinator.want(signerOf(1).publicKey)
    world.runFor(3_000)
    t.ok(met(home, 1), `hidden: ${hidden}`)
    t.same(home.coordinator.table.find(signerOf(1).publicKey)?.sources, ['local'])
    t.ok(home.coordinator.table.find(signerOf(1).publicKey)?.proven)
  }
})

t.test('bootstrap alone: a pinned peer brings them together, an impostor does not', async (t) => {
  const world = new World({ seed: 3 })
  for (const [name, n] of [
    ['boot', 9],
    ['impostor', 8],
  ] as const) {
    const { clock, random, sockets } = world.machine(name).hardware
    const loop = new Loop(clock)
    const host = new Host({ sockets, timers: loop, random, signer: signerOf(n), agent: name })
    host.listen(`${world.machine(name).address}:${PORT}`, () => {})
    serveRendezvous({ host, loop, wall: () => clock.wall() })
  }
  const at = (name: string): string => `${world.machine(name).address}:${PORT}`
  // The first address is out of date: somebody else is there now.
  const bootstrap = [
    { key: signerOf(7).publicKey, addresses: ['10.99.0.1:4001'] },
    { key: signerOf(9).publicKey, addresses: [at('impostor'), at('boot')] },
  ]
  const device = seat(world, 'device', { n: 1, bootstrap })
  const home = seat(world, 'home', { n: 2, bootstrap })
  home.coordinator.want(signerOf(1).publicKey)
  world.runFor(60_000)
  t.ok(met(home, 1))
  t.same(home.coordinator.bootstrapState?.connected, [base64url(signerOf(9).publicKey)])
  t.match(device.coordinator.bootstrapState?.seen[0], /^10\.77/, 'it hears how it is seen')
  t.match(Object.values(home.coordinator.bootstrapState?.failures ?? {})[0], /10\.99\.0\.1/)
})

t.test('another layer alone', async (t) => {
  const world = new World({ seed: 4 })
  const device = seat(world, 'device', { n: 1 })
  const home = seat(world, 'home', {
    n: 2,
    layer: (c) => ({
      name: 'dht',
      start: (done) => done(null),
      stop: () => {},
      look: (key) => c().heard('dht', key, [device.address]),
      describe: () => 'one node',
    }),
  })
  home.coordinator.want(signerOf(1).publicKey)
  world.runFor(1_000)
  t.ok(met(home, 1))
  t.equal(home.coordinator.describe()['dht'], 'one node')
})

t.test('all off: nobody is found, and it says what is off', async (t) => {
  const world = new World({ seed: 5 })
  seat(world, 'device', { n: 1 })
  const home = seat(world, 'home', { n: 2 })
  home.coordinator.want(signerOf(1).publicKey)
  world.runFor(60_000)
  t.notOk(met(home, 1))
  const words = home.coordinator.describe()
  t.match(words['local'], /switched off/)
  t.match(words['bootstrap'], /switched off/)
})

t.test('a network cut in two heals', async (t) => {
  const world = new World({ seed: 6 })
  seat(world, 'device', { n: 1, lan: true })
  world.network.partition('device', 'home')
  const home = seat(world, 'home', { n: 2, lan: true })
  home.coordinator.want(signerOf(1).publicKey)
  world.runFor(120_000)
  t.notOk(met(home, 1))
  world.network.heal('device', 'home')
  world.runFor(300_000)
  t.ok(met(home, 1))
})
