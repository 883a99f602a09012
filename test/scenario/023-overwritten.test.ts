// A ring keeps a KEY_ROTATION as long as any frame that it opens: a reader whose place was overwritten while
// it was away gets what is left, also where that begins in the middle of an epoch that it never saw begin.
import t from 'tap'
import { House } from './house.ts'

t.test('away for longer than the ring lasts, over a rotation: a gap, and all that is left', async (t) => {
  const house = new House(231)
  house.ringFrames = 200
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  house.startProvider('alice')
  house.until(() => house.owned().ready && house.owned().device.log.added)
  // It ends by itself while home is away: that opens the epoch.
  const until = house.world.wallAtStart + Math.floor(house.world.now()) + 12_000
  const { card } = house.providers.get('alice')!
  house.home!.grant(house.owned(), card, { class: 0, until, purpose: '' }, () => {})
  house.until(() => house.providerGot.get('alice')!.length > 2)
  house.machine('home').kill()
  const had = house.homeGot.length
  house.world.runFor(400_000)
  t.ok(house.events('device', 'revoked').length > 0, 'an epoch began meanwhile')
  const from = house.sent.length
  house.startHome()
  house.until(() => house.homeGot.length > had && house.homeGot.at(-1)!.text === house.sent.at(-1), 60_000)
  const have = new Set(house.homeGot.map((g) => g.text))
  const left = house.sent.slice(from - 110, from)
  t.same(
    left.filter((text) => !have.has(text)).length,
    0,
    'every one of the last 110 telegrams: the first ones that are left wait for a whole one',
  )
  t.ok(house.events('home', 'gap').length >= 1, 'and what is gone is said')
})
