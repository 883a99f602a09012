// Two Yamux sessions that talk through plain arrays, then one that hears what no honest side sends.
import t from 'tap'
import { concat, equal } from '../../src/base/bytes.ts'
import { putU32 } from '../../src/base/cursor.ts'
import type { WattleError } from '../../src/base/errors.ts'
import { LIMITS } from '../../src/base/limits.ts'
import type { Connection, NetCounter } from '../../src/net/api.ts'
import { Account } from '../../src/net/queue.ts'
import { FLAG, type FrameOutput, TYPE } from '../../src/net/yamux/frame.ts'
import { Session, type SessionOwner } from '../../src/net/yamux/session.ts'
import type { MuxedStream } from '../../src/net/yamux/stream.ts'
import { seeded } from './help/memory.ts'

const WINDOW = LIMITS.net.streamWindowBytes
const ROOM = LIMITS.net.streamSendBytes

/** One side: what it sent waits in `wire` until `exchange` hands it over. */
class Side implements SessionOwner, FrameOutput {
  readonly buffer = new Uint8Array(20_000)
  readonly at = 2
  readonly spare = 16
  readonly connection = null as unknown as Connection
  readonly unread = new Account(LIMITS.net.unreadBytes)
  readonly unsent = new Account(LIMITS.net.unsentBytes)
  readonly counters = new Map<NetCounter, number>()
  readonly inbound: MuxedStream[] = []
  wire: Uint8Array[] = []
  blocked = false
  broken = ''
  goneAway = false
  onInbound: (stream: MuxedStream) => void = () => {}
  readonly session: Session

  constructor(dialled: boolean) {
    this.session = new Session(this, this, dialled)
  }

  commit(n: number): void {
    this.wire.push(this.buffer.slice(this.at, this.at + n))
  }
  congested(): boolean {
    return this.blocked
  }
  count(name: NetCounter): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + 1)
  }
  onStream(stream: MuxedStream): void {
    this.inbound.push(stream)
    this.onInbound(stream)
  }
  onBroken(code: number, reason: string): void {
    this.broken ||= `${code} ${reason}`
    this.session.close(null)
  }
  onGoAway(): void {
    this.goneAway = true
  }
  hear(...parts: Uint8Array[]): void {
    const bytes = concat(...parts)
    this.session.onBytes(bytes, 0, bytes.length)
  }
}

class Ear {
  readonly got: number[] = []
  bytes = 0
  drains = 0
  ended = false
  closed: WattleError | null | undefined
  onData = (bytes: Uint8Array): void => {
    this.bytes += bytes.length
    if (this.got.length < 5_000) this.got.push(...bytes.subarray(0, 5_000))
  }
  onDrain = (): void => void this.drains++
  onEnd = (): void => {
    this.ended = true
  }
  onClose = (error: WattleError | null): void => {
    this.closed = error
  }
}

function exchange(a: Side, b: Side, cut: (n: number) => number = (n) => n): void {
  for (let round = 0; round < 10_000; round++) {
    let moved = false
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const bytes = concat(...from.wire)
      from.wire = []
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, at + Math.max(1, cut(bytes.length)))
        to.session.onBytes(bytes, at, end)
        at = end
        moved = true
      }
    }
    if (!moved) return
  }
  throw new Error('it does not come to rest')
}

function frame(type: number, flags: number, id: number, length: number, version = 0): Uint8Array {
  const out = new Uint8Array(12)
  out[0] = version
  out[1] = type
  out[3] = flags
  putU32(out, 4, id)
  putU32(out, 8, length)
  return out
}

function two(): { a: Side; b: Side; here: MuxedStream; there: MuxedStream; ear: Ear; far: Ear } {
  const a = new Side(true)
  const b = new Side(false)
  const ear = new Ear()
  const far = new Ear()
  b.onInbound = (stream) => {
    stream.events = far
  }
  const here = a.session.open()!
  here.events = ear
  here.write(Uint8Array.of(1))
  exchange(a, b)
  return { a, b, here, there: b.inbound[0]!, ear, far }
}

