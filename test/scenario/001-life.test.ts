// The whole life of a device in virtual time: unclaimed, refused, claimed, shared, taken back, deleted.
import t from 'tap'
import { House } from './house.ts'

t.test('the life of a device', async (t) => {
  const house = new House(1)
  const { world } = house
  house.startDevice()
  house.startHome()
  house.startProvider('alice')
  house.startProvider('bob')

  t.equal(house.tryClaim(), 'window-closed', 'no claim without a press')
  house.machine('device').button.press()
  world.runFor(500)
  const wrong = house.code.startsWith('0') ? house.code.replace(/^0/, '1') : `0${house.code.slice(1)}`
  t.equal(
    house.tryClaim(wrong),
    'bad-code',
    'a code with a wrong check character is noticed before anything is sent',
  )
  const other = new House(99).code
  t.equal(house.tryClaim(other), 'wrong-code')
  const pressed = world.now()
  t.equal(house.claim(), 'ok')
  t.ok(world.now() - pressed <= 3_000, 'claimed within 3 s of the press')

  house.until(() => house.homeGot.length >= 60, 90_000)
  t.same(
    house.homeGot.map((g) => g.text),
    house.sent.slice(-house.homeGot.length),
    'the owner has every telegram, byte for byte',
  )

  const before = house.sent.length
  const asked = world.now()
  const alice = house.grant('alice')
  const bob = house.grant('bob')
  t.notOk(alice.startsWith('!') || bob.startsWith('!'), `${alice} ${bob}`)
  const got = (name: string) => house.providerGot.get(name)!
  house.until(() => got('alice').length > 0 && got('bob').length > 0)
  t.ok(world.now() - asked <= 2_000, 'grant to first opened frame within 2 s')
  world.runFor(10_000)
  t.ok(got('alice').length >= 9)
  t.ok(
    got('alice').every((g) => house.sent.indexOf(g.text) >= before),
    'nothing from before the grant',
  )

  t.equal(house.revoke(alice), 'ok')
  const revokedAt = house.sent.length
  const had = got('alice').length
  world.runFor(20_000)
  t.equal(got('alice').length, had, 'closed from the next frame on')
  t.ok(house.providerSealed.get('alice')!.length >= 15, 'though the frames still arrive')
  t.same(
    got('bob')
      .slice(-19)
      .map((g) => g.text),
    house.sent
      .slice(-20, -1)
      .map(
        (_, i) =>
          house.sent[house.sent.length - 20 + i + (got('bob').at(-1)!.text === house.sent.at(-1) ? 1 : 0)],
      ),
    'the other provider loses none',
  )
  t.ok(house.sent.length > revokedAt)
  t.ok(house.events('alice', 'access').some((l) => l['access'] === 'ended'))
  t.same(house.events('bob', 'gap'), [])
  t.same(house.events('home', 'gap'), [])

  let deleted = ''
  house.home!.delete(house.owned(), (error) => {
    deleted = error?.code ?? 'ok'
  })
  house.until(() => deleted !== '')
  t.equal(deleted, 'ok')
  world.runFor(10_000)
  const [h, b] = [house.homeGot.length, got('bob').length]
  world.runFor(10_000)
  t.same([house.homeGot.length, got('bob').length], [h, b], 'no key works any more')
  t.equal(house.events('bob', 'access').at(-1)?.['access'], 'ended', 'whoever could read was told so')
  t.equal(house.device!.key, null)
  t.equal(house.device!.status.led, 'unpaired')
  t.equal(house.claim(), 'ok', 'and it can be claimed anew')
  world.runFor(4_000)
  t.same(
    house
      .machine('device')
      .leds.timeline.filter((l) => l.led === 'status')
      .slice(-4)
      .map((l) => l.name),
    ['window-open', 'claiming', 'claimed', 'paired'],
    'what a person sees of it',
  )
  t.equal(house.home!.find(house.owned().device.name), house.owned(), 'its name means the one of now')
})
