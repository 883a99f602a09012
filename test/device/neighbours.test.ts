// Neighbours in virtual time: they meet, find each other again after a move through one that stayed, are
// remembered over a restart, are told of once, and are kept only where both sides name each other. And what
// a device does for others: relaying as the policy says, telling contacts to neighbours alone.
import t from 'tap'
import { type Bytes, base64url } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { Neighbours } from '../../src/device/network/near/neighbours.ts'
import { DeviceRelay } from '../../src/device/network/relaying.ts'
import { World } from '../../src/hw/sim/world.ts'
import { CircuitClient } from '../../src/net/circuit/client.ts'
import { Host } from '../../src/net/host.ts'
import { makeInvite } from '../../src/net/udp/relay/rules.ts'
import { Loop } from '../../src/node/loop.ts'
import { Coordinator } from '../../src/node/peers/coordinator.ts'
import type { ListedPeer } from '../../src/node/peers/list.ts'
import { serveRendezvous } from '../../src/node/peers/service.ts'
import { FACTORY_POLICY, type Policy, type RelayFor } from '../../src/ownership/policy/policy.ts'
import { signContact } from '../../src/wire/net/contact.ts'

class Device {
  readonly name: string
  readonly world: Street
  readonly signer: Signer
  readonly told: string[] = []
  readonly owner: Signer
  list: ListedPeer[] = []
  port = 4001
  policy: Policy = FACTORY_POLICY
  host!: Host
  loop!: Loop
  neighbours!: Neighbours
  coordinator!: Coordinator
  relay!: DeviceRelay

  constructor(world: Street, name: string) {
    this.world = world
    this.name = name
    const { random } = world.machine(name).hardware
    this.signer = new Signer(Secret.fresh(random))
    this.owner = new Signer(Secret.fresh(random))
    this.start()
  }

  get listed(): ListedPeer {
    return { key: this.signer.publicKey, addresses: [`${this.world.machine(this.name).address}:4001`] }
  }

  get key(): string {
    return base64url(this.signer.publicKey)
  }

  /** Again after `world.machine(name).boot()`. */
  start(): void {
    const machine = this.world.machine(this.name)
    const { clock, sockets, random, files } = machine.hardware
    const loop = new Loop(clock)
    const { signer } = this
    this.loop = loop
    this.host = new Host({ sockets, timers: loop, random, signer, agent: 'test' })
    const wall = (): number => clock.wall()
    this.coordinator = new Coordinator({
      loop,
      host: this.host,
      wall,
      lan: null,
      bootstrap: null,
      onReachable() {},
    })
    this.neighbours = new Neighbours({
      files,
      loop,
      wall,
      self: () => signer.publicKey,
      host: () => this.host,
      listed: () => this.list,
      coordinator: () => this.coordinator,
      contact: () => {
        const addresses = [`tcp:${machine.address}:${this.port}`]
        const expires = wall() + LIMITS.peers.contactMs
        return signContact(
          { key: signer.publicKey, datagramKey: new Uint8Array(32), seq: wall(), expires, addresses },
          signer,
        )
      },
      report: (_, { peer, what }) => this.told.push(`${this.world.names.get(String(peer))} ${what}`),
    })
    serveRendezvous({ host: this.host, loop, wall, allow: (key) => this.neighbours.has(key) })
    this.relay = new DeviceRelay({
      host: this.host,
      loop,
      signer,
      wall,
      policy: () => this.policy,
      owners: () => [this.owner.publicKey],
      standing: (key) => (this.neighbours.has(key) ? 'owner' : 'stranger'),
      opinion: () => 0,
    })
    this.host.onDisconnect = (connection) => this.relay.onDisconnect(connection)
    this.host.listen(`${machine.address}:${this.port}`, () => {})
    this.neighbours.start()
  }

  state(other: Device): string {
    const found = this.neighbours.states().find(({ key }) => base64url(key) === other.key)
    return found?.state ?? 'unknown'
  }
}

class Street extends World {
  readonly names: Map<string, string> = new Map()

  device(name: string): Device {
    const device = new Device(this, name)
    this.names.set(device.key, name)
    return device
  }
}

function three(seed: number): { street: Street; a: Device; b: Device; c: Device } {
  const street = new Street({ seed })
  const [a, b, c] = ['a', 'b', 'c'].map((name) => street.device(name)) as [Device, Device, Device]
  const all = [a.listed, b.listed, c.listed]
  for (const device of [a, b, c]) device.list = all
  street.runFor(10_000)
  return { street, a, b, c }
}

