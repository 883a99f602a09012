// Pause and resume: no frame reaches a reader whose consent rests, nothing of the pause can be read
// afterwards, and whoever does not rest loses nothing. A consent for summaries opens with the first full
// period behind it. A revocation that cannot be written down seals the device off.
import t from 'tap'
import { unbase64url } from '../../src/base/bytes.ts'
import { getU32 } from '../../src/base/cursor.ts'
import { House } from './house.ts'

function owned(seed: number): House {
  const house = new House(seed)
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  house.until(() => house.owned().ready && house.owned().device.log.added)
  return house
}

function act(house: House, what: 'pause' | 'resume', grantId: string | null): string {
  let answer = ''
  const id = grantId === null ? null : unbase64url(grantId)
  house.home![what](house.owned(), id, (error) => {
    answer = error?.code ?? 'ok'
  })
  house.until(() => answer !== '')
  return answer
}

const got = (house: House, name: string): string[] => house.providerGot.get(name)!.map((g) => g.text)

/** Of the telegrams from `from` to before `to`, those that the reader has. */
function has(house: House, name: string, from: number, to: number): number {
  const have = new Set(got(house, name))
  return house.sent.slice(from, to).filter((text) => have.has(text)).length
}

t.test('one consent rests: no frame, nothing of the pause afterwards, others lose none', async (t) => {
  const house = owned(201)
  for (const name of ['alice', 'bob']) house.startProvider(name)
  const [alice] = [house.grant('alice'), house.grant('bob')]
  house.until(() => got(house, 'alice').length > 2 && got(house, 'bob').length > 2)
  t.equal(act(house, 'pause', alice), 'ok')
  const from = house.sent.length
  const sealed = house.providerSealed.get('alice')!.length
  house.world.runFor(10_000)
  t.equal(house.providerSealed.get('alice')!.length, sealed, 'no frame reaches her, not even a sealed one')
  t.equal(has(house, 'alice', from, house.sent.length), 0)
  t.equal(house.events('alice', 'access').at(-1)!['access'], 'ended')
  t.equal(act(house, 'pause', alice), 'refused-out-of-order', 'a rest cannot be given twice')
  t.equal(act(house, 'resume', alice), 'ok')
  const to = house.sent.length
  house.world.runFor(10_000)
  t.equal(has(house, 'alice', from, to), 0, 'nothing of the pause')
  t.ok(has(house, 'alice', to + 1, house.sent.length - 1) >= 7, 'and all from its end on')
  const bobs = got(house, 'bob')
  const first = house.sent.indexOf(bobs[0]!)
  t.same(bobs, house.sent.slice(first, first + bobs.length), 'Bob has every one')
  t.same([house.events('home', 'gap'), house.events('bob', 'gap')], [[], []])
})

t.test('all consents rest, through restarts of device and readers', async (t) => {
  const house = owned(202)
  for (const name of ['alice', 'bob']) {
    house.startProvider(name)
    house.grant(name)
  }
  house.until(() => got(house, 'alice').length > 2 && got(house, 'bob').length > 2)
  t.equal(act(house, 'pause', null), 'ok')
  const from = house.sent.length
  const sealed = house.providerSealed.get('bob')!.length
  house.world.runFor(5_000)
  house.machine('device').cutPower()
  house.startDevice()
  house.machine('bob').kill()
  house.startProvider('bob')
  house.world.runFor(40_000)
  t.equal(house.homeGot.at(-1)!.text, house.sent.at(-1), 'the owner reads')
  t.equal(has(house, 'alice', from, house.sent.length) + has(house, 'bob', from, house.sent.length), 0)
  t.equal(house.providerSealed.get('bob')!.length, sealed)
  house.until(() => house.owned().ready, 60_000)
  t.equal(act(house, 'resume', null), 'ok')
  const to = house.sent.length
  house.world.runFor(40_000)
  for (const name of ['alice', 'bob']) {
    t.equal(has(house, name, from, to), 0, `${name}: nothing of the pause`)
    t.ok(has(house, name, to + 1, house.sent.length - 1) >= 35, `${name}: all from its end on`)
  }
})

t.test('a consent that rests can end, and is over then', async (t) => {
  const house = owned(203)
  house.startProvider('alice')
  const alice = house.grant('alice')
  house.until(() => got(house, 'alice').length > 2)
  act(house, 'pause', alice)
  t.equal(house.revoke(alice), 'ok')
  const had = got(house, 'alice').length
  house.world.runFor(10_000)
  t.equal(got(house, 'alice').length, had)
  t.match(act(house, 'resume', alice), /refused/)
  const why = house.home!.access(house.owned().device)!.book.spans(unbase64url(alice)!)
  t.match(why, [{ why: 2 }], 'and the log of keys says both ends, the last one last')
})

t.test('summaries: the first one that opens covers no time from before the consent', async (t) => {
  const house = owned(204)
  house.startProvider('alice')
  const summaries: { start: number; end: number }[] = []
  // Into the middle of a quarter of an hour that began before us.
  const quarter = 900_000
  const wall = (): number => house.world.wallAtStart + house.world.now()
  const next = Math.ceil(wall() / quarter) * quarter
  house.world.runFor(next - wall() + 120_000)
  const { card } = house.providers.get('alice')!
  let id: Uint8Array | null = null
  const until = house.world.wallAtStart + 90 * 86_400_000
  house.home!.grant(house.owned(), card, { class: 1, until, purpose: '' }, (_error, grantId) => {
    id = grantId
  })
  house.until(() => id !== null)
  const granted = wall()
  const spans = () => house.home!.access(house.owned().device)!.book.spans(id!)
  house.world.runFor(60_000)
  t.same(spans(), [], 'no key yet: a quarter is running that began before')
  house.world.runFor(2 * quarter)
  t.ok(spans().length === 1 && spans()[0]!.fromAt >= next + quarter, 'the key came with the next quarter')
  for (const { bytes } of house.providerRaw.get('alice')!)
    summaries.push({ start: getU32(bytes, 4) * 1_000, end: getU32(bytes, 8) * 1_000 })
  t.ok(summaries.length >= 1, `${summaries.length} summaries`)
  for (const { start } of summaries) t.ok(start >= granted, 'begins after the consent')
  t.equal(summaries[0]!.start, next + quarter, 'and is the first full one')
})

t.test('a revocation that cannot be written: nothing is sealed any more, and it is said', async (t) => {
  const house = owned(205)
  house.startProvider('alice')
  const alice = house.grant('alice')
  house.until(() => got(house, 'alice').length > 2)
  house.machine('device').disk.failWith = 'EIO'
  t.equal(house.revoke(alice), 'refused-storage')
  const had = got(house, 'alice').length
  const owner = house.homeGot.length
  house.world.runFor(10_000)
  t.equal(got(house, 'alice').length, had, 'she reads no further')
  t.equal(house.homeGot.length, owner, 'nor does anybody: nothing is sealed under keys that she has')
  t.ok(house.events('device', 'failed').some((e) => e['what'] === 'event'))
  house.machine('device').disk.failWith = null
  house.machine('device').kill()
  house.startDevice()
  house.until(() => house.owned().ready, 60_000)
  // What the card holds is what is true: the owner asks again where it was not written.
  if (house.owned().device.log.reader(unbase64url(alice)!)) t.equal(house.revoke(alice), 'ok')
  const end = house.sent.length
  house.world.runFor(40_000)
  t.equal(has(house, 'alice', end, house.sent.length), 0)
  t.equal(house.homeGot.at(-1)!.text, house.sent.at(-1))
})
