// Attacks on consent: orders of events that nobody intends, restored cards, readers and strangers that
// do not behave. Each must leave the revoked outside, the others inside and the device alive.
import t from 'tap'
import { base64url, unbase64url } from '../../src/base/bytes.ts'
import { CHANNEL_PROTOCOL } from '../../src/wire/channel.ts'
import {
  CONSENT,
  CONSENT_PROTOCOL,
  decodeEventRefused,
  encodeEvent,
  encodeInvite,
} from '../../src/wire/consent.ts'
import { House } from './house.ts'
import { paperInvite, realInvite } from './invites.ts'
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

function snapshot(house: House): Map<string, Uint8Array> {
  const { disk } = house.machine('device')
  return new Map(disk.names().map((name) => [name, disk.peek(name)!.slice()]))
}

function restore(house: House, old: Map<string, Uint8Array>): void {
  for (const [name, bytes] of old) house.machine('device').disk.poke(name, bytes)
}

t.test('a restored card: a revoked reader who waits gets no key before the log is whole', async (t) => {
  const house = owned(33)
  house.startProvider('alice')
  const id = house.grant('alice')
  house.until(() => house.providerGot.get('alice')!.length > 2)
  const old = snapshot(house)
  t.equal(house.revoke(id), 'ok')
  house.world.runFor(60_000)
  house.world.network.cut('home', 'device')
  house.world.network.partition('home', 'device')
  house.machine('device').kill()
  house.machine('alice').kill()
  restore(house, old)
  house.startDevice()
  house.startProvider('alice')
  const had = house.providerGot.get('alice')!.length
  house.world.runFor(20_000)
  house.world.network.heal('home', 'device')
  house.world.runFor(60_000)
  t.equal(house.providerGot.get('alice')!.length, had, 'not one telegram')
  t.equal(house.events('device', 'witness').at(-1)!['verdict'], 'confirmed', 'in the end all is in order')
  t.equal(house.device!.status.witnessed, true)
  t.equal(house.homeGot.at(-1)!.text, house.sent.at(-1), 'the owner reads on')
})

t.test('a restored card that ran on for longer than the owner had read: the owner reads on', async (t) => {
  const house = owned(34)
  const old = snapshot(house)
  house.machine('device').kill()
  house.world.runFor(1_000)
  house.startDevice()
  const boot = house.events('device', 'witness').length
  house.until(() => house.events('device', 'witness').length > boot)
  house.world.runFor(5_000)
  house.world.network.cut('home', 'device')
  house.world.network.partition('home', 'device')
  house.machine('device').kill()
  restore(house, old)
  house.startDevice()
  house.world.runFor(60_000)
  house.world.network.heal('home', 'device')
  house.world.runFor(60_000)
  t.equal(house.homeGot.at(-1)!.text, house.sent.at(-1))
})

t.test('a consent that was given before the owner had confirmed opens nothing from before it', async (t) => {
  const house = owned(35)
  house.startProvider('alice')
  house.machine('device').kill()
  house.machine('home').kill()
  house.world.runFor(1_000)
  house.startDevice()
  house.world.runFor(10_000)
  // Another of the owner's machines: it consents without ever having shown what it knows.
  const before = house.sent.length
  const log = house.owned().device.log
  const event = nextEvent(house, { type: 'AUTHORIZED', reader: readerOf(house, 'alice', 1) })
  const phone = new Visitor(house, 'phone', ownerOf(house))
  const talk = phone.open(CONSENT_PROTOCOL)!
  talk.send(encodeEvent(event))
  house.until(() => talk.got.length >= 1)
  t.equal(talk.got[0]![0], CONSENT.done, `after ${log.seq}`)
  house.world.runFor(5_000)
  house.startHome()
  const { device } = house.owned()
  house.until(() => device.log.readers.length === 1)
  house.world.runFor(1_000)
  const alice = house.providers.get('alice')!
  const owner = new Visitor(house, 'phone', ownerOf(house))
  const asked = owner.open(CONSENT_PROTOCOL, alice.card.addresses[0]!, true)!
  house.until(() => house.home!.access(device)!.book.newest > 3)
  asked.send(encodeInvite(realInvite(house, 0, device.addresses)))
  house.world.runFor(10_000)
  const got = house.providerGot.get('alice')!
  t.ok(got.length > 3, 'she reads')
  t.same(got.filter((g) => house.sent.indexOf(g.text) < before).length, 0, 'nothing from before her consent')
})

