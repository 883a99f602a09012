// What a host does at its caps, in virtual time: admission and eviction, deadlines, keep-alive, memory
// of the whole process, slow readers.
import t from 'tap'
import { LIMITS } from '../../src/base/limits.ts'
import type { Connection, Stream } from '../../src/net/api.ts'
import { sourceOf } from '../../src/net/link/admission.ts'
import { line } from '../../src/net/link/multistream.ts'
import { MemoryNet } from './help/memory.ts'
import { connected, dial, host, open, stranger, UNHEARD } from './help/world.ts'

const NET = LIMITS.net

t.test('unfinished handshakes time out, the oldest make room, and the ration is per source', async (t) => {
  const net = new MemoryNet()
  const b = host(net, 'b:1')
  const slow = stranger(net, 'b:1')
  slow.socket.write(line('/multistream/1.0.0'))
  net.settle()
  t.ok(slow.got() > 0)
  net.pass(NET.handshakeMs + 1_000)
  t.ok(slow.gone())
  t.equal(b.counters.get('handshakeTimeouts'), 1)

  const crowd = Array.from({ length: NET.handshakesAtOnce + 5 }, () => stranger(net, 'b:1'))
  t.equal(b.counters.get('connectionsEvicted'), 5)
  t.ok(crowd.slice(0, 5).every((s) => s.gone()) && !crowd[5]!.gone())
  for (let i = 0; i < 2 * NET.acceptBurstOfOne; i++) stranger(net, 'b:1')
  const refused = b.counters.get('connectionsRefused')
  t.ok(refused >= NET.acceptBurstOfOne, `${refused} of one source were refused`)
  net.source = '10.0.0.2'
  t.ok(connected(net, host(net), 'b:1'), 'another source gets in meanwhile')
  t.equal(b.connections().length, 1)
  for (const address of ['1.2.3.4:5', '[2001:db8:1:2:3::9]:5', '[::ffff:1.2.3.4]:5', ':', 'x'])
    t.ok(sourceOf(address).length < 20)
  t.equal(sourceOf('[2001:db8:1:2:3::9]:5'), sourceOf('[2001:db8:1:2:4::8]:6'))
  t.not(sourceOf('[2001:db8:1:2::9]:5'), sourceOf('[2001:db8:1:3::9]:5'))
})

t.test('at the cap an idle stranger makes room, whom the application keeps stays', async (t) => {
  const net = new MemoryNet()
  const b = host(net, 'b:1')
  const held: Connection[] = []
  b.onConnection = (c) => void held.push(c)
  for (let i = 0; i < NET.connections; i++) {
    net.source = `10.0.1.${i}`
    connected(net, host(net), 'b:1')
    net.pass(200)
  }
  t.equal(b.connections().length, NET.connections)
  for (const c of held.slice(0, -1)) c.keep = true
  const last = held.at(-1)!
  const more = host(net)
  t.ok(connected(net, more, 'b:1'))
  t.equal(b.connections().length, NET.connections)
  t.notOk(b.connections().includes(last))
  for (const c of b.connections()) c.keep = true
  net.pass(1_000)
  t.match(dial(net, host(net), 'b:1'), { code: 'connection-lost' }, 'with nobody to send away it is refused')
  t.equal(b.connections().length, NET.connections)
})

t.test('a dead network is noticed, a quiet one is asked', async (t) => {
  const net = new MemoryNet()
  const a = host(net)
  const b = host(net, 'b:1')
  const c = connected(net, a, 'b:1')
  net.pass(10 * NET.silentMs)
  t.ok(a.connections().includes(c), 'quiet, but there')
  for (const socket of net.all) socket.stalled = true
  const lost: string[] = []
  a.onDisconnect = (_, error) => void lost.push(error?.code ?? 'orderly')
  net.pass(NET.silentMs + 2_000)
  t.same(lost, ['silent'])
  t.equal(b.counters.get('silent'), 1)
})

t.test('who owes an answer and says nothing at all is given up sooner', async (t) => {
  const net = new MemoryNet()
  const a = host(net)
  host(net, 'b:1')
  const c = connected(net, a, 'b:1')
  for (const socket of net.all) socket.stalled = true
  const lost: string[] = []
  a.onDisconnect = (_, error) => void lost.push(error?.code ?? 'orderly')
  c.open('/echo', () => {})
  net.pass(NET.handshakeMs + 2_000)
  t.same(lost, ['silent'])
})

t.test('a peer that connects anew: the old connection is asked, the new one is found', async (t) => {
  const net = new MemoryNet()
  const a = host(net)
  const b = host(net, 'b:1')
  connected(net, a, 'b:1')
  const first = b.connections()[0]!
  net.pass(1_000)
  const before = net.all.map((socket) => socket.written)
  connected(net, a, 'b:1')
  t.equal(b.connections().length, 2)
  t.not(b.find(a.shared.identity.publicKey), first)
  t.ok(net.all[0]!.written > before[0]! && net.all[1]!.written > before[1]!, 'asked and answered')
})

