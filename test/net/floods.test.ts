// Floods of every other door of a process, on real sockets: STUN, a relay of datagrams, mDNS, the stream
// listener, and readers that do not read. Memory stays within the caps and an honest peer is served about
// as fast as before. A second process floods, so that its work is not ours. Samples; ten seconds each with
// WATTLE_FULL. (Sessions and garbage: udp/flood.test.ts. Circuits of connections: circuit/limits.test.ts.)
import { spawn } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import { utf8 } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { freeAddress } from '../../src/bin/run/ports.ts'
import { Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import { LinuxClock } from '../../src/hw/linux/clock.ts'
import { LinuxSockets } from '../../src/hw/linux/sockets.ts'
import { placeOf } from '../../src/net/udp/address.ts'
import type { Session } from '../../src/net/udp/session/session.ts'
import { Lan } from '../../src/node/lan/lan.ts'
import { Loop } from '../../src/node/loop.ts'
import { Plane } from '../../src/node/path/plane.ts'
import { dialled, listening, opened, ours, roundTrip } from './help/party.ts'

const FULL = Boolean(process.env['WATTLE_FULL'])
const SECONDS = FULL ? 10 : 1
const RATE = 10_000
/** The sample runs beside other tests: it allows more than the full run. */
const SLOWER = FULL ? 2 : 10
const SLACK_MS = FULL ? 1 : 5
const GROWN_MB = 12
/** The slow readers are in this process too, and eight of them may hold a MiB each of what they do not read. */
const READERS_MB = 16
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const random = (into: Uint8Array): void => void randomFillSync(into)

function plane(t: Test, relay = false): Promise<Plane> {
  const rules = { relay: { mine: () => false, inviters: [], open: true } }
  const made = new Plane({
    loop: new Loop(new LinuxClock(), LIMITS.node.peerTimers),
    sockets: new LinuxSockets(),
    random,
    signer: new Signer(Secret.fresh(random)),
    ...(relay ? rules : {}),
  })
  t.teardown(() => made.close())
  return new Promise((done, fail) =>
    made.start(['127.0.0.1:0'], (error) => (error ? fail(error) : done(made))),
  )
}

/** A process of its own that runs `body` RATE times a second; `body` sees `port`, `i` and `require`. */
function flood(setup: string, body: string, port: number): Promise<number> {
  const program = `
    const port = ${port}
    ${setup}
    let i = 0
    const began = Date.now()
    const total = ${RATE * SECONDS}
    const step = () => {
      const due = Math.min(total, Math.floor((Date.now() - began) * ${RATE / 1_000}))
      while (i < due) { ${body}; i++ }
      if (i < total) setTimeout(step, 5)
      else setTimeout(() => { console.log(i); process.exit(0) }, 50)
    }
    step()`
  return new Promise((done) => {
    const child = spawn(process.execPath, ['-e', program])
    let out = ''
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString()
    })
    child.on('exit', () => done(Number(out)))
  })
}

