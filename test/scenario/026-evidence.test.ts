// What a device sees of others becomes points, each kind of it for its own reason: promises kept and broken,
// signatures, answers, relaying, two contacts for one place. And points decide whom it turns to.
import t from 'tap'
import { base64url } from '../../src/base/bytes.ts'
import { WattleError } from '../../src/base/errors.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { DevicePeers } from '../../src/device/network/peers.ts'
import type { Connection } from '../../src/net/api.ts'
import { CircuitClient } from '../../src/net/circuit/client.ts'
import { CircuitServer } from '../../src/net/circuit/server.ts'
import { Messages } from '../../src/net/messages.ts'
import { Loop } from '../../src/node/loop.ts'
import { Bootstrap } from '../../src/node/peers/bootstrap.ts'
import { type DiscoverySettings, discoverySettings } from '../../src/node/peers/config.ts'
import type { Evidence } from '../../src/node/peers/evidence.ts'
import { serveRendezvous } from '../../src/node/peers/service.ts'
import { signEvent } from '../../src/ownership/event.ts'
import { choose } from '../../src/ownership/reputation/choose.ts'
import { CONSENT_PROTOCOL, encodeEvent } from '../../src/wire/consent.ts'
import { signContact } from '../../src/wire/net/contact.ts'
import { encodeBare, PEERS, type PeerOpinion } from '../../src/wire/net/peers.ts'
import {
  encodeContactMessage,
  encodeNone,
  encodeRegistered,
  lookupKey,
  RENDEZVOUS,
  RENDEZVOUS_PROTOCOL,
} from '../../src/wire/net/rendezvous.ts'
import { House } from './house.ts'
import { Visitor } from './visitor.ts'

const HOUR = 3_600_000

function opinionOf(house: House, key: Uint8Array): Record<string, number> {
  let answer: PeerOpinion[] | null = null
  house.home!.askPeers(house.owned(), encodeBare(PEERS.askPeers), (_error, peers) => {
    answer = peers
  })
  house.until(() => answer !== null)
  const mine = (answer as unknown as PeerOpinion[]).find((p) => base64url(p.key) === base64url(key))
  return Object.fromEntries((mine?.reasons ?? []).map(({ what, points }) => [what, points]))
}

/** A device that knows these peers, claimed. */
function houseWith(seed: number, of: (house: House) => Partial<DiscoverySettings>): House {
  const house = new House(seed)
  house.everyMs = 60_000
  const settings = of(house)
  house.discovery = (who) => ({
    ...discoverySettings(() => undefined, 'off'),
    ...(who === 'device' ? settings : {}),
  })
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  house.until(() => house.owned().ready)
  return house
}

function serving(
  house: House,
  name: string,
): { who: Visitor; peer: { key: Uint8Array; addresses: string[] } } {
  const who = new Visitor(house, name)
  const address = `${house.machine(name).address}:4001`
  who.host.listen(address, () => {})
  return { who, peer: { key: who.signer.publicKey, addresses: [address] } }
}

/** A rendezvous that says that it keeps what it is given, and answers questions as it likes. */
function liar(who: Visitor, answer: (key: Uint8Array, given: Uint8Array | null) => Uint8Array): void {
  who.host.handle(RENDEZVOUS_PROTOCOL, (stream) => {
    let given: Uint8Array | null = null
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        if (message[0] === RENDEZVOUS.register) {
          given = message.slice(1)
          messages.send(encodeRegistered(3_600, '192.0.2.1:1'))
        } else messages.send(answer(lookupKey(message)!, given))
      },
      onDrain: () => {},
      onEnd: () => {},
      onClose: () => {},
    })
  })
}

const bootstrapOf = (...peers: { key: Uint8Array; addresses: string[] }[]): Partial<DiscoverySettings> => ({
  bootstrap: { enabled: true, peers, timeoutMs: 5_000 },
})

t.test('a contact that was to be kept: it is, or it is not', async (t) => {
  let [good, bad]: (Visitor | null)[] = [null, null]
  const house = houseWith(2601, (house) => {
    const [a, b] = [serving(house, 'good'), serving(house, 'bad')]
    const loop = new Loop(house.machine('good').hardware.clock)
    serveRendezvous({ host: a.who.host, loop, wall: () => house.world.wallAtStart + house.world.now() })
    liar(b.who, (key) => encodeNone(key))
    good = a.who
    bad = b.who
    return bootstrapOf(a.peer, b.peer)
  })
  house.world.runFor(2 * HOUR)
  const [kept, broke] = [good!, bad!].map((who) => opinionOf(house, who.signer.publicKey))
  t.ok(kept!['storing']! > 0 && kept!['answers']! > 0, JSON.stringify(kept))
  t.ok(broke!['storing']! < 0, JSON.stringify(broke))
})

t.test('a contact that nobody signed, and a peer that does not answer', async (t) => {
  let forger: Visitor | null = null
  const dead = new Signer(Secret.fresh((into) => into.fill(9))).publicKey
  const house = houseWith(2602, (house) => {
    const a = serving(house, 'forger')
    liar(a.who, (_key, given) => {
      const changed = given!.slice()
      changed[40]! ^= 1
      return encodeContactMessage(RENDEZVOUS.found, changed)
    })
    forger = a.who
    return bootstrapOf(a.peer, { key: dead, addresses: [`${house.machine('nobody').address}:4001`] })
  })
  house.world.runFor(2 * HOUR)
  t.ok(opinionOf(house, forger!.signer.publicKey)['signatures']! < 0)
  t.ok(opinionOf(house, dead)['answers']! < 0)
})

