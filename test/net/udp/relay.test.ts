// The relay and the punch in virtual time: who is served, what a circuit carries, what an intruder can
// do with another's circuit, and which addresses an offer can make us send to.
import t from 'tap'
import { hex, utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { FRAME } from '../../../src/net/udp/frames.ts'
import { decodeOffer, encodeOffer, guessing, plausible } from '../../../src/net/udp/punch/offer.ts'
import { direct, Puncher } from '../../../src/net/udp/punch/puncher.ts'
import { RelayClient } from '../../../src/net/udp/relay/client.ts'
import {
  allowanceOf,
  MODE,
  makeInvite,
  RELAY_STATUS,
  type RelayRules,
} from '../../../src/net/udp/relay/rules.ts'
import { RelayServer } from '../../../src/net/udp/relay/server.ts'
import type { Session } from '../../../src/net/udp/session/session.ts'
import { type Node, World } from './world.ts'

const NONE = new Uint8Array(0)
const WALL = 1_800_000_000_000
const NOBODY: RelayRules = { mine: () => false, inviters: [], open: false }

interface Party {
  node: Node
  client: RelayClient
  relay: Session
  got: string[]
}

class Scene {
  readonly world = new World(31)
  readonly node: Node
  readonly server: RelayServer

  constructor(rules: Partial<RelayRules>) {
    this.node = this.world.node('203.0.113.1')
    this.server = new RelayServer(this.node.plane, { ...NOBODY, ...rules }, () => WALL, null)
  }

  party(host: string, reserve = true, invite: Uint8Array = NONE): Party {
    const node = this.world.node(host)
    const client = new RelayClient(node.plane)
    client.takeForwards()
    const got: string[] = []
    node.plane.handle(FRAME.message, (_s, body) => got.push(hex(body)))
    const relay = node.connect(this.node)!
    this.world.until(() => this.node.plane.find(node.key)?.up === true)
    if (reserve) client.reserve(relay, invite, this.world.now)
    node.schedule()
    this.world.run(300)
    return { node, client, relay, got }
  }

  /** A circuit of `from` to `to`, and the session over it; null with the relay's answer. */
  call(from: Party, to: Party): { session: Session | null; status: number } {
    let status = -1
    const session = from.node.plane.session(to.node.key, this.world.now)!
    from.client.connect(from.relay, to.node.key, this.world.now, (carrier, said) => {
      status = said
      if (!carrier) return
      from.node.plane.addPath(session, { host: '', port: 0, via: 0, carrier }, this.world.now)
      from.node.plane.begin(session, this.world.now)
    })
    from.node.schedule()
    this.world.run(500)
    return { session: session.up ? session : null, status }
  }
}

t.test('two peers talk through a relay that reads nothing', async (t) => {
  const scene = new Scene({ open: true })
  const a = scene.party('10.0.0.1', false)
  const b = scene.party('10.0.0.2')
  const seen: Uint8Array[] = []
  scene.world.onSend = (f) => seen.push(f.bytes.slice()) > 0
  const { session, status } = scene.call(a, b)
  t.equal(status, RELAY_STATUS.ok)
  t.ok(session && !direct(session))
  t.match(session!.best!.text, /^relay /)
  session!.send(FRAME.message, utf8('nobody else reads this'), NONE, scene.world.now)
  scene.world.run(200)
  t.same(b.got, [hex(utf8('nobody else reads this'))])
  t.ok(seen.every((bytes) => bytes.length <= LIMITS.udp.relayedBytes))
  t.notOk(seen.some((bytes) => hex(bytes).includes(hex(utf8('nobody')))))
  const back = b.node.plane.find(a.node.key)!
  back.send(FRAME.message, utf8('back'), NONE, scene.world.now)
  scene.world.run(200)
  t.same(a.got, [hex(utf8('back'))])
  // A frame as large as any goes through too.
  t.ok(session!.send(FRAME.message, new Uint8Array(session!.room), NONE, scene.world.now))
  scene.world.run(200)
  t.equal(b.got.length, 2)
})

t.test('modes: mine, community, open, nobody', async (t) => {
  const { random } = new World(5)
  const inviter = new Signer(Secret.fresh(random))
  const other = new Signer(Secret.fresh(random))
  const [relay, guest] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  const rules: RelayRules = { mine: (key) => key[0] === 9, inviters: [inviter.publicKey], open: false }
  const mode = (key: Uint8Array, invite: Uint8Array, of = rules): number =>
    allowanceOf(of, relay, key, invite, WALL).mode
  const good = makeInvite(inviter, relay, guest, WALL + 60_000)
  t.equal(mode(new Uint8Array(32).fill(9), NONE), MODE.mine)
  t.equal(mode(guest, good), MODE.community)
  t.equal(allowanceOf(rules, relay, guest, good, WALL).lastsMs, 60_000, 'no longer than the invitation')
  t.equal(mode(guest, makeInvite(inviter, relay, guest, WALL)), MODE.none, 'over')
  t.equal(mode(guest, makeInvite(other, relay, guest, WALL + 60_000)), MODE.none, 'not by an inviter')
  t.equal(mode(relay, good), MODE.none, 'of another guest')
  t.equal(mode(guest, makeInvite(inviter, guest, guest, WALL + 60_000)), MODE.none, 'for another relay')
  for (let i = 0; i < good.length; i++) {
    const forged = good.slice()
    forged[i]! ^= 1
    t.equal(mode(guest, forged), MODE.none, `byte ${i}`)
    t.equal(mode(guest, good.subarray(0, i)), MODE.none)
  }
  t.equal(mode(guest, NONE), MODE.none)
  t.equal(mode(guest, NONE, { ...rules, open: true }), MODE.open)
})

t.test('a relay that is nobody’s: refused, and no circuit to who has no reservation', async (t) => {
  const scene = new Scene({})
  const a = scene.party('10.0.0.1', false)
  const b = scene.party('10.0.0.2')
  t.equal(b.client.reserved(b.relay), null)
  t.same(scene.server.size, { reservations: 0, circuits: 0 })
  t.equal(scene.call(a, b).status, RELAY_STATUS.absent)
  t.equal(scene.call(a, a).status, RELAY_STATUS.absent, 'nor to itself')
})

t.test('open: so many reservations, so few of one address', async (t) => {
  const scene = new Scene({ open: true })
  const hosts = Array.from({ length: 24 }, (_, i) => (i < 6 ? '198.51.100.1' : `198.51.100.${i}`))
  let reserved = 0
  for (const [i, host] of hosts.entries()) {
    const node = scene.world.node(host)
    node.port = 5_000 + i
    const client = new RelayClient(node.plane)
    client.takeForwards()
    const relay = node.connect(scene.node)!
    scene.world.until(() => scene.node.plane.find(node.key)?.up === true, 2_000)
    client.reserve(relay, NONE, scene.world.now)
    node.schedule()
    scene.world.run(200)
    if (client.reserved(relay)) reserved++
    if (i === 5) t.equal(reserved, LIMITS.udp.openReservationsOfOne)
  }
  t.equal(scene.server.size.reservations, LIMITS.udp.openReservations)
  t.equal(reserved, LIMITS.udp.openReservations)
})

t.test('a circuit carries its ration and no more', async (t) => {
  const scene = new Scene({ open: true })
  const a = scene.party('10.0.0.1', false)
  const b = scene.party('10.0.0.2')
  const { session } = scene.call(a, b)
  let bytes = 0
  b.node.plane.onCarried = ((original) => (datagram, carrier, now) => {
    bytes += datagram.length
    original.call(b.node.plane, datagram, carrier, now)
  })(b.node.plane.onCarried)
  const start = scene.world.now
  for (let i = 0; i < 2_000; i++) {
    session!.send(FRAME.message, new Uint8Array(1_000), NONE, scene.world.now)
    scene.world.run(10)
  }
  const seconds = (scene.world.now - start) / 1_000
  const most = LIMITS.udp.openCircuitBurst + seconds * LIMITS.udp.openCircuitRate
  t.ok(bytes <= most && bytes > most / 2, `${bytes} of at most ${Math.round(most)}`)
  t.ok(scene.node.plane.counters.get('relayDropped') > 1_000)
})

t.test('another’s circuit is of no use; circuits end by themselves', async (t) => {
  const scene = new Scene({ open: true })
  const a = scene.party('10.0.0.1', false)
  const b = scene.party('10.0.0.2')
  const c = scene.party('10.0.0.3')
  const { session } = scene.call(a, b)
  const id = (session!.best!.carrier as unknown as { id: Uint8Array }).id
  const before = scene.node.plane.counters.get('relayed')
  c.relay.send(FRAME.forward, id, new Uint8Array(100), scene.world.now)
  c.relay.send(FRAME.hangUp, id, NONE, scene.world.now)
  c.relay.send(FRAME.forward, utf8('x'), NONE, scene.world.now)
  c.relay.send(FRAME.connect, utf8('short'), NONE, scene.world.now)
  c.relay.send(FRAME.reserve, utf8('short'), NONE, scene.world.now)
  scene.world.run(300)
  t.equal(scene.node.plane.counters.get('relayed'), before)
  t.ok(session!.up)
  t.equal(scene.server.size.circuits, 1)
  scene.world.run(LIMITS.udp.circuitIdleMs + 3_000)
  t.equal(scene.server.size.circuits, 0)
  t.notOk(
    session!.paths.some((path) => path.carrier),
    'both forget it',
  )
})

t.test(
  'who calls through a relay is judged as from anywhere: an incoming circuit alone does nothing',
  async (t) => {
    const scene = new Scene({ open: true })
    const b = scene.party('10.0.0.2')
    const sessions = b.node.plane.sessions.length
    // The relay itself tells of callers that it makes up.
    const own = scene.node.plane.find(b.node.key)!
    for (let i = 0; i < 200; i++) {
      const body = new Uint8Array(36)
      scene.world.random(body)
      own.send(FRAME.incoming, body, NONE, scene.world.now)
    }
    scene.world.run(500)
    t.equal(b.node.plane.sessions.length, sessions)
  },
)

/** Two parties behind routers that let in only what was asked for; ports are kept. */
function punchers(scene: Scene): { a: Party; b: Party; pa: Puncher; session: Session } {
  const a = scene.party('198.51.100.1', false)
  const b = scene.party('198.51.100.2')
  const tools = { openSockets: () => {}, closeSocket: () => {}, sockets: 0 }
  const of = (p: Party): Puncher =>
    new Puncher(p.node.plane, {
      ...tools,
      reachable: () => ({ mapping: 1, places: [{ host: p.node.host, port: p.node.port }] }),
    })
  const pa = of(a)
  of(b)
  const { session } = scene.call(a, b)
  const asked = new Set<string>()
  scene.world.onSend = (f) => {
    asked.add(`${f.from.host} ${f.to.host}`)
    const home = (host: string): boolean => host.startsWith('198.')
    if (f.ttl > 0 && home(f.from.host) && home(f.to.host)) return false
    return !home(f.from.host) || !home(f.to.host) || asked.has(`${f.to.host} ${f.from.host}`)
  }
  return { a, b, pa, session: session! }
}

t.test('a punch moves the session over; what was on its way is not lost', async (t) => {
  const scene = new Scene({ open: true })
  const { a, b, pa, session } = punchers(scene)
  t.notOk(direct(session))
  let result: boolean | null = null
  let sent = 0
  const pump = (): void => {
    if (sent >= 200) return
    if (session.send(FRAME.message, Uint8Array.of(sent++), NONE, scene.world.now)) scene.world.after(5, pump)
  }
  pump()
  pa.punch(session, 0, scene.world.now, (ok) => {
    result = ok
  })
  a.node.schedule()
  t.ok(scene.world.until(() => result !== null, 8_000))
  t.equal(result, true)
  t.ok(scene.world.until(() => sent === 200))
  scene.world.run(500)
  t.equal(session.best!.text, '198.51.100.2:4001')
  t.ok(direct(b.node.plane.find(a.node.key)!))
  // Datagrams overtake each other: the direct way is shorter.
  t.same(
    [...b.got].sort(),
    Array.from({ length: 200 }, (_, i) => hex(Uint8Array.of(i))),
  )
  t.equal(session.handshakes, 1)
  // The direct path dies; the relay still leads there.
  scene.world.onSend = (f) => !(f.from.host.startsWith('198.') && f.to.host.startsWith('198.'))
  session.keep = true
  session.send(FRAME.message, utf8('lost'), NONE, scene.world.now)
  t.ok(scene.world.until(() => session.best !== null && !direct(session), 10_000))
  session.send(FRAME.message, utf8('again'), NONE, scene.world.now)
  scene.world.run(300)
  t.equal(b.got.at(-1), hex(utf8('again')))
  t.equal(session.handshakes, 1)
})

t.test('offers: what is read, and where they may make us send', async (t) => {
  const us = {
    mapping: 1 as const,
    places: [
      { host: '1.2.3.4', port: 5 },
      { host: '192.168.1.2', port: 5 },
    ],
  }
  const body = encodeOffer(7, us)
  t.same(decodeOffer(body), { round: 7, them: us })
  for (let i = 0; i < body.length; i++) t.equal(decodeOffer(body.subarray(0, i)), null)
  t.equal(decodeOffer(new Uint8Array([...body, 0])), null)
  const many = {
    mapping: 0 as const,
    places: Array.from({ length: 20 }, (_, i) => ({ host: `1.2.3.${i}`, port: 1 })),
  }
  t.equal(decodeOffer(encodeOffer(1, many))!.them.places.length, LIMITS.udp.paths)
  const hosts = (mine: string[], theirs: string[]): string[] =>
    plausible(
      { mapping: 1, places: mine.map((host) => ({ host, port: 1 })) },
      { mapping: 1, places: theirs.map((host) => ({ host, port: 1 })) },
    ).map((place) => place.host)
  t.same(hosts(['1.1.1.1'], ['2.2.2.2', '192.168.0.9', '127.0.0.1', '224.0.0.1', '0.0.0.0']), ['2.2.2.2'])
  t.same(hosts(['1.1.1.1'], ['1.1.1.1', '192.168.0.9']), ['1.1.1.1', '192.168.0.9'], 'behind one router')
  t.same(hosts(['192.168.0.1'], ['192.168.0.9']), ['192.168.0.9'], 'no Internet at all')
  t.same(hosts(['1.1.1.1'], ['2a00::1']), [], 'no IPv6 here')
  for (const round of [1, 2])
    for (const [x, y] of [
      [0, 0],
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      const one = guessing(x, y, round, true)!
      const two = guessing(y, x, round, false)!
      t.not(one.weOpen, two.weOpen, 'the two agree who opens')
    }
  t.equal(guessing(2, 2, 1, true), null)
  t.equal(guessing(1, 1, 1, true), null)
})