t.test('a reader who was let in again is owed nothing of its earlier consent', async (t) => {
  const house = owned(36)
  house.startProvider('alice')
  const id = house.grant('alice')
  house.until(() => house.providerGot.get('alice')!.length > 2)
  house.machine('alice').kill()
  house.machine('device').kill()
  const restarted = house.sent.length
  house.startDevice()
  house.until(() => house.device!.status.witnessed, 60_000)
  house.world.runFor(20_000)
  t.equal(house.revoke(id), 'ok')
  house.world.runFor(5_000)
  const before = house.sent.length
  const had = house.providerGot.get('alice')!.length
  house.grant('alice')
  house.startProvider('alice')
  house.until(() => house.providerGot.get('alice')!.length > had + 2, 60_000)
  const got = house.providerGot.get('alice')!.slice(had)
  t.same(
    got.map((g) => house.sent.indexOf(g.text)).filter((n) => n >= restarted && n < before - 1),
    [],
    'what the device sealed between its start and the new consent stays closed',
  )
})

function grantUntil(house: House, name: string, until: number, cls: 0 | 1 | 2 = 0): void {
  const { card } = house.providers.get(name)!
  let done = false
  house.home!.grant(house.owned(), card, { class: cls, until, purpose: '' }, (error) => {
    if (error) throw error
    done = true
  })
  house.until(() => done)
}

t.test(
  'the first telegram behind the end of a consent is closed to it; two ends are one rotation',
  async (t) => {
    const house = owned(37)
    house.startProvider('alice')
    house.startProvider('bob')
    const until = house.world.wallAtStart + 20_000
    grantUntil(house, 'alice', until)
    grantUntil(house, 'bob', until)
    house.until(() => house.providerGot.get('bob')!.length > 2)
    house.world.run(20_000 - 100)
    const before = house.sent.length
    house.world.runFor(10_000)
    for (const name of ['alice', 'bob']) {
      const last = house.providerGot.get(name)!.at(-1)!.text
      t.equal(
        house.sent.indexOf(last),
        before - 1,
        `${name} has the last telegram before its end and no later one`,
      )
    }
    const [a, b] = house.events('device', 'revoked')
    t.equal(a!['epoch'], b!['epoch'])
    t.equal(house.homeGot.at(-1)!.text, house.sent.at(-1))
    t.same(house.events('home', 'gap'), [])
  },
)

t.test('a card that fails while keys are changed: the revoked stay outside', async (t) => {
  let revoked = 0
  // The first two are the event's own write and sync: failing there the owner hears that nothing was done.
  for (let point = 2; point < 6; point++) {
    const house = owned(38)
    house.startProvider('alice')
    const grantId = unbase64url(house.grant('alice'))!
    house.until(() => house.providerGot.get('alice')!.length > 2)
    const { disk } = house.machine('device')
    const from = disk.points
    let answer = ''
    house.home!.revoke(house.owned(), grantId, (error) => {
      answer = error?.code ?? 'ok'
    })
    house.until(() => disk.points >= from + point)
    disk.failWith = 'EIO'
    house.until(() => answer !== '')
    house.world.runFor(100)
    const had = house.providerGot.get('alice')!.length
    house.world.runFor(5_000)
    const more = house.providerGot.get('alice')!.length - had
    disk.failWith = null
    house.machine('device').kill()
    house.startDevice()
    house.world.runFor(40_000)
    const readers = house.owned().device.log.readers.length
    if (readers > 0) continue
    revoked++
    t.equal(more, 0, `failing from write ${point} on: ${answer}`)
  }
  t.equal(revoked, 4)
})

