// Proof (docs/proof.md): owner, device and provider hold the same signed entries; what could be read is
// computed from the keys that were handed out, and is what a reader with all the traffic can open. A
// provider sees its own entries only.
import t, { type Test } from 'tap'
import { base64url, unbase64url } from '../../src/base/bytes.ts'
import { openEntry } from '../../src/channel/access.ts'
import { sha256, Verifier } from '../../src/crypto/native.ts'
import { logOf } from '../../src/home/proof/log.ts'
import { consentsOf, exportOf } from '../../src/home/proof/proof.ts'
import { eventHash } from '../../src/ownership/event.ts'
import { ownConsents } from '../../src/provider/proof.ts'
import { ENTRY } from '../../src/wire/access.ts'
import { readJournal } from '../docs/mini-files.ts'
import { House } from './house.ts'

function owned(seed: number): House {
  const house = new House(seed)
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  house.until(() => house.owned().ready && house.owned().device.log.added)
  return house
}

function report(house: House) {
  const { device } = house.owned()
  return consentsOf(device, house.home!.access(device)!)
}

/** What a provider got lies inside what the owner's sum says that it could read, and the other way round. */
function compare(t: Test, house: House, name: string, ids: readonly string[]): void {
  const spans = report(house)
    .filter((c) => ids.includes(c.id))
    .flatMap((c) => c.read)
  const inside = (p: { epoch: number; index: number }): boolean =>
    spans.some(({ from, to }) => {
      const after = p.epoch > from.epoch || (p.epoch === from.epoch && p.index >= from.index)
      return after && (!to || p.epoch < to.epoch || (p.epoch === to.epoch && p.index < to.index))
    })
  const got = house.providerGot.get(name)!
  t.ok(got.length > 3, `${name} got ${got.length}`)
  t.same(got.filter((g) => !inside(g)).length, 0, `${name} read nothing that the sum does not have`)
  const have = new Set(got.map((g) => g.text))
  const missed = house.homeGot.filter((g) => inside(g) && !have.has(g.text))
  t.ok(missed.length <= 1, `${name} missed ${missed.length} of what the sum has`)
  t.same(
    spans.filter((s) => s.differs),
    [],
  )
}

t.test('grant, pause, restart, revoke: the sum is what was read; all three hold the same', async (t) => {
  const house = owned(211)
  for (const name of ['alice', 'bob']) house.startProvider(name)
  const alice = house.grant('alice')
  const bob = house.grant('bob')
  house.world.runFor(8_000)
  const done = (act: (done: () => void) => void): void => {
    let over = false
    act(() => {
      over = true
    })
    house.until(() => over)
  }
  done((f) => house.home!.pause(house.owned(), unbase64url(alice), f))
  house.world.runFor(5_000)
  done((f) => house.home!.resume(house.owned(), unbase64url(alice), f))
  house.world.runFor(6_000)
  const resumed = house.providers.get('alice')!.access.of(house.owned().device.key)!.book
  t.equal(resumed.of(unbase64url(alice)!, ENTRY.given)!.text.at, resumed.entries.at(-1)!.text.at)
  t.equal(resumed.entries.length, 4, 'she hears of the resumption at once')
  house.machine('device').kill()
  house.startDevice()
  house.world.runFor(40_000)
  house.until(() => house.owned().ready)
  t.equal(house.revoke(bob), 'ok')
  house.world.runFor(6_000)
  done((f) => house.owned().refresh(f))
  compare(t, house, 'alice', [alice])
  compare(t, house, 'bob', [bob])
  const [a, b] = report(house)
  t.match(a, { provider: 'alice', state: 'open', why: null, class: 'raw' })
  t.equal(
    a!.read.length,
    3,
    'before the pause, after it, and after the start, whose KEY_ROTATION had no box for her',
  )
  t.match(b, { provider: 'bob', state: 'ended', why: 'revoked' })
  t.ok(a!.delivered && a!.delivered.at > 0, 'and what was last sent')

  const { device } = house.owned()
  const events = new Map(device.events.map((jws) => [base64url(eventHash(jws)), jws]))
  t.match(events.get(a!.read[0]!.to!.event!), /payload/, 'the pause is an event of the owner')
  t.equal(a!.read[1]!.to!.epoch, a!.read[2]!.from.epoch)
  const types = [a!.read[0]!.from, a!.read[0]!.to!, a!.read[1]!.from, b!.read.at(-1)!.to!].map((place) => {
    const payload = JSON.parse(events.get(place.event!)!) as { payload: string }
    return (JSON.parse(Buffer.from(payload.payload, 'base64url').toString()) as { type: string }).type
  })
  t.same(types, ['AUTHORIZED', 'PAUSED', 'RESUMED', 'AUTHORIZATION_REVOKED'])

  const log = logOf(device)
  t.same(
    log.map((e) => e.type),
    ['DEVICE_ADDED', 'AUTHORIZED', 'AUTHORIZED', 'PAUSED', 'RESUMED', 'AUTHORIZATION_REVOKED'],
  )
  t.same(
    log.map((e) => e.seq),
    [1, 2, 3, 4, 5, 6],
  )
  t.match(log[1]!.words, /^alice .*may read raw until \d{4}-\d\d-\d\d/)
  t.equal(log[3]!.words, 'alice has to wait')
  t.equal(log[5]!.words, 'bob may no longer read', 'it names whom the event only names by the consent')
  t.same(
    log.map((e) => e.hash),
    [...events.keys()],
  )
  t.ok(log.every((e) => e.signers.length === 1))

  // The same bytes in three places, and nobody else's at a provider.
  const mine = house.home!.access(device)!.book.entries
  for (const [name, id, n] of [
    ['alice', alice, 4],
    ['bob', bob, 3],
  ] as const) {
    const { provider, access } = house.providers.get(name)!
    const held = access.of(device.key)!
    const ours = mine
      .filter((e) => e.text.kind !== ENTRY.keys && base64url(e.text.grantId) === id)
      .map((e) => base64url(e.bytes))
    t.equal(ours.length, n)
    t.same(
      held.book.entries.map((e) => base64url(e.bytes)),
      ours,
      `${name} holds her own entries, byte for byte, and no other`,
    )
    t.ok(provider)
  }
  const channels = [{ device: device.key, deviceBox: device.box, class: 0 as const }]
  const bobs = ownConsents(
    channels.map((c) => ({
      ...c,
      grantId: unbase64url(bob)!,
      until: 0,
      name: 'd',
      purpose: '',
      addresses: [],
      mailboxes: [],
    })),
    house.providers.get('bob')!.access,
  )
  t.match(bobs, [{ id: bob, state: 'ended', why: 'revoked' }])
  t.same(bobs[0]!.read[0]!.to!.epoch, b!.read.at(-1)!.to!.epoch, 'and comes to the same sum')
  t.ok(bobs[0]!.event, 'with the owner’s signed event')
})

