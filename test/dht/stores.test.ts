// The regions of the slab filled past their capacity: counters, free lists, quotas, eviction.
import t from 'tap'
import { LIMITS } from '../../src/base/limits.ts'
import { Dht } from '../../src/dht/dht.ts'
import { Address, addressOf } from '../../src/dht/krpc/address.ts'
import { Dice } from '../../src/dht/math/dice.ts'
import { closer, idOf, sharedBits } from '../../src/dht/math/id.ts'
import { CANDIDATES, plan, RECORD, Slab } from '../../src/dht/slab.ts'
import { type ItemMeta, Items } from '../../src/dht/store/items.ts'
import { Limiter, RATES } from '../../src/dht/store/limiter.ts'
import { Peers } from '../../src/dht/store/peers.ts'
import { Lookup } from '../../src/dht/table/lookups.ts'
import { Table, VERIFIED } from '../../src/dht/table/table.ts'
import { Transactions } from '../../src/dht/table/transactions.ts'
import { seeded } from './help/net.ts'

const random = seeded(5)
const bytes = (n: number): Uint8Array => {
  const out = new Uint8Array(n)
  random(out)
  return out
}
const id = (): Int32Array => idOf(bytes(20))
const below = (n: number): number => (bytes(4).reduce((a, b) => a * 256 + b, 0) >>> 0) % n

t.test('every size fits into its own maxBytes, and less than the least is refused', async (t) => {
  for (const size of [65_536, 100_000, 262_144, 524_288, 1_048_576, 4_194_304]) {
    const dht = new Dht({ maxBytes: size, random, send: () => {} })
    const { bytes, used } = dht.stats(0)
    t.equal(bytes, size)
    t.ok(used <= size && used > 0.85 * size, `${used} of ${size}`)
  }
  for (const size of [0, 65_535, 1.5, Number.NaN, 4_194_305])
    t.throws(() => plan(size), RangeError, `${size}`)
})

t.test('no record is larger than the plan says', async (t) => {
  const measure = (make: (slab: Slab) => unknown): number => {
    const slab = new Slab(4 << 20)
    make(slab)
    return slab.used
  }
  const a = new Address()
  const self = id()
  const rules = { strict: false, proof: false }
  const dice = new Dice(random)
  const n = 1_000
  t.ok(measure((s) => new Table(s, { family: 4, capacity: n }, self, rules, a)) <= n * RECORD.node4)
  t.ok(measure((s) => new Table(s, { family: 6, capacity: n }, self, rules, a)) <= n * RECORD.node6)
  t.ok(measure((s) => new Transactions(s, 200, dice)) <= 200 * RECORD.transaction)
  t.ok(measure((s) => new Lookup(s, 0, { strict: false, k: 8 }, a)) <= CANDIDATES * RECORD.candidate)
  t.ok(measure((s) => new Peers(s, n, n)) <= n * (RECORD.topic + RECORD.peer))
  t.ok(measure((s) => new Limiter(s, n, dice, { rates: RATES, byPort: false })) <= n * RECORD.source + 64)
  t.ok(measure((s) => new Items(s, n, n, self)) <= n * (RECORD.item + RECORD.block) + 1_200)
  t.ok(RECORD.node4 <= 48, 'an IPv4 entry of the routing table')
})

