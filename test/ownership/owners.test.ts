// Who must sign what, rule by rule; texts that people hand around, forged and damaged; the time by the meter.
import t from 'tap'
import { base64url, equal } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/crypto/native.ts'
import { readCard, signCard } from '../../src/ownership/card.ts'
import { MeterTime } from '../../src/ownership/meter-time.ts'
import { decodeChange, encodeChange } from '../../src/ownership/owners/change.ts'
import { readOwnerCard, signOwnerCard } from '../../src/ownership/owners/owner-card.ts'
import { freshPaper, paperKey } from '../../src/ownership/owners/paper.ts'
import {
  asPolicy,
  encodePolicy,
  FACTORY_POLICY,
  looser,
  mailboxesOf,
  mayRelay,
  type Policy,
  policyFault,
  readPolicy,
} from '../../src/ownership/policy/policy.ts'
import { bytes, keysOf, random } from './claim-world.ts'
import { full, key, ownerOf, reader, setOf, successorsOf, Tried } from './family.ts'

t.test('owners: what one may, what takes m, what takes the successors', async (t) => {
  const set = setOf(2, ownerOf(1), ownerOf(2), ownerOf(3))
  const change = { type: 'OWNERS_CHANGED' as const, set: setOf(1, ownerOf(1)) }
  const tried = new Tried(set)
  t.equal(tried.take(change, [key(1)]), 'needs-signatures')
  t.equal(tried.take(change, [key(1), key(2)]), 'needs-signatures', 'two keys without their successors')
  t.equal(tried.take(change, [...full(1), key(2)]), 'needs-signatures', 'one successor of two')
  t.equal(tried.take(change, [key(9)]), 'malformed', 'a stranger')
  t.equal(tried.take(change, [key(50)]), 'malformed', 'the device has no say here')
  t.equal(
    tried.take({ type: 'AUTHORIZATION_REVOKED', grantId: bytes(16) }, full(1)),
    'malformed',
    'a successor for nothing',
  )
  t.equal(tried.press(change, [...full(1), ...full(2)]), false, 'no press where there are several owners')
  t.equal(
    tried.take({ type: 'OWNERS_CHANGED', set: setOf(2, ownerOf(1), ownerOf(2)) }, [key(3)]),
    'ok',
    '3 leaves by itself',
  )
  t.equal(tried.take(change, [...full(1), ...full(2)]), 'ok')
  const [left] = tried.log.owners
  t.ok(equal(left!.next!, successorsOf(1).digest(1)), 'its successor is used up, the next one is known')
  const add = { type: 'OWNERS_CHANGED' as const, set: setOf(1, tried.log.owners[0]!, ownerOf(4)) }
  t.equal(tried.take(add, full(1, 0)), 'malformed', 'the old successor means nothing any more')
  t.equal(tried.press(add, full(1, 1)), true, 'one owner: a press as well')
  t.equal(tried.press({ type: 'DEVICE_DELETED' }, [key(1)]), false)
})

t.test('a set that commits to a known key, or twice to one, is refused', async (t) => {
  const tried = new Tried(setOf(1, ownerOf(1)))
  const take = (...owners: ReturnType<typeof ownerOf>[]): string =>
    tried.take({ type: 'OWNERS_CHANGED', set: setOf(1, ...owners) }, full(1))
  t.equal(
    take(ownerOf(1), { ...ownerOf(2), next: sha256(keysOf(3).signer.publicKey) }),
    'ok',
    'nobody knows that key yet',
  )
  const other = new Tried(setOf(1, ownerOf(1)))
  for (const next of [keysOf(1), keysOf(2)].map((k) => sha256(k.signer.publicKey)))
    t.equal(
      other.take({ type: 'OWNERS_CHANGED', set: setOf(1, ownerOf(1), { ...ownerOf(2), next }) }, full(1)),
      'bad-set',
    )
  t.equal(
    other.take(
      { type: 'OWNERS_CHANGED', set: setOf(1, { ...ownerOf(1), box: keysOf(7).exchange.publicKey }) },
      full(1),
    ),
    'bad-set',
  )
  t.equal(
    other.take(
      { type: 'OWNERS_CHANGED', set: { ...setOf(1, ownerOf(1)), recovery: ownerOf(1).next } },
      full(1),
    ),
    'bad-set',
    'the paper is no successor',
  )
})

