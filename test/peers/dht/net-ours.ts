// A network of our nodes on real sockets in this process; medians of mutable put and get. Arguments:
// nodes, rounds, `overlay` or `mainline`.
import { randomBytes } from 'node:crypto'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { bencodeBytes, signItem } from '../../../src/dht/objects.ts'
import { LinuxClock, linuxRandom } from '../../../src/hw/linux/clock.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'
import { DhtRunner } from '../../../src/node/dht-runner.ts'
import { Loop } from '../../../src/node/loop.ts'
import { median } from '../../dht/help/net.ts'

const [count, rounds, kind] = process.argv.slice(2)
const n = Number(count)
const sockets = new LinuxSockets({ lend: true })
const nodes: DhtRunner[] = []
let loop = new Loop(new LinuxClock())
for (let i = 0; i < n; i++) {
  if (i % 20 === 0) loop = new Loop(new LinuxClock())
  const overlay = { name: 'bench', signer: new Signer(new Secret(randomBytes(32))) }
  const runner = new DhtRunner(
    { loop, random: linuxRandom, sockets },
    {
      listen: ['127.0.0.1:0'],
      bootstrap: nodes.length > 0 ? [{ address: nodes[0]!.addresses[0]! }] : [],
      rates: { signatures: 1_000 },
      ...(kind === 'overlay' ? { overlay } : {}),
    },
    `dht ${i}`,
  )
  await runner.start()
  if (i > 0) await runner.joined(5_000)
  nodes.push(runner)
}
await new Promise((done) => setTimeout(done, 3_000))
const cpu = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}
const puts: number[] = []
const gets: number[] = []
const before = cpu()
for (let i = 0; i < Number(rounds); i++) {
  const signer = new Signer(new Secret(randomBytes(32)))
  let t = performance.now()
  const item = signItem(signer, bencodeBytes(randomBytes(100)), { seq: 1n })
  const put = await nodes[i % n]!.ask({ kind: 'put', item })
  puts.push(performance.now() - t)
  t = performance.now()
  const got = await nodes[(i * 7 + 3) % n]!.ask({
    kind: 'get',
    target: item.target,
    publicKey: signer.publicKey,
  })
  if (!got.item || put.stored < 4) throw new Error('not found')
  gets.push(performance.now() - t)
}
console.log(
  JSON.stringify({
    put: median(puts),
    get: median(gets),
    cpuMs: (cpu() - before) / 1_000 / (2 * Number(rounds)),
  }),
)
process.exit(0)
