// The soak as a process of its own (under a test runner the runner's memory would be measured): feeds
// the storm and honest writes to one node, prints one JSON line. Arguments: packets, maxBytes.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Dht } from '../../../src/dht/dht.ts'
import { bencodeBytes, plainItem } from '../../../src/dht/objects.ts'
import { encode, message } from './bencode.ts'
import { seeded } from './net.ts'
import { storm } from './storm.ts'

const packets = Number(process.argv[2])
const maxBytes = Number(process.argv[3])
/** Until code is compiled and the collector has found its sizes. */
const WARM_UP = Math.max(100_000, packets / 4)

function memory(): { heap: number; buffers: number; peak: number } {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1_024
  return { heap: heapUsed, buffers: arrayBuffers, peak }
}

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
function write(i: number): void {
  const host = `127.${i % 199}.${(i >> 8) & 255}.1`
  const say = (q: string, a: Parameters<typeof encode>[0] & object): void =>
    dht.onDatagram(encode({ a: { id: randomBytes(20), ...a }, q, t: 'aa', y: 'q' }), host, 9, now)
  const v = randomBytes(1 + (i % 990))
  say('get', { target: plainItem(bencodeBytes(v)).target })
  say('put', { token: message(last).r['token']!, v })
  const topic = randomBytes(20)
  say('get_peers', { info_hash: topic })
  say('announce_peer', { info_hash: topic, port: 9, token: message(last).r['token']! })
}

function round(n: number): void {
  for (let i = 0; i < n; i++) {
    const p = next()
    dht.onDatagram(p.bytes, p.host, p.port, now)
    if (i % 8 === 0) now += 1
    if (i % 64 === 0) dht.tick(now)
    if (i % 100 === 0) write(i)
  }
}

round(WARM_UP)
const before = memory()
round(packets)
const after = memory()
const stats = dht.stats(now)
dht.onDatagram(
  encode({ a: { id: randomBytes(20), target: randomBytes(20) }, q: 'find_node', t: 'zz', y: 'q' }),
  '127.250.1.1',
  5,
  now,
)
const answers = message(last).y === 'r'
dht.stop()
console.log(
  JSON.stringify({
    heap: after.heap - before.heap,
    buffers: after.buffers - before.buffers,
    peak: after.peak - before.peak,
    answers,
    busy: dht.busy,
    ...stats,
  }),
)
