// The device dies within milliseconds of a claim, a grant or a start, at many different moments: what
// was acknowledged stands, and everybody who may read finds the way back in.
import t from 'tap'
import { House } from './house.ts'

/** Moments, ms after the event, in the order of what happens there: messages, card, answers. */
const MOMENTS = process.env['WATTLE_FULL']
  ? Array.from({ length: 120 }, (_, i) => i)
  : [1, 2, 4, 6, 9, 13, 18, 25, 40]

function claimed(seed: number): House {
  const house = new House(seed)
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  return house
}

t.test('both are killed right after the claim: home is in step with the device again', async (t) => {
  for (const ms of MOMENTS) {
    const house = claimed(100 + ms)
    house.world.runFor(ms)
    house.machine('device').kill()
    house.machine('home').kill()
    house.world.runFor(100)
    house.startDevice()
    house.startHome()
    house.world.runFor(5_000)
    t.ok(house.owned().ready, `${ms} ms`)
    t.ok(house.owned().device.log.added, 'the first event is in the log')
    t.same(house.events('home', 'reject'), [])
  }
})

t.test('the device is restarted under a provider: it reads on, whoever connects first', async (t) => {
  for (const ms of MOMENTS) {
    const house = claimed(300 + ms)
    house.startProvider('alice')
    house.until(() => house.owned().device.log.added)
    house.grant('alice')
    const got = (): number => house.providerGot.get('alice')!.length
    house.until(() => got() > 0)
    house.world.runFor(ms * 7)
    house.machine('device').kill()
    house.world.runFor(ms)
    house.startDevice()
    const had = got()
    house.world.runFor(8_000)
    t.ok(got() >= had + 5, `${ms} ms: ${got() - had} telegrams in 8 s`)
    t.same(house.events('alice', 'gap'), [])
  }
})
