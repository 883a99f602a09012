// Neighbours on the simulated network: who is seen, how fast, who went, what happens to two of one name.
import t from 'tap'
import { base64url } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { LinuxClock, linuxRandom } from '../../../src/hw/linux/clock.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'
import { World } from '../../../src/hw/sim/world.ts'
import { emptyMessage, encodeDns, TYPE } from '../../../src/net/mdns/dns.ts'
import { p2pService } from '../../../src/net/mdns/p2p.ts'
import { serviceRecords } from '../../../src/net/mdns/records.ts'
import { Lan, type Neighbour } from '../../../src/node/lan/lan.ts'
import { Loop } from '../../../src/node/loop.ts'

const signerOf = (n: number): Signer => new Signer(new Secret(new Uint8Array(32).fill(n)))

interface Seat {
  lan: Lan
  peers: Neighbour[]
  lost: Neighbour[]
  kill: () => void
}

function seat(world: World, name: string, n: number | null, host = name): Seat {
  const machine = world.machine(name)
  const { clock, random, sockets } = machine.hardware
  const signer = n === null ? null : signerOf(n)
  const peers: Neighbour[] = []
  const lost: Neighbour[] = []
  const lan = new Lan({
    loop: new Loop(clock),
    sockets,
    random,
    host,
    announcement: () =>
      signer && {
        claimed: true,
        key: signer.publicKey,
        tag: null,
        protocols: ['channel'],
        capabilities: 1,
        port: 4_001,
        udpPort: 0,
      },
    signer: () => signer,
    wall: () => clock.wall(),
    onPeer: (p) => peers.push(p),
    onLost: (p) => lost.push(p),
  })
  lan.start()
  return { lan, peers, lost, kill: () => machine.kill() }
}
const keys = (peers: readonly Neighbour[]): (string | null)[] => peers.map((p) => p.key && base64url(p.key))

t.test('neighbours see each other within two seconds, once, and never themselves', async (t) => {
  const world = new World({ seed: 1 })
  const a = seat(world, 'wattle-0001', 1)
  const b = seat(world, 'wattle-0002', 2)
  const home = seat(world, 'laptop', null)
  world.runFor(2_000)
  t.same(keys(a.peers), [base64url(signerOf(2).publicKey)])
  t.same(keys(b.peers), [base64url(signerOf(1).publicKey)])
  t.equal(home.peers.length, 2)
  const seen = home.peers[0]!
  t.match(seen.addresses[0], /^10\.77\.\d+\.\d+:4001$/)
  world.runFor(60_000)
  t.equal(home.peers.length, 2, 'nothing is told twice')
})

t.test('who joins later is seen at once, from answers alone', async (t) => {
  const world = new World({ seed: 2 })
  seat(world, 'wattle-0001', 1)
  world.runFor(600_000)
  const late = seat(world, 'laptop', null)
  world.runFor(1_000)
  t.equal(late.peers.length, 1)
})

t.test('goodbye: gone within two seconds; a power cut: when the promise ends', async (t) => {
  const world = new World({ seed: 3 })
  const a = seat(world, 'wattle-0001', 1)
  const b = seat(world, 'wattle-0002', 2)
  const home = seat(world, 'laptop', null)
  world.runFor(3_000)
  a.lan.stop()
  world.runFor(2_000)
  t.same(keys(home.lost), [base64url(signerOf(1).publicKey)])
  t.same(keys(home.lan.neighbours), [base64url(signerOf(2).publicKey)])
  b.kill()
  world.runFor(300_000)
  t.equal(home.lost.length, 1, 'silence alone is no reason')
  world.runFor(620_000)
  t.equal(home.lost.length, 2)
})

t.test(
  'an idle hour costs a twentieth of the multicast that a question every ten seconds does',
  async (t) => {
    const world = new World({ seed: 8 })
    const device = seat(world, 'wattle-0001', 1)
    const home = seat(world, 'laptop', null)
    world.runFor(60_000)
    let heard = 0
    const ear = world.machine('ear').hardware.sockets
    const on = ear.networks().find((n) => !n.loopback && n.family === 4)!
    ear.joinGroup(
      { group: '224.0.0.251', port: 5_353, on },
      () => heard++,
      () => {},
    )
    world.runFor(3_600_000)
    // @libp2p/mdns: each of two asks every 10 s, and the other answers.
    const peers = 2 * 2 * 360
    t.ok(heard * 20 <= peers, `${heard} messages an hour on IPv4`)
    t.ok(heard > 0)
    t.equal(home.lan.neighbours.length, 1)
    t.equal(home.lost.length + device.lost.length, 0)
  },
)

