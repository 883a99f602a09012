// Attacks on consent: orders of events that nobody intends, restored cards, readers and strangers that
// do not behave. Each must leave the revoked outside, the others inside and the device alive.
import t from 'tap'
import { unbase64url } from '../../src/base/bytes.ts'
import { CONSENT, CONSENT_PROTOCOL, decodeEventRefused, encodeEvent } from '../../src/wire/consent.ts'
import { House } from './house.ts'
import { nextEvent, ownerOf, Visitor } from './visitor.ts'

function owned(seed: number): House {
  const house = new House(seed)
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  house.until(() => house.homeGot.length >= 5)
  return house
}

function readerOf(house: House, name: string, since: number) {
  const { card } = house.providers.get(name)!
  const grantId = new Uint8Array(16)
  house.world.chance.fill(grantId)
  const until = house.world.wallAtStart + 90 * 86_400_000
  return {
    grantId,
    class: 0 as const,
    name,
    domain: '',
    sign: card.sign,
    box: card.box,
    since,
    until,
    purpose: '',
  }
}

t.test('two events for one place of the log: one is taken, the log does not fork', async (t) => {
  const house = owned(31)
  house.startProvider('alice')
  house.startProvider('bob')
  const a = nextEvent(house, { type: 'AUTHORIZED', reader: readerOf(house, 'alice', 1) })
  const b = nextEvent(house, { type: 'AUTHORIZED', reader: readerOf(house, 'bob', 1) })
  const phone = new Visitor(house, 'phone', ownerOf(house))
  const talk = phone.open(CONSENT_PROTOCOL)!
  talk.send(encodeEvent(a))
  talk.send(encodeEvent(b))
  talk.send(encodeEvent(a))
  house.until(() => talk.got.length >= 3)
  t.same(
    talk.got.map((m) => (m[0] === CONSENT.refused ? decodeEventRefused(m)?.reason : m[0])),
    [CONSENT.done, 'stale', 'stale'],
  )
  house.machine('device').kill()
  house.world.runFor(1_000)
  house.startDevice()
  t.same(house.events('device', 'died'), [], 'the journal can be read again')
})

t.test('one consent revoked twice at once', async (t) => {
  const house = owned(32)
  house.startProvider('alice')
  const grantId = unbase64url(house.grant('alice'))!
  const event = nextEvent(house, { type: 'AUTHORIZATION_REVOKED', grantId })
  const phone = new Visitor(house, 'phone', ownerOf(house))
  const talk = phone.open(CONSENT_PROTOCOL)!
  talk.send(encodeEvent(event))
  talk.send(encodeEvent(event))
  house.until(() => talk.got.filter((m) => m[0] === CONSENT.done || m[0] === CONSENT.refused).length >= 2)
  t.same(house.events('device', 'died'), [])
  house.until(() => house.events('home', 'log').some((l) => l['kind'] === 'revoked'))
})
