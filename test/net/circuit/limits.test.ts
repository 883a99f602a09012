// A relay of connections against those who ask too much of it, in memory and virtual time.
import t from 'tap'
import { type Bytes, concat } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import type { Signer } from '../../../src/crypto/native.ts'
import type { Connection, Stream } from '../../../src/net/api.ts'
import { CircuitClient } from '../../../src/net/circuit/client.ts'
import {
  encodeConnect,
  encodeReserve,
  HOP,
  readCircuit,
  STATUS,
  STOP,
} from '../../../src/net/circuit/message.ts'
import { CircuitServer } from '../../../src/net/circuit/server.ts'
import { framed } from '../../../src/net/first.ts'
import { Host } from '../../../src/net/host.ts'
import { FieldReader, numberField, varint } from '../../../src/net/protobuf.ts'
import { makeInvite, type RelayRules } from '../../../src/net/udp/relay/rules.ts'
import { MemoryNet } from '../help/memory.ts'
import { echo, random, signer } from '../help/party.ts'
import { connected, open, UNHEARD } from '../help/world.ts'

const NONE: Bytes = new Uint8Array(0)
const RELAY = '10.0.0.9:4010'
const L = LIMITS.circuit

interface World {
  net: MemoryNet
  relay: Host
  who: Signer
  server: CircuitServer
  wall: () => number
}

function world(rules: Partial<RelayRules>): World {
  const net = new MemoryNet()
  const who = signer()
  const timers = net.timers()
  const relay = new Host({ sockets: net.sockets, timers, random, signer: who, agent: 'relay', name: 'relay' })
  const wall = (): number => 1_800_000_000_000 + net.now
  const server = new CircuitServer({
    host: relay,
    timers,
    signer: who,
    rules: { mine: () => false, inviters: [], open: false, ...rules },
    wall,
  })
  relay.onDisconnect = (connection) => server.onDisconnect(connection)
  relay.listen(RELAY, () => {})
  net.settle()
  return { net, relay, who, server, wall }
}

let made = 0

function party(
  w: World,
  from = `10.0.1.${++made}`,
): { host: Host; client: CircuitClient; relay: Connection } {
  const timers = w.net.timers()
  const name = `p${++made}`
  const host = new Host({ sockets: w.net.sockets, timers, random, signer: signer(), agent: 'party', name })
  host.handle('/echo', echo)
  w.net.source = from
  const relay = connected(w.net, host, RELAY)
  return { host, client: new CircuitClient(host, timers, name), relay }
}

function reserve(w: World, p: ReturnType<typeof party>, invitation = NONE): string {
  let out = 'no answer'
  p.client.reserve(p.relay, invitation, (error, reserved) => {
    out = error ? error.message : `until ${reserved!.until - w.wall()} bytes ${reserved!.limit.bytes}`
  })
  w.net.settle()
  return out
}

function call(w: World, p: ReturnType<typeof party>, to: Host): Connection | string {
  let out: Connection | string = 'no answer'
  p.host.dialCircuit = (_, key, done) => p.client.dial(p.relay, key, done)
  p.host.dial('relay:', to.shared.identity.publicKey, (error, connection) => {
    out = connection ?? error!.message
  })
  w.net.settle()
  return out
}

/** What the relay answers to raw bytes on a stream of the hop protocol; 0: a reset. */
function ask(w: World, p: ReturnType<typeof party>, bytes: Bytes): number {
  let got: Bytes = NONE
  p.relay.open(HOP, (_, stream) => {
    if (!stream) return
    stream.events = {
      ...UNHEARD,
      onData: (b) => {
        got = concat(got, b)
      },
      onEnd: () => stream.end(),
    }
    stream.write(bytes)
  })
  w.net.settle()
  return got.length === 0 ? 0 : readCircuit(got.subarray(1 + Number(got[0]! >= 0x80)), 'hop')!.status
}

const mine = (): boolean => true

