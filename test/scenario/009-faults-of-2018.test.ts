// The project of 2018 that Wattle's scenarios come from listed its own faults. Each is a test here, under
// its name: what went wrong there must not go wrong here.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { base64url, hex } from '../../src/base/bytes.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { readCard } from '../../src/ownership/card.ts'
import { type EventBody, signEvent } from '../../src/ownership/event.ts'
import { parseCode } from '../../src/ownership/label.ts'
import { CHANNEL_PROTOCOL, ENDING, encodeSubscribe } from '../../src/wire/channel.ts'
import {
  CONSENT,
  CONSENT_PROTOCOL,
  decodeEventRefused,
  encodeEvent,
  encodeGetLog,
} from '../../src/wire/consent.ts'
import { House } from './house.ts'
import { nextEvent, ownerOf, type Talk, Visitor } from './visitor.ts'

function claimed(seed: number, ...providers: string[]): House {
  const house = new House(seed)
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  for (const name of providers) house.startProvider(name)
  house.until(() => house.owned().ready && house.owned().device.log.added && house.homeGot.length >= 2)
  return house
}

const got = (house: House, name: string): number => house.providerGot.get(name)!.length
const reads = (house: House): boolean => house.sent.slice(-3).includes(house.homeGot.at(-1)!.text)

/** Somebody on the network who takes part as this provider, with a stream of raw. */
function listening(house: House, name: string): { visitor: Visitor; talk: Talk } {
  const visitor = new Visitor(house, name)
  const box = new Uint8Array(32)
  house.world.chance.fill(box)
  box[31]! &= 0x7f
  const card = { name, domain: '', sign: visitor.signer.publicKey, box, addresses: [] }
  house.providers.set(name, { provider: null as never, card, access: null as never })
  const id = house.grant(name)
  if (id.startsWith('!')) throw new Error(id)
  const talk = visitor.open(CHANNEL_PROTOCOL, undefined, true)!
  talk.send(encodeSubscribe({ class: 0, epoch: 0, index: 0, hasKey: false, grantId: new Uint8Array(16) }))
  return { visitor, talk }
}

t.test('1: "only the happy flow works, there is no error handling"', async (t) => {
  const house = new House(901)
  house.startDevice()
  house.startHome()
  t.not(house.tryClaim(), 'ok', 'without the button')
  t.not(house.claim('1000-0000-000E'), 'ok', 'with a wrong code')
  t.equal(house.claim(), 'ok', 'and then it works')
  house.startProvider('alice')
  house.until(() => house.owned().ready && house.owned().device.log.added)
  const forgotten = base64url(new Uint8Array(16))
  t.match(house.revoke(forgotten), /unknown-grant/, 'a consent that never was')
  house.machine('device').kill()
  house.world.runFor(1_000)
  t.equal(house.grant('alice'), '!device-offline', 'the device is away: said at once')
  house.startDevice()
  house.until(() => house.owned().ready, 40_000)
  t.notOk(house.grant('alice').startsWith('!'), 'and is done when it is back')
  house.machine('device').disk.failWith = 'ENOSPC'
  t.match(house.grant('alice'), /^!/, 'a full card: refused, not half done')
  house.machine('device').disk.failWith = null
})

t.test('2: "every provider sees all consent events of the owner, also after revocation"', async (t) => {
  const house = claimed(902, 'bob')
  const { visitor, talk } = listening(house, 'alice')
  house.world.runFor(5_000)
  const bob = house.grant('bob', 'a purpose that is nobody else’s business')
  house.world.runFor(5_000)
  t.equal(house.revoke(bob), 'ok')
  house.world.runFor(5_000)
  const all = talk.got.map(hex).join('|')
  const { card } = house.providers.get('bob')!
  for (const secret of [card.sign, card.box, Buffer.from(bob, 'base64url'), Buffer.from('nobody else')])
    t.notOk(all.includes(hex(secret)), 'nothing of another consent on the channel')
  t.ok(talk.got.length > 10, 'though it heard the whole time')
  const consent = visitor.open(CONSENT_PROTOCOL)
  consent?.send(encodeGetLog(0))
  house.world.runFor(2_000)
  const told = (consent?.got ?? []).map(hex).join('|')
  t.notOk(told.includes(hex(card.sign)) || told.includes(Buffer.from(base64url(card.sign)).toString('hex')))
  t.notOk(told.includes(Buffer.from(bob).toString('hex')), 'nor in what the device answers to it')
})

