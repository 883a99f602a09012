// Opinions: what adds up, what fades, what cannot be bought with many names.
import t from 'tap'
import { base64url } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { prefixOf } from '../../../src/base/prefix.ts'
import { choose } from '../../../src/ownership/reputation/choose.ts'
import { Reputation } from '../../../src/ownership/reputation/reputation.ts'
import {
  FACTORY_JUDGEMENT,
  MEASURES,
  type Measure,
  PARTS,
  type PartName,
} from '../../../src/ownership/reputation/weights.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000

function key(n: number): Uint8Array {
  const bytes = new Uint8Array(32).fill(7)
  new DataView(bytes.buffer).setUint32(0, n)
  return bytes
}

t.test('a stranger is a newcomer: no points, no reasons', async (t) => {
  t.same(new Reputation().explain(key(1), NOW), { score: 0, reasons: [] })
})

t.test('observations add up and every point has a reason', async (t) => {
  const r = new Reputation()
  r.measure(key(1), 'bad-signature', NOW)
  r.measure(key(1), 'answered', NOW)
  r.measure(key(1), 'kept-promise', NOW)
  r.measure(key(1), 'relayed-megabyte', NOW, 0, 2.5)
  const { score, reasons } = r.explain(key(1), NOW)
  t.equal(score, -10 + 1 + 2 + 2.5)
  t.same(reasons, [
    { what: 'signatures', points: -10 },
    { what: 'answers', points: 1 },
    { what: 'storing', points: 2 },
    { what: 'relaying', points: 2.5 },
  ])
  t.same(r.explain(key(2), NOW).reasons, [], 'nobody else is meant')
})

t.test('a part is capped: answering all day does not make up for forgeries', async (t) => {
  const r = new Reputation()
  for (let i = 0; i < 10_000; i++) r.measure(key(1), 'answered', NOW)
  t.equal(r.score(key(1), NOW), 20)
  for (let i = 0; i < 12; i++) r.measure(key(1), 'bad-signature', NOW)
  t.equal(r.score(key(1), NOW), -80)
  for (let i = 0; i < 100; i++) r.measure(key(1), 'equivocated', NOW)
  t.equal(r.score(key(1), NOW), -100, 'and the whole is')
})

t.test('points fade with their half-life; equivocation stays until the owner forgives', async (t) => {
  const r = new Reputation()
  for (let i = 0; i < 4; i++) r.measure(key(1), 'bad-signature', NOW)
  t.equal(r.score(key(1), NOW + 24 * HOUR), -20)
  t.equal(r.score(key(1), NOW + 48 * HOUR), -10)
  r.measure(key(1), 'answered', NOW + 24 * HOUR)
  t.equal(r.score(key(1), NOW + 24 * HOUR), -19, 'also when something is added in between')
  t.equal(r.score(key(1), NOW - HOUR), -19, 'a clock that went back changes nothing')
  r.measure(key(2), 'equivocated', NOW)
  t.equal(r.score(key(2), NOW + 10_000 * HOUR), -100)
  r.forgive(key(2))
  t.equal(r.score(key(2), NOW), 0)
})

t.test('the owner judges: pins, blocks, weights, trusted vouchers', async (t) => {
  const r = new Reputation({
    ...FACTORY_JUDGEMENT,
    weights: { ...FACTORY_JUDGEMENT.weights, answers: 0, signatures: 2 },
    pins: [base64url(key(1))],
    blocks: [base64url(key(2))],
    vouchers: [base64url(key(8)), base64url(key(9)), base64url(key(10))],
  })
  r.measure(key(1), 'bad-signature', NOW)
  r.measure(key(1), 'answered', NOW)
  t.same(r.explain(key(1), NOW), {
    score: 30,
    reasons: [
      { what: 'signatures', points: -20 },
      { what: 'pinned', points: 50 },
    ],
  })
  r.measure(key(2), 'kept-promise', NOW)
  t.equal(r.score(key(2), NOW), Number.NEGATIVE_INFINITY, 'a block is final')
  t.notOk(r.vouched(key(3), key(4)), 'the word of a stranger counts nothing')
  for (const voucher of [8, 9, 10, 8]) t.ok(r.vouched(key(voucher), key(4)))
  t.same(r.explain(key(4), NOW), { score: 10, reasons: [{ what: 'vouches', points: 10 }] }, 'at most +10')
  r.judge({ ...FACTORY_JUDGEMENT, vouchers: [base64url(key(9))] })
  t.equal(r.score(key(4), NOW), 5, 'a voucher that is no longer trusted no longer counts')
  t.equal(r.score(key(2), NOW), 2)
})

