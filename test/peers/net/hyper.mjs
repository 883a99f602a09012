// hyperdht in the NAT laboratory. `boot HOST HOST2`: a small network of public nodes.
// `serve HOST:PORT`: a server, its key on stdout. `connect HOST:PORT KEYHEX`: one connection, timed.
import DHT from 'hyperdht'

const [mode, a, b] = process.argv.slice(2)
const say = (what) => console.log(JSON.stringify(what))
process.stdin.on('end', () => process.exit(0)).resume()

if (mode === 'boot') {
  const boot = new DHT({ bootstrap: [], host: a, port: 49_737, ephemeral: false, firewalled: false, anyPort: false })
  await boot.fullyBootstrapped()
  const bootstrap = [{ host: a, port: 49_737 }]
  for (let i = 0; i < 12; i++) {
    const host = i % 2 === 0 ? a : b
    const node = new DHT({ bootstrap, host, port: 50_000 + i, ephemeral: false, firewalled: false, anyPort: false })
    await node.fullyBootstrapped()
  }
  say({ ready: true })
} else {
  const [host, port] = a.split(':')
  const node = new DHT({ bootstrap: [{ host, port: Number(port) }] })
  await node.fullyBootstrapped()
  if (mode === 'serve') {
    const server = node.createServer((socket) => {
      socket.on('error', () => {})
      socket.pipe(socket)
    })
    await server.listen()
    say({ ready: true, key: Buffer.from(server.publicKey).toString('hex') })
  } else {
    const start = performance.now()
    const socket = node.connect(Buffer.from(b, 'hex'))
    socket.on('open', () => {
      say({ open: Math.round(performance.now() - start) })
      process.exit(0)
    })
    socket.on('error', (error) => {
      say({ failed: error.code ?? error.message, ms: Math.round(performance.now() - start) })
      process.exit(0)
    })
  }
}