t.test('they meet, and find whom moved through one that stayed', async (t) => {
  const { street, a, b, c } = three(1)
  for (const one of [a, b, c])
    for (const other of [a, b, c])
      if (one !== other) t.equal(one.state(other), 'up', `${one.name} ${other.name}`)
  t.same([...a.told].sort(), ['b entered', 'c entered'])
  street.runFor(600_000)
  t.equal(a.told.length, 2, 'told once')

  // b goes away and comes back at another port, while a was away too: only c hears where b is now.
  street.machine('a').kill()
  street.machine('b').kill()
  street.runFor(5_000)
  t.equal(c.state(b), 'away')
  street.machine('b').boot()
  b.port = 5001
  b.start()
  street.runFor(30_000)
  t.same([...c.told].sort(), ['a away', 'a entered', 'b away', 'b back', 'b entered'])
  street.machine('a').boot()
  a.told.length = 0
  a.start()
  street.runFor(60_000)
  t.equal(a.state(b), 'up')
  t.same([...a.told].sort(), ['b back', 'c back'], 'remembered over the restart: nobody is new')
})

t.test('a relation takes both: the other owner has to name us as well', async (t) => {
  const street = new Street({ seed: 2 })
  const [a, b] = ['a', 'b'].map((name) => street.device(name)) as [Device, Device]
  a.list = [a.listed, b.listed]
  street.runFor(60_000)
  t.equal(a.state(b), 'refused')
  t.same(a.told, ['b refused'], 'told once')
  t.same(b.told, [])
  b.list = [b.listed, a.listed]
  street.runFor(400_000)
  t.equal(a.state(b), 'up')
  t.equal(b.state(a), 'up')
  b.list = [b.listed]
  street.runFor(10_000)
  t.same(b.told.at(-1), 'a removed')
  street.machine('b').kill()
  street.machine('b').boot()
  b.start()
  street.runFor(400_000)
  t.equal(a.state(b), 'refused', 'ended by one side')
})

t.test('gone for good, after a week', async (t) => {
  const { street, a } = three(3)
  street.machine('b').kill()
  street.runFor(10_000)
  street.machine('a').wallOffset += 6 * 86_400_000
  street.runFor(10_000)
  t.equal(a.told.at(-1), 'b away')
  street.machine('a').wallOffset += 2 * 86_400_000
  street.runFor(10_000)
  t.equal(a.told.at(-1), 'b gone')
  t.equal(a.told.filter((what) => what === 'b gone').length, 1)
})

t.test('more names than there is room for; a damaged file', async (t) => {
  const street = new Street({ seed: 4 })
  const a = street.device('a')
  a.list = Array.from({ length: 32 }, (_, i) => ({
    key: new Uint8Array(32).fill(i),
    addresses: ['10.77.9.9:1'],
  }))
  street.runFor(20_000)
  t.equal(a.neighbours.states().length, LIMITS.peers.neighbours)
  street.machine('a').kill()
  street.machine('a').disk.poke('device.neighbours', new Uint8Array(99).fill(3))
  street.machine('a').boot()
  a.start()
  street.runFor(20_000)
  t.equal(a.neighbours.states().length, LIMITS.peers.neighbours, 'begun anew')
})

t.test('whom a device relays for is its owner\u2019s to say', async (t) => {
  const street = new Street({ seed: 5 })
  const [relay, friend, guest] = ['relay', 'friend', 'guest'].map((name) => street.device(name)) as [
    Device,
    Device,
    Device,
  ]
  relay.list = [relay.listed, friend.listed]
  let clients = 0
  const reserve = (device: Device, invite: Bytes = new Uint8Array(0)): string => {
    let out = 'no answer'
    device.host.dial(relay.listed.addresses[0]!, relay.signer.publicKey, (error, connection) => {
      if (!connection) out = error!.code
      else
        new CircuitClient(device.host, device.loop, `c${++clients}`).reserve(
          connection,
          invite,
          (refusal) => {
            out = refusal ? refusal.code : 'ok'
          },
        )
    })
    street.runFor(1_000)
    return out
  }
  const set = (word: RelayFor): void => {
    relay.policy = { ...FACTORY_POLICY, relay: { for: word, kBps: 64 } }
  }
  const until = street.machine('relay').hardware.clock.wall() + 3_600_000
  const invite = makeInvite(relay.owner, relay.signer.publicKey, guest.signer.publicKey, until)
  const seen = (): string[] => [reserve(friend), reserve(guest), reserve(guest, invite)]
  t.same(seen(), ['relay-refused', 'relay-refused', 'relay-refused'], 'the factory default: nobody')
  set('owners')
  t.same(seen(), ['ok', 'relay-refused', 'ok'], 'neighbours, and guests by invitation')
  set('anyone')
  t.same(seen(), ['ok', 'ok', 'ok'])
  set('nobody')
  t.same(seen(), ['relay-refused', 'relay-refused', 'relay-refused'], 'from the next question on')
  set('owners')
  const stolen = makeInvite(guest.owner, relay.signer.publicKey, guest.signer.publicKey, until)
  t.equal(reserve(guest, stolen), 'relay-refused', 'an invitation of somebody else\u2019s owner')
})