t.test('modes: mine, community with an invitation, open with its limits', async (t) => {
  const all = world({ mine })
  t.match(reserve(all, party(all)), /^until 3600000 bytes 0$/)
  const closed = world({})
  t.match(reserve(closed, party(closed)), /does not serve us/)
  t.equal(closed.server.size.reservations, 0)

  const inviter = signer()
  const some = world({ inviters: [inviter.publicKey] })
  const guest = party(some)
  const { publicKey } = guest.host.shared.identity
  t.match(reserve(some, guest), /does not serve us/)
  const old = makeInvite(inviter, some.who.publicKey, publicKey, some.wall() - 1)
  t.match(reserve(some, guest, old), /does not serve us/, 'an invitation that is over')
  const forged = makeInvite(signer(), some.who.publicKey, publicKey, some.wall() + 60_000)
  t.match(reserve(some, guest, forged), /does not serve us/, 'an invitation by anybody')
  const other = makeInvite(inviter, some.who.publicKey, signer().publicKey, some.wall() + 60_000)
  t.match(reserve(some, guest, other), /does not serve us/, 'an invitation of somebody else')
  const good = makeInvite(inviter, some.who.publicKey, publicKey, some.wall() + 60_000)
  t.match(reserve(some, guest, good), /^until 60000 bytes 0$/)
  some.net.pass(61_000)
  t.equal(some.server.size.reservations, 0, 'and ends with it')

  const open = world({ open: true })
  t.match(reserve(open, party(open)), new RegExp(`bytes ${L.openBytes}`))
})

t.test('strangers: four from one place, sixteen in all', async (t) => {
  const w = world({ open: true })
  const from = (n: number, place: string): string[] =>
    Array.from({ length: n }, () => reserve(w, party(w, place)).slice(0, 5))
  const five = from(5, '10.7.0.1')
  t.same(
    five.map((answer) => answer === 'until'),
    [true, true, true, true, false],
  )
  for (let i = 2; i < 6; i++) from(4, `10.7.0.${i}`)
  t.equal(w.server.size.reservations, L.openReservations)
})

t.test('a circuit to a stranger ends at its bytes and at its time', async (t) => {
  const w = world({ open: true })
  const [a, b] = [party(w), party(w)]
  reserve(w, a)
  const c = call(w, b, a.host)
  if (typeof c === 'string') throw new Error(c)
  t.equal(w.server.size.circuits, 1)
  const stream = open(w.net, c, '/echo')
  let back = 0
  let gone = false
  stream.events = {
    ...UNHEARD,
    onData: (bytes) => {
      back += bytes.length
    },
    onClose: () => {
      gone = true
    },
  }
  for (let i = 0; i < 16; i++) {
    stream.write(new Uint8Array(10_000))
    w.net.settle()
  }
  t.ok(gone && back < L.openBytes && back > 100_000, `${back} bytes came back`)
  t.equal(w.server.size.circuits, 0)

  t.not(typeof call(w, b, a.host), 'string')
  w.net.pass(L.openMs - 1_000)
  t.equal(w.server.size.circuits, 1)
  w.net.pass(1_500)
  t.equal(w.server.size.circuits, 0, 'two minutes are over')
})

t.test('a ration holds back and loses nothing', async (t) => {
  const w = world({ mine })
  const [a, b] = [party(w), party(w)]
  reserve(w, a)
  const c = call(w, b, a.host)
  if (typeof c === 'string') throw new Error(c)
  const stream = open(w.net, c, '/echo')
  const all = 500_000
  let sent = 0
  let back = 0
  const more = (): void => {
    while (sent < all) {
      sent += 10_000
      if (!stream.write(new Uint8Array(10_000))) return
    }
  }
  stream.events = {
    ...UNHEARD,
    onData: (bytes) => {
      back += bytes.length
    },
    onDrain: more,
  }
  more()
  w.net.settle()
  t.ok(back > 0 && back < L.burst + 20_000, `${back} at once`)
  const began = w.net.now
  while (back < all && w.net.now < began + 200_000) w.net.pass(1_000)
  t.equal(back, all, 'all of it in the end')
  const least = (all - L.burst - LIMITS.net.streamWindowBytes) / L.rate
  t.ok((w.net.now - began) / 1_000 > least, `${(w.net.now - began) / 1_000} s, at least ${least}`)
})

