// Many Mainline nodes that answer ping, find_node and get_peers with nothing but their id, on addresses
// of their own; each asks the server once, so that it comes to know them.
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'

const [server, count] = process.argv.slice(2)
const [host, port] = server.split(':')
const lookup = (name, _options, done) => done(null, name, 4)
const n = Number(count)
for (let i = 0; i < n; i++) {
  const id = randomBytes(20)
  const socket = createSocket({ type: 'udp4', lookup })
  socket.on('message', (message, from) => {
    if (message.subarray(-3).toString() !== '1:qe'.slice(1) || !message.includes('1:y1:q')) return
    const at = message.lastIndexOf('1:t') + 3
    const colon = message.indexOf(':', at)
    const tid = message.subarray(at, colon + 1 + Number(message.subarray(at, colon)))
    const answer = ['d1:rd2:id20:', id, '5:nodes0:5:token4:tttte1:t', tid, '1:y1:re'].map((p) => Buffer.from(p))
    socket.send(Buffer.concat(answer), from.port, from.address)
  })
  socket.bind(7_000 + i, `127.30.${i >> 6}.${1 + (i & 63)}`, () => {
    const ask = () =>
      socket.send(Buffer.concat([Buffer.from('d1:ad2:id20:'), id, Buffer.from('e1:q4:ping1:t2:aa1:y1:qe')]), Number(port), host)
    setTimeout(ask, 55 * i)
    setTimeout(ask, 55 * (i + n))
  })
}
console.log(JSON.stringify({ ready: true }))