t.test('each weight is the factor of its own part, and of no other', async (t) => {
  for (const [what, { part }] of Object.entries(MEASURES) as [Measure, { part: number }][]) {
    const { name } = PARTS[part]!
    const scoreWith = (weights: Partial<Record<PartName, number>>): number => {
      const judgement = {
        ...FACTORY_JUDGEMENT,
        weights: { ...FACTORY_JUDGEMENT.weights, ...weights },
      }
      const r = new Reputation(judgement)
      r.measure(key(1), what, NOW)
      return r.score(key(1), NOW)
    }
    const plain = scoreWith({})
    t.not(plain, 0, what)
    t.equal(scoreWith({ [name]: 0 }), 0, `${name} without weight`)
    t.equal(scoreWith({ [name]: 0.5 }), plain / 2, `${name} by half`)
    const others = PARTS.filter((other) => other.name !== name).map((other) => [other.name, 0])
    t.equal(scoreWith(Object.fromEntries(others)), plain, `the others do not touch ${name}`)
  }
})

t.test('a flood of names neither grows the table nor washes evidence out of it', async (t) => {
  const r = new Reputation()
  for (let i = 0; i < 5; i++) r.measure(key(1), 'bad-signature', NOW, prefixOf('192.0.2.1'))
  for (let n = 10; n < 20_000; n++)
    r.measure(key(n), 'answered', NOW + n, prefixOf(`10.${n >> 8}.${n & 255}.1`))
  t.equal(r.size, LIMITS.reputation.keys)
  t.equal(r.score(key(1), NOW), -50)
  t.ok(r.save().length <= 2 + LIMITS.reputation.keys * LIMITS.reputation.entryBytes)
})

t.test('one /24 and one /64 have a few places only', async (t) => {
  for (const address of [
    (n: number) => `198.51.100.${n}`,
    (n: number) => `2001:db8:1:2::${n.toString(16)}`,
  ]) {
    const r = new Reputation()
    for (let n = 1; n < 100; n++)
      for (let i = 0; i < 9; i++) r.measure(key(n), 'kept-promise', NOW, prefixOf(address(n)))
    t.equal(r.size, LIMITS.reputation.keysOfOnePrefix)
    t.ok(r.measure(key(500), 'answered', NOW, prefixOf('203.0.113.7')), 'others still have theirs')
  }
})

t.test('prefixes', async (t) => {
  t.equal(prefixOf('192.0.2.1'), prefixOf('192.0.2.77'))
  t.equal(prefixOf('192.0.2.1'), prefixOf('::ffff:192.0.2.9'))
  t.not(prefixOf('192.0.2.1'), prefixOf('192.0.3.1'))
  t.equal(prefixOf('2001:db8:0:1::5'), prefixOf('2001:db8:0:1:ffff::'))
  t.not(prefixOf('2001:db8:0:1::5'), prefixOf('2001:db8:0:2::5'))
  t.not(prefixOf('::1'), 0)
  t.equal(prefixOf('nonsense'), 0)
})

t.test('choosing: trusted first, ignored never, a fifth for newcomers', async (t) => {
  const r = new Reputation({ ...FACTORY_JUDGEMENT, blocks: [base64url(key(9))] })
  const peers = Array.from({ length: 20 }, (_, n) => ({ key: key(n) }))
  for (let n = 0; n < 9; n++) for (let i = 0; i <= n; i++) r.measure(key(n), 'answered', NOW)
  for (let i = 0; i < 6; i++) r.measure(key(10), 'bad-signature', NOW)
  const chosen = choose(peers, r.score, { places: 5, now: NOW })
  const ids = chosen.map((c) => new DataView(c.key.buffer).getUint32(0))
  t.same(ids, [8, 7, 6, 5, 11])
  const all = choose(peers, r.score, { places: 50, now: NOW }).map((c) =>
    new DataView(c.key.buffer).getUint32(0),
  )
  t.equal(all.length, 18)
  t.notOk(all.includes(9) || all.includes(10), 'blocked and ignored ones not even when there is room')
})

t.test('saved and restored; anything else is refused and changes nothing', async (t) => {
  const r = new Reputation()
  r.measure(key(1), 'bad-signature', NOW)
  r.measure(key(2), 'equivocated', NOW)
  const bytes = r.save()
  const again = new Reputation()
  t.ok(again.restore(bytes))
  t.same(again.explain(key(1), NOW), r.explain(key(1), NOW))
  t.same(again.explain(key(2), NOW), r.explain(key(2), NOW))
  for (const bad of [
    bytes.subarray(1),
    bytes.subarray(0, -1),
    new Uint8Array(0),
    new Uint8Array([255, 255]),
  ]) {
    t.notOk(again.restore(bad))
    t.equal(again.size, 2)
  }
})
