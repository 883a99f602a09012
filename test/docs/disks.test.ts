// From the disks alone, with readers written from the documents alone: a device is claimed, shared and
// switched off; then its card and the provider's folder give the owner log, the provider's keys, its
// grant, and with that every telegram since, byte for byte.

import t from 'tap'
import { House } from '../scenario/house.ts'
import { Cursor, ed25519Public, readJournal, readLog, readSnapshot } from './mini-files.ts'
import { type MiniReader, openData, publicOf, readFrame, readGrant, step } from './mini-reader.ts'
import { MiniTelegrams } from './mini-telegram.ts'

const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex')

function lived(): { house: House; before: number } {
  const house = new House(31)
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  house.startProvider('alice')
  house.until(() => house.homeGot.length >= 5)
  const before = house.sent.length
  house.grant('alice')
  house.until(() => house.providerGot.get('alice')!.length >= 70, 90_000)
  house.device!.stop(() => {})
  house.world.runFor(5_000)
  return { house, before }
}

t.test('what lies on the disks is what the documents say', async (t) => {
  const { house, before } = lived()
  const card = (name: string): Uint8Array => house.machine('device').disk.peek(name)!
  const folder = (name: string): Uint8Array => house.machine('alice').disk.peek(name)!

  const records = readJournal(card('device.journal'))
  const { payload: identity } = records.find((r) => r.type === 1)!
  const [seed, boxSecret, incarnation] = [identity.take(32), identity.take(32), identity.num(4)]
  const [set, certificate] = [new Cursor(identity.block()), identity.block()]
  t.match(
    JSON.parse(Buffer.from(identity.rest()).toString()),
    { v: 1, relay: { for: 'nobody' } },
    'the policy',
  )
  t.same([set.num(1), set.num(1)], [1, 1], 'one of one owner')
  const owner = set.take(32)
  t.equal(incarnation, 1)
  t.equal(certificate.length, 199)
  t.equal(hex(certificate.subarray(1, 33)), hex(ed25519Public(seed)))
  t.equal(hex(certificate.subarray(33, 65)), hex(publicOf(boxSecret)))

  const texts = records.filter((r) => r.type === 2).map((r) => Buffer.from(r.payload.rest()).toString())
  const events = readLog(certificate, [owner], texts)
  t.same(
    events.map((e) => e.type),
    ['DEVICE_ADDED', 'AUTHORIZED'],
  )
  const home = readJournal(house.machine('home').disk.peek('home.journal')!)
  const copies = home
    .filter((r) => r.type === 2)
    .map((r) => [hex(r.payload.take(32)), Buffer.from(r.payload.rest()).toString()])
  t.same(
    copies,
    texts.map((text) => [hex(ed25519Public(seed)), text]),
    'home holds the same texts',
  )
  t.ok(records.some((r) => r.type === 3 && r.payload.num(4) >= 3))

  const keys = readSnapshot(folder('provider.keys'), 'prov')
  t.same([keys.text(), keys.text()], ['alice', 'alice.example'])
  const [own, secret, channels] = [ed25519Public(keys.take(32)), keys.take(32), keys.num(2)]
  t.equal(channels, 1)
  const device = keys.take(32)
  const deviceBox = keys.take(32)
  t.equal(keys.num(1), 0, 'raw')
  const reader: MiniReader = { device, deviceBox, secret, sign: own, grantId: keys.take(16) }
  t.equal(hex(device), hex(ed25519Public(seed)))
  t.equal(keys.num(6), events[1]!['until'])
  t.match([keys.text(), keys.text()], [/^wattle-/, 'energy advice'])
  t.match(keys.text(), /:4001$/)
  t.equal(keys.text(), '', 'no mailbox')
  keys.end()
  t.equal(events[1]!['grant'], Buffer.from(reader.grantId).toString('base64url'))

  const { payload: owed } = records.find((r) => r.type === 5)!
  t.equal(hex(owed.take(32)), hex(own))
  const [cls, epoch, index] = [owed.num(1), owed.num(4), owed.num(6)]
  const grant = readGrant(owed.rest(), reader)!
  t.match(grant, { class: cls, epoch, index, until: events[1]!['until'] })

  const ring = card('frames-raw.ring')
  const telegrams = new MiniTelegrams()
  telegrams.state(grant.state)
  const got: string[] = []
  let key = grant.chainKey
  let payload: Uint8Array[] = []
  for (let at = 0; at + 256 <= ring.length; at += 256) {
    const frame = readFrame(ring.subarray(at, at + 256), device)
    if (!frame || frame.epoch !== epoch || frame.index < index) continue
    const { frameKey, next } = step(key)
    key = next
    const plain = openData(frame, frameKey)
    if (!plain) throw new Error(`frame ${frame.index} does not open`)
    payload = frame.part === 0 ? [plain] : [...payload, plain]
    if (frame.part + 1 < frame.parts) continue
    const telegram = telegrams.take(Buffer.concat(payload))
    got.push(telegram ? Buffer.from(telegram).toString('latin1') : 'unreadable')
  }
  t.ok(got.length >= 70, `${got.length} telegrams`)
  const from = house.sent.indexOf(got[0]!)
  t.ok(from >= before, 'none from before the grant')
  t.same(got, house.sent.slice(from, from + got.length), 'every telegram, byte for byte')

  const places = readSnapshot(folder('provider.places'), 'plac')
  t.equal(places.num(2), 1)
  t.same([hex(places.take(32)), places.num(1)], [hex(device), 0])
  t.equal(hex(places.take(16)), hex(reader.grantId))
  t.equal(places.num(4), epoch)
  places.take(16)
  t.ok(places.num(6) > index)
  places.take(32)
  t.equal(places.num(1), 1)
  places.take(32)
  const context = new Cursor(places.block())
  t.ok(got.includes(Buffer.from(context.block()).toString('latin1')), 'the reference')
  t.ok(got.includes(Buffer.from(context.block()).toString('latin1')), 'the last telegram')
  context.end()
  places.end()
  t.equal(readSnapshot(house.machine('home').disk.peek('owner.keys')!, 'ownr').bytes.length, 64)
})
