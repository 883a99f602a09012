// A policy is kept, not only held: for every member of it a device is watched doing one thing, and another
// once the owner has said otherwise.
import t from 'tap'
import { base64url, equal } from '../../src/base/bytes.ts'
import type { Connection } from '../../src/net/api.ts'
import { CircuitClient } from '../../src/net/circuit/client.ts'
import { Loop } from '../../src/node/loop.ts'
import { discoverySettings } from '../../src/node/peers/config.ts'
import { adding, agreeing } from '../../src/ownership/owners/edits.ts'
import { FACTORY_POLICY, type Policy } from '../../src/ownership/policy/policy.ts'
import { encodeBare, PEERS, type PeerOpinion } from '../../src/wire/net/peers.ts'
import { Family } from './family.ts'
import { House } from './house.ts'
import { Visitor } from './visitor.ts'

const DAY = 86_400_000
/** Members that were watched, as `relay.for`. */
const watched = new Set<string>()

type Parts = { [K in keyof Policy]?: Partial<Policy[K]> }

function setPolicy(house: House, over: Parts): string {
  const { button } = house.machine('device')
  button.level(true)
  house.world.runFor(4_000)
  button.level(false)
  house.world.runFor(300)
  let said = ''
  const next = (before: Policy): Policy => {
    const after = { ...before } as Record<string, unknown>
    for (const [name, part] of Object.entries(over))
      after[name] = { ...(before[name as keyof Policy] as object), ...(part as object) }
    return after as unknown as Policy
  }
  house.home!.owning.setPolicy([house.owned()], next, (error, devices) => {
    said = error?.code ?? devices[0]!.state
  })
  house.until(() => said !== '')
  return said
}

function owned(seed: number, everyMs = 60_000): House {
  const house = new House(seed)
  house.everyMs = everyMs
  house.startDevice()
  house.startHome()
  if (house.claim() !== 'ok') throw new Error('not claimed')
  house.until(() => house.owned().ready && house.owned().device.log.added)
  return house
}

/** Somebody who may ask the device to relay. */
class Caller extends Visitor {
  readonly client: CircuitClient

  constructor(house: House, name: string, signer?: ConstructorParameters<typeof Visitor>[2]) {
    super(house, name, signer)
    this.client = new CircuitClient(
      this.host,
      new Loop(house.machine(name).hardware.clock),
      `circuit ${name}`,
    )
  }

  connect(house: House): Connection {
    let found: Connection | null = null
    this.host.dial(house.deviceAddress, house.device!.key!, (_error, connection) => {
      found = connection
    })
    house.until(() => found !== null)
    return found!
  }
}

function reserve(house: House, caller: Caller): string {
  let said = ''
  caller.client.reserve(caller.connect(house), new Uint8Array(0), (error) => {
    said = error ? 'refused' : 'reserved'
  })
  house.until(() => said !== '')
  return said
}

t.test('grants.days, grants.finest', async (t) => {
  watched.add('grants.days').add('grants.finest')
  const family = new Family(2501)
  const { house } = family
  house.startDevice()
  for (const name of ['anna', 'bram']) family.start(name)
  t.equal(family.claim('anna'), 'ok')
  family.edit('anna', adding(family.card('bram')))
  t.equal(family.edit('anna', agreeing(2)).devices[0]?.state, 'done')
  const card = house.startProvider('solar')
  const grant = (cls: 0 | 1 | 2, days: number): string => {
    let said = ''
    const until = Math.floor(house.world.wallAtStart + house.world.now() + days * DAY)
    family.home('anna').grant(family.owned('anna'), card, { class: cls, until, purpose: '' }, (error) => {
      said = error?.code ?? 'ok'
    })
    house.until(() => said !== '')
    return said
  }
  const stricter = (grants: Policy['grants']): string =>
    family.ask((done) =>
      family.home('anna').owning.setPolicy([family.owned('anna')], (p) => ({ ...p, grants }), done),
    ).devices[0]!.state
  t.same([grant(0, 80), grant(0, 100)], ['ok', 'needs-signatures'], 'ninety days, unless told otherwise')
  t.equal(stricter({ days: 5, finest: 'raw' }), 'done')
  t.same([grant(0, 4), grant(0, 80)], ['ok', 'needs-signatures'])
  t.equal(stricter({ days: 5, finest: 'day' }), 'done')
  t.same([grant(2, 4), grant(1, 4), grant(0, 4)], ['ok', 'needs-signatures', 'needs-signatures'])
})

