// Starts and stops nodes on real sockets, each in the middle of joining and asking, and prints what is
// left of them as one JSON line. A process of its own, as soak-run.ts. Argument: cycles.
import { randomBytes } from 'node:crypto'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { LinuxClock, linuxRandom } from '../../../src/hw/linux/clock.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'
import { DhtRunner } from '../../../src/node/dht-runner.ts'
import { Loop } from '../../../src/node/loop.ts'

const clock = new LinuxClock()
const loop = new Loop(clock)
const machine = { loop, random: linuxRandom, sockets: new LinuxSockets() }
const signer = new Signer(new Secret(randomBytes(32)))
let ended = 0
let busy = 0

async function cycle(i: number): Promise<void> {
  const runner = new DhtRunner(machine, {
    listen: i % 4 === 3 ? ['127.0.0.1:0', '[::1]:0'] : ['127.0.0.1:0'],
    maxBytes: 65_536,
    bootstrap: [{ address: '127.0.0.1:9' }],
    ...(i % 2 === 0 ? { overlay: { name: 'cycles', signer } } : {}),
  })
  await runner.start()
  const asked = runner.ask({ kind: 'find', target: randomBytes(20) }).catch(() => ended++)
  const pinged = runner.ping('127.0.0.1:9')
  const waiting = runner.joined(60_000)
  if (i % 8 === 0) await new Promise((done) => setTimeout(done, 1))
  await runner.stop()
  busy += runner.dht.busy
  // Each of these would wait for ever if stopping forgot it.
  await Promise.all([asked, waiting, pinged])
}

async function measured(): Promise<{ heap: number; buffers: number; open: number }> {
  for (let i = 0; i < 3; i++) {
    await new Promise((done) => setTimeout(done, 20))
    globalThis.gc?.()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return { heap: heapUsed, buffers: arrayBuffers, open: process.getActiveResourcesInfo().length }
}

const cycles = Number(process.argv[2])
for (let i = 0; i < Math.max(50, cycles / 4); i++) await cycle(i)
const before = await measured()
for (let i = 0; i < cycles; i++) await cycle(i)
const after = await measured()
clock.stop()
console.log(
  JSON.stringify({
    heap: after.heap - before.heap,
    buffers: after.buffers - before.buffers,
    open: after.open - before.open,
    ended,
    busy,
  }),
)
