// `make sim-dht`: lookups in networks of 10^3 to 10^6 nodes, in virtual time. The crowd is typed arrays
// and answers from the Kademlia model (docs/dht.md, "Simulation"); the nodes that look up, and a sample
// of those that answer, are the real engine. Prints a table, writes docs/sim-dht.svg.
// Usage: sim-dht.ts [nodes …], default 1000 10000 100000 1000000.
import { writeFileSync } from 'node:fs'
import type { Bytes } from '../src/base/bytes.ts'
import * as F from '../src/dht/krpc/fields.ts'
import { Reader } from '../src/dht/krpc/reader.ts'
import { closer, ID_BYTES, idBytes, idOf, loadId, sharedBits, storeId } from '../src/dht/math/id.ts'
import { bencodeBytes, plainItem } from '../src/dht/objects.ts'
import { RECORD } from '../src/dht/slab.ts'
import { type Member, median, Net, seeded } from '../test/dht/help/net.ts'

const K = 8
const LOOKERS = 20
const ANSWERERS = 60
const LOOKUPS = 100
const ITEMS = 20
const PORT = 6881

interface Row {
  nodes: number
  dead: number
  hops: number
  hopsMost: number
  nearest: number
  eight: number
  items: number
  queries: number
  bytes: number
  ms: number
  table: number
  real: number
}

const place = (i: number): string => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
const indexOf = (address: string): number => {
  const [, a, b, c] = address.slice(0, address.indexOf(':')).split('.').map(Number)
  return (a! << 16) | (b! << 8) | c!
}

class Crowd {
  readonly n: number
  /** Sorted ids, five words each. */
  readonly ids: Int32Array
  readonly dead: Uint8Array
  readonly stored: Map<string, Bytes>
  readonly #reader: Reader
  readonly #target: Int32Array
  readonly #out: Buffer

  constructor(n: number, deadShare: number, random: (into: Bytes) => void) {
    this.n = n
    this.stored = new Map()
    this.#reader = new Reader()
    this.#target = new Int32Array(5)
    this.#out = Buffer.alloc(1_400)
    const keys = new Float64Array(n)
    const noise = new Uint32Array(2 * 65_536)
    const draw = (i: number): void => {
      if (i % 65_536 === 0) random(new Uint8Array(noise.buffer))
    }
    for (let i = 0; i < n; i++) {
      draw(i)
      const j = 2 * (i % 65_536)
      keys[i] = noise[j]! * 2 ** 21 + (noise[j + 1]! >>> 11)
    }
    keys.sort()
    this.ids = new Int32Array(5 * n)
    this.dead = new Uint8Array(n)
    for (let i = 0; i < n; i++) {
      draw(i)
      const j = 2 * (i % 65_536)
      const high = Math.floor(keys[i]! / 2 ** 21)
      const low = keys[i]! - high * 2 ** 21
      this.ids[5 * i] = high
      this.ids[5 * i + 1] = (low << 11) | (noise[j]! & 2_047)
      this.ids[5 * i + 2] = noise[j]!
      this.ids[5 * i + 3] = noise[j + 1]!
      this.ids[5 * i + 4] = noise[j]! ^ noise[j + 1]!
      if (noise[j + 1]! / 2 ** 32 < deadShare) this.dead[i] = 1
    }
  }