t.test('recovery and transfer', async (t) => {
  const paper = keysOf(30).signer
  const by = [{ kid: base64url(paper.publicKey), signer: paper }]
  const tried = new Tried({ ...setOf(2, ownerOf(1), ownerOf(2)), recovery: sha256(paper.publicKey) })
  const started = { type: 'RECOVERY_STARTED' as const, set: setOf(1, ownerOf(4)) }
  t.equal(tried.take({ type: 'RECOVERY_FINISHED' }, [key(1)]), 'needs-signatures')
  t.equal(tried.take(started, [key(1), key(2)]), 'needs-signatures', 'owners have no paper')
  t.equal(
    tried.take({ ...started, set: { ...started.set, recovery: sha256(paper.publicKey) } }, by),
    'bad-set',
    'the paper is used up',
  )
  t.equal(tried.take(started, by), 'ok')
  t.equal(tried.take(started, by), 'recovery-pending')
  t.equal(tried.take({ type: 'RECOVERY_CANCELLED' }, [key(1)]), 'needs-signatures')
  t.equal(tried.take({ type: 'RECOVERY_CANCELLED' }, [key(1), key(2)]), 'ok')
  t.equal(tried.take({ type: 'RECOVERY_FINISHED' }, [key(4)]), 'malformed', 'no heir any more')
  t.equal(tried.take(started, by), 'ok')
  t.equal(tried.take(reader(0, 10), [key(1)]), 'ok')
  t.equal(tried.take({ type: 'RECOVERY_FINISHED' }, [key(4)]), 'ok')
  t.equal(tried.log.readers.length, 1, 'a recovery ends no consent')
  t.equal(tried.take({ type: 'OWNERS_CHANGED', set: setOf(1, ownerOf(5)) }, full(4)), 'ok')
  t.equal(tried.log.readers.length, 0, 'a transfer ends all')
  t.notOk(tried.log.isOwner(keysOf(4).signer.publicKey))
})

t.test('a consent that has ended may be revoked once more; one that never was may not', async (t) => {
  const tried = new Tried(setOf(1, ownerOf(1)))
  const grant = reader(0, 10)
  if (grant.type !== 'AUTHORIZED') throw new Error('no grant')
  t.equal(tried.take(grant, [key(1)]), 'ok')
  tried.log.expire(grant.reader.grantId)
  const revoke = { type: 'AUTHORIZATION_REVOKED' as const, grantId: grant.reader.grantId }
  t.equal(tried.take(revoke, [key(1)]), 'ok')
  t.equal(tried.take({ ...revoke, grantId: bytes(16) }, [key(1)]), 'unknown-grant')
})

const policy = (change: (p: { -readonly [K in keyof Policy]: unknown }) => void): Policy => {
  const copy = structuredClone(FACTORY_POLICY) as { -readonly [K in keyof Policy]: unknown }
  change(copy)
  return copy as Policy
}

t.test('policy: stricter takes one owner, looser takes m in full; what it forbids one, m may', async (t) => {
  const tried = new Tried(setOf(2, ownerOf(1), ownerOf(2)))
  const strict = policy((p) => {
    p.grants = { days: 30, finest: '15min' }
  })
  t.equal(tried.take({ type: 'POLICY_SET', policy: strict }, [key(1)]), 'ok')
  t.equal(tried.take(reader(1, 30), [key(1)]), 'ok')
  t.equal(tried.take(reader(0, 30), [key(1)]), 'needs-signatures', 'finer than one may')
  t.equal(tried.take(reader(1, 31), [key(1)]), 'needs-signatures', 'longer than one may')
  t.equal(tried.take(reader(0, 400), [key(1), key(2)]), 'ok')
  t.equal(tried.take({ type: 'POLICY_SET', policy: FACTORY_POLICY }, [key(1), key(2)]), 'needs-signatures')
  t.equal(tried.take({ type: 'POLICY_SET', policy: FACTORY_POLICY }, [...full(1), ...full(2)]), 'ok')
  const alone = new Tried(setOf(1, ownerOf(1)))
  t.equal(alone.press({ type: 'POLICY_SET', policy: strict }, [key(1)]), false)
  const open = policy((p) => {
    p.relay = { for: 'anyone', kBps: 64 }
  })
  t.equal(alone.press({ type: 'POLICY_SET', policy: open }, full(1)), true, 'somebody has to be there')
  t.notOk(looser(open, FACTORY_POLICY))
  t.same(
    (['owner', 'reader', 'stranger'] as const).map((who) => [
      mayRelay(FACTORY_POLICY, who),
      mayRelay(open, who),
    ]),
    [
      [false, true],
      [false, true],
      [false, true],
    ],
  )
})