/** Median time of what `once` does, one after the other, until `over` says so. */
async function latency(once: () => Promise<unknown>, over: () => boolean): Promise<number> {
  const times: number[] = []
  while (!over() || times.length < 5) {
    const start = performance.now()
    await once()
    times.push(performance.now() - start)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  times.sort((a, b) => a - b)
  return times[times.length >> 1]!
}

/** Before, and during a flood; what memory did meanwhile. */
async function compared(
  t: Test,
  once: () => Promise<unknown>,
  during: () => Promise<number>,
  most: number = GROWN_MB,
): Promise<void> {
  let n = 0
  await latency(once, () => n++ > 50)
  let m = 0
  const before = await latency(once, () => m++ > 50)
  collect()
  const memory = process.memoryUsage()
  let over = false
  const sent = during().then((count) => {
    over = true
    return count
  })
  const then = await latency(once, () => over)
  collect()
  const after = process.memoryUsage()
  t.ok((await sent) > 0)
  const grown = (after.arrayBuffers + after.heapUsed - memory.arrayBuffers - memory.heapUsed) / 1_048_576
  t.comment(`${before.toFixed(2)} ms before, ${then.toFixed(2)} ms during, ${grown.toFixed(1)} MiB more`)
  t.ok(grown < most, `${grown.toFixed(1)} MiB more`)
  t.ok(then < SLOWER * before + SLACK_MS, `${before.toFixed(2)} ms before, ${then.toFixed(2)} ms during`)
}

const message = (from: Plane, session: Session) => (): Promise<void> =>
  new Promise((done, fail) => from.send(session, utf8('honest'), (error) => (error ? fail(error) : done())))

async function up(from: Plane, to: Plane): Promise<Session> {
  const session = from.want(to.key, [placeOf(to.sockets.addresses[0]!)!])!
  await new Promise<void>((done) => from.ladder.whenUp(session, () => done()))
  return session
}

t.test(`STUN: ${RATE} questions a second`, async (t) => {
  const target = await plane(t)
  const honest = await plane(t)
  const session = await up(honest, target)
  const port = placeOf(target.sockets.addresses[0]!)!.port
  const setup = `const s = require('node:dgram').createSocket('udp4'); const b = Buffer.from('000100002112a442000000000000000000000000', 'hex'); s.on('message', () => {})`
  await compared(t, message(honest, session), () =>
    flood(setup, `b.writeUInt32BE(i, 8); s.send(b, port, '127.0.0.1')`, port),
  )
  const { counters } = target.datagrams
  t.ok(counters.get('stunAnswered') <= LIMITS.udp.stunPerSecond * (SECONDS + 60))
  t.ok(counters.get('stunDropped') > 0, `${counters.get('stunDropped')} were not answered`)
})

t.test(`mDNS: ${RATE} datagrams a second, garbage and answers that nobody asked for`, async (t) => {
  const target = await plane(t)
  const honest = await plane(t)
  const session = await up(honest, target)
  const clock = new LinuxClock()
  const port = Number((await freeAddress('127.0.0.1:0')).split(':')[1])
  const lan = new Lan({
    ...{ loop: new Loop(clock), sockets: new LinuxSockets(), random, host: 'wattle-flood' },
    announcement: () => null,
    signer: () => null,
    wall: () => clock.wall(),
    ...{ loopback: true, port, onPeer: () => {}, onLost: () => {} },
  })
  lan.start()
  t.teardown(() => lan.stop())
  for (let i = 0; i < 100 && lan.interfaces.length === 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 20))
  t.ok(lan.interfaces.length > 0)
  const setup = `const s = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: true }), crypto = require('node:crypto'); s.bind(port)
    const name = (n) => Buffer.concat([...(n + '._sovereign._tcp.local').split('.').map((l) => Buffer.concat([Buffer.from([l.length]), Buffer.from(l)])), Buffer.from([0])])
    const type = Buffer.from('0a5f736f7665726569676e045f746370056c6f63616c00', 'hex')
    const answer = (n) => { const target = name('x' + n); const head = Buffer.from('000084000000000100000000', 'hex'); const rr = Buffer.from('000c000100001194' + target.length.toString(16).padStart(4, '0'), 'hex'); return Buffer.concat([head, type, rr, target]) }`
  const body = `const b = i % 2 ? answer(i) : crypto.randomBytes(12 + i % 1200); s.send(b, port, '127.0.0.1')`
  await compared(t, message(honest, session), () => flood(setup, body, port))
  t.equal(lan.neighbours.length, 0)
})

