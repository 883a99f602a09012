// The device's head record in the overlay: home finds a device that has moved, and a device whose owner
// is away is confirmed by what the overlay remembers of it, unless that shows that its card is an old one.
import t from 'tap'
import { base64url } from '../../src/base/bytes.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { bytesOf, targetOf } from '../../src/dht/objects.ts'
import { decodeHead, HEAD_SALT, type Head } from '../../src/dht/overlay/head.ts'
import { DhtRunner } from '../../src/node/dht-runner.ts'
import { Loop } from '../../src/node/loop.ts'
import { discoverySettings } from '../../src/node/peers/config.ts'
import { House } from './house.ts'

const UDP = 4_002

/** A house and a node of the overlay that is nobody's: the peer that everybody knows. */
class Street extends House {
  readonly signer: Signer
  readonly node: DhtRunner
  readonly loop: Loop
  /** Settings that differ from the usual ones. */
  settings: Record<string, string> = {}

  constructor(seed: number) {
    super(seed)
    const machine = this.machine('street')
    machine.boot()
    const { hardware } = machine
    this.signer = new Signer(Secret.fresh(hardware.random))
    this.loop = new Loop(hardware.clock)
    this.node = new DhtRunner(
      { loop: this.loop, random: hardware.random, sockets: hardware.sockets },
      {
        listen: [`${machine.address}:${UDP}`],
        overlay: { name: 'wattle', signer: this.signer },
      },
    )
    const bootstrap = `${base64url(this.signer.publicKey)}@${machine.address}:${UDP}`
    this.discovery = (who) => {
      const set: Record<string, string> = {
        'bootstrap.enabled': 'off',
        'dht.listen': `${this.machine(who).address}:${UDP}`,
        'dht.bootstrap': bootstrap,
        ...this.settings,
      }
      return discoverySettings((name) => set[name], 'off')
    }
  }

  /** Runs in virtual time, letting promises come in between. */
  async run(until: () => boolean, maxMs: number): Promise<boolean> {
    for (let ms = 0; ms < maxMs && !until(); ms += 100) {
      this.world.runFor(100)
      await new Promise((done) => setImmediate(done))
    }
    return until()
  }

  /** The device's record as the street's node has it. */
  get record(): Head | null {
    const item = this.node.dht.item(targetOf(this.device!.key!, HEAD_SALT))
    return item && decodeHead(bytesOf(item.value)!)
  }

  /** Events of the owner log, as the record has them. */
  onRecord(): number {
    return this.record?.log.seq ?? -1
  }
}

async function street(seed: number): Promise<Street> {
  const house = new Street(seed)
  void house.node.start()
  await house.run(() => house.node.addresses.length > 0, 1_000)
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  if (!(await house.run(() => house.record !== null, 60_000)))
    throw new Error(`no head record: ${JSON.stringify(house.log.slice(-5))}`)
  return house
}

t.test('home and provider find a device that has moved', async (t) => {
  const house = await street(81)
  house.startProvider('lab')
  house.grant('lab')
  const lab = house.providerGot.get('lab')!
  t.ok(await house.run(() => lab.length > 0, 60_000))
  house.until(() => house.homeGot.length >= 3)
  house.machine('device').kill()
  house.devicePort = 4_777
  house.startDevice()
  const moved = house.homeGot.length
  const before = lab.length
  t.ok(await house.run(() => house.homeGot.length > moved + 3, 180_000), 'frames come from the new address')
  t.ok(await house.run(() => lab.length > before + 3, 180_000), 'to the provider too')
})

t.test(
  'with its owner away, a device that restarts is confirmed by what the overlay remembers',
  async (t) => {
    const house = await street(82)
    house.startProvider('lab')
    house.grant('lab')
    const got = house.providerGot.get('lab')!
    t.ok(await house.run(() => got.length > 3 && house.onRecord() === house.owned().device.log.seq, 60_000))
    house.machine('home').kill()
    house.machine('device').kill()
    const before = got.length
    const witnessed = house.events('device', 'witnessed').length
    house.startDevice()
    t.ok(await house.run(() => house.events('device', 'witnessed').length > witnessed, 120_000))
    t.equal(house.events('device', 'witness').at(-1)!['verdict'], 'confirmed')
    t.ok(await house.run(() => got.length > before + 3, 120_000), 'and the provider reads on')
  },
)

t.test('a card of before a revocation is not: who was put out stays out', async (t) => {
  const house = await street(83)
  house.startProvider('lab')
  const id = house.grant('lab')
  const got = house.providerGot.get('lab')!
  t.ok(await house.run(() => got.length > 3, 60_000))
  const { disk } = house.machine('device')
  const old = new Map(disk.names().map((name) => [name, disk.peek(name)!.slice()]))
  t.equal(house.revoke(id), 'ok')
  t.ok(await house.run(() => house.onRecord() === house.owned().device.log.seq, 60_000), 'the overlay knows')
  house.machine('home').kill()
  house.machine('device').kill()
  for (const [name, bytes] of old) disk.poke(name, bytes)
  const before = got.length
  const witnessed = house.events('device', 'witnessed').length
  const heard = house.events('device', 'witness').length
  house.startDevice()
  t.ok(await house.run(() => house.events('device', 'witness').length > heard, 120_000))
  t.equal(house.events('device', 'witness').at(-1)!['verdict'], 'log-behind')
  await house.run(() => false, 60_000)
  t.equal(house.events('device', 'witnessed').length, witnessed, 'nobody is let in')
  t.equal(got.length, before)
})

