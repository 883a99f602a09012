// Vouches and opinions as signed statements: what verifies, what is forged, what a subject keeps.
import t from 'tap'
import { base64url, utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { signCompact } from '../../../src/crypto/jws.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import {
  readOpinion,
  readVouch,
  signOpinion,
  signVouch,
  type Vouch,
} from '../../../src/ownership/reputation/statement.ts'
import { Vouches } from '../../../src/ownership/reputation/vouches.ts'

const NOW = 1_800_000_000_000
const signer = (n: number): Signer => new Signer(new Secret(new Uint8Array(32).fill(n)))
const anna = signer(1)
const ben = signer(2)
const vouch = (by: Signer, about: Signer, more: Partial<Vouch> = {}): string =>
  signVouch(
    {
      by: by.publicKey,
      about: about.publicKey,
      at: NOW,
      kind: 'same-household',
      until: NOW + 1_000,
      ...more,
    },
    by,
  )

t.test('a vouch names who, whom, what and until when', async (t) => {
  const read = readVouch(vouch(anna, ben))
  t.same(read, {
    by: anna.publicKey,
    about: ben.publicKey,
    at: NOW,
    kind: 'same-household',
    until: NOW + 1_000,
  })
})

t.test('an opinion carries its reasons; a block is told as the least there is', async (t) => {
  const opinion = {
    score: Number.NEGATIVE_INFINITY,
    reasons: [{ what: 'blocked' as const, points: Number.NEGATIVE_INFINITY }],
  }
  const read = readOpinion(signOpinion(anna, ben.publicKey, { at: NOW, opinion }))
  t.equal(read?.score, -100)
  t.same(read?.reasons, [{ what: 'blocked', points: -100 }])
  t.same(read?.about, ben.publicKey)
})

t.test('what is forged, mixed up or misshapen is nothing', async (t) => {
  const good = vouch(anna, ben)
  const [head, body, sig] = good.split('.') as [string, string, string]
  t.equal(readVouch(`${head}.${body}.${sig.slice(0, -2)}AA`), null, 'signature changed')
  const other = JSON.stringify({
    v: 1,
    type: 'vouch',
    by: base64url(anna.publicKey),
    about: base64url(ben.publicKey),
    at: NOW,
    kind: 'knows',
    until: NOW + 9,
  })
  t.equal(readVouch(`${head}.${base64url(utf8(other))}.${sig}`), null, 'text changed')
  t.equal(
    readVouch(signCompact(utf8(other), { kid: base64url(ben.publicKey), signer: ben })),
    null,
    'signed by its subject instead of by whom it names',
  )
  t.equal(readOpinion(good), null, 'a vouch is no opinion')
  t.equal(readVouch(signOpinion(anna, ben.publicKey, { at: NOW, opinion: { score: 1, reasons: [] } })), null)
  const shapes: Record<string, unknown>[] = [
    { kind: 'friend', until: NOW + 9 },
    { kind: 'knows', until: NOW - 1 },
    { kind: 'knows', until: 'soon' },
    { kind: 'knows', until: NOW + 9, more: 1 },
    { kind: 'knows' },
  ]
  for (const shape of shapes) {
    const json = {
      v: 1,
      type: 'vouch',
      by: base64url(anna.publicKey),
      about: base64url(ben.publicKey),
      at: NOW,
      ...shape,
    }
    t.equal(
      readVouch(signCompact(utf8(JSON.stringify(json)), { kid: base64url(anna.publicKey), signer: anna })),
      null,
    )
  }
  for (const text of ['', '..', 'a.b.c', 'x'.repeat(100_000), `${head}.${body}`])
    t.equal(readVouch(text), null)
})

t.test('a subject keeps what is about it, up to a cap, and shows what its owner released', async (t) => {
  const mine = new Vouches(ben.publicKey)
  t.equal(mine.keep(vouch(anna, ben), NOW), 'kept')
  t.same(mine.released(NOW), [], 'nothing is shown unasked')
  t.ok(mine.release(anna.publicKey, true))
  t.notOk(mine.release(ben.publicKey, true))
  t.equal(mine.released(NOW).length, 1)
  const renewed = vouch(anna, ben, { until: NOW + 5_000 })
  t.equal(mine.keep(renewed, NOW), 'kept')
  t.same(mine.released(NOW), [renewed], 'renewed in place, still shown')
  t.equal(mine.keep(vouch(ben, anna), NOW), 'not-ours')
  t.equal(mine.keep(vouch(ben, ben), NOW), 'not-ours', 'nobody vouches for himself')
  t.equal(mine.keep('x', NOW), 'malformed')
  t.equal(mine.keep(vouch(anna, ben, { until: NOW + 1, kind: 'knows' }), NOW + 2), 'over')
  for (let n = 3; n < 60; n++) mine.keep(vouch(signer(n), ben, { until: NOW + 90_000 }), NOW)
  t.equal(mine.all.length, LIMITS.reputation.vouches)
  t.equal(mine.keep(vouch(signer(99), ben), NOW), 'full')
  const again = new Vouches(ben.publicKey)
  again.restore(mine.save(), NOW)
  t.same(again.all, mine.all)
  again.restore(Uint8Array.of(9, 1, 255), NOW)
  t.equal(again.all.length, LIMITS.reputation.vouches)
  t.equal(
    again.keep(vouch(signer(99), ben, { until: NOW + 99_999 }), NOW + 6_000),
    'kept',
    'the end of one makes room',
  )
})