t.test('the export can be checked by anybody', async (t) => {
  const house = owned(212)
  house.startProvider('alice')
  const id = house.grant('alice')
  house.until(() => house.providerGot.get('alice')!.length > 3)
  t.equal(house.revoke(id), 'ok')
  const { device } = house.owned()
  const out = JSON.parse(JSON.stringify(exportOf(device, house.home!.access(device)!))) as {
    entries: { number: number; entry: string }[]
    events: string[]
    branches: number
  }
  const verifier = Verifier.of(device.key)!
  let head = Buffer.alloc(32)
  for (const [i, { number, entry }] of out.entries.entries()) {
    const bytes = unbase64url(entry)!
    const text = openEntry(bytes, verifier)
    t.ok(text, `entry ${number} is the device's`)
    t.equal(number, i + 1)
    t.same(Buffer.from(text!.previous), head, 'and follows the one before')
    head = Buffer.from(sha256(bytes))
  }
  t.equal(out.branches, 0)
  const bad = unbase64url(out.entries[1]!.entry)!
  bad[90]! ^= 1
  t.equal(openEntry(bad, verifier), null)
})

t.test(
  'what the card holds, what home exports and what the provider prints are the same entries',
  async (t) => {
    const house = owned(214)
    for (const name of ['alice', 'bob']) house.startProvider(name)
    const ids = { alice: house.grant('alice'), bob: house.grant('bob') }
    house.until(() => ['alice', 'bob'].every((name) => house.providerGot.get(name)!.length > 3))
    t.equal(house.revoke(ids.alice), 'ok')
    house.world.runFor(3_000)
    // The device's own: from its card, by a reader written from the documents.
    const disk = house.machine('device').disk
    const card = readJournal(disk.peek('device.journal')!)
      .filter(({ type }) => type === 8)
      .map(({ payload }) => ({ number: payload.num(4), entry: payload.rest() }))
      .map(({ number, entry }) => ({ number, entry: base64url(entry) }))
    const { device } = house.owned()
    const out = JSON.parse(JSON.stringify(exportOf(device, house.home!.access(device)!))) as {
      entries: { number: number; entry: string }[]
      events: string[]
    }
    t.ok(card.length >= 6, `${card.length} entries`)
    t.same(out.entries, card, 'owner and device')
    for (const name of ['alice', 'bob'] as const) {
      const { access } = house.providers.get(name)!
      const channel = {
        ...{ device: device.key, deviceBox: device.box, class: 0 as const, grantId: unbase64url(ids[name])! },
        ...{ until: 0, name: '', purpose: '', addresses: [], mailboxes: [] },
      }
      const [printed, ...more] = ownConsents([channel], access)
      t.same(more, [], `${name} prints one consent, its own`)
      const own = card.filter(({ entry }) => {
        const bytes = unbase64url(entry)!
        return bytes[1] !== ENTRY.keys && base64url(bytes.subarray(68, 84)) === ids[name]
      })
      t.equal(own.length, name === 'alice' ? 3 : 2)
      t.same(
        printed!.entries,
        own.map(({ entry }) => entry),
        `${name} and device`,
      )
      t.ok(out.events.includes(printed!.event!), 'and the owner’s event, signed, is the same text')
    }
  },
)

t.test('a device with an old card: its entries show that it was rolled back', async (t) => {
  const house = owned(213)
  house.startProvider('alice')
  const { disk } = house.machine('device')
  const old = new Map(disk.names().map((name) => [name, disk.peek(name)!.slice()]))
  const id = house.grant('alice')
  house.until(() => house.providerGot.get('alice')!.length > 3)
  house.machine('device').kill()
  for (const [name, bytes] of old) disk.poke(name, bytes)
  house.startDevice()
  house.world.runFor(40_000)
  house.until(() => house.owned().ready, 60_000)
  const access = house.home!.access(house.owned().device)!
  t.ok(access.branches > 0, `${access.branches} branches`)
  t.ok(house.events('home', 'reject').some((e) => String(e['what']).startsWith('entries-')))
  t.ok(consentsOf(house.owned().device, access).some((c) => c.id === id && c.state === 'open'))
})
