// A flood of puts whose signatures do not hold: fetches a write token for a key, then sends `rate` puts a
// second with random signatures until it is stopped.
import { generateKeyPairSync, randomBytes, createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'

const [address, rate] = process.argv.slice(2)
const [host, port] = address.split(':')
const key = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
const target = createHash('sha1').update(key).digest()
const id = randomBytes(20)
const join = (...parts) => Buffer.concat(parts.map((p) => (typeof p === 'string' ? Buffer.from(p) : p)))
const lookup = (name, _options, done) => done(null, name, 4)
const socket = createSocket({ type: 'udp4', lookup })
socket.once('message', (answer) => {
  const at = answer.indexOf('5:token8:') + 9
  const token = Buffer.from(answer.subarray(at, at + 8))
  const puts = Array.from({ length: 64 }, () =>
    join('d1:ad2:id20:', id, '1:k32:', key, '3:seqi1e3:sig64:', randomBytes(64), '5:token8:', token, '1:v1:xe1:q3:put1:t2:bb1:y1:qe'),
  )
  let sent = 0
  const start = performance.now()
  setInterval(() => {
    const due = ((performance.now() - start) * Number(rate)) / 1_000
    for (; sent < due; sent++) socket.send(puts[sent % puts.length], Number(port), host)
  }, 5)
  console.log(JSON.stringify({ ready: true }))
})
socket.bind(0, '127.88.1.1', () =>
  socket.send(join('d1:ad2:id20:', id, '6:target20:', target, 'e1:q3:get1:t2:aa1:y1:qe'), Number(port), host),
)
