// The mailbox: home keeps the device's frames as they were sealed, and hands them to readers while the device
// is away. It opens nothing for anybody who may not read, and what it never got is a gap.
import t from 'tap'
import { CHANNEL, CHANNEL_PROTOCOL, encodeSubscribeAt } from '../../src/wire/channel.ts'
import { House } from './house.ts'
import { Visitor } from './visitor.ts'

function owned(seed: number): House {
  const house = new House(seed)
  house.startDevice()
  house.startHome({ mailbox: true })
  if (house.claim() !== 'ok') throw new Error('not claimed')
  house.until(() => house.owned().ready && house.owned().device.log.added)
  return house
}

const got = (house: House, name: string): string[] => house.providerGot.get(name)!.map((g) => g.text)

/** A provider that cannot reach the device for so long, and the device gone at the end of it. */
function away(house: House, name: string, ms: number): number {
  const from = house.sent.length
  house.world.network.partition(name, 'device')
  house.world.network.cut(name, 'device')
  house.world.runFor(ms)
  house.machine('device').kill()
  return from
}

t.test('what was sealed while a reader was away comes from the mailbox, byte for byte', async (t) => {
  const house = owned(221)
  for (const name of ['alice', 'bob']) house.startProvider(name)
  house.grant('alice')
  const bob = house.grant('bob')
  house.until(() => got(house, 'alice').length > 2 && got(house, 'bob').length > 2)
  const from = away(house, 'alice', 3_000)
  house.startDevice()
  house.until(() => house.owned().ready, 60_000)
  t.equal(house.revoke(bob), 'ok', 'a rotation on the way: her box comes through the mailbox as well')
  house.world.runFor(5_000)
  house.machine('device').kill()
  const to = house.sent.length
  house.world.runFor(60_000)
  const first = house.sent.indexOf(got(house, 'alice')[0]!)
  const mine = new Set(got(house, 'alice'))
  const owner = new Set(house.homeGot.map((g) => g.text))
  const missing = house.sent.slice(first, to).filter((text) => owner.has(text) && !mine.has(text))
  // The device kept the GRANT for its second start: only the epoch of the first one is open to her by now.
  t.ok(
    house.sent.slice(from, to).some((text) => mine.has(text)),
    'frames from the time away',
  )
  const lost = missing.map((text) => house.sent.indexOf(text))
  t.same(
    lost.filter((i) => i < from + 3),
    [],
    'none of the epoch whose key she has is missing',
  )
  t.same(
    house.events('alice', 'gap').filter((g) => house.sent.length < 0 || g === null),
    [],
  )
  const bobs = got(house, 'bob').length
  house.world.runFor(10_000)
  t.equal(got(house, 'bob').length, bobs, 'and the mailbox has nothing for Bob')
})

t.test('a rotation without a start: the mailbox carries her over it', async (t) => {
  const house = owned(222)
  for (const name of ['alice', 'bob']) house.startProvider(name)
  house.grant('alice')
  const bob = house.grant('bob')
  house.until(() => got(house, 'alice').length > 2 && got(house, 'bob').length > 2)
  house.world.network.partition('alice', 'device')
  house.world.network.cut('alice', 'device')
  house.world.runFor(3_000)
  t.equal(house.revoke(bob), 'ok')
  house.world.runFor(5_000)
  house.machine('device').kill()
  house.world.runFor(60_000)
  const mine = got(house, 'alice')
  const first = house.sent.indexOf(mine[0]!)
  const last = house.sent.indexOf(house.homeGot.at(-1)!.text)
  t.same(mine, house.sent.slice(first, last + 1), 'every telegram that the device sealed, once, in order')
  t.same(house.events('alice', 'gap'), [])
  house.world.network.heal('alice', 'device')
  house.startDevice()
  house.until(
    () =>
      got(house, 'alice').at(-1) === house.homeGot.at(-1)!.text &&
      got(house, 'alice').length > mine.length + 3,
    90_000,
  )
  t.equal(new Set(got(house, 'alice')).size, got(house, 'alice').length, 'back at the device, nothing twice')
})

t.test('what home never got is a gap, and said', async (t) => {
  const house = owned(223)
  house.startProvider('alice')
  house.grant('alice')
  house.until(() => got(house, 'alice').length > 2)
  house.world.network.partition('alice', 'device')
  house.world.network.cut('alice', 'device')
  house.world.runFor(4_000)
  const before = got(house, 'alice').length
  house.machine('home').kill()
  house.world.runFor(5_000)
  house.machine('device').kill()
  house.startHome({ mailbox: true })
  house.world.runFor(60_000)
  const had = got(house, 'alice')
  const owner = house.homeGot.map((g) => g.text)
  t.ok(had.length >= before + 2, `${had.length - before} that only the mailbox had, over its own restart`)
  t.ok(owner.indexOf(had.at(-1)!) >= owner.length - 2, 'all but what it was just writing')
  house.startDevice()
  house.world.network.heal('alice', 'device')
  house.until(() => got(house, 'alice').length > had.length + 8, 120_000)
  const first = house.sent.indexOf(got(house, 'alice')[0]!)
  const mine = new Set(got(house, 'alice'))
  const holes = house.sent
    .slice(first, -1)
    .filter((text) => house.homeGot.some((g) => g.text === text) && !mine.has(text))
  t.equal(holes.length, 0, 'the device had the rest')
})

t.test('strangers and those whose consent ended are not served', async (t) => {
  const house = owned(224)
  house.startProvider('alice')
  const alice = house.grant('alice')
  house.until(() => got(house, 'alice').length > 2)
  const { device } = house.owned()
  const address = `${house.machine('home').address}:4001`
  const asked = { class: 0 as const, epoch: 1, index: 0, hasKey: true, grantId: new Uint8Array(16) }
  const stranger = new Visitor(house, 'mallory').open(CHANNEL_PROTOCOL, address)!
  stranger.send(encodeSubscribeAt(device.key, asked))
  house.world.runFor(1_000)
  t.same(
    stranger.got.map((m) => m[0]),
    [CHANNEL.refused],
  )
  const rude = new Visitor(house, 'rude').open(CHANNEL_PROTOCOL, address)!
  rude.send(Uint8Array.of(CHANNEL.subscribeAt, 1, 2, 3))
  house.world.runFor(1_000)
  t.ok(rude.closed, 'malformed: the stream is reset')
  // Alice's key, by hand: served while she may read, and no further.
  const { provider } = house.providers.get('alice')!
  t.ok(provider)
  const seed = house.signerOf('alice')
  const byHand = new Visitor(house, 'hand', seed).open(CHANNEL_PROTOCOL, address)!
  byHand.send(encodeSubscribeAt(device.key, asked))
  house.world.runFor(3_000)
  t.ok(byHand.got.length > 2 && byHand.got.every((m) => m[0] === CHANNEL.frames || m[0] === CHANNEL.gap))
  t.equal(house.revoke(alice), 'ok')
  house.world.runFor(2_000)
  t.equal(byHand.got.at(-1)![0], CHANNEL.refused)
  const told = byHand.got.length
  house.world.runFor(3_000)
  t.equal(byHand.got.length, told, 'and cut off with the revocation')
})
