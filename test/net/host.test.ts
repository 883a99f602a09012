// Hosts in virtual time: handshakes, streams, dialling, closing.
import t from 'tap'
import { equal, utf8 } from '../../src/base/bytes.ts'
import type { WattleError } from '../../src/base/errors.ts'
import { LIMITS } from '../../src/base/limits.ts'
import type { Connection } from '../../src/net/api.ts'
import { type Identified, identify } from '../../src/net/services/identify.ts'
import { ping } from '../../src/net/services/ping.ts'
import { MemoryNet, seeded } from './help/memory.ts'
import { connected, dial, host, open, UNHEARD } from './help/world.ts'

const NET = LIMITS.net

t.test('a handshake in pieces of any size proves both keys', async (t) => {
  for (const cut of [() => 1, (n: number) => n, () => 7]) {
    const net = new MemoryNet()
    net.cut = cut
    const a = host(net)
    const b = host(net, 'b:1')
    const seen: Connection[] = []
    b.onConnection = (c) => void seen.push(c)
    const c = connected(net, a, 'b:1')
    t.ok(equal(c.remoteKey, b.shared.identity.publicKey))
    t.ok(equal(seen[0]!.remoteKey, a.shared.identity.publicKey))
    t.same([c.inbound, seen[0]!.inbound, c.remote], [false, true, 'b:1'])
    t.ok(a.find(b.shared.identity.publicKey) === c && a.connections().length === 1)
    let got = ''
    const stream = open(net, c, '/echo')
    stream.events = {
      ...UNHEARD,
      onData: (bytes) => {
        got += Buffer.from(bytes).toString()
      },
    }
    stream.write(utf8('hello'))
    net.settle()
    t.equal(got, 'hello')
    t.equal(stream.protocol, '/echo')
    let ms = -1
    ping(a, c, (error, n) => {
      ms = error ? -2 : n
    })
    let said: Identified | null = null
    identify(c, (_, s) => {
      said = s
    })
    net.settle()
    t.equal(ms, 0)
    t.match(said, { agent: 'test', addresses: [] })
    const ends: (WattleError | null)[] = []
    a.onDisconnect = (_, error) => void ends.push(error)
    b.onDisconnect = (_, error) => void ends.push(error)
    c.close()
    net.settle()
    t.same(ends, [null, null])
    t.equal(a.connections().length + b.connections().length, 0)
  }
})

t.test('random cuts, 300 streams one after the other, nothing left behind', async (t) => {
  const next = seeded(9)
  const net = new MemoryNet()
  net.cut = (n) => 1 + Math.floor(next() * n)
  const a = host(net)
  const b = host(net, 'b:1')
  const c = connected(net, a, 'b:1')
  let wrong = 0
  for (let i = 0; i < 300; i++) {
    const sent = Uint8Array.from({ length: next() * 3_000 }, () => next() * 256)
    const got: number[] = []
    let closed: unknown = 'open'
    const stream = open(net, c, '/echo')
    stream.events = {
      ...UNHEARD,
      onData: (b) => void got.push(...b),
      onClose: (e) => {
        closed = e
      },
    }
    stream.write(sent)
    stream.end()
    net.settle()
    if (closed !== null || !equal(Uint8Array.from(got), sent)) wrong++
  }
  t.equal(wrong, 0)
  net.pass(2_000)
  t.ok(a.shared.unread.used + a.shared.unsent.used + b.shared.unread.used + b.shared.unsent.used <= 4 * 1_024)
  t.same(b.counters.report(), { accepted: 1, opened: 1 })
})

t.test('dialling: nobody there, no answer, the wrong key, too many at once', async (t) => {
  const net = new MemoryNet()
  const a = host(net)
  const b = host(net, 'b:1')
  t.match(dial(net, a, 'c:1'), { code: 'dial-failed' })
  t.match(dial(net, a, 'b:1', new Uint8Array(32)), { code: 'wrong-key' })
  t.equal(b.counters.get('opened'), 0, 'whoever expected another key does not say its own')
  const errors: string[] = []
  for (let i = 0; i < NET.dials + 1; i++) a.dial('nowhere:1', null, (error) => void errors.push(error!.code))
  t.same(errors, ['too-many-connections'])
  net.pass(NET.handshakeMs + 1_000)
  t.equal(errors.filter((code) => code === 'dial-failed').length, NET.dials)
  t.match(dial(net, a, 'b:1', b.shared.identity.publicKey), { inbound: false })
  a.close()
  net.pass(NET.closeMs + 1_000)
  t.match(dial(net, a, 'b:1'), { code: 'too-many-connections' })
})

t.test('an address in use', async (t) => {
  const net = new MemoryNet()
  host(net, 'b:1')
  const a = host(net)
  let code = ''
  a.listen('b:1', (error) => {
    code = error!.code
  })
  net.settle()
  t.equal(code, 'port-in-use')
})

t.test('closing a host tells both sides', async (t) => {
  const net = new MemoryNet()
  const a = host(net)
  const b = host(net, 'b:1')
  const c = connected(net, a, 'b:1')
  const stream = open(net, c, '/echo')
  let closed: unknown = 'open'
  stream.events = {
    ...UNHEARD,
    onClose: (error) => {
      closed = error
    },
  }
  b.close()
  net.settle()
  t.equal(closed, null)
  t.equal(a.connections().length + b.connections().length, 0)
  t.match(dial(net, a, 'b:1'), { code: 'dial-failed' })
  let late: string | undefined
  c.open('/echo', (error) => {
    late = error?.code
  })
  t.equal(late, 'closed')
})

t.test('a handler that leaves its stream as it is, and writes or ends, is called once', async (t) => {
  for (const act of ['end', 'write'] as const) {
    const net = new MemoryNet()
    const a = host(net)
    const b = host(net, 'b:1')
    let calls = 0
    b.handle('/careless', (stream) => {
      calls++
      // Writing hands on what came behind the agreement: to nobody, and not to us again.
      if (calls > 5) return stream.reset()
      if (act === 'end') stream.end()
      else stream.write(utf8('no'))
    })
    const c = connected(net, a, 'b:1')
    const stream = open(net, c, '/careless')
    stream.events = { ...UNHEARD }
    stream.write(new Uint8Array(500).fill(1))
    net.settle()
    stream.write(new Uint8Array(500).fill(2))
    stream.end()
    net.settle()
    t.equal(calls, 1, act)
    t.equal(b.connections().length, 1, 'and the connection stands')
  }
})
