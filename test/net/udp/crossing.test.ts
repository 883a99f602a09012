// Who says what before two peers connect to each other by TCP at one moment; and whom that is refused.
import t, { type Test } from 'tap'
import { Writer } from '../../../src/base/cursor.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { type Place, placeText, putPlace } from '../../../src/net/udp/address.ts'
import { FRAME } from '../../../src/net/udp/frames.ts'
import { Crossing } from '../../../src/net/udp/punch/crossing.ts'
import type { Reachable } from '../../../src/net/udp/punch/offer.ts'
import { Puncher } from '../../../src/net/udp/punch/puncher.ts'
import { RelayClient } from '../../../src/net/udp/relay/client.ts'
import { RelayServer } from '../../../src/net/udp/relay/server.ts'
import type { Session } from '../../../src/net/udp/session/session.ts'
import { type Node, World } from './world.ts'

const NONE = new Uint8Array(0)

interface Party {
  node: Node
  client: RelayClient
  crossing: Crossing
  place: Place | null
  crossed: { at: number; to: string; first: boolean }[]
  prepared: number
}

/** Two behind a relay, which loses what they send each other directly. */
function parties(
  t: Test,
  knows: boolean[] = [true, true],
): { world: World; a: Party; b: Party; session: Session } {
  const world = new World(41)
  const relay = world.node('203.0.113.1')
  new RelayServer(relay.plane, { mine: () => true, inviters: [], open: false }, () => 0, null)
  world.onSend = ({ from, to }) => from.host === relay.host || to.host === relay.host
  const [a, b] = ['198.51.100.1', '198.51.100.2'].map((host, i): Party => {
    const node = world.node(host, { knows: () => knows[i] === true })
    const client = new RelayClient(node.plane)
    client.takeForwards()
    const crossed: Party['crossed'] = []
    const party: Party = {
      node,
      client,
      crossed,
      place: { host, port: 20_001 },
      prepared: 0,
      crossing: new Crossing(node.plane, {
        place: () => party.place,
        prepare: () => void party.prepared++,
        cross: (_session, place, first) => crossed.push({ at: world.now, to: placeText(place), first }),
      }),
    }
    client.reserve(node.connect(relay)!, NONE, world.now)
    return party
  }) as [Party, Party]
  world.run(1_000)
  const session = a.node.plane.session(b.node.key, world.now)!
  a.client.connect(a.node.plane.find(relay.key)!, b.node.key, world.now, (carrier) => {
    a.node.plane.addPath(session, { host: '', port: 0, via: 0, carrier }, world.now)
    a.node.plane.begin(session, world.now)
  })
  a.node.schedule()
  t.ok(world.until(() => session.up && b.node.plane.find(a.node.key)?.up === true))
  return { world, a, b, session }
}

t.test('both begin at one moment, and one of them speaks first', async (t) => {
  const { world, a, b, session } = parties(t)
  a.crossing.begin(session, world.now)
  a.node.schedule()
  world.run(9_000)
  t.same(
    a.crossed.map(({ to, first }) => [to, first]),
    [['198.51.100.2:20001', true]],
  )
  t.same(
    b.crossed.map(({ to, first }) => [to, first]),
    [['198.51.100.1:20001', false]],
  )
  t.ok(Math.abs(a.crossed[0]!.at - b.crossed[0]!.at) <= 2, `${a.crossed[0]!.at} and ${b.crossed[0]!.at}`)
  a.crossing.begin(session, world.now)
  a.node.schedule()
  world.run(2_000)
  t.equal(b.crossed.length, 2, 'and again when it came to nothing')
})

t.test('whoever is not seen by TCP yet makes itself seen first', async (t) => {
  const { world, a, b, session } = parties(t)
  b.place = null
  a.crossing.begin(session, world.now)
  a.node.schedule()
  world.run(700)
  t.equal(b.prepared, 1)
  t.equal(a.crossed.length, 0)
  b.place = { host: '198.51.100.2', port: 20_777 }
  world.run(2_000)
  t.equal(a.crossed[0]?.to, '198.51.100.2:20777')
  t.equal(b.crossed.length, 1)
})

t.test('both ask at once: one round comes of it', async (t) => {
  const { world, a, b, session } = parties(t)
  const back = b.node.plane.find(a.node.key)!
  a.crossing.begin(session, world.now)
  b.crossing.begin(back, world.now)
  a.node.schedule()
  b.node.schedule()
  world.run(3_000)
  t.equal(a.crossed.length, 1)
  t.equal(b.crossed.length, 1)
  t.not(a.crossed[0]!.first, b.crossed[0]!.first)
})

t.test('a stranger makes nobody connect, and addresses at home are refused', async (t) => {
  const { world, a, b, session } = parties(t, [true, false])
  a.crossing.begin(session, world.now)
  a.node.schedule()
  world.run(5_000)
  t.equal(b.crossed.length, 0)
  t.equal(b.prepared, 0)

  const trusted = parties(t)
  const say = (host: string, type: number, round: number): void => {
    const w = new Writer(new Uint8Array(23)).u32(round)
    putPlace(w, host, 80)
    trusted.session.send(type, w.done(), NONE, trusted.world.now)
    trusted.world.run(20)
  }
  for (const host of ['127.0.0.1', '192.168.1.1', '10.0.0.1', '0.0.0.0', '224.0.0.1', '::1', 'fe80::1'])
    say(host, FRAME.cross, 5)
  const go = (round: number): void =>
    void trusted.session.send(
      FRAME.crossGo,
      new Writer(new Uint8Array(4)).u32(round).done(),
      NONE,
      trusted.world.now,
    )
  go(5)
  say('198.51.100.9', FRAME.crossAnswer, 6)
  for (let n = 0; n < 30; n++) trusted.session.send(FRAME.cross, new Uint8Array(n), NONE, trusted.world.now)
  trusted.world.run(2_000)
  t.equal(trusted.b.crossed.length, 0)
  t.equal(trusted.b.prepared, 0)
  // A flood of rounds: one at a time with one peer.
  for (let round = 1; round <= 200; round++) {
    say('198.51.100.9', FRAME.cross, round)
    go(round)
  }
  trusted.world.run(1_000)
  t.ok(trusted.b.crossed.length <= 2, `${trusted.b.crossed.length} connections`)
  t.ok(LIMITS.udp.crossings <= 4)
})

t.test('a stranger cannot make us try ports of an address it names', async (t) => {
  for (const known of [true, false]) {
    const { world, a, b, session } = parties(t, [true, known])
    let sent = 0
    const before = world.onSend
    world.onSend = (flying) => {
      if (flying.to.host === '198.51.100.66') sent++
      return before(flying)
    }
    const tools = { openSockets: () => {}, closeSocket: () => {}, sockets: 0 }
    const liar = (): Reachable => ({ mapping: 2, places: [{ host: '198.51.100.66', port: 4_001 }] })
    const honest = (): Reachable => ({ mapping: 1, places: [{ host: '198.51.100.2', port: 4_001 }] })
    const puncher = new Puncher(a.node.plane, { ...tools, reachable: liar })
    new Puncher(b.node.plane, { ...tools, reachable: honest })
    puncher.punch(session, 0, world.now, () => {})
    a.node.schedule()
    world.run(8_000)
    if (known) t.ok(sent > 1_000, `${sent} to where a known peer says it is`)
    else t.ok(sent <= 10, `${sent} to where a stranger says it is`)
  }
})
