// A closed-loop flooder: keeps a window of queries outstanding at one server for some seconds and
// prints answers, bytes and latencies. Sources are 127.x addresses, so that per-source limits see many.
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'

const [address, method, seconds, window, bound] = process.argv.slice(2)
const [host, port] = address.split(':')
const QUERIES = 512
const lookup = (name, _options, done) => done(null, name, 4)
const queries = Array.from({ length: QUERIES }, () => {
  if (method === 'hyper')
    // dht-rpc: request, internal with target, tid, `to`, FIND_NODE, target.
    return Buffer.concat([Buffer.from([3, 12, 0, 0, 127, 0, 0, 1, 0, 0, 2]), randomBytes(32)])
  const id = randomBytes(20)
  const target = randomBytes(20)
  const head = Buffer.from('d1:ad2:id20:')
  const key = { find_node: '6:target20:', get_peers: '9:info_hash20:', get: '6:target20:', ping: '' }[method]
  const tail = Buffer.from(`e1:q${method.length}:${method}1:t2:aa1:y1:qe`)
  return Buffer.concat(key ? [head, id, Buffer.from(key), target, tail] : [head, id, tail])
})
if (method === 'echo') queries.fill(randomBytes(92))

let sent = 0
let answers = 0
let bytes = 0
let running = true
const times = new Float64Array(1 << 16)
const started = new Float64Array(1 << 16)
let timed = 0

function send() {
  const n = sent++ & 0xffff
  const query = queries[n % QUERIES]
  const at = query.length - 9
  // The transaction id is the number of the query.
  if (method === 'hyper') query.writeUInt16LE(n, 2)
  else if (method !== 'echo') {
    query[at] = n >> 8
    query[at + 1] = n & 255
  }
  started[n] = performance.now()
  socket.send(query, Number(port), host)
}

const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, lookup })
socket.on('message', (message) => {
  // An answer ends in `1:y1:re`; the server's own queries to us do not count.
  if (method === 'hyper' ? message[0] !== 0x13 : method !== 'echo' && message[message.length - 2] !== 0x72) return
  answers++
  bytes += message.length
  if (running) send()
  if (answers % 16 === 0 && timed < times.length && method !== 'echo' && method !== 'hyper') {
    const at = message.lastIndexOf('1:t2:') + 5
    times[timed++] = performance.now() - started[(message[at] << 8) | message[at + 1]]
  }
})
socket.bind(0, bound ?? '127.77.1.1', () => {
  const start = performance.now()
  const first = answers
  for (let i = 0; i < Number(window); i++) send()
  // Lost datagrams are replaced, so that the window stays full.
  let last = 0
  const refill = setInterval(() => {
    if (answers === last) for (let i = 0; i < Number(window); i++) send()
    last = answers
  }, 50)
  setTimeout(() => {
    running = false
    clearInterval(refill)
    const sorted = times.subarray(0, timed).sort()
    console.log(
      JSON.stringify({
        answers: answers - first,
        perSecond: ((answers - first) * 1000) / (performance.now() - start),
        bytesPerAnswer: bytes / Math.max(1, answers),
        query: queries[0].length,
        p50: sorted[timed >> 1],
        p99: sorted[Math.floor(timed * 0.99)],
      }),
    )
    process.exit(0)
  }, Number(seconds) * 1000)
})
