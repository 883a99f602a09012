// Who gets which answer: strangers hear about themselves, owners everything; work for strangers is bounded.
import t from 'tap'
import { base64url } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { Desk } from '../../../src/ownership/reputation/desk.ts'
import { Reputation } from '../../../src/ownership/reputation/reputation.ts'
import { readOpinion, signVouch } from '../../../src/ownership/reputation/statement.ts'
import { Vouches } from '../../../src/ownership/reputation/vouches.ts'
import { FACTORY_JUDGEMENT } from '../../../src/ownership/reputation/weights.ts'
import {
  decodePeer,
  decodePeersRefused,
  decodeStatement,
  decodeVouches,
  encodeAct,
  encodeBare,
  encodeStatement,
  PEERS,
} from '../../../src/wire/net/peers.ts'

const NOW = 1_800_000_000_000
const signer = (n: number): Signer => new Signer(new Secret(new Uint8Array(32).fill(n)))
const [us, owner, anna, ben] = [1, 2, 3, 4].map(signer) as [Signer, Signer, Signer, Signer]

function made(): { desk: Desk; reputation: Reputation; vouches: Vouches } {
  const reputation = new Reputation({ ...FACTORY_JUDGEMENT, vouchers: [base64url(owner.publicKey)] })
  const vouches = new Vouches(us.publicKey)
  const isOwner = (key: Uint8Array): boolean => base64url(key) === base64url(owner.publicKey)
  const desk = new Desk({ signer: us, reputation, vouches, isOwner, onChange: () => {} }, NOW)
  return { desk, reputation, vouches }
}
const vouch = (by: Signer, about: Signer): Uint8Array =>
  encodeStatement(
    PEERS.vouch,
    signVouch({ by: by.publicKey, about: about.publicKey, at: NOW, kind: 'knows', until: NOW + 9 }, by),
  )
const why = (answers: Uint8Array[] | null): string =>
  answers === null ? 'ended' : answers[0]![0] === PEERS.refused ? decodePeersRefused(answers[0]!) : 'done'

t.test('an opinion is about whoever asks, signed by us', async (t) => {
  const { desk, reputation } = made()
  reputation.measure(anna.publicKey, 'malformed', NOW)
  const [answer] = desk.onMessage(encodeBare(PEERS.askOpinion), anna.publicKey, NOW)!
  const opinion = readOpinion(decodeStatement(answer!)!)!
  t.same(opinion.by, us.publicKey)
  t.same(opinion.about, anna.publicKey)
  t.same(opinion.reasons, [{ what: 'signatures', points: -10 }])
})

t.test('strangers see and change nothing that is the owner’s', async (t) => {
  const { desk, reputation } = made()
  reputation.measure(ben.publicKey, 'answered', NOW)
  for (const message of [
    encodeBare(PEERS.askPeers),
    encodeAct(PEERS.forgive, ben.publicKey),
    encodeAct(PEERS.show, ben.publicKey),
  ])
    t.equal(why(desk.onMessage(message, anna.publicKey, NOW)), 'owners-only')
  const list = desk.onMessage(encodeBare(PEERS.askPeers), owner.publicKey, NOW)!
  const peer = list.map((m) => (m[0] === PEERS.peer ? decodePeer(m) : null)).find((p) => p?.score === 1)
  t.same(peer?.key, ben.publicKey)
  t.equal(list.at(-1)![0], PEERS.peersEnd)
})

t.test(
  'vouches: kept from the voucher or the owner, counted when the owner trusts the voucher',
  async (t) => {
    const { desk, reputation, vouches } = made()
    t.equal(why(desk.onMessage(vouch(anna, us), anna.publicKey, NOW)), 'done')
    t.equal(why(desk.onMessage(vouch(ben, us), anna.publicKey, NOW)), 'not-yours', 'handed over by another')
    t.equal(why(desk.onMessage(vouch(ben, us), owner.publicKey, NOW)), 'done')
    t.equal(vouches.all.length, 2)
    t.same(decodeVouches(desk.onMessage(encodeBare(PEERS.askVouches), ben.publicKey, NOW)![0]!), [])
    desk.onMessage(encodeAct(PEERS.show, anna.publicKey), owner.publicKey, NOW)
    t.equal(decodeVouches(desk.onMessage(encodeBare(PEERS.askVouches), ben.publicKey, NOW)![0]!)!.length, 1)

    t.equal(why(desk.onMessage(vouch(anna, ben), ben.publicKey, NOW)), 'not-counted')
    t.equal(why(desk.onMessage(vouch(owner, ben), anna.publicKey, NOW)), 'not-counted', 'shown by another')
    t.equal(why(desk.onMessage(vouch(owner, ben), ben.publicKey, NOW)), 'done')
    t.equal(reputation.score(ben.publicKey, NOW), 5)
    for (let i = 0; i < 3; i++) reputation.measure(anna.publicKey, 'malformed', NOW)
    t.equal(why(desk.onMessage(vouch(anna, us), anna.publicKey, NOW)), 'not-wanted')
  },
)

t.test('what is malformed ends the stream; signatures for strangers are few', async (t) => {
  const { desk } = made()
  for (const bad of [Uint8Array.of(1, 1), Uint8Array.of(9), Uint8Array.of(0), new Uint8Array(2_000).fill(3)])
    t.equal(why(desk.onMessage(bad, anna.publicKey, NOW)), 'ended')
  let done = 0
  for (let i = 0; i < 1_000; i++)
    if (why(desk.onMessage(encodeBare(PEERS.askOpinion), anna.publicKey, NOW)) === 'done') done++
  t.equal(done, LIMITS.reputation.statementsAtOnce)
  const later = NOW + LIMITS.reputation.statementMs
  t.equal(why(desk.onMessage(encodeBare(PEERS.askOpinion), anna.publicKey, later)), 'done')
  t.equal(why(desk.onMessage(encodeBare(PEERS.askOpinion), anna.publicKey, later)), 'busy')
})