t.test('relay.for', async (t) => {
  watched.add('relay.for')
  const house = owned(2502, 1_000)
  house.startProvider('solar')
  t.match(house.grant('solar'), /^.{22}$/)
  house.until(() => house.providerGot.get('solar')!.length > 1)
  const stranger = new Caller(house, 'stranger')
  const reader = new Caller(house, 'solar2', house.signerOf('solar'))
  const owner = new Caller(house, 'phone', undefined)
  t.same(
    [stranger, reader, owner].map((who) => reserve(house, who)),
    ['refused', 'refused', 'refused'],
  )
  t.equal(setPolicy(house, { relay: { for: 'readers' } }), 'done')
  t.same(
    [stranger, reader].map((who) => reserve(house, who)),
    ['refused', 'reserved'],
  )
  t.equal(setPolicy(house, { relay: { for: 'anyone' } }), 'done')
  t.equal(reserve(house, stranger), 'reserved')
  // Strangers have places of their own, and never those of readers and owners.
  const crowd = Array.from({ length: 8 }, (_, i) => reserve(house, new Caller(house, `crowd${i}`)))
  t.ok(crowd.includes('reserved'))
  t.equal(reserve(house, reader), 'reserved')
  t.equal(setPolicy(house, { relay: { for: 'owners' } }), 'done')
  t.same(
    [stranger, reader].map((who) => reserve(house, who)),
    ['refused', 'refused'],
  )
})

t.test('a stricter policy ends what is under way', async (t) => {
  const house = owned(2503)
  t.equal(setPolicy(house, { relay: { for: 'anyone' } }), 'done')
  const [a, b] = [new Caller(house, 'a'), new Caller(house, 'b')]
  t.equal(reserve(house, a), 'reserved')
  const there = through(house, b, a)
  t.ok(there)
  let closed = false
  b.host.onDisconnect = () => {
    closed = true
  }
  t.equal(setPolicy(house, { relay: { for: 'nobody' } }), 'done')
  house.until(() => closed, 60_000)
  t.equal(through(house, b, a), null)
})

/** Calls `to` through the device. */
function through(house: House, from: Caller, to: Caller): Connection | null {
  const device = from.connect(house)
  let done = false
  let found: Connection | null = null
  from.host.dialCircuit = (_, key, then) => from.client.dial(device, key, then)
  from.host.dial('relay:', to.signer.publicKey, (_error, connection) => {
    found = connection
    done = true
  })
  house.until(() => done, 60_000)
  return found
}

t.test('relay.kBps', async (t) => {
  watched.add('relay.kBps')
  const timeAt = (kBps: number): number => {
    const house = owned(2504, 1_000)
    house.startProvider('solar')
    t.match(house.grant('solar'), /^.{22}$/)
    t.equal(setPolicy(house, { relay: { for: 'readers', kBps } }), 'done')
    const [a, b] = [new Caller(house, 'a', house.signerOf('solar')), new Caller(house, 'b')]
    let got = 0
    a.host.handle('/sink/1.0.0', (stream) => {
      stream.events = {
        onData: (bytes) => {
          got += bytes.length
        },
        onDrain: () => {},
        onEnd: () => {},
        onClose: () => {},
      }
    })
    t.equal(reserve(house, a), 'reserved')
    const connection = through(house, b, a)!
    const all = 300_000
    let left = all
    const begun = house.world.now()
    connection.open('/sink/1.0.0', (_error, stream) => {
      const pour = (): void => {
        for (let n = 1; left > 0 && n > 0; left -= n) {
          n = Math.min(left, stream!.writable())
          if (n > 0) stream!.write(new Uint8Array(n))
        }
      }
      stream!.events = { onData: () => {}, onDrain: pour, onEnd: () => {}, onClose: () => {} }
      pour()
    })
    house.until(() => got >= all, 600_000)
    return house.world.now() - begun
  }
  const [slow, fast] = [timeAt(8), timeAt(200)]
  t.ok(slow > 15_000 && fast < slow / 5, `${Math.round(slow)} ms at 8 kB/s, ${Math.round(fast)} ms at 200`)
})

t.test('retention.days', async (t) => {
  watched.add('retention.days')
  const gaps = (days: number): number => {
    const house = new House(2505)
    house.everyMs = 180_000
    house.startDevice()
    house.startHome()
    t.equal(house.claim(), 'ok')
    house.until(() => house.owned().ready && house.owned().device.log.added)
    if (days < 7) t.equal(setPolicy(house, { retention: { days } }), 'done')
    const card = house.startProvider('solar')
    let said = ''
    const until = house.world.wallAtStart + 90 * DAY
    house.home!.grant(house.owned(), card, { class: 1, until, purpose: '' }, (error) => {
      said = error?.code ?? 'ok'
    })
    house.until(() => said === 'ok')
    house.until(() => house.providerRaw.get('solar')!.length > 2, 4 * 3_600_000)
    house.machine('solar').kill()
    house.world.runFor(2 * DAY)
    house.startProvider('solar')
    const had = house.providerRaw.get('solar')!.length
    house.until(() => house.providerRaw.get('solar')!.length > had + 50, 3_600_000)
    return house.events('solar', 'gap').length
  }
  if (process.env['WATTLE_FULL'] !== undefined) t.equal(gaps(7), 0, 'two days later: all of it')
  t.ok(gaps(1) > 0, 'or the last day alone')
})