t.test('a stranger sends a provider invitations to devices that do not exist', async (t) => {
  const house = owned(39)
  house.startProvider('alice')
  house.grant('alice')
  house.until(() => house.providerGot.get('alice')!.length > 2)
  const stranger = new Visitor(house, 'mallory')
  const address = house.providers.get('alice')!.card.addresses[0]!
  const talk = stranger.open(CONSENT_PROTOCOL, address)!
  const { card } = house.providers.get('alice')!
  for (let i = 0; i < 100; i++) {
    talk.send(encodeInvite(paperInvite(house, card, ['10.77.0.1:9', '10.77.0.99:1'])))
    house.world.runFor(50)
  }
  t.ok(house.providers.get('alice')!.provider.channels > 10, 'they were taken')
  const before = house.providerGot.get('alice')!.length
  house.machine('device').kill()
  house.world.runFor(2_000)
  house.startDevice()
  house.until(() => house.providerGot.get('alice')!.length > before + 5, 60_000)
  house.machine('alice').kill()
  house.startProvider('alice')
  const had = house.providerGot.get('alice')!.length
  house.until(() => house.providerGot.get('alice')!.length > had + 5, 60_000)
  t.pass('it follows its device all the while, and starts again')
})

t.test('one provider, two classes: both come back after the device was away', async (t) => {
  const house = owned(40)
  house.startProvider('alice')
  house.grant('alice')
  grantUntil(house, 'alice', house.world.wallAtStart + 90 * 86_400_000, 1)
  house.until(() => house.device!.status.readers === 3)
  house.world.network.partition('alice', 'device')
  house.world.network.cut('alice', 'device')
  house.world.runFor(5_000)
  house.world.network.heal('alice', 'device')
  house.until(() => house.device!.status.readers === 3, 60_000)
  t.pass('three streams again')
})

t.test('the same invitation again and again is one channel', async (t) => {
  const house = owned(41)
  house.startProvider('alice')
  const stranger = new Visitor(house, 'mallory')
  const { provider, card } = house.providers.get('alice')!
  const talk = stranger.open(CONSENT_PROTOCOL, card.addresses[0]!)!
  const invite = paperInvite(house, card, [house.deviceAddress])
  for (let i = 0; i < 20; i++) talk.send(encodeInvite(invite))
  house.world.runFor(5_000)
  t.equal(provider.channels, 1)
  talk.send(encodeInvite({ ...invite, certificate: invite.certificate.slice().fill(0, 1, 33) }))
  house.world.runFor(1_000)
  t.equal(provider.channels, 1, 'a key that is none')
  t.ok(talk.closed)
})

t.test('an invitation is taken only where every part of it fits the others', async (t) => {
  const house = owned(47)
  house.startProvider('alice')
  house.startProvider('bob')
  house.grant('alice')
  house.until(() => house.providerGot.get('alice')!.length > 2)
  house.grant('bob')
  house.until(() => house.providerGot.get('bob')!.length > 2)
  const real = realInvite(house, 0, [house.deviceAddress])
  const bobs = realInvite(house, 1, [house.deviceAddress])
  const mallory = new Visitor(house, 'mallory')
  house.startProvider('carol')
  const carol = house.providers.get('carol')!
  const paper = paperInvite(house, carol.card, [])
  const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((b, i) => (i === at ? b ^ 1 : b))
  const wrong: [string, ReturnType<typeof realInvite>][] = [
    ['for another provider', real],
    ['the entry of another consent', { ...paper, entry: bobs.entry }],
    ['the certificate of another device', { ...paper, certificate: real.certificate }],
    ['the event of another consent', { ...paper, event: real.event }],
    ['an entry that was changed', { ...paper, entry: flipped(paper.entry, 90) }],
    ['a certificate with another box key', { ...paper, certificate: flipped(paper.certificate, 40) }],
    ['no event', { ...paper, event: '' }],
    ['cut short', { ...paper, entry: paper.entry.subarray(0, 200) }],
  ]
  for (const [what, invite] of wrong) {
    const talk = mallory.open(CONSENT_PROTOCOL, carol.card.addresses[0]!)!
    talk.send(encodeInvite(invite))
    house.world.runFor(500)
    t.equal(carol.provider.channels, 0, what)
    t.ok(talk.closed, `${what}: the stream is reset`)
  }
  mallory.open(CONSENT_PROTOCOL, carol.card.addresses[0]!)!.send(encodeInvite(paper))
  house.world.runFor(500)
  t.equal(carol.provider.channels, 1, 'and the whole one is')
})