t.test('bytes both ways in pieces of any size', async (t) => {
  const random = seeded(6)
  for (let round = 0; round < 8; round++) {
    const { a, b, here, there, ear, far } = two()
    const out = Uint8Array.from({ length: 4_000 }, () => random() * 256)
    const cut = round === 0 ? () => 1 : () => Math.floor(random() * 300)
    for (let at = 0; at < out.length; at += 700) {
      here.write(out.subarray(at, at + 700))
      there.write(out.subarray(at, at + 700))
    }
    here.end()
    exchange(a, b, cut)
    t.same([far.ended, ear.ended, far.closed], [true, false, undefined])
    there.end()
    exchange(a, b, cut)
    t.ok(equal(Uint8Array.from(ear.got), out) && equal(Uint8Array.from(far.got.slice(1)), out))
    t.ok(ear.closed === null && far.closed === null)
    t.equal(a.session.streams.size + b.session.streams.size, 0)
  }
})

t.test('a sender stops at the window, and goes on as the reader reads', async (t) => {
  const { a, b, here, there, ear, far } = two()
  there.pause()
  const piece = new Uint8Array(10_000).fill(7)
  let written = 0
  while (written < 2_000_000) {
    written += piece.length
    if (!here.write(piece)) {
      exchange(a, b)
      if (here.writable() === 0) break
    }
  }
  t.ok(written >= WINDOW + ROOM && written <= WINDOW + ROOM + 2 * piece.length, `${written} bytes were taken`)
  t.equal(far.bytes, 1, 'nothing reaches a paused reader')
  t.ok(b.unread.used >= WINDOW - 1 && b.unread.used <= 2 * WINDOW)
  there.resume()
  exchange(a, b)
  t.equal(far.bytes, written + 1)
  t.equal(ear.drains, 1)
  t.equal(here.writable(), ROOM)
  a.session.tick(0)
  b.session.tick(0)
  t.equal(a.unsent.used + b.unread.used, 0, 'memory was given back')
})

t.test('pausing inside onData keeps the rest', async (t) => {
  const { a, b, here, there, far } = two()
  let pauses = 0
  there.events = {
    ...far,
    onData: (bytes) => {
      far.onData(bytes)
      there.pause()
      pauses++
    },
  }
  for (let i = 0; i < 5; i++) here.write(new Uint8Array(100))
  exchange(a, b)
  t.equal(far.bytes, 101)
  for (let i = 0; i < 9 && far.bytes < 501; i++) there.resume()
  t.equal(far.bytes, 501)
  t.ok(pauses >= 2)
})

t.test('who writes without waiting loses the stream, not the process', async (t) => {
  const { a, here, ear } = two()
  a.blocked = true
  const piece = new Uint8Array(16_384)
  let accepted = 0
  for (let i = 0; i < 100 && ear.closed === undefined; i++) {
    here.write(piece)
    accepted++
  }
  t.match(ear.closed, { code: 'slow-reader' })
  t.ok(accepted <= (2 * ROOM) / piece.length + 1)
  t.equal(a.unsent.used, 0)
  t.equal(here.write(piece), false)
  t.equal(a.counters.get('slowReaders'), 1)
})

t.test('many streams take turns', async (t) => {
  const { a, b } = two()
  const order: number[] = []
  b.onInbound = (stream) => {
    stream.events = { ...new Ear(), onData: () => void order.push(stream.id) }
  }
  a.blocked = true
  const streams = Array.from({ length: 5 }, () => a.session.open()!)
  for (const stream of streams) for (let i = 0; i < 4; i++) stream.write(new Uint8Array(16_000))
  a.blocked = false
  a.session.onWritable()
  exchange(a, b)
  t.equal(new Set(order.slice(0, 5)).size, 5, 'no stream is served twice before each was once')
})

t.test('reset, in both directions', async (t) => {
  const one = two()
  one.here.reset()
  exchange(one.a, one.b)
  t.match(one.far.closed, { code: 'stream-reset' })
  t.match(one.ear.closed, { code: 'stream-reset' })
  t.equal(one.a.session.streams.size + one.b.session.streams.size, 0)
  one.b.hear(frame(TYPE.data, 0, 1, 3), Uint8Array.of(1, 2, 3), frame(TYPE.ping, FLAG.syn, 0, 77))
  t.equal(one.b.broken, '', 'late bytes of a reset stream are dropped')
  t.equal(one.b.wire.length, 1, 'and what follows is heard')
})