  /** First index whose id is not below `prefix` cut to `bits` bits. */
  #bound(prefix: Int32Array, bits: number, upper: boolean): number {
    const edge = new Uint32Array(2)
    const keep = (w: number, n: number): number =>
      n <= 0 ? 0 : n >= 32 ? w >>> 0 : (w & (-1 << (32 - n))) >>> 0
    edge[0] = keep(prefix[0]!, bits)
    edge[1] = keep(prefix[1]!, bits - 32)
    let value = edge[0]! * 2 ** 32 + edge[1]!
    if (upper) value += 2 ** (64 - bits)
    let low = 0
    let high = this.n
    while (low < high) {
      const mid = (low + high) >> 1
      const v = (this.ids[5 * mid]! >>> 0) * 2 ** 32 + (this.ids[5 * mid + 1]! >>> 0)
      if (v < value) low = mid + 1
      else high = mid
    }
    return low
  }

  /** Up to K indices of the bucket of `x` that shares exactly `bits` bits with it; always the same ones. */
  bucket(x: number, bits: number, out: number[]): void {
    const id = this.ids.slice(5 * x, 5 * x + 5)
    id[bits >> 5]! ^= 1 << (31 - (bits & 31))
    const low = this.#bound(id, bits + 1, false)
    const high = this.#bound(id, bits + 1, true)
    const size = high - low
    if (size <= K) {
      for (let i = low; i < high; i++) out.push(i)
      return
    }
    let h = (x * 0x9e3779b1 + bits * 0x85ebca6b) | 0
    for (let taken = 0; taken < K; taken++) {
      h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) + 0x297a2d39
      // One from each eighth of the subtree: entries of a bucket are spread.
      out.push(low + Math.floor((taken * size) / K) + ((h >>> 8) % Math.max(1, Math.floor(size / K))))
    }
  }

  /** The K nodes nearest to `target` that node `x` has in its model table. */
  answer(x: number, target: Int32Array): number[] {
    const shared = sharedBits(this.ids, 5 * x, target, 0)
    const found: number[] = []
    const deepest = Math.ceil(Math.log2(this.n)) + 8
    // Nearest first: the bucket on the target's side, then our own subtree, then the wider ones.
    if (shared < 60) this.bucket(x, shared, found)
    for (let b = shared + 1; b < deepest && found.length < 3 * K; b++) this.bucket(x, b, found)
    for (let b = shared - 1; b >= 0 && found.length < K; b--) this.bucket(x, b, found)
    return found.sort((a, b) => (closer(this.ids, 5 * a, this.ids, 5 * b, target) ? -1 : 1)).slice(0, K)
  }

  /** The truth: the `k` living nodes nearest to a target. */
  nearest(target: Int32Array, k: number): number[] {
    const middle = this.#bound(target, 64, false)
    const near: number[] = []
    for (let i = Math.max(0, middle - 2_000); i < Math.min(this.n, middle + 2_000); i++)
      if (this.dead[i] === 0) near.push(i)
    return near.sort((a, b) => (closer(this.ids, 5 * a, this.ids, 5 * b, target) ? -1 : 1)).slice(0, k)
  }

  /** Answers a datagram for crowd node `x`; null where it is dead or asked nothing. */
  reply(x: number, bytes: Bytes): Bytes | null {
    const reader = this.#reader
    if (this.dead[x] === 1 || !reader.read(bytes) || reader.first(F.y) !== 0x71) return null
    const out = this.#out
    let at = out.write('d1:rd2:id20:', 0, 'latin1')
    storeId(this.ids, 5 * x, out, at)
    at += ID_BYTES
    const field = reader.has(F.target) ? F.target : F.info_hash
    if (reader.length(field) === ID_BYTES) {
      loadId(this.#target, 0, reader.bytes, reader.from[field]!)
      const nodes = this.answer(x, this.#target)
      at += out.write(`5:nodes${26 * nodes.length}:`, at, 'latin1')
      for (const i of nodes) {
        storeId(this.ids, 5 * i, out, at)
        out.set([10, i >> 16, (i >> 8) & 255, i & 255, PORT >> 8, PORT & 255], at + ID_BYTES)
        at += 26
      }
      at += out.write('5:token4:tokn', at, 'latin1')
      const value = this.stored.get(`${x} ${idBytes(this.#target).join()}`)
      if (value) {
        at += out.write('1:v', at, 'latin1')
        out.set(value, at)
        at += value.length
      }
    }
    if (reader.has(F.v)) {
      const value = Uint8Array.from(reader.bytes.subarray(reader.raw[F.v], reader.rawEnd(F.v)))
      this.stored.set(`${x} ${plainItem(value).target.join()}`, value)
    }
    at += out.write('e1:t', at, 'latin1')
    at += out.write(`${reader.length(F.t)}:`, at, 'latin1')
    out.set(reader.bytes.subarray(reader.from[F.t], reader.to[F.t]), at)
    at += reader.length(F.t)
    at += out.write('1:y1:re', at, 'latin1')
    return out.subarray(0, at)
  }
}

function simulate(n: number, dead: number): Row {
  const net = new Net(n + 7)
  const crowd = new Crowd(n, dead, seeded(n))
  net.onStray = (bytes, to, from) => {
    const x = indexOf(to)
    if (x >= n) return
    const reply = crowd.reply(x, bytes)
    if (reply) net.send(reply, { host: place(x), port: PORT }, from)
  }
  /** The real engine in the place of crowd node `x`. */
  const join = (x: number): Member => {
    const m = net.add(place(x), PORT, { reach: 'private', id: idBytes(crowd.ids, 5 * x) })
    crowd.dead[x] = 0
    for (let i = 0; i < 3; i++) m.dht.addBootstrap(`${place(pickAlive())}:${PORT}`)
    return m
  }
  const pickAlive = (): number => {
    for (;;) {
      const x = Math.floor(net.chance() * n)
      if (crowd.dead[x] === 0 && !net.members.has(`${place(x)}:${PORT}`)) return x
    }
  }
  const lookers: Member[] = []
  for (let i = 0; i < LOOKERS + ANSWERERS; i++) {
    const m = join(pickAlive())
    if (i < LOOKERS) lookers.push(m)
    net.run(50)
  }
  net.run(300_000)
  const hops: number[] = []
  const times: number[] = []
  let nearest = 0
  let eight = 0
  let queries = 0
  let real = 0
  let bytes = 0
  for (let i = 0; i < LOOKUPS; i++) {
    const target = new Uint8Array(20)
    net.random(target)
    // A tenth of the targets are next to a real answering node, so that those are asked as well.
    if (i % 10 === 0) target.set([...net.members.values()][LOOKERS + (i % ANSWERERS)]!.dht.id.subarray(0, 4))
    const from = lookers[i % LOOKERS]!
    net.onDatagram = ({ from: sender, to, bytes: b }) => {
      if (sender !== from.address && to !== from.address) return
      bytes += b.length
      if (sender === from.address && net.members.has(to)) real++
    }
    const found = net.ask(from, { kind: 'find', target })
    net.onDatagram = null
    hops.push(found.hops)
    times.push(found.ms)
    queries += found.asked
    const truth = crowd
      .nearest(idOf(target), K + 1)
      .map(place)
      .filter((host) => host !== from.host)
      .slice(0, K)
    const got = found.nodes.map((node) => node.address.split(':')[0])
    if (got[0] === truth[0]) nearest++
    eight += truth.filter((host) => got.includes(host)).length
  }
  let items = 0
  for (let i = 0; i < ITEMS; i++) {
    const item = plainItem(bencodeBytes(Uint8Array.from([i, n & 255, (n >> 8) & 255])))
    net.ask(lookers[i % LOOKERS]!, { kind: 'put', item })
    const got = net.ask(lookers[(i + 7) % LOOKERS]!, { kind: 'get', target: item.target })
    if (got.item) items++
  }
  const entries = lookers.map((m) => m.dht.stats(net.now).nodes4)
  return {
    nodes: n,
    dead,
    hops: median(hops),
    hopsMost: Math.max(...hops),
    nearest: nearest / LOOKUPS,
    eight: eight / (K * LOOKUPS),
    items: items / ITEMS,
    queries: queries / LOOKUPS,
    bytes: bytes / LOOKUPS,
    ms: median(times),
    table: median(entries),
    real,
  }
}

const sizes = process.argv.slice(2).map(Number)
const rows: Row[] = []
console.log(
  '| nodes | dead | median hops | most | ½ log₂ n | nearest found | of the 8 nearest | items read back | queries a lookup | bytes a lookup | median ms | table entries | table bytes |',
)
console.log('|---|---|---|---|---|---|---|---|---|---|---|---|---|')
let failed = false
for (const n of sizes.length > 0 ? sizes : [1_000, 10_000, 100_000, 1_000_000])
  for (const dead of [0, 0.2]) {
    const r = simulate(n, dead)
    rows.push(r)
    const half = Math.log2(n) / 2
    if (r.hops > half || r.nearest < 0.95 || r.items < 0.95) failed = true
    const percent = (x: number): string => `${Math.round(100 * x)} %`
    console.log(
      `| ${n} | ${percent(dead)} | ${r.hops} | ${r.hopsMost} | ${half.toFixed(1)} | ${percent(r.nearest)} | ${percent(r.eight)} | ${percent(r.items)} | ${r.queries.toFixed(1)} | ${Math.round(r.bytes)} | ${Math.round(r.ms)} | ${r.table} | ${r.table * RECORD.node4} |`,
    )
  }
console.error(`# queries to real answering nodes: ${rows.map((r) => r.real).join(' ')}`)
if (rows.length >= 6) writeFileSync('docs/sim-dht.svg', plot(rows.filter((r) => r.dead === 0)))
if (failed) {
  console.error('sim-dht: hops above ½ log₂ n, or less than 95 % found')
  process.exit(1)
}

/** Hops and table entries over log n. */
function plot(points: readonly Row[]): string {
  const x = (n: number): number => 60 + ((Math.log10(n) - 3) / 3) * 400
  const y = (v: number, most: number): number => 260 - (v / most) * 220
  const line = (f: (r: Row) => number, most: number, colour: string): string =>
    `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.map((r) => `${x(r.nodes)},${y(f(r), most).toFixed(1)}`).join(' ')}"/>`
  const text = (tx: number, ty: number, s: string, colour = '#333'): string =>
    `<text x="${tx}" y="${ty}" font-family="sans-serif" font-size="12" fill="${colour}">${s}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 520 310" width="520" height="310">
<rect width="520" height="310" fill="#fff"/>
<path d="M60 30V260H470" fill="none" stroke="#999"/>
${points.map((r) => text(x(r.nodes) - 12, 278, `10^${Math.round(Math.log10(r.nodes))}`)).join('\n')}
${line((r) => Math.log2(r.nodes) / 2, 10, '#bbb')}
${line((r) => r.hops, 10, '#06c')}
${line((r) => r.table, 200, '#c60')}
${text(70, 20, 'median hops (0 to 10)', '#06c')}
${text(210, 20, '½ log2 n', '#888')}
${text(300, 20, 'routing table entries (0 to 200)', '#c60')}
${text(240, 300, 'nodes')}
</svg>
`
}