t.test('an old card does not vouch for itself by what its own node had kept', async (t) => {
  const house = await street(86)
  house.startProvider('lab')
  const id = house.grant('lab')
  const got = house.providerGot.get('lab')!
  t.ok(await house.run(() => got.length > 3 && house.onRecord() === house.owned().device.log.seq, 60_000))
  const { disk } = house.machine('device')
  t.ok(await house.run(() => disk.names().includes('device.dht'), 700_000), 'the node has saved its state')
  const old = new Map(disk.names().map((name) => [name, disk.peek(name)!.slice()]))
  t.equal(house.revoke(id), 'ok')
  t.ok(await house.run(() => house.onRecord() === house.owned().device.log.seq, 60_000))
  house.machine('home').kill()
  house.machine('device').kill()
  house.world.runFor(3 * 3_600_000)
  t.equal(house.record, null, 'the overlay has forgotten')
  for (const [name, bytes] of old) disk.poke(name, bytes)
  const before = got.length
  const heard = house.events('device', 'witness').length
  house.startDevice()
  await house.run(() => false, 90_000)
  t.equal(house.events('device', 'witness').length, heard)
  t.equal(house.device!.status.witnessed, false)
  t.equal(got.length, before)
})

t.test('an old record that somebody puts again, once the overlay has forgotten, is no witness', async (t) => {
  const house = await street(87)
  house.startProvider('lab')
  const id = house.grant('lab')
  const got = house.providerGot.get('lab')!
  t.ok(await house.run(() => got.length > 3 && house.onRecord() === house.owned().device.log.seq, 60_000))
  const { disk } = house.machine('device')
  const old = new Map(disk.names().map((name) => [name, disk.peek(name)!.slice()]))
  const recorded = house.node.dht.item(targetOf(house.device!.key!, HEAD_SALT))!
  t.equal(house.revoke(id), 'ok')
  t.ok(await house.run(() => house.onRecord() === house.owned().device.log.seq, 60_000))
  house.machine('home').kill()
  house.machine('device').kill()
  house.world.runFor(3 * 3_600_000)
  let put = false
  void house.node.ask({ kind: 'put', item: recorded }).then(() => {
    put = true
  })
  t.ok(await house.run(() => put && house.record !== null, 10_000), 'the overlay has the old one again')
  for (const [name, bytes] of old) disk.poke(name, bytes)
  const before = got.length
  const heard = house.events('device', 'witness').length
  house.startDevice()
  await house.run(() => false, 60_000)
  t.equal(house.events('device', 'witness').length, heard)
  t.equal(house.device!.status.witnessed, false)
  t.equal(got.length, before)
})

t.test(
  'with nothing remembered, with the witness switched off, with peers that are not pinned: no',
  async (t) => {
    for (const what of ['forgotten', 'off', 'not pinned']) {
      const house = await street(84)
      house.machine('home').kill()
      house.machine('device').kill()
      const before = house.events('device', 'witness').length
      if (what === 'forgotten') house.world.runFor(3 * 3_600_000)
      if (what === 'off') house.settings = { 'dht.witness': 'off' }
      if (what === 'not pinned')
        house.settings = { 'dht.bootstrap': `${house.machine('street').address}:${UDP}` }
      house.startDevice()
      await house.run(() => false, 30_000)
      t.equal(house.events('device', 'witness').length, before, what)
      t.equal(house.device!.status.witnessed, false)
      t.ok(house.record, 'but it is found')
    }
  },
)

t.test(
  'over the public network alone: readers find the device under names that only they know',
  async (t) => {
    const house = new Street(85)
    const machine = house.machine('street')
    const { hardware } = machine
    const mainline = ['1', '2', '3'].map(
      (n) =>
        new DhtRunner(
          { loop: new Loop(hardware.clock), random: hardware.random, sockets: hardware.sockets },
          {
            listen: [`${machine.address}:500${n}`],
            bootstrap: n === '1' ? [] : [{ address: `${machine.address}:5001` }],
          },
        ),
    )
    for (const node of mainline) void node.start()
    await house.run(() => mainline.every((node) => node.addresses.length > 0), 1_000)
    house.settings = { 'dht.bootstrap': '', 'dht.listen': '', 'dht.public': `${machine.address}:5001` }
    house.startDevice()
    house.startHome()
    t.equal(house.claim(), 'ok')
    house.startProvider('lab')
    house.grant('lab')
    const lab = house.providerGot.get('lab')!
    const kept = () => Math.max(...mainline.map((node) => node.dht.stats(0).items))
    t.ok(
      await house.run(() => lab.length > 0 && kept() >= 2, 60_000),
      'a record for home and one for the lab',
    )
    t.notOk(mainline.some((node) => node.dht.item(targetOf(house.device!.key!, HEAD_SALT))))
    house.machine('device').kill()
    house.devicePort = 4_777
    house.startDevice()
    const [before, beforeHome] = [lab.length, house.homeGot.length]
    t.ok(await house.run(() => house.homeGot.length > beforeHome + 3, 180_000), 'home found it')
    t.ok(await house.run(() => lab.length > before + 3, 180_000), 'so did the lab')
  },
)
