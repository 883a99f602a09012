// The table of peers: hearsay, proof, order of addresses, back-off, and floods that push nobody out.
import t from 'tap'
import { LIMITS } from '../../../src/base/limits.ts'
import { idOf, type Peer, PeerTable, type Source } from '../../../src/node/peers/table.ts'

const key = (n: number): Uint8Array => {
  const bytes = new Uint8Array(32).fill(9)
  new DataView(bytes.buffer).setUint32(0, n)
  return bytes
}
const candidate = (n: number, ...addresses: string[]) => ({ id: idOf(key(n)), key: key(n), addresses })

function made(opinion?: (k: Uint8Array) => number): { table: PeerTable; told: string[] } {
  const told: string[] = []
  const word = (what: string) => (p: Peer) => {
    told.push(`${what} ${p.key ? new DataView(p.key.buffer).getUint32(0) : p.id} ${p.sources.join('+')}`)
  }
  return { table: new PeerTable({ onPeer: word('peer'), onLost: word('lost') }, opinion), told }
}

t.test(
  'a peer is told once, again when its addresses change, and lost when the last source lost it',
  async (t) => {
    const { table, told } = made()
    table.offer('dht', candidate(1, '203.0.113.1:1'), 0)
    table.offer('dht', candidate(1, '203.0.113.1:1'), 10)
    table.offer('local', candidate(1, '192.168.1.5:1'), 20)
    table.withdraw('dht', idOf(key(1)))
    table.withdraw('dht', idOf(key(1)))
    table.withdraw('local', idOf(key(1)))
    t.same(told, ['peer 1 dht', 'peer 1 local+dht', 'lost 1 '])
    t.equal(table.peers.length, 0)
  },
)

t.test('local first, then bootstrap, then the DHT; what failed waits, ever longer', async (t) => {
  const { table } = made()
  table.offer('dht', candidate(1, 'd:1', 'same:1'), 0)
  table.offer('bootstrap', candidate(1, 'b:1'), 0)
  table.offer('local', candidate(1, 'l:1', 'same:1'), 0)
  t.same(table.addressesOf(key(1), 0), ['l:1', 'same:1', 'b:1', 'd:1'])
  table.didNotWork('l:1', 0)
  t.same(table.addressesOf(key(1), 999), ['same:1', 'b:1', 'd:1'])
  t.same(table.addressesOf(key(1), 1_000)[0], 'l:1')
  for (let i = 0; i < 20; i++) table.didNotWork('l:1', 1_000)
  t.notOk(table.addressesOf(key(1), 600_999).includes('l:1'))
  t.equal(table.addressesOf(key(1), 601_000)[0], 'l:1', 'ten minutes at most')
  for (const a of ['l:1', 'same:1', 'b:1', 'd:1']) table.didNotWork(a, 601_000)
  t.equal(table.addressesOf(key(1), 601_001).length, 4, 'when all failed, all are worth a try')
  table.worked(key(1), 'b:1')
  t.same(table.addressesOf(key(1), 601_001), ['b:1'])
  t.equal(table.find(key(1))?.proven, true)
  t.same(table.addressesOf(key(2), 0), [])
})

t.test('a flood from one source pushes out neither others nor what is proven or pinned', async (t) => {
  const { table } = made()
  table.pin(key(1))
  table.offer('dht', candidate(1, 'a:1'), 0)
  table.offer('dht', candidate(2, 'b:1'), 0)
  table.worked(key(2), 'b:1')
  for (let n = 3; n < 9; n++) table.offer('local', candidate(n, `l${n}:1`), 0)
  for (let n = 100; n < 20_000; n++) table.offer('dht', candidate(n, `x${n}:1`), n)
  t.ok(table.refused > 10_000, 'most were too fast')
  for (let n = 20_000; n < 30_000; n++) table.offer('dht', candidate(n, `x${n}:1`), n * 1_000)
  const count = (source: Source): number => table.peers.filter((p) => p.sources.includes(source)).length
  t.equal(count('dht'), LIMITS.peers.dht)
  t.equal(count('local'), 6)
  t.ok(table.peers.length <= LIMITS.peers.known)
  for (const n of [1, 2]) t.ok(table.find(key(n)), `${n}`)
  for (let n = 0; n < 10_000; n++) table.didNotWork(`y${n}:1`, n)
  t.equal(table.failed.size, LIMITS.peers.failed)
})

t.test('opinions: blocked keys get no place, the worst goes first', async (t) => {
  const { table } = made((k) => {
    const n = new DataView(k.buffer).getUint32(0)
    return n === 7 ? Number.NEGATIVE_INFINITY : n === 5 ? -30 : n === 6 ? 30 : 0
  })
  t.notOk(table.offer('local', candidate(7, 'a:1'), 0))
  for (const n of [5, 6]) table.offer('local', candidate(n, 'a:1'), 0)
  for (let n = 100; n < 100 + LIMITS.peers.local; n++) table.offer('local', candidate(n, 'a:1'), 60_000)
  t.notOk(table.find(key(5)))
  t.ok(table.find(key(6)))
})

t.test('a pinned peer is kept without any source; long addresses and long lists are cut', async (t) => {
  const { table, told } = made()
  table.pin(key(1))
  table.offer('local', candidate(1, 'x'.repeat(100), ...Array.from({ length: 50 }, (_, i) => `h${i}:1`)), 0)
  t.equal(table.find(key(1))?.addresses.length, LIMITS.peers.addressesOfOne)
  table.withdraw('local', idOf(key(1)))
  t.same(table.find(key(1))?.sources, [])
  t.same(told, ['peer 1 local', 'lost 1 '])
  table.unpin(key(1))
  t.equal(table.find(key(1)), null)
})
