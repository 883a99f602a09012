// hyperdht's encrypted streams as a process of its own for `make bench-net`: a network of two on
// loopback. The same orders as bench.mjs, as far as they mean something here.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import DHT from 'hyperdht'

const [mode, bootstrap] = process.argv.slice(2)
const node = new DHT(
  mode === 'boot'
    ? { bootstrap: [], host: '127.0.0.1', port: 0, ephemeral: false, firewalled: false }
    : { bootstrap: [bootstrap], host: '127.0.0.1', ephemeral: true },
)
await node.fullyBootstrapped()
// Peers are found through other nodes' records: a few more of them.
if (mode === 'boot')
  for (let i = 0; i < 12; i++) {
    const at = [`127.0.0.1:${node.address().port}`]
    const other = new DHT({ bootstrap: at, host: '127.0.0.1', port: 0, ephemeral: false, firewalled: false })
    await other.fullyBootstrapped()
  }
const held = []
let open = null

const connect = (key) =>
  new Promise((done, fail) => {
    const socket = node.connect(Buffer.from(key, 'hex'))
    socket.once('open', () => done(socket))
    socket.once('error', fail)
  })

async function send(count) {
  const message = Buffer.from(crypto.getRandomValues(new Uint8Array(1_024)))
  for (let i = 0; i < count; i++)
    if (!open.write(message)) await new Promise((done) => open.once('drain', done))
  await new Promise((done) => {
    let got = 0
    const more = (data) => {
      got += data.length
      if (got >= 4) {
        open.off('data', more)
        done()
      }
    }
    open.on('data', more)
    // The sink answers every whole mebibyte; the last one ends the run.
  })
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
  if (order.do === 'listen') {
    if (mode === 'boot') return { address: `127.0.0.1:${node.address().port}` }
    const server = node.createServer((socket) => {
      let got = 0
      socket.on('error', () => {})
      socket.on('data', (data) => {
        got += data.length
        // Whoever sends a run of whole megabytes is told when it is over.
        if (got >= (order.bytes ?? Number.POSITIVE_INFINITY)) {
          got = 0
          socket.write(Buffer.from('done'))
        }
      })
    })
    await server.listen()
    return { key: Buffer.from(server.publicKey).toString('hex') }
  }
  if (order.do === 'dial') {
    for (let i = 0; i < order.count; i++) {
      const socket = await connect(order.key)
      socket.on('error', () => {})
      if (order.hold) held.push(socket)
      else socket.destroy()
    }
    return { dialled: order.count }
  }
  if (order.do === 'send') {
    open ??= await connect(order.key)
    open.on('error', () => {})
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
