// A mailbox that the policy names: the device brings it frames, consents and GRANTs, and it serves readers
// that were away when device and home are both gone. It opens nothing itself, and a stranger, a reader put
// out, another device and whoever sends nonsense get nothing from it.
import t from 'tap'
import { base64url } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import {
  CHANNEL,
  CHANNEL_PROTOCOL,
  encodeDeposit,
  encodeSigned,
  encodeSubscribeAt,
  framesIn,
} from '../../../src/wire/channel.ts'
import type { House } from '../house.ts'
import { Visitor } from '../visitor.ts'
import { name, withPeer } from './peer.ts'

const got = (house: House, who: string): string[] => house.providerGot.get(who)!.map((g) => g.text)
const ASKED = { class: 0 as const, epoch: 1, index: 0, hasKey: true, grantId: new Uint8Array(16) }

function cutOff(house: House, who: string): void {
  house.world.network.partition(who, 'device')
  house.world.network.cut(who, 'device')
}

t.test('device and home gone: she reads what was sealed over a revocation and a restart', async (t) => {
  const { house } = withPeer(241)
  for (const who of ['alice', 'bob']) house.startProvider(who)
  house.grant('alice')
  const bob = house.grant('bob')
  house.until(() => got(house, 'alice').length > 2 && got(house, 'bob').length > 2)
  cutOff(house, 'alice')
  house.world.runFor(3_000)
  t.equal(house.revoke(bob), 'ok', 'a KEY_ROTATION on the way')
  house.world.runFor(3_000)
  house.machine('device').kill()
  house.startDevice()
  house.until(() => house.events('device', 'witnessed').length > 0, 60_000)
  house.world.runFor(5_000)
  const last = house.homeGot.at(-1)!.text
  house.machine('device').kill()
  house.machine('home').kill()
  house.until(() => got(house, 'alice').includes(last), 90_000)
  const mine = got(house, 'alice')
  const first = house.sent.indexOf(mine[0]!)
  const have = new Set(mine)
  const sealed = new Set(house.homeGot.map((g) => g.text))
  const missing = house.sent.slice(first).filter((text) => sealed.has(text) && !have.has(text))
  t.same(missing, [], 'every telegram that was sealed since her grant, those before the witness among them')
  t.equal(have.size, mine.length, 'once each')
  const bobs = got(house, 'bob').length
  house.world.runFor(20_000)
  t.equal(got(house, 'bob').length, bobs, 'nothing for Bob')
})

t.test('what a peer keeps survives its restart; GRANTs wait for the witness', async (t) => {
  const { house, peer } = withPeer(242)
  house.startProvider('alice')
  house.grant('alice')
  house.until(() => got(house, 'alice').length > 2)
  cutOff(house, 'alice')
  house.world.runFor(2_000)
  house.machine('home').kill()
  house.machine('device').kill()
  house.startDevice()
  house.world.runFor(20_000)
  const before = got(house, 'alice').length
  t.ok(
    house.providerGot.get('alice')!.every((g) => g.epoch <= 3),
    'no witness yet, and no key of the new epoch, though the mailbox has its frames',
  )
  house.startHome()
  house.until(() => house.events('device', 'witnessed').length > 0, 60_000)
  house.world.runFor(3_000)
  const last = house.homeGot.at(-1)!.text
  house.machine('home').kill()
  house.machine('device').kill()
  peer.kill()
  house.world.runFor(2_000)
  peer.start()
  house.until(() => got(house, 'alice').includes(last), 90_000)
  t.ok(
    got(house, 'alice').length > before + 10,
    `${got(house, 'alice').length - before} from a peer that was restarted`,
  )
})

t.test('who is served: by an entry of the device about the asker, while the consent stands', async (t) => {
  const { house, peer } = withPeer(243)
  for (const who of ['alice', 'bob']) house.startProvider(who)
  const alice = house.grant('alice')
  house.until(() => got(house, 'alice').length > 2)
  const { device } = house.owned()
  const { access } = house.providers.get('alice')!
  const grantId = device.log.readers[0]!.grantId
  const [entry] = access.showing({ device: device.key, grantId })
  t.ok(entry)
  const seed = house.signerOf('alice')
  const ask = (who: Visitor, shown: Uint8Array | null) => {
    const talk = who.open(CHANNEL_PROTOCOL, peer.address, true)!
    if (shown) talk.send(encodeSigned(CHANNEL.entry, shown))
    talk.send(encodeSubscribeAt(device.key, ASKED))
    house.world.runFor(2_000)
    return talk
  }
  const refused = (talk: { got: Uint8Array[] }): boolean =>
    talk.got.length === 1 && talk.got[0]![0] === CHANNEL.refused
  t.ok(refused(ask(new Visitor(house, 'mallory'), null)), 'a stranger')
  t.ok(refused(ask(new Visitor(house, 'thief'), entry!)), 'a stranger with her entry')
  const hers = new Visitor(house, 'hand', seed)
  t.ok(refused(ask(hers, null)), 'her key, and no entry')
  for (const at of [1, 2, 10, 90, 200, entry!.length - 1]) {
    const forged = entry!.slice()
    forged[at]! ^= 1
    t.ok(refused(ask(hers, forged)), `a bit of byte ${at} changed`)
  }
  t.ok(refused(ask(hers, entry!.subarray(0, 100))), 'cut short')
  const served = ask(hers, entry!)
  t.ok(served.got.length > 0 && served.got.some((m) => framesIn(m) > 0), 'herself')
  t.equal(house.revoke(alice), 'ok')
  house.world.runFor(2_000)
  t.equal(served.got.at(-1)![0], CHANNEL.refused, 'put out with the revocation')
  t.ok(refused(ask(hers, entry!)), 'and not let in again')
})