t.test('streams on which no protocol is agreed are reset in time', async (t) => {
  const net = new MemoryNet()
  const a = host(net)
  const b = host(net, 'b:1')
  const c = connected(net, a, 'b:1') as Connection & { session: { open(): Stream } }
  const bare = c.session.open()
  let code = ''
  bare.events = {
    ...UNHEARD,
    onClose: (error) => {
      code = error?.code ?? ''
    },
  }
  bare.write(line('/multistream/1.0.0'))
  net.pass(NET.handshakeMs + 1_000)
  t.equal(code, 'stream-reset')
  t.equal(b.counters.get('negotiationTimeouts'), 1)
  let unknown = ''
  c.open('/unknown', (error) => {
    unknown = error!.code
  })
  net.settle()
  t.equal(unknown, 'protocol-unknown')
  for (const socket of net.all) socket.stalled = true
  let late = ''
  c.open('/echo', (error) => {
    late = error!.code
  })
  net.pass(NET.handshakeMs + 1_000)
  t.equal(late, 'negotiation-timeout')
})

t.test('unread bytes of the whole process are capped: the largest holder is reset', async (t) => {
  const net = new MemoryNet()
  const a = host(net)
  const b = host(net, 'b:1')
  const paused: Stream[] = []
  const codes: string[] = []
  b.handle('/paused', (stream) => {
    stream.pause()
    paused.push(stream)
    stream.events = { ...UNHEARD, onClose: (error) => void codes.push(error?.code ?? '') }
  })
  const c = connected(net, a, 'b:1')
  const piece = new Uint8Array(16_384)
  let most = 0
  for (let i = 0; i < 12; i++) {
    const stream = open(net, c, '/paused')
    stream.events = UNHEARD
    for (let n = 0; n < NET.streamWindowBytes - 16_384; n += piece.length) {
      stream.write(piece)
      net.settle()
      most = Math.max(most, b.shared.unread.used)
    }
  }
  t.ok(most > NET.unreadBytes / 2 && b.shared.unread.used <= NET.unreadBytes, `${most} bytes at most`)
  t.ok(codes.length >= 8 && codes.every((code) => code === 'unread-bytes'), codes.join())
  t.ok(b.connections().length === 1 && b.counters.get('unreadResets') === codes.length)
  for (const stream of paused) stream.resume()
  net.pass(2_000)
  t.ok(b.shared.unread.used <= 12 * 1_024, 'and it is given back')
})

t.test('a reader that does not read costs its stream, nobody else anything', async (t) => {
  const net = new MemoryNet()
  const a = host(net, 'a:1')
  const telegram = new Uint8Array(340)
  const outcome: string[] = []
  let streams: Stream[] = []
  a.handle('/telegrams', (stream) => {
    streams.push(stream)
    stream.events = { ...UNHEARD, onClose: (error) => void outcome.push(error?.code ?? 'orderly') }
  })
  const got = [0, 0, 0]
  const readers = got.map((_, i) => {
    net.source = `10.0.2.${i}`
    const c = connected(net, host(net), 'a:1')
    const stream = open(net, c, '/telegrams')
    stream.events = {
      ...UNHEARD,
      onData: (bytes) => {
        got[i]! += bytes.length
      },
    }
    return stream
  })
  t.equal(readers.length, 3)
  // The first reader's network stalls: its socket and then its stream fill up.
  const stalled = net.all.find((socket) => socket.local === 'a:1')!
  stalled.stalled = true
  let most = 0
  for (let second = 0; second < 3_600 && outcome.length === 0; second++) {
    streams = streams.filter((stream) => stream.writable() > 0 || outcome.length === 0)
    for (const stream of streams) stream.write(telegram)
    if (second % 20 === 0) net.settle()
    most = Math.max(most, a.shared.unsent.used)
  }
  net.settle()
  t.same(outcome, ['slow-reader'])
  t.ok(most <= 4 * NET.streamSendBytes, `${most} bytes waited at most`)
  t.ok(got[1]! > 100_000 && got[1] === got[2], 'the others got everything')
})

t.test('questions whose answers are never read end the connection', async (t) => {
  const net = new MemoryNet()
  const a = host(net)
  const b = host(net, 'b:1')
  const c = connected(net, a, 'b:1') as Connection & { session: { ping(): void } }
  const back = net.all.find((socket) => socket.local === 'b:1')!
  back.stalled = true
  for (let i = 0; i < 100_000 && b.counters.get('flooded') === 0; i++) {
    c.session.ping()
    if (i % 100 === 0) net.settle()
  }
  t.equal(b.counters.get('flooded'), 1)
  t.ok(back.written < 4 * NET.socketSendBytes)
})
