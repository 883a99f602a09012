// Any of them may be killed at any moment: the others carry on, it catches up, nothing is lost, no key
// is used twice, no acknowledged decision is forgotten.
import t from 'tap'
import { verifyFrame } from '../../src/channel/reader.ts'
import { Verifier } from '../../src/crypto/native.ts'
import { frameEpoch, frameIndex, frameNonce } from '../../src/wire/frame.ts'
import { House } from './house.ts'

function owned(seed: number): House {
  const house = new House(seed)
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  house.until(() => house.homeGot.length >= 5)
  return house
}

/** Telegrams sent from the first one on that home has, and how many of them home has (each once). */
function missing(house: House): string[] {
  const from = house.sent.indexOf(house.homeGot[0]!.text)
  const have = new Set(house.homeGot.map((g) => g.text))
  return house.sent.slice(from, -1).filter((text) => !have.has(text))
}

function snapshot(house: House): Map<string, Uint8Array> {
  const { disk } = house.machine('device')
  return new Map(disk.names().map((name) => [name, disk.peek(name)!.slice()]))
}

function restore(house: House, old: Map<string, Uint8Array>): void {
  for (const [name, bytes] of old) house.machine('device').disk.poke(name, bytes)
}

t.test('home is killed and comes back: it has every telegram of the time between', async (t) => {
  const house = owned(11)
  house.machine('home').kill()
  house.world.runFor(45_000)
  house.startHome()
  house.until(() => house.homeGot.at(-1)?.text === house.sent.at(-1), 20_000)
  house.world.runFor(3_000)
  t.same(missing(house), [])
  t.same(house.events('home', 'gap'), [])
})

t.test(
  'the device is killed and comes back: what it sealed before stays readable, what it seals after too',
  async (t) => {
    const house = owned(12)
    house.machine('device').kill()
    house.world.runFor(10_000)
    const away = house.sent.length
    house.startDevice()
    house.until(() => house.homeGot.at(-1)?.text === house.sent.at(-1), 40_000)
    house.world.runFor(3_000)
    const lost = missing(house)
    t.ok(lost.length <= 12, `only what came while the device was off is missing (${lost.length})`)
    t.ok(
      lost.every((text) => house.sent.indexOf(text) <= away + 1),
      'and nothing from later',
    )
    t.same(house.events('home', 'gap'), [], 'no frame that was sealed is missing')
  },
)

t.test('both are killed: home gets from the ring what was sealed while it was away', async (t) => {
  const house = owned(13)
  house.machine('home').kill()
  house.world.runFor(20_000)
  const before = house.sent.length
  house.machine('device').kill()
  house.world.runFor(2_000)
  house.startDevice()
  house.world.runFor(5_000)
  house.startHome()
  house.until(() => house.homeGot.at(-1)?.text === house.sent.at(-1), 40_000)
  const lost = missing(house)
  t.ok(
    lost.every((text) => house.sent.indexOf(text) >= before - 1),
    'nothing from before the device was killed',
  )
  t.ok(lost.length <= 4, `${lost.length} while it was off`)
})

t.test(
  'power cut: the frames of the last minute may be gone, the claim and every consent are not',
  async (t) => {
    const house = owned(14)
    house.startProvider('alice')
    const id = house.grant('alice')
    house.until(() => house.providerGot.get('alice')!.length > 2)
    house.machine('device').cutPower()
    house.world.runFor(5_000)
    const key = house.owned().device.key
    house.startDevice()
    t.same(house.device!.key, key, 'the same identity')
    const had = house.providerGot.get('alice')!.length
    house.until(() => house.providerGot.get('alice')!.length > had + 3, 60_000)
    t.equal(
      house.events('device', 'witnessed').length,
      1,
      'readers were let in after the owner had confirmed',
    )
    t.equal(house.revoke(id), 'ok')
    house.machine('device').cutPower()
    house.world.runFor(1_000)
    house.startDevice()
    house.world.runFor(40_000)
    const after = house.providerGot.get('alice')!.length
    house.world.runFor(10_000)
    t.equal(house.providerGot.get('alice')!.length, after, 'revoked stays revoked')
    t.ok(
      house.homeGot.at(-1)!.text === house.sent.at(-1) || house.homeGot.at(-1)!.text === house.sent.at(-2),
      'the owner reads on',
    )
  },
)

