// Sessions of the datagram plane: both patterns, cookies, repetition, new keys, changed addresses, and
// what a forger may try. Virtual time.
import t from 'tap'
import { equal, hex, utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { FRAME } from '../../../src/net/udp/frames.ts'
import { INIT_BYTES, TYPE } from '../../../src/net/udp/session/layout.ts'
import { ReplayWindow, WINDOW } from '../../../src/net/udp/session/replay.ts'
import { type Flying, type Node, World } from './world.ts'

const NONE = new Uint8Array(0)
const TEST_FRAME = 200

function inbox(node: Node): string[] {
  const got: string[] = []
  node.plane.handle(TEST_FRAME, (_s, body) => got.push(hex(body)))
  return got
}

function pair(seed = 1): { world: World; a: Node; b: Node; got: string[] } {
  const world = new World(seed)
  const a = world.node('10.0.0.1')
  const b = world.node('10.0.0.2')
  return { world, a, b, got: inbox(b) }
}

t.test('XX: both prove themselves, data flows after one and a half round trips', async (t) => {
  const { world, a, b, got } = pair()
  const session = a.connect(b)!
  const types: number[] = []
  world.onSend = (f) => types.push(f.bytes[0]!) > 0
  t.ok(world.until(() => session.up))
  t.equal(world.now - 1_000, 20, 'one round trip until the first frame may leave')
  t.ok(session.send(TEST_FRAME, utf8('there'), NONE, world.now))
  t.ok(world.until(() => got.length > 0))
  t.same(got, [hex(utf8('there'))])
  t.same(types.slice(0, 2), [TYPE.response, TYPE.final])
  const back = b.plane.find(a.key)!
  t.ok(back.up)
  t.equal(back.best!.text, '10.0.0.1:4001')
  t.ok(equal(session.remoteStatic!, b.plane.identity.exchange.publicKey))
  t.equal(a.plane.counters.get('handshakes'), 1)
  world.run(1_000)
  t.equal(session.observed?.host, '10.0.0.1', 'the other side says how it sees us')
})

t.test('IK where the key is known; XX where the peer has another one meanwhile', async (t) => {
  const { world, a, b } = pair()
  a.connect(b)
  t.ok(world.until(() => b.plane.find(a.key) !== null))
  const known = a.plane.find(b.key)!.remoteStatic!
  a.make()
  const types: number[] = []
  world.onSend = (f) => {
    if (f.from.host === a.host && f.bytes[0] === TYPE.init) types.push(f.bytes[1]!)
    return true
  }
  const session = a.plane.session(b.key, world.now)!
  session.remoteStatic = known
  a.connect(b)
  t.ok(world.until(() => session.up))
  t.same(types, [1], 'one IK message was enough')
  world.run(100)
  t.ok(b.plane.find(a.key)!.up)
  // The peer starts anew: its key for datagrams is another one.
  b.make()
  a.make()
  types.length = 0
  const again = a.plane.session(b.key, world.now)!
  again.remoteStatic = known
  a.connect(b)
  t.ok(world.until(() => again.up))
  t.equal(types[0], 1)
  t.equal(types.at(-1), 2)
})

t.test('lost handshake messages are repeated', async (t) => {
  for (const lost of [TYPE.init, TYPE.response, TYPE.final]) {
    const { world, a, b, got } = pair(lost)
    let drop = 2
    world.onSend = (f) => !(f.bytes[0] === lost && drop-- > 0)
    const session = a.connect(b)!
    t.ok(
      world.until(() => b.plane.find(a.key)?.up === true && session.up),
      `type ${lost}`,
    )
    session.send(TEST_FRAME, utf8('x'), NONE, world.now)
    t.ok(world.until(() => got.length === 1))
  }
})

t.test('another key than expected is no session', async (t) => {
  const { world, a, b } = pair()
  const c = world.node('10.0.0.3')
  // a means c but is sent to b: b is not called by its name and stays silent.
  const session = a.plane.connect(c.key, [{ host: b.host, port: b.port }], world.now)!
  let failed = 0
  a.plane.onFail = () => failed++
  let answers = 0
  world.onSend = (f) => {
    if (f.from.host === b.host) answers++
    return true
  }
  world.run(15_000)
  t.notOk(session.up)
  t.equal(failed, 1)
  t.equal(answers, 0, 'silent to who does not know its key')
  t.ok(b.plane.counters.get('badInits') > 0)
})

t.test('who is not allowed has no session', async (t) => {
  const world = new World()
  const a = world.node('10.0.0.1')
  const b = world.node('10.0.0.2', { allow: () => false })
  a.connect(b)
  world.run(3_000)
  t.equal(b.plane.sessions.length, 0)
  t.ok(b.plane.counters.get('refused') > 0)
})

t.test('what is changed, cut or repeated does nothing', async (t) => {
  const { world, a, b, got } = pair()
  const seen: Flying[] = []
  world.onSend = (f) => seen.push({ ...f, bytes: f.bytes.slice() }) > 0
  const session = a.connect(b)!
  t.ok(world.until(() => b.plane.find(a.key)?.up === true))
  session.send(TEST_FRAME, utf8('once'), NONE, world.now)
  world.run(200)
  t.equal(got.length, 1)
  world.onSend = () => true
  const sessions = b.plane.sessions.length
  const handshakes = b.plane.counters.get('handshakes')
  for (const f of seen) for (let i = 0; i < 3; i++) world.deliver(f)
  world.run(200)
  t.equal(got.length, 1, 'taken once')
  for (const f of seen.filter((f) => f.to.host === b.host))
    for (let at = 0; at < f.bytes.length; at += 7) {
      const bytes = f.bytes.slice()
      bytes[at]! ^= 0x40
      world.deliver({ ...f, bytes })
      world.deliver({ ...f, bytes: f.bytes.subarray(0, at) })
    }
  world.run(500)
  t.equal(got.length, 1)
  t.equal(b.plane.sessions.length, sessions)
  t.equal(b.plane.counters.get('handshakes'), handshakes, 'a repeated handshake completes nothing')
  session.send(TEST_FRAME, utf8('twice'), NONE, world.now)
  t.ok(
    world.until(() => got.length === 2),
    'and the session still works',
  )
})

t.test('under load a source must show that it receives', async (t) => {
  const { world, a, b } = pair()
  // Unfinished handshakes with good first codes, from addresses that receive nothing.
  const stranger = world.node('10.0.0.9')
  stranger.connect(b)
  let init: Uint8Array | null = null
  world.onSend = (f) => {
    if (f.bytes[0] === TYPE.init) init ??= f.bytes.slice()
    return true
  }
  world.run(1)
  stranger.connect(b)
  stranger.plane.sessions[0]!.attempt!.spoiled()
  stranger.plane.sessions[0]!.attempt!.tick(world.now + 5_000)
  t.equal(init!.length, INIT_BYTES)
  stranger.on = false
  const before = b.plane.counters.get('handshakesAnswered')
  let out = 0
  let sent = 0
  world.onSend = (f) => {
    if (f.from.host === b.host && f.to.host.startsWith('203')) out += f.bytes.length
    return true
  }
  const flood = (n: number): void => {
    for (let i = 0; i < n; i++) {
      b.plane.onDatagram(init!, `203.0.113.${i & 255}`, 1_024 + i, world.now)
      sent += init!.length
    }
  }
  flood(2_000)
  t.equal(b.plane.counters.get('handshakesAnswered') - before, LIMITS.udp.handshakesPerSecond)
  t.equal(b.plane.counters.get('cookies'), 2_000 - LIMITS.udp.handshakesPerSecond + before)
  t.ok(out < sent, 'answers are never larger than what asked for them')
  const session = a.connect(b)!
  for (let i = 0; i < 30 && !session.up; i++) {
    flood(100)
    world.run(50)
  }
  t.ok(session.up, 'an honest one gets in with its cookie')
  t.ok(b.plane.sessions.length <= 2)
})

t.test('keys are replaced in time and nothing is lost over it', async (t) => {
  const { world, a, b, got } = pair()
  const session = a.connect(b)!
  session.keep = true
  t.ok(world.until(() => session.up))
  let sent = 0
  for (let i = 0; i < 400; i++) {
    if (session.send(TEST_FRAME, Uint8Array.of(i >> 8, i), NONE, world.now)) sent++
    world.run(1_000)
  }
  t.equal(sent, 400)
  t.equal(got.length, 400)
  t.ok(session.handshakes >= 3 && session.handshakes <= 5, `${session.handshakes} handshakes in 400 s`)
})

t.test('a changed address: no new handshake, and traffic goes on at once', async (t) => {
  const { world, a, b } = pair()
  const got = inbox(a)
  const session = a.connect(b)!
  session.keep = true
  t.ok(world.until(() => b.plane.find(a.key)?.up === true))
  const back = b.plane.find(a.key)!
  a.host = '10.0.7.7'
  a.port = 9_999
  const changed = world.now
  world.run(100)
  t.equal(back.best!.host, '10.0.0.1')
  t.ok(world.until(() => back.best?.host === '10.0.7.7', LIMITS.udp.keepAliveMs + 1_000))
  t.ok(world.now - changed <= LIMITS.udp.keepAliveMs + 100, `${world.now - changed} ms`)
  back.send(TEST_FRAME, utf8('hi'), NONE, world.now)
  t.ok(world.until(() => got.length === 1, 100))
  t.equal(session.handshakes, 1)
  t.equal(back.handshakes, 1)
})

t.test('an address is followed only after it has answered', async (t) => {
  const { world, a, b } = pair()
  const session = a.connect(b)!
  t.ok(world.until(() => b.plane.find(a.key)?.up === true))
  const back = b.plane.find(a.key)!
  // Somebody on the way takes a datagram and sends it from elsewhere.
  world.onSend = (f) => {
    if (f.from.host === a.host) f.from = { host: '198.51.100.1', port: 1 }
    return true
  }
  session.send(TEST_FRAME, utf8('x'), NONE, world.now)
  world.run(50)
  world.onSend = () => true
  world.run(3_000)
  t.equal(back.best!.host, '10.0.0.1')
})

t.test('a peer that lost its keys is reached again', async (t) => {
  const { world, a, b } = pair()
  const session = a.connect(b)!
  session.keep = true
  t.ok(world.until(() => session.up))
  world.run(1_000)
  b.make()
  const got = inbox(b)
  t.ok(
    world.until(() => {
      if (session.up) session.send(TEST_FRAME, utf8('x'), NONE, world.now)
      world.run(200)
      return got.length > 0
    }, 60_000),
  )
})

t.test('strangers never push out a session that is kept', async (t) => {
  const world = new World()
  const b = world.node('10.0.0.2')
  const kept = world.node('10.0.0.1')
  kept.connect(b)
  t.ok(world.until(() => b.plane.find(kept.key)?.up === true))
  b.plane.find(kept.key)!.keep = true
  for (let i = 0; i < LIMITS.udp.sessions + 8; i++) {
    const node = world.node(`10.1.${i >> 8}.${i & 255}`)
    node.connect(b)
    world.run(200)
    node.on = false
  }
  t.equal(b.plane.sessions.length, LIMITS.udp.sessions)
  t.ok(b.plane.find(kept.key)?.up)
  // Nor do those who open pipes and stay keep a newcomer out.
  for (const session of b.plane.sessions) session.busy = true
  const newcomer = world.node('10.5.0.1')
  newcomer.connect(b)
  t.ok(world.until(() => b.plane.find(newcomer.key)?.up === true))
  t.equal(b.plane.sessions.length, LIMITS.udp.sessions)
  t.ok(b.plane.find(kept.key)?.up)
})

t.test('the replay window takes each counter once, in any order', async (t) => {
  const world = new World(7)
  const window = new ReplayWindow()
  const slow = new Set<number>()
  let newest = -1
  const candidates: number[] = []
  for (let i = 0; i < 20_000; i++) {
    const jump = world.chance()
    const counter =
      jump < 0.01
        ? newest + Math.floor(world.chance() * 6_000)
        : newest + 3 - Math.floor(world.chance() * 2_500)
    if (counter >= 0) candidates.push(counter)
    if (counter < 0) continue
    const fresh = counter > newest - WINDOW && !slow.has(counter)
    if (counter <= newest - WINDOW - 1 && window.fresh(counter)) t.fail(`${counter} behind ${newest}`)
    if (counter > newest - WINDOW + 1 && window.fresh(counter) !== fresh) t.fail(`${counter} at ${newest}`)
    if (!window.fresh(counter)) continue
    if (window.take(counter) !== counter > newest) t.fail('newest')
    slow.add(counter)
    newest = Math.max(newest, counter)
  }
  t.ok(candidates.length > 10_000)
  t.ok(slow.size > 1_000)
})

t.test('frames of unknown types and broken lengths are passed over', async (t) => {
  const { world, a, b, got } = pair()
  const session = a.connect(b)!
  t.ok(world.until(() => b.plane.find(a.key)?.up === true))
  session.send(250, utf8('future'), NONE, world.now)
  session.send(FRAME.answer, utf8('shrt'), NONE, world.now)
  session.send(FRAME.challenge, utf8('wrong size'), NONE, world.now)
  session.send(TEST_FRAME, utf8('y'), NONE, world.now)
  t.ok(world.until(() => got.length === 1, 200))
})