t.test('items: random order, all sizes, past capacity', async (t) => {
  const self = id()
  const items = new Items(new Slab(1 << 20), 64, 256, self)
  const meta = (length: number, source: number): ItemMeta => ({
    mutable: below(2) === 1,
    seqHigh: 0,
    seqLow: below(1_000),
    saltLength: below(65),
    valueLength: length,
    source,
    own: false,
    expires: 100_000,
  })
  const known: { target: Int32Array; value: Uint8Array; from: number }[] = []
  for (let i = 0; i < 4_000; i++) {
    if (below(10) === 0 && items.count > 0) {
      const slot = items.flags.findIndex((f) => f !== 0)
      items.remove(slot)
    } else {
      const target = id()
      const m = meta(1 + below(1_000), 1 + below(1_000))
      const value = bytes(m.valueLength)
      const from = (m.mutable ? 96 : 0) + m.saltLength
      items.stage.set(bytes(96))
      items.stage.set(value, from)
      const slot = items.put(target, 0, m)
      if (slot >= 0) known.push({ target, value, from })
    }
    if (items.count > 64 || items.freeBlocks < 0) t.fail('over capacity')
  }
  let held = 0
  let blocks = 0
  for (const k of known) {
    const slot = items.find(k.target, 0)
    if (slot < 0) continue
    held++
    if (!items.same(slot, k.from, k.from + k.value.length, k.value, 0)) t.fail('content changed')
  }
  for (let slot = 0; slot < 64; slot++)
    if (items.flags[slot] !== 0) blocks += Math.max(1, Math.ceil(items.contentLength(slot) / 64))
  t.equal(held, items.count, 'what is kept is what was put')
  t.equal(blocks + items.freeBlocks, 256, 'no block is lost')
  // What is left is nearer to us than the average of what came.
  const near = (w: Int32Array, at: number) => sharedBits(w, at, self, 0)
  let sum = 0
  for (let slot = 0; slot < 64; slot++) if (items.flags[slot] !== 0) sum += near(items.ids, 5 * slot)
  t.ok(sum / items.count > 3, `on average ${sum / items.count} bits shared`)
})

t.test('items: a source and a key have their quota; a nearer one pushes the farthest out', async (t) => {
  const self = new Int32Array(5)
  const items = new Items(new Slab(1 << 20), 64, 1_024, self)
  const put = (source: number, key: number, first = below(0x7fff_ffff)): number => {
    items.stage[0] = key
    const target = id()
    target[0] = first
    return items.put(target, 0, {
      mutable: key > 0,
      seqHigh: 0,
      seqLow: 1,
      saltLength: 0,
      valueLength: 20,
      source,
      own: false,
      expires: 1,
    })
  }
  let kept = 0
  for (let i = 0; i < 50; i++) if (put(7, 0) >= 0) kept++
  t.equal(kept, 4, 'one source: a sixteenth')
  kept = 0
  for (let i = 0; i < 50; i++) if (put(1_000 + i, 9) >= 0) kept++
  t.equal(kept, 4, 'one key: a sixteenth')
  for (let i = 0; i < 200; i++) put(2_000 + i, 0)
  t.equal(items.count, 64)
  t.ok(put(5_000, 0, 1) >= 0, 'nearer than all')
  t.equal(put(5_001, 0, 0x8000_0000), -1, 'farther than all')
  items.sweep(2, 64)
  t.equal(items.count, 0, 'expired')
  t.equal(items.freeBlocks, 1_024)
})

t.test('peers: caps, quotas, expiry, conservation', async (t) => {
  const peers = new Peers(new Slab(1 << 20), 32, 256)
  const a = new Address()
  const announce = (topic: Int32Array, host: number, source: number, tick: number): boolean => {
    a.parse(`10.${host >> 16}.${(host >> 8) & 255}.${host & 255}`, 1_000)
    return peers.announce(topic, 0, a, { source, tick })
  }
  const topic = id()
  for (let i = 0; i < 100; i++) announce(topic, i, i, i)
  t.equal(peers.size(peers.find(topic, 0), 4), LIMITS.dht.peersPerTopic)
  announce(topic, 99, 99, 200)
  t.equal(peers.size(peers.find(topic, 0), 4), LIMITS.dht.peersPerTopic, 'the same peer again is one')
  let topics = 0
  for (let i = 0; i < 50; i++) if (announce(id(), 7, 4_711, 300)) topics++
  t.equal(topics, 4, 'topics of one source')
  for (let i = 0; i < 5_000; i++) announce(id(), i, 5_000 + i, 400 + i)
  t.ok(peers.topicCount <= 32 && peers.count <= 256)
  t.ok(peers.find(topic, 0) < 0, 'a topic silent for long gave way')
  peers.sweep(1_000_000, 256)
  t.same([peers.topicCount, peers.count], [0, 0])
  t.ok(announce(topic, 1, 1, 1_000_000))
})