t.test(
  'without the owner a restarted device keeps providers waiting; then they catch up from its start',
  async (t) => {
    const house = owned(15)
    house.startProvider('alice')
    house.grant('alice')
    house.until(() => house.providerGot.get('alice')!.length > 2)
    house.machine('home').kill()
    house.machine('device').kill()
    house.world.runFor(3_000)
    house.startDevice()
    const had = house.providerGot.get('alice')!.length
    const sentBefore = house.sent.length
    house.world.runFor(40_000)
    t.equal(house.providerGot.get('alice')!.length, had, 'nothing while nobody has confirmed')
    t.ok(house.events('alice', 'access').some((l) => l['access'] === 'waiting'))
    house.startHome()
    house.until(() => house.providerGot.get('alice')!.at(-1)?.text === house.sent.at(-1), 60_000)
    const have = new Set(house.providerGot.get('alice')!.map((g) => g.text))
    const lost = house.sent.slice(sentBefore + 1, -1).filter((text) => !have.has(text))
    t.same(lost, [], 'every telegram since the restart')
  },
)

t.test('a card restored to an older state cannot let a revoked reader back in', async (t) => {
  const house = owned(16)
  house.startProvider('alice')
  const id = house.grant('alice')
  house.until(() => house.providerGot.get('alice')!.length > 2)
  const old = snapshot(house)
  t.equal(house.revoke(id), 'ok')
  house.world.runFor(5_000)
  house.machine('device').kill()
  restore(house, old)
  house.startDevice()
  const had = house.providerGot.get('alice')!.length
  house.world.runFor(60_000)
  t.equal(house.providerGot.get('alice')!.length, had, 'the old reader set is not served')
  t.ok(
    house.events('device', 'witness').some((l) => l['verdict'] !== 'confirmed'),
    'the owner showed what the card had lost',
  )
  t.ok(
    house.homeGot.at(-1)!.text === house.sent.at(-1) || house.homeGot.at(-1)!.text === house.sent.at(-2),
    'the owner reads on',
  )
})

t.test(
  'no key is used twice: every (epoch, nonce) belongs to one run, every place to one frame',
  async (t) => {
    const house = owned(17)
    const files = house.machine('device').disk
    for (let i = 0; i < 4; i++) {
      house.machine('device').cutPower()
      house.world.runFor(2_000)
      house.startDevice()
      house.world.runFor(70_000) // the ring is synced every minute
    }
    house.device!.stop(() => {})
    house.world.runFor(1_000)
    const ring = files.peek('frames-raw.ring')!
    const device = Verifier.of(house.owned().device.key)!
    const nonces = new Map<number, string>()
    const places = new Set<string>()
    for (let at = 0; at + 256 <= ring.length; at += 256) {
      const frame = ring.subarray(at, at + 256)
      const epoch = frameEpoch(frame)
      const nonce = Buffer.from(frameNonce(frame)).toString('hex')
      // Slots that a power cut left empty or torn hold no frame.
      if (!verifyFrame(frame, device)) continue
      t.equal(nonces.get(epoch) ?? nonce, nonce, `epoch ${epoch} has one nonce`)
      nonces.set(epoch, nonce)
      const place = `${epoch}/${frameIndex(frame)}`
      t.notOk(places.has(place), place)
      places.add(place)
    }
    t.ok(nonces.size >= 3)
  },
)

t.test(
  'a home that was restarted itself still knows the newest frame: an old card is found out',
  async (t) => {
    const house = owned(17)
    house.startProvider('alice')
    const id = house.grant('alice')
    house.until(() => house.providerGot.get('alice')!.length > 2)
    const machine = house.machine('device')
    const files = new Map(machine.disk.names().map((name) => [name, machine.disk.peek(name)!.slice()]))
    machine.kill()
    house.world.runFor(1_000)
    house.startDevice()
    house.until(() => house.events('device', 'witnessed').length > 0, 60_000)
    house.world.runFor(6_000)
    house.machine('home').kill()
    machine.kill()
    for (const name of machine.disk.names()) machine.disk.inodes.delete(name)
    for (const [name, bytes] of files) machine.disk.poke(name, bytes)
    house.startDevice()
    const from = house.world.now()
    house.startHome()
    house.until(() => house.events('device', 'witnessed').some((l) => l.t >= from), 60_000)
    const verdicts = house.events('device', 'witness').filter((l) => l.t >= from)
    t.ok(
      verdicts.some((l) => l['verdict'] === 'epoch-behind'),
      'its log is as long as ever; the frame shows what the card has lost',
    )
    house.world.runFor(10_000)
    t.ok(house.homeGot.at(-1)!.text.length > 0 && house.revoke(id) === 'ok')
  },
)