t.test('strangers who sit on every connection cannot keep the owner or a provider out', async (t) => {
  const house = owned(42)
  house.startProvider('alice')
  house.grant('alice')
  house.until(() => house.providerGot.get('alice')!.length > 2)
  house.machine('home').kill()
  for (let i = 0; i < 90; i++) {
    new Visitor(house, `mallory${i % 3}`).open(CHANNEL_PROTOCOL, house.deviceAddress, true)
    house.world.runFor(100)
  }
  const had = house.homeGot.length
  house.startHome()
  house.until(() => house.homeGot.length > had + 3, 60_000)
  t.equal(
    house.providerGot.get('alice')!.at(-1)!.text,
    house.homeGot.at(-1)!.text,
    'who reads is not pushed out',
  )
  t.same(house.events('alice', 'gap'), [])
})

t.test('two consents for one class: the end of one is not the end of the other', async (t) => {
  const house = owned(43)
  house.startProvider('alice')
  const first = house.grant('alice')
  house.until(() => house.providerGot.get('alice')!.length > 2)
  const second = house.grant('alice', 'another purpose')
  house.world.runFor(2_000)
  t.equal(house.revoke(first), 'ok')
  const had = house.providerGot.get('alice')!.length
  house.world.runFor(10_000)
  t.ok(house.providerGot.get('alice')!.length >= had + 8, 'it reads on under the second')
  t.equal(house.revoke(second), 'ok')
  const end = house.providerGot.get('alice')!.length
  house.world.runFor(10_000)
  t.equal(house.providerGot.get('alice')!.length, end)
  t.equal(house.events('alice', 'access').at(-1)!['access'], 'ended')
})

for (const how of ['deleted', 'reset'] as const)
  t.test(
    `a device that is ${how} says so to its readers, and seals nothing more under their keys`,
    async (t) => {
      const house = owned(44)
      house.startProvider('alice')
      house.grant('alice')
      house.until(() => house.providerGot.get('alice')!.length > 2)
      if (how === 'deleted') house.home!.delete(house.owned(), () => {})
      else {
        house.machine('device').button.press(11_000)
        house.world.runFor(12_000)
        house.machine('device').button.press()
      }
      house.until(() => house.events('device', how).length > 0, 30_000)
      house.world.runFor(5_000)
      t.equal(house.events('alice', 'access').at(-1)!['access'], 'ended')
      t.equal(house.device!.key, null)
    },
  )

t.test('a stranger cannot turn a provider away from its device by another invitation', async (t) => {
  const house = owned(45)
  house.startProvider('alice')
  house.grant('alice')
  house.until(() => house.providerGot.get('alice')!.length > 2)
  const { card } = house.providers.get('alice')!
  const talk = new Visitor(house, 'mallory').open(CONSENT_PROTOCOL, card.addresses[0]!)!
  for (let n = 0; n < 3; n++) {
    const addresses = Array.from({ length: 8 }, (_, i) => `10.77.0.99:${8 * n + i}`)
    // Even who holds a real one can only add places where the device is not.
    talk.send(encodeInvite(realInvite(house, 0, addresses)))
    house.world.runFor(500)
  }
  house.machine('home').kill()
  house.machine('alice').kill()
  house.startProvider('alice')
  const had = house.providerGot.get('alice')!.length
  house.until(() => house.providerGot.get('alice')!.length > had + 3, 300_000)
  house.startHome()
  house.until(() => house.homeGot.at(-1)?.text === house.sent.at(-1))
  house.grant('alice', 'again')
  t.equal(house.revoke(base64url(house.owned().device.log.readers[1]!.grantId)), 'ok')
  const end = house.providerGot.get('alice')!.length
  house.world.runFor(5_000)
  t.ok(house.providerGot.get('alice')!.length > end + 3, 'and it follows a rotation')
})

t.test('invitations again and again do not interrupt a provider that reads', async (t) => {
  const house = owned(46)
  house.startProvider('alice')
  house.grant('alice')
  house.until(() => house.providerGot.get('alice')!.length > 2)
  const { card } = house.providers.get('alice')!
  const talk = new Visitor(house, 'mallory').open(CONSENT_PROTOCOL, card.addresses[0]!)!
  const had = house.providerGot.get('alice')!.length
  const invite = realInvite(house, 0, [house.deviceAddress])
  const readers = house.events('device', 'subscribers').length
  for (let n = 0; n < 500; n++) {
    talk.send(encodeInvite(invite))
    house.world.runFor(20)
  }
  t.ok(house.providerGot.get('alice')!.length >= had + 9)
  t.equal(house.events('device', 'subscribers').length, readers, 'the device hears nothing of it')
})
