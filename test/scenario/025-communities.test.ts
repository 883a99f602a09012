// Communities: a device knows the card's peers from its first minute and its owner's after the claim; both
// bring device and owner together, both are shown to the owner and can be removed; a newer version comes
// from a peer of the list itself; a new owner inherits neither the old owner's lists nor its removals.
import t from 'tap'
import { base64url, utf8 } from '../../src/base/bytes.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import type { HeldList } from '../../src/home/network/communities.ts'
import { Host } from '../../src/net/host.ts'
import { Loop } from '../../src/node/loop.ts'
import { serveLists } from '../../src/node/peers/community/exchange.ts'
import { discoverySettings } from '../../src/node/peers/config.ts'
import { type ListedPeer, signList } from '../../src/node/peers/list.ts'
import { serveRendezvous } from '../../src/node/peers/service.ts'
import {
  COMMUNITIES,
  encodeBareCommunities,
  encodePutList,
  encodeRemoveList,
} from '../../src/wire/net/communities.ts'
import { House } from './house.ts'

/** A bootstrap peer; what it registers is counted. */
class Peer {
  readonly host: Host
  readonly listed: ListedPeer
  readonly rendezvous: { size: number }

  constructor(house: House, name: string) {
    const { hardware, address } = house.machine(name)
    const { sockets, random, clock } = hardware
    const loop = new Loop(clock)
    const signer = new Signer(Secret.fresh(random))
    this.host = new Host({ sockets, timers: loop, random, signer, agent: name })
    this.rendezvous = serveRendezvous({ host: this.host, loop, wall: () => clock.wall() }).rendezvous
    this.host.listen(`${address}:4010`, () => {})
    this.listed = { key: signer.publicKey, addresses: [`${address}:4010`] }
  }
}

const oem = new Signer(new Secret(new Uint8Array(32).fill(9)))

function oemList(seq: number, peers: readonly ListedPeer[]): string {
  const by = [{ kid: base64url(oem.publicKey), signer: oem }]
  return signList({ name: 'oem', seq, m: 1, signers: [oem.publicKey], peers }, by)
}

function ask(house: House, message: Uint8Array): { error: string | null; lists: HeldList[] } {
  let out: { error: string | null; lists: HeldList[] } | null = null
  house.home!.communities.ask(house.owned().device.key, message, (error, lists) => {
    out = { error: error?.code ?? null, lists }
  })
  house.until(() => out !== null)
  return out!
}

const shown = (house: House): string[] =>
  ask(house, encodeBareCommunities(COMMUNITIES.show)).lists.map(
    ({ list, origin }) => `${list.name} ${list.seq} ${origin}`,
  )

function begin(seed: number): { house: House; card: Peer; own: Peer } {
  const house = new House(seed)
  house.discovery = () => discoverySettings(() => undefined, 'off')
  const card = new Peer(house, 'card-peer')
  const own = new Peer(house, 'own-peer')
  house.communities = [oemList(1, [card.listed])]
  house.startDevice()
  house.startHome()
  return { house, card, own }
}

t.test('the card first, the owner later; shown, renewed, removed', async (t) => {
  const { house, card, own } = begin(250)
  house.world.runFor(20_000)
  t.equal(card.rendezvous.size, 0, 'nobody\u2019s device registers nowhere')
  t.equal(house.claim(), 'ok')
  house.until(() => house.owned().ready)
  house.until(() => card.rendezvous.size === 1)
  t.same(shown(house), ['oem 1 0'])

  const list = house.home!.communities.sign('family', [own.listed])
  house.home!.communities.setOwn(list, () => {})
  house.world.runFor(100)
  house.until(() => own.rendezvous.size === 1)
  t.match(shown(house), ['oem 1 0', /^family \d+ 1$/])

  serveLists(card.host, [oemList(2, [card.listed])])
  house.machine('device').kill()
  house.startDevice()
  house.until(() => house.owned().ready)
  t.match(shown(house), ['oem 1 0', /^family \d+ 1$/], 'kept over a restart')
  house.until(() => house.events('device', 'community').some((l) => l['renewed'] === 'oem'), 90_000)
  t.match(shown(house), ['oem 2 0', /^family \d+ 1$/])

  t.equal(ask(house, encodeRemoveList('oem')).error, null)
  t.equal(ask(house, encodeRemoveList('oem')).error, 'unknown')
  t.match(shown(house), [/^family/])
  house.machine('device').kill()
  house.startDevice()
  house.until(() => house.owned().ready)
  house.world.runFor(60_000)
  t.match(shown(house), [/^family/], 'the card does not bring it back')
  t.equal(ask(house, encodePutList('nonsense')).error, 'malformed')
})

t.test('a device that was claimed later gets the owner\u2019s list; strangers get nothing', async (t) => {
  const { house, own } = begin(251)
  house.home!.communities.setOwn(house.home!.communities.sign('family', [own.listed]), () => {})
  house.world.runFor(500)
  t.equal(house.claim(), 'ok')
  house.until(() => house.events('home', 'community').length > 0)
  t.match(shown(house), ['oem 1 0', /^family \d+ 1$/])
  house.startProvider('alice')
  const stranger = house.providers.get('alice')!.provider.host
  let over = false
  stranger.dial(house.deviceAddress, null, (_, connection) =>
    connection!.open('/wattle/communities/1.0.0', (error, stream) => {
      if (!stream) over = error !== null
      else
        stream.events = {
          onData() {},
          onDrain() {},
          onEnd() {},
          onClose: () => {
            over = true
          },
        }
      stream?.write(utf8('\u0000\u0000\u0000\u0001\u0004'))
    }),
  )
  house.until(() => over)
  t.ok(over, 'a stranger is turned away')

  let deleted = false
  house.home!.delete(house.owned(), () => {
    deleted = true
  })
  house.until(() => deleted)
  house.world.runFor(5_000)
  house.home!.communities.setOwn(null, () => {})
  t.equal(house.claim(), 'ok')
  house.until(() => house.home!.owned.length === 1 && house.owned().ready)
  t.same(shown(house), ['oem 1 0'], 'the next owner finds the card\u2019s list alone')
})
