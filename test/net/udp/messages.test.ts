// Direct messages and byte pipes over a bad way: loss, repetition, disorder, changed addresses, caps.
import t, { type Test } from 'tap'
import { concat, equal, hex, utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { FRAME } from '../../../src/net/udp/frames.ts'
import { DirectMessages } from '../../../src/net/udp/message/messages.ts'
import type { Pipe } from '../../../src/net/udp/pipe/pipe.ts'
import { Pipes } from '../../../src/net/udp/pipe/pipes.ts'
import { SEGMENT_BYTES, SEGMENTS } from '../../../src/net/udp/pipe/sender.ts'
import type { Session } from '../../../src/net/udp/session/session.ts'
import { type Node, World } from './world.ts'

interface Pair {
  world: World
  a: Node
  b: Node
  session: Session
}

function pair(t: Test, seed = 1): Pair {
  const world = new World(seed)
  const a = world.node('10.0.0.1')
  const b = world.node('10.0.0.2')
  const session = a.connect(b)!
  t.ok(world.until(() => b.plane.find(a.key)?.up === true))
  session.keep = true
  b.plane.find(a.key)!.keep = true
  return { world, a, b, session }
}

const random = (world: World, n: number): Uint8Array => {
  const bytes = new Uint8Array(n)
  world.random(bytes)
  return bytes
}

t.test('acknowledged messages arrive once and whole, whatever happens on the way', async (t) => {
  const { world, a, b, session } = pair(t, 5)
  const from = new DirectMessages(a.plane)
  const to = new DirectMessages(b.plane)
  const got: string[] = []
  to.onMessage = (s, message, acknowledged) => {
    t.ok(acknowledged && equal(s.key, a.key))
    got.push(hex(message))
  }
  world.loss = 0.1
  world.onSend = (f) => {
    if (world.chance() < 0.1) world.after(world.chance() * 300, () => world.deliver(f))
    return true
  }
  const sent: string[] = []
  for (const n of [0, 1, 1_119, 1_120, 1_121, 20_000, 65_536]) {
    const message = random(world, n)
    sent.push(hex(message))
    const answers: unknown[] = []
    from.send(session, message, world.now, (error) => answers.push(error))
    a.schedule()
    t.ok(
      world.until(() => answers.length > 0, 30_000),
      `${n} bytes`,
    )
    t.same(answers, [null])
  }
  world.run(5_000)
  t.same(got, sent)
  t.equal(from.held + to.held, 0)
})

t.test('an unacknowledged message is one datagram', async (t) => {
  const { world, a, b, session } = pair(t)
  const from = new DirectMessages(a.plane)
  const to = new DirectMessages(b.plane)
  let got = 0
  let flew = 0
  world.onSend = (f) => {
    if (f.bytes.length > 500) flew++
    return true
  }
  to.onMessage = (_s, message, acknowledged) => {
    t.notOk(acknowledged)
    got += message.length
  }
  t.ok(from.tell(session, random(world, session.room), world.now))
  t.notOk(from.tell(session, random(world, session.room + 1), world.now))
  world.run(1_000)
  t.equal(got, session.room)
  t.equal(flew, 1)
  world.onSend = () => false
  t.ok(from.tell(session, utf8('lost'), world.now))
  world.run(1_000)
  t.equal(got, session.room)
})

t.test('who does not answer is reported; too much at once is refused', async (t) => {
  const { world, a, b, session } = pair(t)
  const from = new DirectMessages(a.plane)
  world.onSend = () => false
  const codes: (string | undefined)[] = []
  const done = (error: { code: string } | null): void => void codes.push(error?.code)
  for (let i = 0; i < LIMITS.udp.messagesOut + 1; i++) from.send(session, utf8('x'), world.now, done)
  from.send(session, new Uint8Array(LIMITS.udp.messageBytes + 1), world.now, done)
  t.same(codes, ['busy', 'message-too-large'])
  world.run(LIMITS.udp.messageMs + 1_000)
  t.same(codes.slice(2), ['no-answer', 'no-answer', 'no-answer', 'no-answer'])
  t.equal(from.held, 0)
  from.send(session, utf8('x'), world.now, done)
  a.plane.close(session, world.now)
  t.equal(codes.at(-1), 'closed')
  t.ok(b.on)
})

t.test('parts of a sender who never finishes are forgotten, and never more than the cap', async (t) => {
  const { world, a, b, session } = pair(t)
  const to = new DirectMessages(b.plane)
  let got = 0
  to.onMessage = () => got++
  const part = random(world, 1_120)
  for (let id = 0; id < 50; id++) session.send(FRAME.part, Uint8Array.of(0, 0, 0, id, 0, 59), part, world.now)
  // Wrong: part beyond parts, no parts, too many, a short one in the middle.
  for (const head of [
    [3, 3],
    [0, 0],
    [0, 60],
    [63, 64],
  ])
    session.send(FRAME.part, Uint8Array.of(9, 9, 9, 9, ...head), part, world.now)
  session.send(FRAME.part, Uint8Array.of(9, 9, 9, 8, 0, 2), part.subarray(0, 100), world.now)
  session.send(FRAME.part, Uint8Array.of(1), new Uint8Array(0), world.now)
  session.send(FRAME.partAck, Uint8Array.of(1), new Uint8Array(0), world.now)
  world.run(1_000)
  t.equal(to.held, LIMITS.udp.messagesIn * 59 * 1_120)
  t.equal(got, 0)
  world.run(2 * LIMITS.udp.messageMs + 2_000)
  t.equal(to.held, 0)
  t.ok(a.on)
})

t.test('bytes that pipes hold have one cap, and who holds most pays', async (t) => {
  const p = pair(t)
  const { world, a, b, session } = p
  const to = new Pipes(b.plane, () => world.now)
  const ends: (string | null)[] = []
  to.onPipe = (pipe) => {
    pipe.events = { onData() {}, onDrain() {}, onClose: (error) => ends.push(error?.code ?? null) }
  }
  // Many peers, each with pipes whose first segment never comes.
  const part = random(world, 1_120)
  for (let i = 0; i < 40; i++) {
    const node = i === 0 ? a : world.node(`10.2.0.${i}`)
    const own = i === 0 ? session : node.connect(b)!
    world.run(100)
    for (let seq = 1; seq < SEGMENTS; seq++)
      own.send(FRAME.pipe, Uint8Array.of(0, 0, 0, i, 1, 0, 0, 0, seq), part, world.now)
    world.run(50)
    t.ok(to.account.used <= LIMITS.udp.pipesBytes, `${to.account.used} bytes`)
  }
  t.ok(ends.length > 10, `${ends.length} pipes were given up`)
  t.ok(to.size >= 20, 'the others stay')
})

interface End {
  pipe: Pipe
  got: Uint8Array[]
  closes: (string | null)[]
  drains: number
}

function watch(pipe: Pipe): End {
  const end: End = { pipe, got: [], closes: [], drains: 0 }
  pipe.events = {
    onData: (bytes) => end.got.push(bytes.slice()),
    onDrain: () => end.drains++,
    onClose: (error) => end.closes.push(error?.code ?? null),
  }
  return end
}

function pipes(p: Pair): { from: Pipes; to: Pipes; near: End; far: () => End } {
  const from = new Pipes(p.a.plane, () => p.world.now)
  const to = new Pipes(p.b.plane, () => p.world.now)
  let far: End | null = null
  to.onPipe = (pipe) => {
    far = watch(pipe)
  }
  return { from, to, near: watch(from.open(p.session)!), far: () => far! }
}

t.test('a pipe carries bytes both ways over loss and disorder and ends cleanly', async (t) => {
  for (const loss of [0, 0.1, 0.3]) {
    const p = pair(t, 11)
    const { world, a, b } = p
    const { near, far, from, to } = pipes(p)
    world.loss = loss
    world.onSend = (f) => {
      if (loss > 0 && world.chance() < 0.05) {
        world.after(world.chance() * 100, () => world.deliver(f))
        return false
      }
      return true
    }
    const there = random(world, 300_000)
    const back = random(world, 100_000)
    near.pipe.write(there)
    a.schedule()
    t.ok(world.until(() => far() !== undefined && far() !== null))
    far().pipe.write(back)
    b.schedule()
    near.pipe.end()
    t.ok(
      world.until(() => near.closes.length > 0 && far().closes.length > 0, 300_000),
      `loss ${loss}`,
    )
    t.ok(equal(concat(...far().got), there))
    t.ok(equal(concat(...near.got), back))
    t.same([near.closes, far().closes], [[null], [null]])
    t.equal(near.drains, 0, 'after its end nobody is told of room')
    world.run(5_000)
    t.equal(from.size + to.size, 0)
    t.equal(from.account.used + to.account.used, 0, 'all memory is given back')
  }
})

t.test('a paused reader stops the writer within one window', async (t) => {
  const p = pair(t)
  const { world, a } = p
  const { near, far, to } = pipes(p)
  near.pipe.write(random(world, 10))
  a.schedule()
  t.ok(world.until(() => far() !== null && far().got.length === 1))
  far().pipe.pause()
  near.pipe.write(random(world, 200_000))
  a.schedule()
  world.run(10_000)
  t.equal(far().got.length, 1)
  t.ok(near.pipe.queued() >= 200_000 - SEGMENTS * SEGMENT_BYTES)
  t.ok(to.account.used <= LIMITS.udp.pipeBytes)
  t.equal(near.drains, 0)
  far().pipe.resume()
  p.b.schedule()
  t.ok(world.until(() => far().got.reduce((n, b) => n + b.length, 0) === 200_010, 60_000))
  t.equal(near.drains, 1)
})

t.test('a pipe survives a changed address and a dead spell without losing a byte', async (t) => {
  const p = pair(t, 3)
  const { world, a } = p
  const { near, far } = pipes(p)
  const handshakes = p.session.handshakes
  const all: Uint8Array[] = []
  let sent = 0
  const pump = (): void => {
    if (sent++ >= 60) return
    const bytes = random(world, 700)
    all.push(bytes)
    near.pipe.write(bytes)
    a.schedule()
    world.after(1_000, pump)
  }
  pump()
  world.run(10_000)
  a.host = '10.0.5.5'
  world.run(15_000)
  world.onSend = () => false
  world.run(8_000)
  world.onSend = () => true
  t.ok(world.until(() => sent > 60 && far().got.reduce((n, b) => n + b.length, 0) === 60 * 700, 60_000))
  t.ok(equal(concat(...far().got), concat(...all)))
  t.equal(p.session.handshakes, handshakes, 'no new handshake')
})

t.test('a silent other side, a reset, a closed session: the pipe ends with a reason', async (t) => {
  const p = pair(t)
  const { world, a } = p
  const { near, far, from } = pipes(p)
  near.pipe.write(utf8('x'))
  a.schedule()
  t.ok(world.until(() => far() !== null && far().got.length === 1))
  far().pipe.destroy()
  t.ok(world.until(() => near.closes.length === 1))
  t.same([near.closes, far().closes], [['ECONNRESET'], [null]])
  const second = watch(from.open(p.session)!)
  second.pipe.write(utf8('y'))
  a.schedule()
  world.run(500)
  world.onSend = () => false
  second.pipe.write(utf8('z'))
  a.schedule()
  t.ok(world.until(() => second.closes.length === 1, LIMITS.udp.pipeMs + 5_000))
  t.same(second.closes, ['ETIMEDOUT'])
  const third = watch(from.open(p.session)!)
  a.plane.close(p.session, world.now)
  t.same(third.closes, ['ECONNRESET'])
  t.equal(from.open(p.session), null)
})

t.test('what no sender of ours would send ends the pipe or nothing', async (t) => {
  const p = pair(t)
  const { world, a, b, session } = p
  const { near, far, to } = pipes(p)
  near.pipe.write(utf8('x'))
  a.schedule()
  t.ok(world.until(() => far() !== null && far().got.length === 1))
  const id = near.pipe.id
  const head = (flags: number, seq: number, of = id): Uint8Array =>
    Uint8Array.of(of >>> 24, of >>> 16, of >>> 8, of, flags, seq >>> 24, seq >>> 16, seq >>> 8, seq)
  for (let i = 0; i < 100; i++) session.send(FRAME.pipe, head(0, 1, i), utf8('unknown'), world.now)
  session.send(FRAME.pipe, utf8('short'), new Uint8Array(0), world.now)
  session.send(FRAME.pipeAck, utf8('short'), new Uint8Array(0), world.now)
  session.send(FRAME.pipeReset, utf8('short'), new Uint8Array(0), world.now)
  const wild = new Uint8Array(16).fill(255)
  wild.set(head(0, 0).subarray(0, 4))
  session.send(FRAME.pipeAck, wild, new Uint8Array(0), world.now)
  world.run(200)
  t.equal(far().closes.length, 0)
  for (let i = 0; i < 20; i++) session.send(FRAME.pipe, head(1, 0, 1_000 + i), utf8('open'), world.now)
  world.run(200)
  t.equal(to.size, LIMITS.udp.pipesOfOne, 'no more pipes of one peer than the cap')
  session.send(FRAME.pipe, head(0, 1 + SEGMENTS), utf8('beyond the window'), world.now)
  world.run(200)
  t.ok(b.plane.counters.get('pipesRefused') > 0)
})
