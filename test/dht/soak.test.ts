// The storm, for as long as the tier allows: nothing throws, nothing grows, the node still answers.
import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { Dht } from '../../src/dht/dht.ts'
import { bencodeBytes, plainItem } from '../../src/dht/objects.ts'
import { encode, message } from './bencode.ts'
import { seeded } from './net.ts'
import { storm } from './storm.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
const PACKETS = process.env['WATTLE_FULL'] ? 1_000_000 : 40_000

function memory(): { heap: number; buffers: number; rss: number } {
  gc()
  gc()
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  return { heap: heapUsed, buffers: arrayBuffers, rss }
}

for (const maxBytes of [65_536, 524_288])
  t.test(`${PACKETS} hostile packets at ${maxBytes} bytes`, { timeout: 600_000 }, async (t) => {
    const buffer = new Uint8Array(1_400)
    let last = buffer
    let now = 1_000
    const dht = new Dht({
      maxBytes,
      random: seeded(1),
      reach: 'loopback',
      rates: { perSource: 1e6, bytes: 1e9, signatures: 1_000 },
      send: (bytes) => {
        buffer.set(bytes)
        last = buffer.subarray(0, bytes.length)
      },
    })
    const { next } = storm(2)
    /** Legitimate writes from many sources, so that the stores are full as well. */
    const write = (i: number): void => {
      const host = `127.${i % 199}.${(i >> 8) & 255}.1`
      const item = plainItem(bencodeBytes(randomBytes(1 + (i % 990))))
      const say = (q: string, a: Parameters<typeof encode>[0] & object): void =>
        dht.onDatagram(encode({ a: { id: randomBytes(20), ...a }, q, t: 'aa', y: 'q' }), host, 9, now)
      say('get', { target: item.target })
      const token = message(last).r['token']!
      say('put', { token, v: randomBytes(1 + (i % 990)) })
      const topic = randomBytes(20)
      say('get_peers', { info_hash: topic })
      say('announce_peer', { info_hash: topic, port: 9, token: message(last).r['token']! })
    }
    const round = (packets: number): void => {
      for (let i = 0; i < packets; i++) {
        const p = next()
        dht.onDatagram(p.bytes, p.host, p.port, now)
        if (i % 8 === 0) now += 1
        if (i % 64 === 0) dht.tick(now)
        if (i % 100 === 0) write(i)
      }
    }
    // Code is compiled and feedback collected before the first measurement.
    round(40_000)
    const before = memory()
    round(PACKETS)
    const after = memory()
    // Not a packet's worth: what the test itself holds at the moment varies by some bytes.
    t.ok(
      Math.abs(after.buffers - before.buffers) <= 512,
      `${after.buffers - before.buffers} array buffer bytes`,
    )
    const grown = after.heap - before.heap
    t.ok(Math.abs(grown) <= 262_144, `heap changed by ${grown} bytes`)
    const stats = dht.stats(now)
    t.equal(stats.bytes, maxBytes)
    t.ok(stats.counts.malformed > 0 && stats.counts.wrongToken > 0 && stats.counts.announced > 0)
    t.equal(stats.nodes4 + stats.nodes6, 0, 'nobody came into the table')
    dht.onDatagram(
      encode({ a: { id: randomBytes(20), target: randomBytes(20) }, q: 'find_node', t: 'zz', y: 'q' }),
      '127.250.1.1',
      5,
      now,
    )
    t.equal(message(last).y, 'r', 'and it still answers')
    dht.stop()
    t.equal(dht.busy, 0)
  })
