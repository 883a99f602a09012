// A device gets another key. With continuity: the old key signs for the new one, the owners for both; owners
// who were away and providers follow, and who reads goes on reading. Without: the old device is out of reach
// or not to be believed, and the owners vouch for another one in its place.
import t from 'tap'
import { base64url, equal } from '../../src/base/bytes.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { Messages } from '../../src/net/messages.ts'
import { type Card, readCard } from '../../src/ownership/card.ts'
import { signEvent } from '../../src/ownership/event.ts'
import { makeSuccession } from '../../src/ownership/owners/device-key.ts'
import { adding, agreeing } from '../../src/ownership/owners/edits.ts'
import { CONSENT, CONSENT_PROTOCOL, encodeKey } from '../../src/wire/consent.ts'
import { Family } from './family.ts'

function grant(family: Family, name: string, card: Card, cls: 0 | 1 | 2 = 0): string {
  let said = ''
  const until = family.house.world.wallAtStart + 90 * 86_400_000
  family.home(name).grant(family.owned(name), card, { class: cls, until, purpose: 'advice' }, (error) => {
    said = error?.code ?? 'ok'
  })
  family.house.until(() => said !== '')
  return said
}

/** A device with the owners anna and bram, and a provider that reads it. */
function household(seed: number): { family: Family; card: Card } {
  const family = new Family(seed)
  const { house } = family
  house.startDevice()
  for (const name of ['anna', 'bram']) family.start(name)
  if (family.claim('anna') !== 'ok') throw new Error('not claimed')
  family.edit('anna', adding(family.card('bram')))
  if (family.join('bram') !== 'ok') throw new Error('not joined')
  const card = house.startProvider('solar')
  let kept = ''
  const line = house.providers.get('solar')!.provider.card([`${house.machine('solar').address}:4001`])
  family.home('anna').store.addCard(line, (error) => {
    kept = error?.message ?? 'ok'
  })
  house.until(() => kept !== '')
  if (grant(family, 'anna', card) !== 'ok') throw new Error('not granted')
  house.until(() => (house.providerGot.get('solar')?.length ?? 0) > 3)
  return { family, card }
}

const replace = (family: Family, name: string): ReturnType<Family['ask']> =>
  family.ask((done) => family.home(name).owning.replaceKey(family.owned(name), done))

/** True where 32 bytes somewhere in the file are the private key of this one. */
function hasSeed(file: Uint8Array, key: Uint8Array): boolean {
  for (let i = 0; i + 32 <= file.length; i++)
    if (equal(new Signer(new Secret(file.slice(i, i + 32))).publicKey, key)) return true
  return false
}

t.test('with continuity: everybody follows', async (t) => {
  const { family } = household(2401)
  const { house } = family
  const journal = (): Uint8Array => house.machine('device').disk.peek('device.journal')!
  const before = house.device!.key!
  t.ok(hasSeed(journal(), before))
  house.machine('bram').kill()

  t.equal(replace(family, 'anna').devices[0]?.state, 'done')
  const after = house.device!.key!
  t.notOk(equal(before, after))
  t.ok(hasSeed(journal(), after))
  t.notOk(hasSeed(journal(), before), 'the old key is off the card')
  t.same(family.home('anna').store.devices[0]?.log.keys.map(base64url), [before, after].map(base64url))

  const [annas, solars] = [family.got.get('anna') ?? 0, house.providerGot.get('solar')!.length]
  house.until(() => (family.got.get('anna') ?? 0) > annas + 5, 60_000)
  house.until(() => house.providerGot.get('solar')!.length > solars + 5, 60_000)
  t.equal(house.events('solar', 'gap').length, 0)
  const { access } = house.providers.get('solar')!
  t.equal(access.of(before), null)
  const steps = access.of(after)!.book.entries.length
  t.ok(steps > 0, 'what the provider can show, it can show of the same device')
  t.same(house.events('anna', 'reject'), [])

  // Everything that the provider got is what the meter sent, and none of it came twice.
  const texts = house.providerGot.get('solar')!.map((got) => got.text)
  t.equal(new Set(texts).size, texts.length)
  t.ok(texts.every((text) => house.sent.includes(text)))

  // Bram was away: what answers at the address proves by the log that it is the same device.
  family.got.delete('bram')
  family.start('bram')
  house.until(() => (family.got.get('bram') ?? 0) > 3, 120_000)
  t.ok(equal(family.owned('bram').key, after))

  // A power cut, and all of it holds.
  house.machine('device').kill()
  house.startDevice()
  t.ok(equal(house.device!.key!, after))
  const had = house.providerGot.get('solar')!.length
  house.until(() => house.providerGot.get('solar')!.length > had + 3, 120_000)

  // And once more, by the other owner.
  house.until(() => family.owned('bram').ready, 60_000)
  t.equal(replace(family, 'bram').devices[0]?.state, 'done')
  const third = house.device!.key!
  const now = house.providerGot.get('solar')!.length
  house.until(() => house.providerGot.get('solar')!.length > now + 3, 120_000)
  t.equal(family.home('anna').store.devices[0]?.log.keys.length, 3)
  house.until(() => family.home('anna').owned.some((o) => o.ready && equal(o.key, third)), 60_000)
})

