// Strangers fill what they may, and whoever is known still has room: sessions, messages, pipes.
import t from 'tap'
import { equal, utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { FRAME } from '../../../src/net/udp/frames.ts'
import { DirectMessages } from '../../../src/net/udp/message/messages.ts'
import { Pipes } from '../../../src/net/udp/pipe/pipes.ts'
import { type Node, World } from './world.ts'

function crowd(world: World, target: Node, count: number): Node[] {
  const nodes: Node[] = []
  for (let i = 0; i < count; i++) {
    const node = world.node(`10.1.${i >> 8}.${i & 255}`)
    node.connect(target)
    nodes.push(node)
    world.run(120)
  }
  world.run(2_000)
  return nodes
}

function known(world: World): { target: Node; friends: Node[] } {
  const friends: Node[] = []
  const target = world.node('10.0.0.1', { knows: (key) => friends.some((f) => equal(f.key, key)) })
  return { target, friends }
}

t.test('sessions: strangers take the place of strangers', async (t) => {
  const world = new World(31)
  const { target, friends } = known(world)
  const first = world.node('10.9.0.1')
  friends.push(first)
  first.connect(target)
  t.ok(world.until(() => target.plane.find(first.key)?.up === true))
  crowd(world, target, LIMITS.udp.sessions + 20)
  t.equal(target.plane.sessions.length, LIMITS.udp.strangers + 1)
  t.ok(target.plane.find(first.key), 'the known one stays, silent as it was')
  t.ok(target.plane.counters.get('sessionsEvicted') >= 20)
  for (let i = 2; i < 22; i++) {
    const friend = world.node(`10.9.0.${i}`)
    friends.push(friend)
    friend.connect(target)
    t.ok(
      world.until(() => target.plane.find(friend.key)?.up === true),
      `known one ${i}`,
    )
  }
  t.equal(target.plane.sessions.length, LIMITS.udp.sessions)
  for (const friend of friends) t.ok(target.plane.find(friend.key), 'all known ones are there')
})

t.test('messages: half-sent ones of strangers leave room', async (t) => {
  const world = new World(32)
  const { target, friends } = known(world)
  const to = new DirectMessages(target.plane)
  const got: string[] = []
  to.onMessage = (session, message) => void got.push(`${session.stranger} ${message.length}`)
  const strangers = crowd(world, target, 12)
  const part = new Uint8Array(1_120)
  for (const [n, node] of strangers.entries())
    for (let id = 0; id < LIMITS.udp.messagesIn; id++) {
      // The first of 58 parts, and never another.
      const head = Uint8Array.of(0, 0, n, id, 0, 58)
      node.plane.sessions[0]!.send(FRAME.part, head, part, world.now)
    }
  world.run(200)
  t.ok(to.held > 0 && to.held <= LIMITS.udp.strangersMessagesBytes, `${to.held} bytes held for strangers`)
  const friend = world.node('10.9.0.1')
  friends.push(friend)
  const from = new DirectMessages(friend.plane)
  friend.connect(target)
  t.ok(world.until(() => friend.plane.sessions[0]?.up === true))
  let failure: unknown = 'open'
  const most = new Uint8Array(LIMITS.udp.messageBytes)
  from.send(friend.plane.sessions[0]!, most, world.now, (error) => {
    failure = error
  })
  friend.schedule()
  t.ok(world.until(() => failure !== 'open', 10_000))
  t.equal(failure, null)
  t.same(got, [`false ${LIMITS.udp.messageBytes}`])
  // Whoever is kept is as good as known.
  const stranger = strangers[0]!
  t.ok(target.plane.stranger(target.plane.find(stranger.key)!))
  target.plane.find(stranger.key)!.keep = true
  t.notOk(target.plane.stranger(target.plane.find(stranger.key)!))
})

t.test('pipes: strangers have half of them', async (t) => {
  const world = new World(33)
  const { target, friends } = known(world)
  const pipes = new Pipes(target.plane, () => world.now)
  let open = 0
  pipes.onPipe = () => open++
  const strangers = crowd(world, target, 20)
  const push = (node: Node, id: number): void => {
    const head = Uint8Array.of(0, 0, id >> 8, id, 1, 0, 0, 0, 0)
    node.plane.sessions[0]!.send(FRAME.pipe, head, utf8('x'), world.now)
  }
  for (const [n, node] of strangers.entries()) for (let i = 0; i < 8; i++) push(node, n * 8 + i + 1)
  world.run(100)
  t.equal(open, LIMITS.udp.strangersPipes)
  const friend = world.node('10.9.0.1')
  friends.push(friend)
  friend.connect(target)
  t.ok(world.until(() => friend.plane.sessions[0]?.up === true))
  push(friend, 4_000)
  world.run(100)
  t.equal(open, LIMITS.udp.strangersPipes + 1, 'one who is known gets one more')
})
