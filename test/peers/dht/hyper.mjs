// hyperdht for bench-dht. `node LISTEN CONTACTS`: one node to be flooded, its figures on SIGUSR2.
// `net N ROUNDS`: a network of N nodes in this process; medians of put and get.
import { randomBytes } from 'node:crypto'
import DHT from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'

const [mode, a, b] = process.argv.slice(2)
const say = (what) => console.log(JSON.stringify(what))
const cpu = () => {
  const { user, system } = process.cpuUsage()
  return user + system
}
const median = (values) => values.sort((x, y) => x - y)[values.length >> 1]

if (mode === 'node') {
  const [host, port] = a.split(':')
  const dht = new DHT({ bootstrap: [], host, port: Number(port), ephemeral: false, firewalled: false, anyPort: false })
  await dht.ready()
  for (let i = 0; i < Number(b); i++) dht.addNode({ host: `127.30.${i >> 8}.${i & 255}`, port: 7_000 + i })
  say({ ready: true })
  process.on('SIGUSR2', () => {
    globalThis.gc?.()
    say({ nodes: dht.toArray().length, cpuUs: cpu(), memory: process.memoryUsage() })
  })
} else {
  const net = await createTestnet(Number(a), { host: '127.0.0.1' })
  const puts = []
  const gets = []
  await new Promise((done) => setTimeout(done, 1_000))
  const before = cpu()
  for (let i = 0; i < Number(b); i++) {
    const keyPair = DHT.keyPair(randomBytes(32))
    let t = performance.now()
    await net.nodes[i % net.nodes.length].mutablePut(keyPair, randomBytes(100), { seq: 1 })
    puts.push(performance.now() - t)
    t = performance.now()
    const got = await net.nodes[(i * 7 + 3) % net.nodes.length].mutableGet(keyPair.publicKey, { latest: false })
    if (!got) throw new Error('not found')
    gets.push(performance.now() - t)
  }
  say({ put: median(puts), get: median(gets), cpuMs: (cpu() - before) / 1_000 / (2 * Number(b)) })
  process.exit(0)
}
