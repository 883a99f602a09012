// Whole messages over a stream: both prefixes, every cut, and lengths that nobody honest sends.
import t from 'tap'
import { concat, equal } from '../../src/base/bytes.ts'
import type { WattleError } from '../../src/base/errors.ts'
import { LIMITS } from '../../src/base/limits.ts'
import type { Connection, NetCounter, Stream, StreamEvents } from '../../src/net/api.ts'
import { Messages, type Prefix } from '../../src/net/messages.ts'
import { NO_EVENTS } from '../../src/net/yamux/stream.ts'
import { seeded } from './help/memory.ts'

const MAX = LIMITS.net.messageBytes

class FakeStream implements Stream {
  readonly protocol = '/test'
  readonly connection = null as unknown as Connection
  events: StreamEvents = NO_EVENTS
  out: Uint8Array[] = []
  held = 0
  most = 0
  resetBy: NetCounter | undefined | null = null
  write(bytes: Uint8Array): boolean {
    this.out.push(bytes.slice())
    return true
  }
  writable(): number {
    return 1
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  reset(counter?: NetCounter): void {
    this.resetBy = counter
    this.events.onClose(null)
  }
  hold(bytes: number): void {
    this.held += bytes
    this.most = Math.max(this.most, this.held)
  }
}

function listen(prefix: Prefix): {
  stream: FakeStream
  messages: Messages
  got: Uint8Array[]
  log: string[]
} {
  const stream = new FakeStream()
  const got: Uint8Array[] = []
  const log: string[] = []
  const messages = new Messages(stream, prefix, {
    onMessage: (m) => void got.push(m.slice()),
    onDrain: () => void log.push('drain'),
    onEnd: () => void log.push('end'),
    onClose: (error: WattleError | null) => void log.push(`close ${error?.code ?? ''}`),
  })
  return { stream, messages, got, log }
}

t.test('there and back in pieces of any size', async (t) => {
  const random = seeded(8)
  for (const prefix of ['u32', 'varint'] as const) {
    const sender = listen(prefix)
    const sizes = [
      1,
      127,
      128,
      129,
      511,
      512,
      513,
      16_383,
      MAX,
      ...Array.from({ length: 40 }, () => 1 + Math.floor(random() ** 3 * MAX)),
    ]
    const sent = sizes.map((n) => Uint8Array.from({ length: n }, () => random() * 256))
    for (const m of sent) sender.messages.send(m)
    const wire = concat(...sender.stream.out)
    t.equal(sender.stream.out.length, sent.length, 'prefix and message leave together')
    for (const max of [1, 5, 700, 30_000]) {
      const { stream, got, log } = listen(prefix)
      for (let at = 0; at < wire.length; ) {
        const n = 1 + Math.floor(random() * max)
        stream.events.onData(wire.slice(at, at + n))
        at += n
      }
      stream.events.onEnd()
      t.ok(
        got.length === sent.length && got.every((m, i) => equal(m, sent[i]!)),
        `${prefix}, pieces to ${max}`,
      )
      t.same(log, ['end'])
      t.ok(stream.held <= 512 && stream.most <= MAX, 'memory')
    }
  }
})

t.test('a length of nothing or too much resets the stream', async (t) => {
  const bad: [Prefix, number[]][] = [
    ['u32', [0, 0, 0, 0]],
    ['u32', [0xff, 0xff, 0xff, 0xff]],
    ['u32', [0, 0, (MAX + 1) >> 8, (MAX + 1) & 255]],
    ['varint', [0]],
    ['varint', [0x81, 0x80, 0x01]],
    ['varint', [0xff, 0xff, 0xff, 0xff]],
    ['varint', [0x80, 0x80, 0x80, 0x80]],
  ]
  for (const [prefix, bytes] of bad) {
    const { stream, got, log } = listen(prefix)
    stream.events.onData(Uint8Array.from([...bytes, ...new Array<number>(50).fill(1)]))
    t.equal(stream.resetBy, 'badMessages')
    t.same(log, ['close '])
    t.equal(got.length + stream.held, 0)
  }
})

t.test('an announcement costs no memory, an end inside a message is an error', async (t) => {
  const { stream, log } = listen('u32')
  stream.events.onData(Uint8Array.of(0, 0, MAX >> 8, 0, 1))
  t.equal(stream.held, 512)
  stream.events.onEnd()
  t.equal(stream.resetBy, 'badMessages')
  t.same(log, ['close '])
  const cut = listen('u32')
  cut.stream.events.onData(Uint8Array.of(0, 0))
  cut.stream.events.onEnd()
  t.equal(cut.stream.resetBy, 'badMessages')
})

t.test('ours are within the cap', async (t) => {
  const { messages } = listen('u32')
  t.throws(() => messages.send(new Uint8Array(0)), RangeError)
  t.throws(() => messages.send(new Uint8Array(MAX + 1)), RangeError)
})