t.test('a provider that was away while the key changed', async (t) => {
  const { family } = household(2402)
  const { house } = family
  house.machine('solar').kill()
  house.world.runFor(2_000)
  t.equal(replace(family, 'anna').devices[0]?.state, 'done')
  house.world.runFor(10_000)
  const had = house.providerGot.get('solar')!.length
  house.startProvider('solar')
  house.until(() => house.providerGot.get('solar')!.length > had + 15, 120_000)
  t.equal(house.events('solar', 'gap').length, 0)
  // It is let in from the first frame under the new key: those it was away for are among them.
  const texts = house.providerGot.get('solar')!.map((got) => got.text)
  t.equal(new Set(texts).size, texts.length)
})

t.test('two of two have to agree', async (t) => {
  const { family } = household(2403)
  const { house } = family
  t.equal(family.edit('anna', agreeing(2)).devices[0]?.state, 'done')
  house.world.runFor(1_000)
  const before = house.device!.key!
  const said = replace(family, 'anna')
  t.equal(said.devices[0]?.state, 'needs-signatures')
  t.ok(equal(house.device!.key!, before))
  t.match(family.home('bram').owning.describe(said.change!)[0]?.does, ['the device goes by another key'])
  t.equal(family.sign('bram', said.change!).devices[0]?.state, 'done')
  t.notOk(equal(house.device!.key!, before))
})

t.test('without continuity: the owners vouch for a device that was claimed anew', async (t) => {
  const { family } = household(2404)
  const { house } = family
  const before = house.device!.key!
  const old = { anna: family.owned('anna'), bram: family.owned('bram') }
  // Reset by hand, as after a theft of its card: what it was is gone, and nobody can sign for it.
  family.hold(10_200)
  house.machine('device').button.press()
  house.until(() => house.device!.key === null)
  house.world.runFor(2_000)
  house.machine('device').button.press()
  house.world.runFor(500)
  let claimed = ''
  const o = { code: house.code, address: house.deviceAddress, waitMs: 0 }
  family.home('anna').claim(o, (error) => {
    claimed = error?.code ?? 'ok'
  })
  house.until(() => claimed !== '')
  t.equal(claimed, 'ok')
  const fresh = family.home('anna').owned.find((x) => x !== old.anna)!
  house.until(() => fresh.ready && fresh.device.log.owners.length === 2, 60_000)
  t.same(fresh.device.log.readers, [], 'a consent for the old device is none for this one')

  const said = family.ask((done) => family.home('anna').owning.revokeKey(old.anna, fresh, done))
  t.equal(said.devices[0]?.state, 'done')
  t.match(said.devices[0]?.does, [/follows it$/])
  t.ok(old.anna.device.log.revoked)
  house.until(() => fresh.device.log.readers.length === 1, 60_000)
  const had = house.providerGot.get('solar')!.length
  house.until(() => house.providerGot.get('solar')!.length > had + 3, 60_000)
  t.equal(house.events('anna', 'told').length, 1, 'the provider knows that the old key is none any more')
  t.equal(house.providers.get('solar')!.provider.channels, 1)
  t.notOk(equal(house.device!.key!, before))

  t.equal(
    family.sign('bram', said.change!).devices[0]?.state,
    'done',
    'the other owner takes it into its copy',
  )
  t.ok(old.bram.device.log.revoked)
  house.world.runFor(1_000)
  t.notOk(family.home('bram').owned.includes(old.bram))
})