t.test('who may bring frames: the device alone, and only what it signed', async (t) => {
  const { house, peer } = withPeer(244)
  house.startProvider('alice')
  house.grant('alice')
  house.until(() => got(house, 'alice').length > 2)
  const { key } = house.owned().device
  const where = () => peer.mail!.mailbox.newest(key)![0]!
  house.world.runFor(2_000)
  const stranger = new Visitor(house, 'other').open(CHANNEL_PROTOCOL, peer.address)!
  stranger.send(encodeDeposit([]))
  house.world.runFor(1_000)
  t.ok(stranger.closed && stranger.got.length === 0, 'a device that it was not told of')
  // By the device's own key, from another machine: what a copied card could do.
  house.machine('device').cutPower()
  const at = where()
  const secret = house.device!
  t.ok(secret)
  const { DeviceState } = await import('../../../src/device/state.ts')
  let signer: import('../../../src/crypto/native.ts').Signer | null = null
  const { files, random } = house.machine('device').boot()
  DeviceState.open(files, random, (_e, state) => {
    signer = state!.signer
  })
  house.until(() => signer !== null)
  const thief = new Visitor(house, 'thief', signer!)
  const open = () => {
    const talk = thief.open(CHANNEL_PROTOCOL, peer.address, true)!
    talk.send(encodeDeposit([]))
    house.world.runFor(500)
    return talk
  }
  const first = open()
  t.equal(first.got.filter((m) => m[0] === CHANNEL.subscribe).length, 3, 'it is asked for three classes')
  const nonsense: [string, Uint8Array][] = [
    ['a frame that nobody signed', new Uint8Array(257).fill(3, 0, 1)],
    ['half a frame', Uint8Array.of(CHANNEL.frames, 1, 2, 3)],
    ['no frames at all', Uint8Array.of(CHANNEL.frames)],
    ['too many consents', encodeDeposit(Array.from({ length: 33 }, () => new Uint8Array(16)))],
    ['a list that is cut short', encodeDeposit([new Uint8Array(16)]).subarray(0, 9)],
    ['a GRANT that is none', encodeSigned(CHANNEL.grant, new Uint8Array(300))],
    ['a GRANT cut short', encodeSigned(CHANNEL.grant, Uint8Array.of(1, 0, 0, 0, 0, 1))],
    ['an unknown message', Uint8Array.of(99)],
  ]
  for (const [what, message] of nonsense) {
    const talk = open()
    talk.send(message)
    house.world.runFor(500)
    t.ok(talk.closed, what)
  }
  t.same(where(), at, 'and nothing of it was kept')
  t.ok(first.closed, 'a newer stream of a device takes the place of the older one')
})

t.test('GRANTs are kept up to so many bytes, and nothing of consents that are not there', async (t) => {
  const { house, peer } = withPeer(245)
  const { key } = house.owned().device
  house.machine('device').cutPower()
  const { DeviceState } = await import('../../../src/device/state.ts')
  let signer: import('../../../src/crypto/native.ts').Signer | null = null
  const { files, random } = house.machine('device').boot()
  DeviceState.open(files, random, (_e, state) => {
    signer = state!.signer
  })
  house.until(() => signer !== null)
  const talk = new Visitor(house, 'thief', signer!).open(CHANNEL_PROTOCOL, peer.address)!
  const id = new Uint8Array(16).fill(7)
  talk.send(encodeDeposit([id]))
  const grant = (epoch: number, grantId: Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(4_000)
    bytes[0] = 1
    new DataView(bytes.buffer).setUint32(2, epoch)
    bytes.set(grantId, 60)
    return bytes
  }
  for (let epoch = 1; epoch <= 200; epoch++) {
    talk.send(encodeSigned(CHANNEL.grant, grant(epoch, id)))
    talk.send(encodeSigned(CHANNEL.grant, grant(epoch, new Uint8Array(16))))
    house.world.runFor(100)
  }
  const kept = house
    .machine('peer')
    .disk.peek(`mail-${Buffer.from(key.subarray(0, 8)).toString('hex')}.grants`)!
  t.notOk(talk.closed)
  t.ok(kept.length > 100_000 && kept.length <= LIMITS.home.mailboxGrantBytes + 1_000, `${kept.length} bytes`)
  talk.send(encodeDeposit([]))
  house.world.runFor(1_000)
  const after = house
    .machine('peer')
    .disk.peek(`mail-${Buffer.from(key.subarray(0, 8)).toString('hex')}.grants`)!
  t.ok(after.length < 100, 'gone with the consent')
})

t.test('a policy that names nobody any more: nothing is brought', async (t) => {
  const { house, peer } = withPeer(246)
  const { key } = house.owned().device
  house.world.runFor(3_000)
  const newest = () => peer.mail!.mailbox.newest(key)![0]!
  const at = newest()
  t.ok(at.epoch > 0, `frames from ${base64url(key)} came`)
  name(house, [])
  const stopped = newest()
  house.world.runFor(5_000)
  t.same(newest(), stopped)
})