t.test('3: "a device obeys events that are meant for another device"', async (t) => {
  const house = claimed(903, 'alice')
  const owner = ownerOf(house)
  const { log } = house.owned().device
  const other = new Signer(new Secret(new Uint8Array(32).fill(3))).publicKey
  const grantId = new Uint8Array(16).fill(1)
  const { card } = house.providers.get('alice')!
  const [since, until] = [1, house.world.wallAtStart * 2]
  const reader = { ...card, grantId, class: 0 as const, purpose: '', since, until }
  const bodies: EventBody[] = [
    { type: 'DEVICE_ADDED', name: 'x' },
    { type: 'AUTHORIZED', reader },
    { type: 'AUTHORIZATION_REVOKED', grantId },
    { type: 'DEVICE_DELETED' },
  ]
  const phone = new Visitor(house, 'phone', owner)
  const talk = phone.open(CONSENT_PROTOCOL)!
  for (const body of bodies) {
    const event = { device: other, seq: log.seq + 1, prev: log.head, at: 1, body }
    const before = talk.got.length
    talk.send(encodeEvent(signEvent(event, [{ kid: base64url(owner.publicKey), signer: owner }])))
    house.until(() => talk.got.slice(before).some((m) => m[0] === CONSENT.refused))
    const answer = talk.got.slice(before).find((m) => m[0] === CONSENT.refused)!
    t.equal(decodeEventRefused(answer)?.reason, 'other-device', body.type)
  }
  house.world.runFor(3_000)
  t.same([house.owned().device.log.readers.length, reads(house)], [0, true])
  const own = nextEvent(house, { type: 'AUTHORIZED', reader })
  talk.send(encodeEvent(own))
  house.until(() => talk.got.some((m) => m[0] === CONSENT.done), 5_000)
  t.pass('one that is meant for it is obeyed')
})

t.test('4: "after DELETE and ADD the device keeps serving the providers of before"', async (t) => {
  const house = claimed(904, 'alice')
  house.grant('alice')
  house.until(() => got(house, 'alice') > 3)
  const before = house.owned().device.key
  let deleted = ''
  house.home!.delete(house.owned(), (error) => {
    deleted = error?.code ?? 'ok'
  })
  house.until(() => deleted !== '')
  t.equal(deleted, 'ok')
  house.world.runFor(5_000)
  const had = got(house, 'alice')
  t.equal(house.claim(), 'ok', 'added again')
  const now = house.home!.owned.at(-1)!.device
  t.notSame(now.key, before, 'under another identity')
  house.world.runFor(30_000)
  t.equal(got(house, 'alice'), had, 'not one telegram more')
  t.same(now.log.readers, [])
  t.ok(reads(house), 'while the owner reads')
})

t.test('5: "a seed can be used for one run only"', async (t) => {
  const house = claimed(905, 'alice')
  house.grant('alice')
  house.until(() => got(house, 'alice') > 3)
  const { key } = house.owned().device
  for (let i = 0; i < 3; i++) {
    for (const name of ['device', 'home', 'alice']) house.machine(name).kill()
    house.world.runFor(1_000)
    house.startDevice()
    house.startHome()
    house.startProvider('alice')
    t.same(house.device!.key, key, 'the same device')
    house.world.runFor(20_000)
    t.ok(reads(house), `run ${i + 2}: the owner reads on`)
    t.ok(house.sent.slice(-3).includes(house.providerGot.get('alice')!.at(-1)!.text), 'so does the provider')
  }
  t.same(
    [...house.events('home', 'gap'), ...house.events('alice', 'gap')],
    [],
    'and nothing that was sealed is missing',
  )
})