t.test('announce.lan', async (t) => {
  watched.add('announce.lan')
  const house = new House(2506)
  house.discovery = () =>
    discoverySettings((name) => (name === 'bootstrap.enabled' ? 'off' : undefined), 'on')
  house.startDevice()
  house.startHome()
  t.equal(house.claim(), 'ok')
  const key = house.device!.key!
  const shown = (): { key: boolean; seen: boolean } => {
    const all = house.home!.coordinator!.neighbours.filter((n) => n.claimed)
    return { key: all.some((n) => n.key && equal(n.key, key)), seen: all.length > 0 }
  }
  house.until(() => shown().key, 60_000)
  t.equal(setPolicy(house, { announce: { lan: false } }), 'done')
  house.until(() => shown().seen && !shown().key, 120_000)
  t.same(shown(), { key: false, seen: true }, 'a tag that only those know it by who know the key')
  t.equal(setPolicy(house, { announce: { lan: true } }), 'done')
  house.until(() => shown().key, 120_000)
})

t.test('announce.dht', async (t) => {
  watched.add('announce.dht')
  const house = new House(2507)
  house.discovery = (who) => {
    const set: Record<string, string> = {
      'bootstrap.enabled': 'off',
      'dht.listen': `${house.machine(who).address}:4002`,
      'dht.bootstrap': `${house.machine('street').address}:4002`,
    }
    return discoverySettings((name) => set[name], 'off')
  }
  house.machine('street').boot()
  let heard = 0
  const { hardware, address } = house.machine('street')
  const { address: device } = house.machine('device')
  const onDatagram = (_bytes: Uint8Array, host: string): void => {
    if (host === device) heard++
  }
  hardware.sockets.bindUdp(`${address}:4002`, onDatagram, () => {})
  house.startDevice()
  house.startHome()
  t.equal(house.claim(), 'ok')
  t.equal(house.device!.policy.announce.dht, true, 'a home that looks there says so at the claim')
  // The DHT's questions are promises: they go on between two steps of the virtual time.
  const run = async (ms: number): Promise<void> => {
    for (let done = 0; done < ms; done += 1_000) {
      house.world.runFor(1_000)
      await new Promise((then) => setImmediate(then))
    }
  }
  await run(10_000)
  t.ok(heard > 0)
  t.equal(setPolicy(house, { announce: { dht: false } }), 'done')
  await run(5_000)
  heard = 0
  await run(60_000)
  t.equal(heard, 0, 'nothing of it is in the DHT any more')
  t.equal(setPolicy(house, { announce: { dht: true } }), 'done')
  await run(10_000)
  t.ok(heard > 0)
})

function opinionsOf(house: House): PeerOpinion[] {
  let answer: PeerOpinion[] | null = null
  house.home!.askPeers(house.owned(), encodeBare(PEERS.askPeers), (_error, peers) => {
    answer = peers
  })
  house.until(() => answer !== null)
  return answer!
}

t.test('reputation.*', async (t) => {
  for (const name of ['weights.signatures', 'weights.answers', 'halfLifeHours', 'pins', 'blocks', 'vouchers'])
    watched.add(`reputation.${name}`)
  const house = owned(2508)
  const own = base64url(house.home!.key)
  const score = (): number => opinionsOf(house).find((p) => base64url(p.key) === own)?.score ?? 0
  const before = score()
  t.ok(before > 0)
  const { weights } = FACTORY_POLICY.reputation
  t.equal(setPolicy(house, { reputation: { weights: { ...weights, answers: 4 } } }), 'done')
  t.equal(score(), 4 * before)
  t.equal(setPolicy(house, { reputation: { weights: { ...weights, answers: 0 }, pins: [own] } }), 'done')
  t.equal(score(), 50)
  t.equal(setPolicy(house, { reputation: { weights, pins: [], halfLifeHours: 1 } }), 'done')
  house.world.runFor(2 * 3_600_000)
  t.ok(score() < before, 'it fades faster')

  const stranger = new Visitor(house, 'stranger')
  const closed = (): boolean => {
    let gone = false
    let up = false
    stranger.host.onDisconnect = () => {
      gone = true
    }
    stranger.host.dial(house.deviceAddress, house.device!.key!, (error, connection) => {
      if (error) gone = true
      up = connection !== null
    })
    house.world.runFor(2_000)
    return up && !gone ? false : gone
  }
  t.equal(closed(), false)
  for (const connection of stranger.host.connections()) connection.close()
  house.world.runFor(1_000)
  t.equal(setPolicy(house, { reputation: { blocks: [base64url(stranger.signer.publicKey)] } }), 'done')
  t.equal(closed(), true, 'who is blocked is turned away')
})

t.test('no member of a policy is decoration', async (t) => {
  const members: string[] = []
  const walk = (value: object, path: string): void => {
    for (const [name, part] of Object.entries(value)) {
      const at = path === '' ? name : `${path}.${name}`
      if (typeof part === 'object' && part !== null && !Array.isArray(part)) walk(part, at)
      else if (at !== 'v') members.push(at)
    }
  }
  walk(FACTORY_POLICY, '')
  // What these weigh is fed by 026-evidence; that each is a factor of its own is in ownership/reputation.
  for (const part of ['storing', 'relaying', 'equivocation']) watched.add(`reputation.weights.${part}`)
  t.same(
    members.filter((name) => !watched.has(name)),
    [],
  )
})
