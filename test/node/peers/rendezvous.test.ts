// Contacts, their keeper, and signed lists: forged, old, too many, taken over.
import t from 'tap'
import { base64url, utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import { signJws } from '../../../src/crypto/jws.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { type PeerList, readList, signList } from '../../../src/node/peers/list.ts'
import { Rendezvous } from '../../../src/node/peers/rendezvous.ts'
import { readContact, signContact } from '../../../src/wire/net/contact.ts'
import {
  contactOf,
  decodeRegistered,
  encodeContactMessage,
  encodeLookup,
  RENDEZVOUS,
} from '../../../src/wire/net/rendezvous.ts'

const NOW = 1_800_000_000_000
const signerOf = (n: number): Signer => {
  const seed = new Uint8Array(32).fill(3)
  new DataView(seed.buffer).setUint32(0, n)
  return new Signer(new Secret(seed))
}
const contactBy = (signer: Signer, more: { seq?: number; expires?: number; addresses?: string[] } = {}) =>
  signContact(
    {
      key: signer.publicKey,
      datagramKey: new Uint8Array(32),
      seq: 1,
      expires: NOW + 3_600_000,
      addresses: ['tcp:192.0.2.1:4001', 'udp:[2001:db8::1]:4001'],
      ...more,
    },
    signer,
  )

t.test('a contact is believed when its own key signed all of it', async (t) => {
  const bytes = contactBy(signerOf(1))
  t.same(readContact(bytes)?.addresses, ['tcp:192.0.2.1:4001', 'udp:[2001:db8::1]:4001'])
  for (let i = 0; i < bytes.length; i++) {
    const bad = bytes.slice()
    bad[i]! ^= 1
    t.equal(readContact(bad), null, `byte ${i} changed`)
  }
  for (let n = 0; n < bytes.length; n++) t.equal(readContact(bytes.subarray(0, n)), null)
  t.equal(readContact(Uint8Array.of(...bytes, 0)), null)
  t.equal(readContact(contactBy(signerOf(1), { addresses: ['http://evil/'] })), null)
  t.throws(() => contactBy(signerOf(1), { addresses: new Array(99).fill('tcp:a:1') }))
})

t.test(
  'a rendezvous keeps what the connection itself proved, and hands it out until it is over',
  async (t) => {
    const r = new Rendezvous()
    const [anna, ben] = [signerOf(1), signerOf(2)]
    const asker = r.asker(anna.publicKey, '192.0.2.1:9', NOW)
    const register = (bytes: Uint8Array, who = asker): number =>
      r.onMessage(encodeContactMessage(RENDEZVOUS.register, bytes), who, NOW)?.[0] ?? 0
    const answer = r.onMessage(encodeContactMessage(RENDEZVOUS.register, contactBy(anna)), asker, NOW)!
    t.same(decodeRegistered(answer), { seconds: 3_600, seen: '192.0.2.1:9' })
    t.equal(register(contactBy(ben)), RENDEZVOUS.refused, 'not for somebody else')
    t.equal(register(contactBy(anna, { seq: 0 })), RENDEZVOUS.refused, 'not an older one')
    t.equal(register(contactBy(anna, { expires: NOW - 1 })), RENDEZVOUS.refused)
    t.equal(register(new Uint8Array(40)), RENDEZVOUS.refused)
    const stranger = r.asker(ben.publicKey, '192.0.2.2:9', NOW)
    const found = r.onMessage(encodeLookup(anna.publicKey), stranger, NOW)!
    t.same(readContact(contactOf(found)!)?.key, anna.publicKey)
    t.equal(r.onMessage(encodeLookup(ben.publicKey), stranger, NOW)![0], RENDEZVOUS.none)
    t.equal(r.onMessage(encodeLookup(anna.publicKey), stranger, NOW + 3_600_000)![0], RENDEZVOUS.none, 'over')
    r.tick(NOW + 3_600_000)
    t.equal(r.size, 0)
    for (const bad of [Uint8Array.of(3), Uint8Array.of(99), Uint8Array.of(1), new Uint8Array(1_000).fill(1)])
      t.equal(r.onMessage(bad, stranger, NOW), null)
  },
)

t.test('one place cannot fill it, one connection cannot busy it', async (t) => {
  const r = new Rendezvous()
  let kept = 0
  for (let n = 0; n < 200; n++) {
    const signer = signerOf(n)
    const asker = r.asker(signer.publicKey, `198.51.100.${n}:1`, NOW)
    if (
      r.onMessage(encodeContactMessage(RENDEZVOUS.register, contactBy(signer)), asker, NOW)![0] ===
      RENDEZVOUS.registered
    )
      kept++
  }
  t.equal(kept, LIMITS.peers.contactsOfOnePrefix)
  const asker = r.asker(signerOf(1).publicKey, '192.0.2.1:1', NOW)
  const ask = (wall: number): number => r.onMessage(encodeLookup(signerOf(9).publicKey), asker, wall)![0]!
  let answered = 0
  for (let i = 0; i < 500; i++) if (ask(NOW) !== RENDEZVOUS.refused) answered++
  t.equal(answered, LIMITS.peers.asksAtOnce)
  t.not(ask(NOW + 1_000), RENDEZVOUS.refused)
})

t.test('a list changes hands by its own rules', async (t) => {
  const [a, b, c, d] = [1, 2, 3, 4].map(signerOf) as [Signer, Signer, Signer, Signer]
  const by = (...signers: Signer[]) => signers.map((signer) => ({ kid: base64url(signer.publicKey), signer }))
  const list = (seq: number, m: number, signers: Signer[], name = 'oem'): PeerList => ({
    name,
    seq,
    m,
    signers: signers.map((s) => s.publicKey),
    peers: [{ key: d.publicKey, addresses: ['192.0.2.9:4001'] }],
  })
  const first = readList(signList(list(1, 2, [a, b, c]), by(a, b)), null)
  t.equal(first.refusal, null)
  const current = first.list!
  const refusal = (next: PeerList, ...signers: Signer[]) =>
    readList(signList(next, by(...signers)), current).refusal
  t.equal(refusal(list(2, 1, [d]), a, c), null, 'two of three may hand it over')
  t.equal(refusal(list(2, 1, [d]), a), 'too-few-signatures')
  t.equal(refusal(list(2, 1, [d]), d), 'too-few-signatures', 'the new one cannot take it')
  t.equal(refusal(list(2, 1, [d]), a, d), 'too-few-signatures')
  t.equal(refusal(list(1, 2, [a, b, c]), a, b), 'older')
  t.equal(refusal(list(2, 2, [a, b, c], 'other'), a, b), 'other-list')
  t.equal(readList(signList(list(1, 2, [a, b, c]), by(a)), null).refusal, 'too-few-signatures')
  const raw = (value: unknown): string => signJws(utf8(JSON.stringify(value)), by(a))
  const key = base64url(a.publicKey)
  const good = { v: 1, name: 'x', seq: 1, m: 1, signers: [key], peers: [] }
  t.equal(readList(raw(good), null).refusal, null)
  for (const bad of [
    null,
    { ...good, v: 2 },
    { ...good, m: 0 },
    { ...good, m: 2 },
    { ...good, signers: [key, key], m: 1 },
    { ...good, signers: [] },
    { ...good, name: '\n' },
    { ...good, seq: -0.5 },
    { ...good, peers: [{ key, addresses: ['no port'] }] },
    { ...good, peers: new Array(99).fill({ key, addresses: [] }) },
  ])
    t.equal(readList(raw(bad), null).refusal, 'malformed', JSON.stringify(bad)?.slice(0, 60))
  t.equal(readList('x'.repeat(100_000), null).refusal, 'malformed')
})
