// Floods of a real socket: ten thousand garbage datagrams a second, ten thousand unfinished handshakes.
// Memory stays flat, honest messages get through about as fast as before. A second process floods, so
// that its work is not ours. A short sample; the full ten seconds each with WATTLE_FULL.
import { spawn } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import t, { type Test } from 'tap'
import { hex, utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { LinuxClock } from '../../../src/hw/linux/clock.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'
import { placeOf } from '../../../src/net/udp/address.ts'
import { INIT_BYTES, INIT_MAC1, mac1Key, macOf } from '../../../src/net/udp/session/layout.ts'
import { Loop } from '../../../src/node/loop.ts'
import { Plane } from '../../../src/node/path/plane.ts'

const SECONDS = process.env['WATTLE_FULL'] ? 10 : 1.5
const RATE = 10_000

const random = (into: Uint8Array): void => void randomFillSync(into)

function plane(t: Test): Promise<Plane> {
  const made = new Plane({
    loop: new Loop(new LinuxClock(), LIMITS.node.peerTimers),
    sockets: new LinuxSockets(),
    random,
    signer: new Signer(Secret.fresh(random)),
  })
  t.teardown(() => made.close())
  return new Promise((done, fail) =>
    made.start(['127.0.0.1:0'], (error) => (error ? fail(error) : done(made))),
  )
}

/** A process that sends `kind` at RATE for a while; resolves with what it sent. */
function flood(kind: string, port: number, template: string): Promise<number> {
  const program = `
    const [kind, port, template] = process.argv.slice(1)
    const socket = require('node:dgram').createSocket('udp4')
    const base = Buffer.from(template, 'hex')
    let sent = 0
    const began = Date.now()
    const step = () => {
      const due = Math.min(${RATE * SECONDS}, Math.floor((Date.now() - began) * ${RATE / 1_000}))
      while (sent < due) {
        const b = kind === 'init' ? Buffer.from(base) : require('node:crypto').randomBytes(20 + (sent * 37) % 1200)
        if (kind !== 'init') b[0] = [0, 1, 5, 6, 7, 8, 9, 100, 200][sent % 9]
        if (kind === 'garbage-data') b.set(base.subarray(0, 8))
        socket.send(b, Number(port), '127.0.0.1')
        sent++
      }
      if (sent < ${RATE * SECONDS}) setTimeout(step, 5)
      else setTimeout(() => { console.log(sent); process.exit(0) }, 50)
    }
    step()`
  return new Promise((done) => {
    const child = spawn(process.execPath, ['-e', program, kind, String(port), template])
    let out = ''
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString()
    })
    child.on('exit', () => done(Number(out)))
  })
}

/** Median time of acknowledged messages, one after the other, while `busy` goes on (or `count` of them). */
async function latency(
  from: Plane,
  session: NonNullable<ReturnType<Plane['want']>>,
  until: () => boolean,
): Promise<number> {
  const times: number[] = []
  while (!until()) {
    const start = performance.now()
    await new Promise<void>((done, fail) =>
      from.send(session, utf8('honest'), (error) => (error ? fail(error) : done())),
    )
    times.push(performance.now() - start)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  times.sort((a, b) => a - b)
  return times[times.length >> 1]!
}

for (const kind of ['garbage', 'init', 'garbage-data']) {
  t.test(`${kind}: ${RATE} a second`, async (t) => {
    const target = await plane(t)
    const honest = await plane(t)
    const address = placeOf(target.sockets.addresses[0]!)!
    const session = honest.want(target.key, [address])!
    await new Promise<void>((done) => honest.ladder.whenUp(session, () => done()))
    let n = 0
    await latency(honest, session, () => n++ > 100)
    let m = 0
    const before = await latency(honest, session, () => m++ > 100)
    globalThis.gc?.()
    const template = kind === 'init' ? unfinished(target.key) : hex(dataHead(target))
    const memory = process.memoryUsage()
    let over = false
    const sent = flood(kind, address.port, template).then((count) => {
      over = true
      return count
    })
    const during = await latency(honest, session, () => over)
    const after = process.memoryUsage()
    const counters = target.datagrams.counters
    const took = counters.get('datagrams')
    t.equal(await sent, RATE * SECONDS)
    // What the kernel drops because this process has no processor now costs nothing either.
    t.ok(took > (RATE * SECONDS) / 10, `${took} of the flood were read`)
    t.ok(target.datagrams.sessions.length <= 2, 'no sessions but the honest one')
    const grown = (after.arrayBuffers + after.heapUsed - memory.arrayBuffers - memory.heapUsed) / 1_048_576
    t.ok(grown < 24, `${grown.toFixed(1)} MiB more, garbage that was not collected included`)
    t.comment(
      `${kind}: ${before.toFixed(2)} ms before, ${during.toFixed(2)} ms during, ${took} read, ${JSON.stringify(counters.report())}`,
    )
    // Two cores that others use too: the sample allows more than the full run.
    const most = process.env['WATTLE_FULL'] ? 2 : 6
    t.ok(during < most * before + 1, `${before.toFixed(2)} ms before, ${during.toFixed(2)} ms during`)
  })
}

/** A first message with a good code and a Noise message that leads nowhere. */
function unfinished(responder: Uint8Array): string {
  const out = new Uint8Array(INIT_BYTES)
  random(out)
  out.set([5, 2, 0, 0])
  out.set(macOf(mac1Key(responder), out, INIT_MAC1), INIT_MAC1)
  return hex(out)
}

/** The head of a datagram under an index that is in use. */
function dataHead(target: Plane): Uint8Array {
  const index = target.datagrams.sessions[0]!.current!.ours
  return Uint8Array.of(8, 0, 0, 0, index >>> 24, index >>> 16, index >>> 8, index)
}