t.test('a visitor with an event that it has signed itself', async (t) => {
  const house = houseWith(2603, () => ({}))
  const visitor = new Visitor(house, 'visitor')
  const { log } = house.owned().device
  const by = [{ kid: base64url(visitor.signer.publicKey), signer: visitor.signer }]
  const place = { device: log.device, seq: log.seq + 1, prev: log.head, at: 0 }
  visitor
    .open(CONSENT_PROTOCOL)!
    .send(encodeEvent(signEvent({ ...place, body: { type: 'DEVICE_DELETED' } }, by)))
  house.world.runFor(2_000)
  t.same(opinionOf(house, visitor.signer.publicKey), { signatures: -10 })
  t.ok(house.device!.key)
})

t.test('a relay that carries', async (t) => {
  let relay: Visitor | null = null
  const house = houseWith(2604, (house) => {
    const a = serving(house, 'relay')
    const timers = new Loop(house.machine('relay').hardware.clock)
    const rules = { mine: () => true, inviters: [], open: false }
    const wall = (): number => house.world.wallAtStart + house.world.now()
    new CircuitServer({ host: a.who.host, timers, signer: a.who.signer, rules, wall })
    relay = a.who
    return { relays: [a.peer] }
  })
  house.world.runFor(10_000)
  const far = new Visitor(house, 'far')
  const client = new CircuitClient(far.host, new Loop(house.machine('far').hardware.clock))
  let connection: Connection | null = null
  far.host.dial(`${house.machine('relay').address}:4001`, relay!.signer.publicKey, (_error, there) => {
    far.host.dialCircuit = (_, key, done) => client.dial(there!, key, done)
    far.host.dial('relay:', house.device!.key!, (_failure, found) => {
      connection = found
    })
  })
  house.until(() => connection !== null, 60_000)
  let echoed = 0
  connection!.open('/ipfs/ping/1.0.0', (_error, stream) => {
    const pour = (): void => {
      if (echoed < 160_000 && stream!.writable() >= 32) stream!.write(new Uint8Array(32).fill(7))
    }
    stream!.events = {
      onData: (bytes) => {
        echoed += bytes.length
        pour()
      },
      onDrain: pour,
      onEnd: () => {},
      onClose: () => {},
    }
    pour()
  })
  house.until(() => echoed >= 120_000, 1_200_000)
  connection!.close()
  house.world.runFor(5_000)
  t.ok(opinionOf(house, relay!.signer.publicKey)['relaying']! > 0)
})

t.test('what a relay alters is not held against whoever is at the other end', async (t) => {
  const house = houseWith(2605, () => ({}))
  const { files, clock, random } = house.machine('device').hardware
  const signer = new Signer(Secret.fresh(random))
  const peers = new DevicePeers({ files, clock, signer, isOwner: () => false })
  const [far, relay] = [1, 2].map((n) => new Signer(new Secret(new Uint8Array(32).fill(n))).publicKey)
  const connection = { remoteKey: far!, remote: 'circuit:192.0.2.1:4001' } as Connection
  const error = new WattleError('bad-tag', 'altered')
  peers.onDisconnect(connection, error, relay)
  const now = clock.wall()
  t.same(peers.reputation.explain(relay!, now).reasons, [{ what: 'relaying', points: -3 }])
  t.equal(peers.reputation.explain(far!, now).score, 0)
  peers.onDisconnect(connection, error)
  t.same(peers.reputation.explain(far!, now).reasons, [{ what: 'signatures', points: -10 }])

  // And choosing: those of bad name come last or not at all, newcomers have their place.
  for (let i = 0; i < 20; i++) peers.onDisconnect(connection, error)
  const fresh = [3, 4, 5].map((n) => ({ key: new Uint8Array(32).fill(n) }))
  const [first, ...rest] = choose([{ key: far! }, { key: relay! }, ...fresh], peers.opinion, {
    places: 4,
    now,
  })
  t.notOk(base64url(first!.key) === base64url(relay!))
  t.notOk(
    [first!, ...rest].some(({ key }) => base64url(key) === base64url(far!)),
    'not dealt with',
  )
  t.equal(rest.length, 3)
})

t.test('two contacts for one place', async (t) => {
  const house = houseWith(2606, () => ({}))
  const subject = new Signer(new Secret(new Uint8Array(32).fill(44)))
  const contact = (address: string): Uint8Array =>
    signContact(
      {
        key: subject.publicKey,
        datagramKey: new Uint8Array(32),
        seq: 5,
        expires: house.world.wallAtStart + 10 * HOUR,
        addresses: [`tcp:${address}`],
      },
      subject,
    )
  const { who, peer } = serving(house, 'keeper')
  let asked = 0
  liar(who, () => encodeContactMessage(RENDEZVOUS.found, contact(`192.0.2.${asked++ < 2 ? 1 : 2}:1`)))
  const seeker = new Visitor(house, 'seeker')
  const seen: { key: string; what: Evidence }[] = []
  const bootstrap = new Bootstrap({
    host: seeker.host,
    loop: new Loop(house.machine('seeker').hardware.clock),
    peers: () => [peer],
    contact: () => null,
    onContact: () => {},
    onState: () => {},
    filled: () => false,
    wall: () => house.world.wallAtStart + house.world.now(),
    onEvidence: (key, what) => seen.push({ key: base64url(key), what }),
  })
  bootstrap.start()
  bootstrap.want(subject.publicKey)
  house.world.runFor(HOUR)
  t.ok(asked > 3)
  t.same(
    seen,
    [{ key: base64url(subject.publicKey), what: 'equivocated' }],
    'once: the same again is no news',
  )
})