t.test('a relay: reservations over the limit, circuits to nowhere, what does not fit', async (t) => {
  const relay = await plane(t, true)
  const [a, b] = [await plane(t), await plane(t)]
  const place = placeOf(relay.sockets.addresses[0]!)!
  for (const party of [a, b]) party.useRelay(relay.key, place)
  const wait = async (done: () => boolean): Promise<void> => {
    for (let i = 0; i < 400 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  // From one address at most four that nobody invited.
  const others: Plane[] = []
  for (let i = 0; i < 6; i++) {
    const other = await plane(t)
    other.useRelay(relay.key, place)
    others.push(other)
  }
  await wait(() => relay.relay!.size.reservations >= LIMITS.udp.openReservationsOfOne)
  await wait(() => relay.datagrams.sessions.length >= 8)
  t.equal(relay.relay!.size.reservations, LIMITS.udp.openReservationsOfOne)
  const honest = a.datagrams.find(relay.key)!
  const until = performance.now() + SECONDS * 1_000
  let asked = 0
  const abuse = async (): Promise<number> => {
    while (performance.now() < until + 500) {
      for (const other of others) {
        const session = other.datagrams.find(relay.key)
        if (!session?.up) continue
        // In this process, so a few thousand a second: circuits to nobody, and forwards on circuits that are none.
        for (let i = 0; i < 2; i++) {
          const key = new Uint8Array(36)
          random(key)
          session.send(18, key, new Uint8Array(0), performance.now())
          const forward = new Uint8Array(1_100)
          random(forward)
          session.send(21, forward, new Uint8Array(0), performance.now())
          asked += 2
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return asked
  }
  await compared(t, message(a, honest), abuse)
  t.ok(asked > 200, `${asked} wishes`)
  t.ok(relay.relay!.size.circuits <= LIMITS.udp.circuits, `${relay.relay!.size.circuits} circuits`)
  t.equal(relay.relay!.size.reservations, LIMITS.udp.openReservationsOfOne)
})

t.test(`the stream listener: garbage and half handshakes, ${FULL ? 10_000 : 600} connections`, async (t) => {
  const host = ours()
  const port = Number((await listening(host)).split(':')[1])
  const friend = ours()
  const connection = await dialled(friend, `127.0.0.1:${port}`, host.shared.identity.publicKey)
  t.teardown(() => {
    friend.close()
    host.close()
  })
  const bytes = new Uint8Array(20_000)
  random(bytes)
  const once = async (): Promise<Uint8Array> => roundTrip(await opened(connection, '/echo/1.0.0'), bytes)
  const total = FULL ? 10_000 : 600
  const program = `
    const net = require('node:net'), crypto = require('node:crypto')
    const greeting = Buffer.from('132f6d756c746973747265616d2f312e302e300a072f6e6f6973650a', 'hex')
    let made = 0, open = 0
    const one = () => {
      if (made >= ${total}) { if (open === 0) { console.log(made); process.exit(0) } return }
      made++; open++
      const s = net.connect({ port: ${port}, host: '127.0.0.1', localAddress: '127.2.' + (made >> 7 & 127) + '.' + (1 + made % 120) })
      s.on('error', () => {})
      s.on('close', () => { open--; one() })
      s.on('connect', () => {
        s.write(made % 3 === 0 ? crypto.randomBytes(2000) : greeting)
        if (made % 3 === 1) s.write(Buffer.concat([Buffer.from([0, 32]), crypto.randomBytes(32)]))
        setTimeout(() => s.destroy(), 60)
      })
      s.resume()
    }
    for (let i = 0; i < 100; i++) one()`
  await compared(
    t,
    once,
    () =>
      new Promise((done) => {
        const child = spawn(process.execPath, ['-e', program])
        let out = ''
        child.stdout.on('data', (data: Buffer) => {
          out += data.toString()
        })
        child.on('exit', () => done(Number(out)))
      }),
  )
  t.ok(host.connections().length <= 2)
  t.ok(host.shared.unread.used <= LIMITS.net.unreadBytes)
})

t.test('readers that do not read: what waits for them is bounded, the others are served', async (t) => {
  const host = ours()
  const address = await listening(host)
  t.teardown(() => host.close())
  const chunk = new Uint8Array(16_384)
  random(chunk)
  // Sends without end to whoever opens it.
  host.handle('/fire/1.0.0', (stream) => {
    const more = (): void => {
      while (stream.writable() > 0 && stream.write(chunk));
    }
    stream.events = { onData() {}, onDrain: more, onEnd() {}, onClose() {} }
    more()
  })
  const friend = ours()
  const connection = await dialled(friend, address, host.shared.identity.publicKey)
  t.teardown(() => friend.close())
  const bytes = new Uint8Array(20_000)
  random(bytes)
  const once = async (): Promise<Uint8Array> => roundTrip(await opened(connection, '/echo/1.0.0'), bytes)
  await compared(
    t,
    once,
    async () => {
      let open = 0
      for (let i = 0; i < 8; i++) {
        const slow = ours()
        t.teardown(() => slow.close())
        const to = await dialled(slow, address, host.shared.identity.publicKey)
        for (let k = 0; k < 8; k++) {
          const stream = await opened(to, '/fire/1.0.0').catch(() => null)
          if (!stream) continue
          stream.events = { onData() {}, onDrain() {}, onEnd() {}, onClose() {} }
          stream.pause()
          open++
        }
      }
      await new Promise((resolve) => setTimeout(resolve, SECONDS * 500))
      return open
    },
    GROWN_MB + READERS_MB,
  )
  t.ok(host.shared.unsent.used <= LIMITS.net.unsentBytes, `${host.shared.unsent.used} bytes wait`)
  t.ok(host.shared.unread.used <= LIMITS.net.unreadBytes)
})