t.test('forced connects: nobody is called who did not ask for it', async (t) => {
  const w = world({ mine })
  const [a, b, c] = [party(w), party(w), party(w)]
  let stops = 0
  const count = (stream: Stream): void => {
    stops++
    stream.reset()
  }
  a.host.shared.protocols.set(STOP, count)
  t.match(call(w, b, a.host), /no reservation/)
  t.equal(stops, 0)

  // A peer that is no relay of ours calls us.
  const d = party(w)
  reserve(w, d)
  let fake = -1
  w.relay.find(c.host.shared.identity.publicKey)!.open(STOP, (_, stream) => {
    if (!stream) return
    stream.events = {
      ...UNHEARD,
      onData: (bytes) => {
        fake = readCircuit(bytes.subarray(1), 'stop')!.status
      },
    }
    stream.write(framed('varint', encodeConnect('stop', b.host.shared.identity.publicKey, null)))
  })
  w.net.settle()
  t.equal(fake, STATUS.denied, 'c has no reservation there')
  t.equal(c.host.connections().length, 1)
  t.match(call(w, d, d.host), /./, 'nor does anybody call itself')
})

t.test('at most eight circuits of one, and what ends gives its place back', async (t) => {
  const w = world({ mine })
  const a = party(w)
  reserve(w, a)
  const callers = Array.from({ length: L.circuitsOfOne + 1 }, () => party(w))
  const got = callers.map((p) => call(w, p, a.host))
  t.equal(got.filter((each) => typeof each !== 'string').length, L.circuitsOfOne)
  t.match(got.at(-1), /too many connections/)
  const [first] = got
  if (typeof first !== 'string') first!.close()
  w.net.pass(3_000)
  t.not(typeof call(w, callers.at(-1)!, a.host), 'string')
  a.relay.close()
  w.net.pass(3_000)
  t.same(
    w.server.size,
    { reservations: 0, circuits: 0, waiting: 0 },
    'the called one is gone, and all with it',
  )
})

t.test('nonsense is answered or reset, floods are cut, nothing stays', async (t) => {
  const w = world({ mine })
  const p = party(w)
  t.equal(ask(w, p, framed('varint', numberField(1, 7))), STATUS.unexpected)
  t.equal(ask(w, p, framed('varint', Uint8Array.of(0xff, 0xff))), STATUS.malformed)
  t.equal(ask(w, p, framed('varint', numberField(1, 1))), STATUS.malformed, 'CONNECT to nobody')
  t.equal(ask(w, p, concat(framed('varint', encodeReserve(NONE)), new Uint8Array(9))), STATUS.malformed)
  t.equal(ask(w, p, varint(L.messageBytes + 1)), 0, 'too long')
  t.equal(ask(w, p, Uint8Array.of(0x80, 0x80, 0x80, 0x80)), 0)
  t.equal(ask(w, p, Uint8Array.of(0)), 0)

  for (let i = 0; i < 6; i++) ask(w, p, Uint8Array.of(90))
  t.ok(w.server.size.waiting <= L.waitingOfOne)
  w.net.pass(11_000)
  t.equal(w.server.size.waiting, 0, 'nobody waits longer than ten seconds')

  const flood = party(w)
  const answers = Array.from({ length: 60 }, () =>
    ask(w, flood, framed('varint', encodeConnect('hop', signer().publicKey, null))),
  )
  t.ok(answers.filter((each) => each === STATUS.absent).length <= L.asksAtOnce)
  t.equal(answers.at(-1), 0)
  t.equal(reserve(w, party(w)).slice(0, 5), 'until', 'others are served meanwhile')
})

t.test('random bytes as messages are read or null, never an exception', async (t) => {
  let read = 0
  for (let i = 0; i < 20_000; i++) {
    const bytes = new Uint8Array(1 + (i % 60))
    random(bytes)
    if (i % 2 === 0) bytes[0] = 8
    if (readCircuit(bytes, i % 3 === 0 ? 'stop' : 'hop')) read++
  }
  t.ok(read > 0)
  const reader = new FieldReader(encodeConnect('hop', signer().publicKey, null))
  t.ok(reader.next())
})