const KEY = Buffer.alloc(32, 7).toString('base64url')

t.test('a policy has exactly its members, and they are as they must be', async (t) => {
  t.same(readPolicy(encodePolicy(FACTORY_POLICY)), FACTORY_POLICY)
  t.same(readPolicy(new Uint8Array(0)), FACTORY_POLICY)
  const wrong: [string, (p: Record<string, never>) => void][] = [
    ['grants.days', (p) => Object.assign(p['grants']!, { days: 0 })],
    ['grants.days', (p) => Object.assign(p['grants']!, { days: 1.5 })],
    ['grants.finest', (p) => Object.assign(p['grants']!, { finest: 'constructor' })],
    ['relay.more', (p) => Object.assign(p['relay']!, { more: 1 })],
    ['announce.dht', (p) => Object.assign(p['announce']!, { dht: 'yes' })],
    ['reputation.pins', (p) => Object.assign(p['reputation']!, { pins: ['short'] })],
    ['retention', (p) => Object.assign(p, { retention: [7] })],
    ['v', (p) => Object.assign(p, { v: 2 })],
    ['more', (p) => Object.assign(p, { more: 1 })],
    ['mailboxes', (p) => Object.assign(p, { mailboxes: 'none' })],
    ...[
      'peer.example:4010',
      `${KEY}@peer.example`,
      `${KEY}@peer.example:port`,
      `${KEY}@peer.example:4010 ${KEY}@evil:1`,
      `${KEY.slice(1)}@peer.example:4010`,
      `${KEY}@a@peer.example:4010`,
      `${KEY}@${'x'.repeat(100)}:4010`,
    ].map((m): [string, (p: Record<string, never>) => void] => [
      'mailboxes',
      (p) => Object.assign(p, { mailboxes: [m] }),
    ]),
    ['mailboxes', (p) => Object.assign(p, { mailboxes: [1, 2, 3, 4].map((n) => `${KEY}@h:${n}`) })],
    ['mailboxes', (p) => Object.assign(p, { mailboxes: [`${KEY}@h:1`, `${KEY}@h:1`] })],
  ]
  for (const [where, change] of wrong) {
    const copy = structuredClone(FACTORY_POLICY) as unknown as Record<string, never>
    change(copy)
    t.equal(policyFault(copy), where)
    t.equal(asPolicy(copy), null)
  }
  const named = { ...FACTORY_POLICY, mailboxes: [`${KEY}@peer.example:4010`, `${KEY}@[2001:db8::1]:4010`] }
  t.same(readPolicy(encodePolicy(named)), named)
  t.same(
    mailboxesOf(named).map(({ address }) => address),
    ['peer.example:4010', '[2001:db8::1]:4010'],
  )
  t.same(encodePolicy({ ...named, mailboxes: [] }), encodePolicy(FACTORY_POLICY), 'none is as if left out')
  t.ok(looser(FACTORY_POLICY, named) && !looser(named, FACTORY_POLICY), 'a mailbox more allows more')
  for (const text of ['null', '[]', '{', '7', `${' '.repeat(5_000)}{}`])
    t.equal(readPolicy(Buffer.from(text)), null, text.slice(0, 20))
})