t.test('a provider believes neither a stranger nor another device', async (t) => {
  const { family } = household(2405)
  const { house } = family
  const { provider } = house.providers.get('solar')!
  const thief = family.start('thief')
  const { device } = family.owned('anna')
  const say = (jws: string): string => {
    let heard = ''
    const address = `${house.machine('solar').address}:4001`
    thief.host.dial(address, readCard(provider.card([]))!.sign, (_error, connection) =>
      connection!.open(CONSENT_PROTOCOL, (_failure, stream) => {
        const messages = new Messages(stream!, 'u32', {
          onMessage: (message) => {
            heard = message[0] === CONSENT.inviteDone ? 'taken' : 'other'
          },
          onDrain: () => {},
          onEnd: () => {},
          onClose: () => {
            heard ||= 'reset'
          },
        })
        messages.send(encodeKey(jws))
      }),
    )
    house.until(() => heard !== '')
    return heard
  }
  const signer = new Signer(Secret.fresh((into) => house.world.chance.fill(into)))
  const by = [{ kid: base64url(signer.publicKey), signer }]
  const place = { device: device.log.device, seq: device.log.seq + 1, prev: device.log.head, at: 0 }
  t.equal(say(signEvent({ ...place, body: { type: 'DEVICE_KEY_REVOKED', successor: null } }, by)), 'reset')
  t.equal(provider.channels, 1)
  // The stranger's own key after the device's, with the stranger's word in place of the device's.
  const keys = { old: signer, next: signer, box: device.box }
  const o = { prev: device.log.head, set: device.log.set }
  const forged = makeSuccession(keys, o, { incarnation: 1, discriminator: 1 })
  t.equal(
    say(signEvent({ ...place, body: { type: 'DEVICE_KEY_REPLACED', succession: forged } }, by)),
    'reset',
  )
  t.equal(say('nothing'), 'reset')
  const had = house.providerGot.get('solar')!.length
  house.world.runFor(5_000)
  t.ok(house.providerGot.get('solar')!.length >= had + 4, 'it reads on, undisturbed')
})

t.test('a card from before: noticed, and said', async (t) => {
  const { family } = household(2406)
  const { house } = family
  const { disk } = house.machine('device')
  house.world.runFor(70_000)
  const old = new Map(disk.names().map((name) => [name, disk.peek(name)!]))
  t.equal(replace(family, 'anna').devices[0]?.state, 'done')
  house.world.runFor(5_000)
  house.machine('device').kill()
  for (const name of disk.names()) disk.inodes.delete(name)
  for (const [name, bytes] of old) disk.poke(name, bytes)
  house.startDevice()
  const had = family.got.get('anna') ?? 0
  house.until(() => house.events('anna', 'older-card').length > 0, 120_000)
  t.equal(family.got.get('anna') ?? 0, had, 'nothing under the old key is believed')
  t.equal(house.events('anna', 'died').length, 0)
})

t.test('an invitation from before leads to the same device, and to no other', async (t) => {
  const { family } = household(2407)
  const { house } = family
  const invited = house.device!.key!
  t.equal(family.edit('anna', adding(family.card('bram'))).code, 'already-owner')
  family.start('cleo')
  t.equal(family.edit('anna', adding(family.card('cleo'))).devices[0]?.state, 'done')
  t.equal(replace(family, 'anna').devices[0]?.state, 'done')
  house.world.runFor(5_000)
  const join = (key: Uint8Array): string => {
    let said = ''
    family.home('cleo').joining.join({ address: house.deviceAddress, key }, (error) => {
      said = error?.code ?? 'ok'
    })
    house.until(() => said !== '', 60_000)
    return said
  }
  t.equal(join(new Signer(new Secret(new Uint8Array(32).fill(3))).publicKey), 'other-device')
  t.equal(join(invited), 'ok')
  t.ok(equal(family.owned('cleo').key, house.device!.key!))
})
