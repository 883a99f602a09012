// Lists of peers as a device keeps them: from the card and from owners, newer versions by the rules of the
// version that is held, removed ones that the card does not bring back, what is kept over a restart.
import t from 'tap'
import { base64url, concat, text, utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { CommunityBook } from '../../../src/node/peers/community/book.ts'
import { answerAsk } from '../../../src/node/peers/community/exchange.ts'
import { signList } from '../../../src/node/peers/list.ts'
import {
  decodeAskList,
  decodeList,
  decodePutList,
  decodeRemoveList,
  encodeAskList,
  encodeList,
  ORIGIN,
} from '../../../src/wire/net/communities.ts'

const signerOf = (n: number): Signer => new Signer(new Secret(new Uint8Array(32).fill(n)))
const [a, b, c, d] = [1, 2, 3, 4].map(signerOf) as [Signer, Signer, Signer, Signer]

interface Wish {
  seq?: number
  m?: number
  signers?: Signer[]
  by?: Signer[]
  at?: string
}

function listOf(
  name: string,
  { seq = 1, m = 1, signers = [a], by = signers, at = '192.0.2.9:4001' }: Wish = {},
): string {
  const keys = signers.map((signer) => signer.publicKey)
  const peers = [{ key: d.publicKey, addresses: [at] }]
  return signList(
    { name, seq, m, signers: keys, peers },
    by.map((signer) => ({ kid: base64url(signer.publicKey), signer })),
  )
}

const shown = (book: CommunityBook): string[] =>
  book.all.map(({ list, origin }) => `${list.name} ${list.seq} ${origin === ORIGIN.card ? 'card' : 'owner'}`)

t.test('two of three hand a list over; nobody takes it', async (t) => {
  const book = new CommunityBook()
  const three = { m: 2, signers: [a, b, c] }
  t.equal(book.put(listOf('oem', { ...three, by: [a] }), ORIGIN.card), 'too-few-signatures')
  t.equal(book.put(listOf('oem', { ...three, by: [a, b] }), ORIGIN.card), null)
  t.equal(book.renew('oem', listOf('oem', { seq: 2, by: [a] })), 'too-few-signatures')
  t.equal(
    book.renew('oem', listOf('oem', { seq: 2, signers: [d] })),
    'too-few-signatures',
    'by its own signer',
  )
  t.equal(
    book.put(listOf('oem', { seq: 2, signers: [d] }), ORIGIN.owner),
    'too-few-signatures',
    'an owner neither',
  )
  t.equal(book.renew('oem', listOf('other', { seq: 2, by: [a, b] })), 'other-list')
  t.equal(book.renew('oem', listOf('oem', { ...three, by: [a, b] })), 'older')
  t.equal(book.renew('nobody', listOf('nobody')), 'unknown', 'lists that nobody asked for')
  t.equal(book.renew('oem', listOf('oem', { seq: 2, signers: [d], by: [a, c] })), null)
  t.equal(
    book.renew('oem', listOf('oem', { seq: 3, signers: [d], by: [a, b] })),
    'too-few-signatures',
    'the old ones no more',
  )
  t.same(shown(book), ['oem 2 card'])
  t.equal(
    book.put(listOf('oem', { ...three, by: [a, b] }), ORIGIN.card),
    null,
    'the card still has the first version',
  )
  t.same(shown(book), ['oem 2 card'], 'which changes nothing')
})

t.test('what is removed stays removed, until an owner brings it', async (t) => {
  const book = new CommunityBook()
  book.put(listOf('oem'), ORIGIN.card)
  book.put(listOf('mine', { signers: [b] }), ORIGIN.owner)
  t.same(shown(book), ['oem 1 card', 'mine 1 owner'])
  t.equal(book.peers(ORIGIN.card).length, 1)
  t.ok(book.remove('oem'))
  t.notOk(book.remove('oem'))
  t.equal(book.put(listOf('oem'), ORIGIN.card), 'removed')
  const again = new CommunityBook()
  t.ok(again.restore(book.save()))
  t.equal(again.put(listOf('oem'), ORIGIN.card), 'removed', 'after a restart too')
  t.same(shown(again), ['mine 1 owner'])
  t.equal(again.put(listOf('oem'), ORIGIN.owner), null)
  again.clear()
  t.equal(again.put(listOf('oem'), ORIGIN.card), null, 'a new owner begins with the card')
})

t.test('caps, and what is no list', async (t) => {
  const book = new CommunityBook()
  for (let i = 0; i < LIMITS.peers.lists; i++) t.equal(book.put(listOf(`l${i}`), ORIGIN.owner), null)
  t.equal(book.put(listOf('more'), ORIGIN.owner), 'full')
  t.equal(book.put(listOf('l3', { seq: 2 }), ORIGIN.owner), null, 'a newer one of those that are held')
  for (let i = 0; i < 40; i++) {
    book.remove('l0')
    book.put(listOf('l0'), ORIGIN.card)
    book.remove('l0')
    book.put(listOf('l0'), ORIGIN.owner)
  }
  t.equal(book.all.length, LIMITS.peers.lists)
  for (const bad of ['', 'x', 'x'.repeat(LIMITS.peers.listBytes + 1), '{"payload":"","signatures":[]}'])
    t.equal(book.put(bad, ORIGIN.owner), 'malformed')
  const saved = book.save()
  for (const cut of [0, 1, 5, saved.length - 1]) {
    t.notOk(new CommunityBook().restore(saved.subarray(0, cut)), `cut at ${cut}`)
  }
  t.notOk(new CommunityBook().restore(concat(saved, Uint8Array.of(0))))
  const flipped = saved.slice()
  flipped[60]! ^= 1
  t.notOk(new CommunityBook().restore(flipped), 'a bit of a signed text')
})

t.test('messages: what is not one', async (t) => {
  const ask = decodeAskList(encodeAskList('oem', 7))
  t.same(ask, { name: 'oem', seq: 7 })
  t.equal(decodeAskList(encodeAskList('', 7)), null)
  t.equal(decodeAskList(encodeAskList('x'.repeat(65), 7)), null)
  t.equal(decodeAskList(Uint8Array.of(1, 0, 0)), null)
  t.equal(decodeList(encodeList('x', 0))?.jws, 'x')
  t.equal(decodeList(Uint8Array.of(2, 2, 65)), null, 'an origin that there is not')
  t.equal(decodeList(encodeList('x'.repeat(LIMITS.peers.listBytes + 1), 0)), null)
  t.equal(decodePutList(Uint8Array.of(6)), null)
  t.equal(decodeRemoveList(concat(Uint8Array.of(7), utf8('x'.repeat(65)))), null)
  const texts = [listOf('oem', { seq: 5 })]
  t.equal(text(answerAsk(encodeAskList('oem', 4), texts)!.subarray(2)), texts[0])
  t.same(answerAsk(encodeAskList('oem', 5), texts), Uint8Array.of(3))
  t.same(answerAsk(encodeAskList('else', 0), texts), Uint8Array.of(3))
  t.equal(answerAsk(Uint8Array.of(4), texts), null, 'owners\u2019 questions are none of a peer\u2019s')
})
