// One connection under attack, in virtual time: forged identities, plain muxer negotiation, garbage at
// every stage of the handshake and after it.
import t from 'tap'
import { concat, utf8 } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { line } from '../../src/net/link/multistream.ts'
import { Identity, publicKeyProto } from '../../src/net/noise/identity.ts'
import { bytesField, numberField } from '../../src/net/protobuf.ts'
import { MemoryNet, seeded } from './help/memory.ts'
import { random, signer } from './help/party.ts'
import { connected, dial, host, open, stranger, UNHEARD } from './help/world.ts'

/** Bytes of the payload's first field. */
const KEY_FIELD = 38

t.test('with, without and with half an early muxer offer', async (t) => {
  for (const [left, right] of [
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ]) {
    for (const cut of [(n: number) => n, () => 1]) {
      const net = new MemoryNet()
      net.cut = cut
      const a = host(net)
      const b = host(net, 'b:1')
      for (const [h, offers] of [
        [a, left],
        [b, right],
      ] as const) {
        if (!offers) Object.assign(h.shared, { identity: new Identity(signer(), random, []) })
      }
      let got = ''
      const stream = open(net, connected(net, a, 'b:1'), '/echo')
      stream.events = {
        ...UNHEARD,
        onData: (bytes) => {
          got += Buffer.from(bytes).toString()
        },
      }
      stream.write(utf8('both ways'))
      net.settle()
      t.equal(got, 'both ways', `${left}, ${right}`)
    }
  }
})

t.test('forged identities in both roles', async (t) => {
  const other = signer()
  const cases: Record<string, [(payload: Uint8Array) => Uint8Array, string]> = {
    'another key than signed': [
      (p) => concat(bytesField(1, publicKeyProto(other.publicKey)), p.subarray(KEY_FIELD)),
      'badSignatures',
    ],
    'a flipped bit in the signature': [
      (p) => p.map((byte, i) => (i === KEY_FIELD + 20 ? byte ^ 4 : byte)),
      'badSignatures',
    ],
    'an RSA key': [
      (p) =>
        concat(
          bytesField(1, concat(numberField(1, 0), bytesField(2, new Uint8Array(270)))),
          p.subarray(KEY_FIELD),
        ),
      'keyTypesRefused',
    ],
    'a secp256k1 key': [
      (p) =>
        concat(
          bytesField(1, concat(numberField(1, 2), bytesField(2, new Uint8Array(33)))),
          p.subarray(KEY_FIELD),
        ),
      'keyTypesRefused',
    ],
    'no payload': [() => new Uint8Array(0), 'handshakeErrors'],
    'no protobuf': [() => new Uint8Array(50).fill(0xff), 'handshakeErrors'],
    'more than a handshake may hold': [() => new Uint8Array(LIMITS.net.handshakeBytes), 'badFrames'],
  }
  for (const [name, [forge, counter]] of Object.entries(cases)) {
    for (const forgerDials of [true, false]) {
      const net = new MemoryNet()
      const honest = host(net, 'honest:1')
      const forger = host(net, 'forger:1')
      Object.assign(forger.shared, {
        outbox: new Uint8Array(10_000),
        identity: {
          publicKey: forger.shared.identity.publicKey,
          exchange: forger.shared.identity.exchange,
          muxers: forger.shared.identity.muxers,
          payload: forge(forger.shared.identity.payload),
        },
      })
      let met = 0
      honest.onConnection = () => {
        met++
      }
      dial(net, forgerDials ? forger : honest, forgerDials ? 'honest:1' : 'forger:1')
      net.pass(5_000)
      t.equal(met, 0, name)
      t.equal(
        honest.counters.get(counter as 'badSignatures'),
        1,
        `${name}: ${JSON.stringify(honest.counters.report())}`,
      )
      t.equal(honest.connections().length + forger.connections().length, 0)
    }
  }
})

t.test('garbage at every stage before the handshake is through', async (t) => {
  const next = seeded(11)
  const noise = (n: number): Uint8Array => Uint8Array.from({ length: n }, () => next() * 256)
  const greeting = concat(line('/multistream/1.0.0'), line('/noise'))
  const openings: Record<string, Uint8Array> = {
    'random bytes': noise(3_000),
    'a TLS hello': concat(Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3), noise(500)),
    'an HTTP request': utf8(
      'GET / HTTP/1.1\r\nHost: meter\r\nUser-Agent: a browser that is lost on this port\r\n\r\n',
    ),
    'another protocol': concat(
      line('/multistream/1.0.0'),
      ...Array.from({ length: 40 }, () => line('/tls/1.0.0')),
    ),
    'a message of nothing': concat(greeting, Uint8Array.of(0, 0)),
    'a message too long': concat(greeting, Uint8Array.of(0xff, 0xff), noise(100)),
    'a first message too short': concat(greeting, Uint8Array.of(0, 31), noise(31)),
    'a key of small order': concat(greeting, Uint8Array.of(0, 32), new Uint8Array(32)),
    'a third message of noise': concat(
      greeting,
      Uint8Array.of(0, 32),
      noise(32),
      Uint8Array.of(0, 200),
      noise(200),
    ),
  }
  const net = new MemoryNet()
  const b = host(net, 'b:1')
  for (const [name, bytes] of Object.entries(openings)) {
    const s = stranger(net, 'b:1')
    s.socket.write(bytes)
    net.settle()
    t.ok(s.gone(), name)
    net.pass(1_000)
  }
  t.equal(b.counters.get('opened'), 0)
  const cut = concat(greeting, Uint8Array.of(0, 32), noise(32))
  for (let n = 0; n < cut.length; n += 5) {
    const s = stranger(net, 'b:1')
    s.socket.write(cut.subarray(0, n))
    net.settle()
    t.notOk(s.gone(), `the first ${n} bytes alone are no offence`)
    net.pass(LIMITS.net.handshakeMs + 1_000)
    t.ok(s.gone(), 'but they time out')
  }
  t.equal(b.shared.unread.used, 0)
  t.ok(connected(net, host(net), 'b:1'), 'and honest ones still come in')
})

t.test('garbage after the handshake ends that connection alone', async (t) => {
  const next = seeded(12)
  for (let round = 0; round < 30; round++) {
    const net = new MemoryNet()
    const b = host(net, 'b:1')
    const bad = connected(net, host(net), 'b:1')
    const good = connected(net, host(net), 'b:1')
    const wire = net.all.find((socket) => socket.local === bad.remote || socket.remote === 'b:1')!
    wire.write(Uint8Array.from({ length: 300 }, (_, i) => (i === 0 ? 0 : next() * 256)))
    net.settle()
    t.equal(b.counters.get('badTags') + b.counters.get('badFrames') >= 1, true)
    t.equal(b.connections().length, 1)
    t.ok(open(net, good, '/echo'))
  }
})
