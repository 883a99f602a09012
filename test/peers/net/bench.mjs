// js-libp2p as a process of its own for `make bench-net`: TCP, Noise, Yamux, identify, ping. Orders as
// NDJSON on standard input, one answer each, as test/bench/net/party.ts.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const SINK = '/bench/sink/1.0.0'
const node = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping() },
  connectionGater: { denyDialMultiaddr: () => false },
  // Its rations are not what is measured.
  connectionManager: { inboundConnectionThreshold: 1e9, maxIncomingPendingConnections: 1e9, maxConnections: 1e9 },
})
await node.handle(SINK, async (stream) => {
  for await (const _ of stream) continue
  await stream.close()
})
let connection = null

async function send(count) {
  const stream = await connection.newStream(SINK)
  const message = crypto.getRandomValues(new Uint8Array(1_024))
  for (let i = 0; i < count; i++) if (!stream.send(message)) await stream.onDrain()
  await stream.close()
  for await (const _ of stream) continue
}

async function report() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.()
    await new Promise((done) => setTimeout(done, 200))
  }
  const { user, system } = process.cpuUsage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  const anon = Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) * 1_024
  return { cpuUs: user + system, heap: heapUsed + arrayBuffers, anon }
}

async function obey(order) {
  if (order.do === 'report') return report()
  if (order.do === 'cpu') {
    const { user, system } = process.cpuUsage()
    return { cpuUs: user + system }
  }
  if (order.do === 'listen') {
    const [, , host, , port] = node.getMultiaddrs()[0].toString().split('/')
    const key = Buffer.from(node.peerId.publicKey.raw).toString('hex')
    return { address: `${host}:${port}`, key, id: node.peerId.toString() }
  }
  if (order.do === 'send') {
    const [host, port] = order.address.split(':')
    connection ??= await node.dial(multiaddr(`/ip4/${host}/tcp/${port}/p2p/${order.id}`))
    await send(order.count)
    return { sent: order.count }
  }
  return { error: `no such order: ${order.do}` }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    obey(JSON.parse(line)).then(
      (answer) => console.log(JSON.stringify(answer)),
      (error) => console.log(JSON.stringify({ error: String(error) })),
    )
  })
  .on('close', () => process.exit(0))
