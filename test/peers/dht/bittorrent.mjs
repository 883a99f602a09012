// One bittorrent-dht node driven by NDJSON on stdin, as torrent.py is; bench-dht floods it too.
import { createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto'
import { createInterface } from 'node:readline'
import { Client } from 'bittorrent-dht'

const DER = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')
const [listen, bootstrap, contacts] = process.argv.slice(2)
const [host, port] = listen.split(':')

const dht = new Client({
  bootstrap: bootstrap ? [bootstrap] : false,
  verify: (signature, message, key) =>
    verify(null, message, createPublicKey({ key: Buffer.concat([SPKI, key]), format: 'der', type: 'spki' }), signature),
})
dht.listen(Number(port), host, () => {
  for (let i = 0; i < Number(contacts ?? 0); i++)
    dht.addNode({ id: randomBytes(20), host: `127.0.${i >> 8}.${i & 255}`, port: 1 + i })
  say({ ready: true, port: dht.address().port })
})
process.on('SIGUSR2', () => {
  globalThis.gc?.()
  const cpu = process.cpuUsage()
  say({ nodes: dht.toJSON().nodes.length, cpuUs: cpu.user + cpu.system, memory: process.memoryUsage() })
})

function say(what) {
  console.log(JSON.stringify(what))
}

const hex = (s) => Buffer.from(s, 'hex')
const signer = (seed) => {
  const key = createPrivateKey({ key: Buffer.concat([DER, hex(seed)]), format: 'der', type: 'pkcs8' })
  return (message) => sign(null, message, key)
}

function run(c, done) {
  if (c.do === 'put_immutable')
    dht.put({ v: hex(c.value) }, (error, hash, n) => done({ target: hash?.toString('hex'), stored: n, error: error?.message }))
  else if (c.do === 'put_mutable')
    dht.put(
      { v: hex(c.value), k: hex(c.key), salt: c.salt ? Buffer.from(c.salt) : undefined, seq: c.seq, cas: c.cas, sign: signer(c.seed) },
      (error, hash, n) => done({ target: hash?.toString('hex'), stored: n, error: error?.message }),
    )
  else if (c.do === 'get')
    dht.get(hex(c.target), { salt: c.salt ? Buffer.from(c.salt) : undefined, cache: false }, (error, found) =>
      done({ value: found ? Buffer.from(found.v).toString('hex') : null, seq: String(found?.seq), error: error?.message }),
    )
  else if (c.do === 'announce') dht.announce(c.topic, c.port, (error) => done({ error: error?.message }))
  else if (c.do === 'get_peers') {
    const peers = new Set()
    const on = (peer, topic) => {
      if (topic.toString('hex') === c.topic) peers.add(`${peer.host}:${peer.port}`)
    }
    dht.on('peer', on)
    dht.lookup(c.topic, () => {
      dht.off('peer', on)
      done({ peers: [...peers] })
    })
  } else if (c.do === 'nodes') done({ nodes: dht.toJSON().nodes.length })
  else done({ error: `no command ${c.do}` })
}

createInterface({ input: process.stdin })
  .on('line', (line) => run(JSON.parse(line), say))
  .on('close', () => dht.destroy(() => process.exit(0)))