t.test('routing table: closest agrees with a plain sort, removal keeps columns together', async (t) => {
  const self = id()
  const table = new Table(
    new Slab(1 << 20),
    { family: 4, capacity: 96 },
    self,
    { strict: false, proof: false },
    new Address(),
  )
  const a = new Address()
  const ports = new Map<string, number>()
  for (let i = 0; i < 3_000; i++) {
    const words = id()
    // Half of them near to us, so that deep buckets fill too.
    if (i % 2 === 0) words[0] = self[0]! ^ (words[0]! >>> (4 + (i % 20)))
    a.parse('127.0.0.1', 1 + i)
    const slot = table.answered(words, 0, a, { tick: 10 + i, rtt: 5, verified: true, until: 0 })
    if (slot >= 0) ports.set([...words].join(), 1 + i)
    if (i % 5 === 0 && table.count > 10) table.remove(below(table.count))
    if (i % 7 === 0) for (let f = 0; f < 4; f++) table.failed(below(table.count))
  }
  t.ok(table.count > 40 && table.count <= 96, `${table.count} entries`)
  for (let i = 0; i < table.count; i++) {
    const words = table.ids.slice(5 * i, 5 * i + 5)
    t.equal(table.address(i, a).port, ports.get([...words].join()), 'an id keeps its address')
    t.equal(table.find(words, 0), i)
    t.equal(table.findAddress(table.address(i, a)), i)
  }
  for (let round = 0; round < 200; round++) {
    const target = id()
    const sorted = [...Array(table.count).keys()]
      .filter((i) => table.good(i, 0))
      .sort((x, y) => (closer(table.ids, 5 * x, table.ids, 5 * y, target) ? -1 : 1))
    const n = table.closest(target, 8, 0)
    t.same([...table.near.subarray(0, n)], sorted.slice(0, 8))
  }
})

t.test('routing table: old and verified entries keep their places', async (t) => {
  const self = new Int32Array(5)
  const table = new Table(
    new Slab(1 << 20),
    { family: 4, capacity: 96 },
    self,
    { strict: false, proof: false },
    new Address(),
  )
  const a = new Address()
  let port = 1
  const far = (): Int32Array => {
    const words = id()
    words[0] = (words[0]! & 0x0000_ffff) | 0x0080_0000 // bucket 8
    return words
  }
  const enter = (words: Int32Array, verified: boolean): number => {
    a.parse('127.0.0.1', port++)
    return table.answered(words, 0, a, { tick: port, rtt: 1, verified, until: 0 })
  }
  const first = Array.from({ length: 8 }, far)
  for (const words of first) t.ok(enter(words, false) >= 0)
  t.equal(enter(far(), false), -1, 'a full bucket refuses a newcomer')
  t.ok(enter(far(), true) >= 0, 'a verified one takes the place of an unverified one')
  t.equal(table.count, 8)
  t.ok(first.filter((words) => table.find(words, 0) >= 0).length === 7)
  table.failed(table.find(first[0]!, 0))
  t.ok(enter(far(), false) >= 0, 'a failing one gives way')
  t.equal(table.find(first[0]!, 0), -1)
  const kept = table.find(first[1]!, 0)
  t.equal(table.flags[kept]! & VERIFIED, 0)
  const moved = addressOf('127.0.0.9:1')!
  t.equal(
    table.answered(first[1]!, 0, moved, { tick: 999, rtt: 1, verified: true, until: 0 }),
    -1,
    'a living id is not taken over from elsewhere',
  )
})
