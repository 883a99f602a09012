// A consent ends by itself when its time is over by the meter's clock, and an owner may end it in the very
// same moment: whichever comes first, the log stays whole and nobody reads on.
import t from 'tap'
import { base64url } from '../../src/base/bytes.ts'
import { House } from './house.ts'

function shared(seed: number, ms: number): { house: House; grantId: string } {
  const house = new House(seed)
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  house.startProvider('alice')
  house.until(() => house.owned().ready && house.owned().device.log.added)
  let grantId = ''
  const until = house.world.wallAtStart + Math.floor(house.world.now()) + ms
  house.home!.grant(
    house.owned(),
    house.providers.get('alice')!.card,
    { class: 0, until, purpose: '' },
    (_e, id) => {
      grantId = id ? base64url(id) : ''
    },
  )
  house.until(() => grantId !== '' && house.providerGot.get('alice')!.length > 0)
  return { house, grantId }
}

t.test('a consent expires: closed from the telegram on whose time says so', async (t) => {
  const { house } = shared(51, 15_000)
  house.world.runFor(30_000)
  const got = house.providerGot.get('alice')!.length
  t.ok(got >= 8 && got <= 16, `${got} telegrams`)
  house.world.runFor(10_000)
  t.equal(house.providerGot.get('alice')!.length, got)
  t.ok(house.events('alice', 'access').some((l) => l['access'] === 'ended'))
  t.equal(house.homeGot.at(-1)!.text, house.sent.at(-1))
})

t.test('expiry and revocation in the same moment leave a log that can be read again', async (t) => {
  for (let seed = 60; seed < 72; seed++) {
    const { house, grantId } = shared(seed, 8_000)
    house.until(() => house.sent.length > 0 && house.world.now() % 1_000 < 900)
    // Somewhere in the second in which the time is over, another place each time.
    const reader = house.owned().device.log.readers[0]!
    house.world.run(reader.until - house.world.wallAtStart + 20 * (seed - 60))
    house.revoke(grantId)
    house.world.runFor(3_000)
    house.machine('device').kill()
    house.world.runFor(1_000)
    house.startDevice()
    t.same(house.events('device', 'died'), [], `seed ${seed}`)
    const got = house.providerGot.get('alice')!.length
    house.world.runFor(20_000)
    t.equal(house.providerGot.get('alice')!.length, got, 'nobody reads on')
  }
})