t.test('cards, changes and paper: forged, damaged, too long', async (t) => {
  const { signer } = keysOf(1)
  const card = signOwnerCard({ name: 'anna', ...ownerOf(1) }, signer)
  t.equal(readOwnerCard(card)?.name, 'anna')
  t.equal(
    readOwnerCard(signOwnerCard({ name: 'anna', ...ownerOf(1) }, keysOf(2).signer)),
    null,
    "another's signature",
  )
  for (const name of ['', 'a\nb', 'a\u202eb', 'x'.repeat(65)])
    t.equal(
      readOwnerCard(signOwnerCard({ name, ...ownerOf(1) }, signer)),
      null,
      JSON.stringify(name.slice(0, 5)),
    )
  const provider = { domain: '', sign: signer.publicKey, box: keysOf(1).exchange.publicKey }
  t.equal(readCard(signCard({ name: 'Solar', addresses: ['h:1'], ...provider }, signer))?.name, 'Solar')
  for (const bad of [{ name: 'So\u001b[2Jlar' }, { name: 'S\u0085' }, { addresses: ['h:1 evil:2'] }])
    t.equal(readCard(signCard({ name: 'Solar', addresses: [], ...provider, ...bad }, signer)), null)
  const tried = new Tried(setOf(1, ownerOf(1)))
  const change = encodeChange([tried.text({ type: 'DEVICE_DELETED' }, [key(1)])])
  t.equal(decodeChange(` ${change}\n`)?.length, 1)
  for (let n = 0; n < change.length; n += 7) if (decodeChange(change.slice(0, n))) t.fail(`cut at ${n}`)
  t.equal(decodeChange(`wattle-change:${'A'.repeat(600_000)}`), null)
  const paper = freshPaper(random)
  t.ok(paperKey(paper.toLowerCase().replaceAll('-', ' ')))
  for (let n = 0; n < paper.length; n++) {
    if (paper[n] === '-') continue
    const other = paper.slice(0, n) + (paper[n] === '7' ? '8' : '7') + paper.slice(n + 1)
    if (paperKey(other)) t.fail(`a wrong character at ${n} is not noticed`)
  }
  t.equal(paperKey('R'.repeat(300)), null)
})

t.test('time: the meter is believed as far as our own counting goes', async (t) => {
  const T = 1_800_000_000_000
  const run = (
    floor: number,
    told: (s: number) => number,
    seconds: number,
  ): { time: MeterTime; passed: number } => {
    const time = new MeterTime(floor)
    let passed = 0
    for (let s = 0; s < seconds; s++) passed += time.onTelegram(told(s), s * 1_000)
    return { time, passed }
  }
  const right = run(0, (s) => T + s * 1_000, 100)
  t.equal(right.time.now, T + 99_000)
  t.ok(Number.isNaN(run(0, (s) => T + s * 1_000, 2).time.now), 'two telegrams are not enough')
  t.ok(Number.isNaN(run(0, (s) => T + s * 86_400_000, 50).time.now), 'a day a second is nobody’s time')
  // Honest at first, then a year further: at most the slack and a thousandth.
  const jump = run(0, (s) => T + s * 1_000 + (s < 10 ? 0 : 365 * 86_400_000), 1_000)
  t.ok(jump.time.now <= T + 999_000 + 301_000, `${(jump.time.now - T) / 1_000} s`)
  t.ok(jump.passed <= 999_000, 'and a recovery counts our own seconds at most')
  const back = run(0, (s) => (s < 10 ? T + s * 1_000 : T - 86_400_000), 1_000)
  t.ok(
    back.time.now >= T + 9_000 && back.time.now >= T + 650_000,
    'a clock set back, or stopped, does not stop the time',
  )
  t.ok(run(T, (s) => T - 86_400_000 + s * 1_000, 10).time.now >= T, 'never before what was written down')
  t.ok(
    run(T, (s) => T + 2e12 + s * 1_000, 10).time.now <= T + 400 * 86_400_000 + 400_000,
    'nor years after it',
  )
  t.equal(run(T, () => Number.NaN, 60).time.now, T + 59_000, 'a meter without time: the counting')
  t.ok(Number.isNaN(run(0, () => Number.NaN, 60).time.now))
})