t.test('6: "My Home holds the session: a bottleneck and a third party to be trusted"', async (t) => {
  const house = claimed(906, 'alice')
  house.grant('alice')
  house.until(() => got(house, 'alice') > 3)
  house.machine('home').kill()
  const had = got(house, 'alice')
  house.world.runFor(120_000)
  t.ok(got(house, 'alice') >= had + 115, 'without home a provider reads on, straight from the device')
  const keys = [...house.machine('home').disk.names()].map((name) =>
    hex(house.machine('home').disk.peek(name)!),
  )
  const provider = house.machine('alice').disk.peek('provider.keys')!
  t.notOk(
    keys.some((file) => file.includes(hex(provider.slice(-64)))),
    'home holds nothing of a provider’s',
  )
})

t.test('7: "denial of service on public addresses; timestamps cannot be trusted"', async (t) => {
  const house = claimed(907, 'alice')
  const wall = house.world.wallAtStart + house.world.now()
  house.grant('alice', 'energy advice', Math.floor(wall) + 40_000)
  house.until(() => got(house, 'alice') > 3)
  const strangers = Array.from({ length: 24 }, (_, i) => new Visitor(house, `stranger${i}`))
  for (const stranger of strangers) {
    const talk = stranger.open(CHANNEL_PROTOCOL)
    talk?.send(encodeSubscribe({ class: 0, epoch: 0, index: 0, hasKey: false, grantId: new Uint8Array(16) }))
    talk?.send(new Uint8Array(900).fill(1))
  }
  for (const name of ['device', 'home', 'alice']) house.machine(name).wallOffset = 20 * 365 * 86_400_000
  house.world.runFor(10_000)
  t.ok(
    reads(house) && got(house, 'alice') > 10,
    'a crowd, and three clocks that run twenty years ahead, end nothing',
  )
  for (const name of ['device', 'home', 'alice']) house.machine(name).wallOffset = -20 * 365 * 86_400_000
  house.world.runFor(40_000)
  const had = got(house, 'alice')
  house.world.runFor(10_000)
  t.equal(got(house, 'alice'), had, 'and clocks that run behind keep nothing open: the meter’s time ends it')
  t.ok(reads(house))
})

t.test('8: "keys from Math.random, a short word as the secret, consent out of a link"', async (t) => {
  const sources = (readdirSync('src', { recursive: true }) as string[]).filter((f) => f.endsWith('.ts'))
  const random = sources.filter(
    (f) => !f.startsWith('page/web/') && /Math\.random\(/.test(readFileSync(join('src', f), 'utf8')),
  )
  t.same(random, [], 'no key comes from Math.random')
  t.equal(parseCode('PEAR'), null, 'a short word is no code')
  const codes = new Set<string>()
  for (let seed = 0; seed < 30; seed++) codes.add(new House(seed).code)
  t.ok(codes.size === 30 && [...codes].every((code) => code.replaceAll('-', '').length >= 11), '55 bits each')
  // A link or a form may carry a card; nothing is believed in it that its own key has not signed.
  const house = claimed(908, 'alice')
  const line = house.providers.get('alice')!.provider.card([`${house.machine('alice').address}:4001`])
  t.ok(readCard(line))
  const [head, body, signature] = line.split('.') as [string, string, string]
  const json = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>
  for (const change of [
    { name: 'Your grid operator' },
    { box: base64url(new Uint8Array(32).fill(9)) },
    { addresses: [] },
  ]) {
    const other = Buffer.from(JSON.stringify({ ...json, ...change })).toString('base64url')
    t.equal(readCard(`${head}.${other}.${signature}`), null, `${Object.keys(change)[0]} exchanged`)
  }
  const stranger = new Visitor(house, 'stranger')
  const talk = stranger.open(CHANNEL_PROTOCOL, undefined, true)!
  talk.send(encodeSubscribe({ class: 0, epoch: 0, index: 0, hasKey: false, grantId: new Uint8Array(16) }))
  house.until(() => talk.got.length > 0)
  t.same([...talk.got[0]!], [7, ENDING.notReader], 'whom no owner has signed for gets nothing')
})