t.test("libp2p's announcement makes a neighbour, and never changes one that is signed", async (t) => {
  const world = new World({ seed: 12 })
  const home = seat(world, 'laptop', null)
  const stranger = world.machine('stranger').hardware.sockets
  const on = stranger.networks().find((n) => !n.loopback && n.family === 4)!
  let socket: { send(bytes: Uint8Array, host: string, port: number): void } | null = null
  stranger.joinGroup(
    { group: '224.0.0.251', port: 5_353, on },
    () => {},
    (_e, s) => {
      socket = s
    },
  )
  world.runFor(1_000)
  const say = (n: number, at: string, ttl: number): void => {
    const service = p2pService(`n${n}`, signerOf(n).publicKey, [at], 4_001)
    const { own, shared } = serviceRecords(service, 'x.local')
    const answers = [...shared, ...own].map((r) => ({ ...r, ttl }))
    socket!.send(encodeDns({ ...emptyMessage(true), answers })!, '224.0.0.251', 5_353)
    world.runFor(100)
  }
  say(7, '10.77.0.9', 120)
  t.same(home.peers.at(-1)!.addresses, ['10.77.0.9:4001'])
  t.same(keys(home.peers), [base64url(signerOf(7).publicKey)])
  say(1, '10.66.6.6', 4_500)
  t.same(home.peers.at(-1)!.addresses, ['10.66.6.6:4001'], 'somebody says that it is 1')
  seat(world, 'wattle-0001', 1)
  world.runFor(3_000)
  const found = home.peers.at(-1)!
  t.same(keys([found]), [base64url(signerOf(1).publicKey)])
  t.match(found.addresses[0], /^10\.77\.0\.\d+:4001$/, 'the signed one counts')
  const told = home.peers.length
  say(1, '10.66.6.7', 4_500)
  t.equal(home.peers.length, told, 'and stays')
  t.equal(home.lan.neighbours.length, 2)
  world.runFor(200_000)
  t.same(keys(home.lost), [base64url(signerOf(7).publicKey)])
  t.equal(home.lan.neighbours.length, 1)
})

t.test('two of one name: one takes another, both are found', async (t) => {
  const world = new World({ seed: 4 })
  seat(world, 'one', 1, 'wattle-same')
  seat(world, 'two', 2, 'wattle-same')
  const home = seat(world, 'laptop', null)
  world.runFor(15_000)
  t.same(keys(home.lan.neighbours).sort(), [1, 2].map((n) => base64url(signerOf(n).publicKey)).sort())
  t.same(home.lan.neighbours.map((n) => n.name.split('.')[0]).sort(), ['wattle-same', 'wattle-same-2'])
})

t.test('loss: what one announcement did not bring, the next question does', async (t) => {
  const world = new World({ seed: 5 })
  world.network.udpLoss = 0.3
  for (let n = 1; n <= 5; n++) seat(world, `wattle-000${n}`, n)
  const home = seat(world, 'laptop', null)
  world.runFor(30_000)
  t.equal(home.lan.neighbours.length, 5)
  t.equal(home.lost.length, 0)
})

t.test(
  'a flood of instances stays within the cap, and an announcement with a forged key is nobody',
  async (t) => {
    const world = new World({ seed: 6 })
    const home = seat(world, 'laptop', null)
    world.runFor(1_000)
    const attacker = world.machine('attacker').hardware.sockets
    let socket: { send(bytes: Uint8Array, host: string, port: number): void } | null = null
    const on = attacker.networks().find((n) => !n.loopback && n.family === 4)!
    attacker.joinGroup(
      { group: '224.0.0.251', port: 5_353, on },
      () => {},
      (_e, s) => {
        socket = s
      },
    )
    world.runFor(10)
    for (let n = 0; n < 2_000; n++) {
      const txt = ['txtvers=1', 'st=u', `cap=${n.toString(16)}`, 'exp=99999999999']
      if (n === 0) txt.splice(2, 0, `pk=${base64url(signerOf(1).publicKey)}`)
      const service = { type: '_sovereign._tcp', instance: `x${n}`, subtypes: [], port: 1, txt }
      const { own, shared } = serviceRecords(service, `x${n}.local`)
      const a = {
        ...own[0]!,
        name: `x${n}.local`,
        type: TYPE.A,
        target: '',
        port: 0,
        data: new Uint8Array([10, 1, n >> 8, n]),
      }
      const bytes = encodeDns({ ...emptyMessage(true), answers: [...shared, ...own], additionals: [a] })!
      socket!.send(bytes, '224.0.0.251', 5_353)
    }
    world.runFor(2_000)
    t.ok(home.lan.neighbours.length <= LIMITS.mdns.instances, `${home.lan.neighbours.length}`)
    t.ok(home.lan.neighbours.length > 10)
    t.notOk(home.lan.neighbours.some((n) => n.key !== null))
  },
)

t.test('on real sockets, on loopback', async (t) => {
  const make = (host: string, n: number | null): Seat => {
    const peers: Neighbour[] = []
    const lost: Neighbour[] = []
    const signer = n === null ? null : signerOf(n)
    const clock = new LinuxClock()
    const lan = new Lan({
      loop: new Loop(clock),
      sockets: new LinuxSockets(),
      random: linuxRandom,
      host,
      announcement: () =>
        signer && {
          claimed: true,
          key: signer.publicKey,
          tag: null,
          protocols: [],
          capabilities: 0,
          port: 9,
          udpPort: 0,
        },
      signer: () => signer,
      wall: () => clock.wall(),
      loopback: true,
      port: 5_954,
      onPeer: (p) => peers.push(p),
      onLost: (p) => lost.push(p),
    })
    lan.start()
    return { lan, peers, lost, kill: () => {} }
  }
  const device = make('wattle-lo', 1)
  const home = make('laptop', null)
  const until = async (predicate: () => boolean): Promise<boolean> => {
    for (let i = 0; i < 100 && !predicate(); i++) await new Promise((done) => setTimeout(done, 50))
    return predicate()
  }
  t.ok(await until(() => home.peers.length === 1))
  t.same(home.peers[0]?.addresses, ['127.0.0.1:9'])
  device.lan.stop()
  t.ok(await until(() => home.lost.length === 1))
  home.lan.stop()
})