t.test('ping: SYN on stream 0 is a question', async (t) => {
  const { a, b } = two()
  b.hear(frame(TYPE.ping, FLAG.syn, 0, 0xdeadbeef))
  t.same(b.wire[0], frame(TYPE.ping, FLAG.ack, 0, 0xdeadbeef))
  a.session.ping()
  t.notOk(a.session.answered)
  exchange(a, b)
  t.ok(a.session.answered)
})

t.test('go away', async (t) => {
  const { a } = two()
  a.hear(frame(TYPE.goAway, 0, 0, 0))
  t.ok(a.goneAway)
  t.equal(a.session.open(), null)
  const other = new Side(true)
  other.hear(frame(TYPE.goAway, 0, 0, 2))
  t.match(other.broken, /^-1 /)
})

t.test('as many streams as the cap says, the next is refused', async (t) => {
  const b = new Side(false)
  for (let i = 0; i < LIMITS.net.streamsPerConnection + 10; i++)
    b.hear(frame(TYPE.window, FLAG.syn, 2 * i + 1, 0))
  t.equal(b.session.streams.size, LIMITS.net.streamsPerConnection)
  t.equal(b.counters.get('streamsRefused'), 10)
  t.same(b.wire.at(-1)!.subarray(0, 4), frame(TYPE.window, FLAG.rst, 0, 0).subarray(0, 4))
  t.equal(b.session.open(), null)
  t.equal(b.broken, '')
})

t.test('what breaks the protocol ends the session', async (t) => {
  const cases: Record<string, Uint8Array[]> = {
    version: [frame(TYPE.ping, FLAG.syn, 0, 0, 1)],
    type: [frame(4, 0, 1, 0)],
    'data on stream 0': [frame(TYPE.data, 0, 0, 5)],
    'window on stream 0': [frame(TYPE.window, FLAG.syn, 0, 0)],
    'our own parity': [frame(TYPE.window, FLAG.syn, 2, 0)],
    'opened twice': [frame(TYPE.window, FLAG.syn, 1, 0), frame(TYPE.window, FLAG.syn, 1, 0)],
    'more than the window': [frame(TYPE.data, FLAG.syn, 1, WINDOW + 1)],
    'more than a window for nobody': [frame(TYPE.data, 0, 9, WINDOW + 1)],
  }
  for (const [name, frames] of Object.entries(cases)) {
    const b = new Side(false)
    b.hear(...frames)
    t.match(b.broken, /^1 /, name)
    t.ok(b.session.closed && b.session.streams.size === 0, name)
  }
  const b = new Side(false)
  b.onInbound = (stream) => stream.pause()
  b.hear(frame(TYPE.window, FLAG.syn, 1, 0))
  for (let sent = 0; b.broken === '' && sent < 2 * WINDOW; sent += 1_000)
    b.hear(frame(TYPE.data, 0, 1, 1_000), new Uint8Array(1_000))
  t.equal(b.counters.get('windowOverflows'), 1, 'bit by bit as well')
})

t.test('credit beyond all bounds is no harm', async (t) => {
  const { a, here } = two()
  for (let i = 0; i < 5; i++) a.hear(frame(TYPE.window, 0, 1, 0xffff_ffff))
  a.blocked = true
  t.ok(here.write(new Uint8Array(1_000)))
  t.equal(a.broken, '')
})

t.test('random bytes: no throw, no growth', async (t) => {
  const random = seeded(7)
  let kept = 0
  for (let round = 0; round < (process.env['WATTLE_FULL'] ? 20_000 : 400); round++) {
    const b = new Side(false)
    b.onInbound = (stream) => {
      stream.events = new Ear()
      if (random() < 0.5) stream.pause()
    }
    for (let i = 0; i < 60 && !b.session.closed; i++) {
      const length = random() < 0.1 ? Math.floor(random() * 2 ** 32) : Math.floor(random() * 2_000)
      const id = Math.floor(random() * 6)
      b.hear(frame(Math.floor(random() * 3), Math.floor(random() * 16), id, length))
      if (random() < 0.5) b.hear(Uint8Array.from({ length: 50 }, () => random() * 256))
    }
    if (b.unread.used > LIMITS.net.unreadBytes) t.fail('memory')
    b.session.close(null)
    kept += b.unread.used + b.unsent.used
  }
  t.equal(kept, 0, 'memory was given back')
})
