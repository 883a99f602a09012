// A device's key replaced and revoked: who has to sign, and every way to forge it. Attacks are shown to
// succeed against a build with one safeguard taken out, and to fail against ours.
import t from 'tap'
import { type Bytes, base64url, concat, equal, utf8 } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { type Signer, sha256 } from '../../src/crypto/native.ts'
import { makeCertificate, readCertificate } from '../../src/ownership/claim-keys.ts'
import { OwnerLog } from '../../src/ownership/log.ts'
import { follows, makeSuccession, type Succession } from '../../src/ownership/owners/device-key.ts'
import { encodeOwnerSet } from '../../src/wire/owner-set.ts'
import { keysOf } from './claim-world.ts'
import { DEVICE, full, key, ownerOf, reader, setOf, Tried } from './family.ts'
import { type Weakness, weakened } from './weakened.ts'

const LIFE = { incarnation: 1, discriminator: 0xab12 }
const TWO = setOf(2, ownerOf(1), ownerOf(2), ownerOf(3))
const NEXT = keysOf(60)

/** What an honest device (or, with other keys, somebody else) offers at the log's place of now. */
function offer(tried: Tried, over: { old?: Signer; next?: Signer; prev?: Bytes } = {}): Succession {
  const { log } = tried
  const keys = {
    old: over.old ?? keysOf(50).signer,
    next: over.next ?? NEXT.signer,
    box: NEXT.exchange.publicKey,
  }
  return makeSuccession(keys, { prev: over.prev ?? log.head, set: log.set }, LIFE)
}

t.test('replaced: the owners ask for it, both keys sign', async (t) => {
  const tried = new Tried(TWO)
  const replaced = (succession: Succession) => ({ type: 'DEVICE_KEY_REPLACED' as const, succession })
  const good = offer(tried)
  t.equal(tried.take(replaced(good), [key(1)]), 'needs-signatures', 'one of two')
  t.equal(tried.take(replaced(good), full(1)), 'malformed', 'no successor is needed, and none may be used up')
  t.equal(tried.take(replaced(good), [key(1), key(50)]), 'malformed', 'the device has no vote')
  t.equal(tried.take(replaced(good), [key(9)]), 'malformed')
  t.equal(tried.press(replaced(good), [key(1), key(2)]), false)
  t.equal(tried.take(replaced(good), [key(1), key(2)]), 'ok')
  t.ok(equal(tried.log.device, NEXT.signer.publicKey))
  t.same(tried.log.keys.map(base64url), [DEVICE, NEXT.signer.publicKey].map(base64url))
  t.ok(equal(tried.log.replaced!.box, NEXT.exchange.publicKey))
  t.equal(readCertificate(tried.log.replaced!.certificate)?.discriminator, 0xab12)
  // The log goes on under the new key, and the old one is nobody.
  t.equal(tried.takeText(tried.text(reader(0, 10), [key(1)], { device: DEVICE })), 'other-device')
  t.equal(tried.take(reader(0, 10), [key(1)]), 'ok')
})

t.test('replaced: everything that is not just this is refused', async (t) => {
  const tried = new Tried(TWO)
  const by = [key(1), key(2)]
  const take = (succession: Succession): string => tried.take({ type: 'DEVICE_KEY_REPLACED', succession }, by)
  const good = offer(tried)
  for (let at = 0; at < good.certificate.length; at += 7) {
    const certificate = good.certificate.slice()
    certificate[at]! ^= 1
    t.equal(take({ ...good, certificate }), 'bad-key', `byte ${at} of the certificate`)
  }
  for (const at of [0, 31, 63]) {
    const changed = good.by.slice()
    changed[at]! ^= 1
    t.equal(take({ ...good, by: changed }), 'bad-key')
  }
  t.equal(take(offer(tried, { old: keysOf(51).signer })), 'bad-key', 'the word of another key')
  t.equal(take(offer(tried, { prev: sha256(new Uint8Array(9)) })), 'bad-key', 'made for another place')
  t.equal(take(offer(tried, { next: keysOf(50).signer })), 'bad-key', 'itself')
  // Made for other owners than those of now.
  const keys = { old: keysOf(50).signer, next: NEXT.signer, box: NEXT.exchange.publicKey }
  const theirs = makeSuccession(keys, { prev: tried.log.head, set: setOf(1, ownerOf(4)) }, LIFE)
  t.equal(take(theirs), 'bad-key')
  t.equal(take(good), 'ok')
  // Back to a key that it had.
  const back = makeSuccession(
    { old: NEXT.signer, next: keysOf(50).signer, box: NEXT.exchange.publicKey },
    { prev: tried.log.head, set: tried.log.set },
    LIFE,
  )
  t.equal(take(back), 'bad-key')
  t.equal(take(good), 'bad-key', 'once more the same')
})

t.test('so often, and no more', async (t) => {
  const tried = new Tried(setOf(1, ownerOf(1)))
  let old = keysOf(50)
  for (let n = 0; n <= LIMITS.ownership.keySteps; n++) {
    const next = keysOf(61 + n)
    const keys = { old: old.signer, next: next.signer, box: next.exchange.publicKey }
    const succession = makeSuccession(keys, { prev: tried.log.head, set: tried.log.set }, LIFE)
    const wanted = n < LIMITS.ownership.keySteps ? 'ok' : 'log-full'
    t.equal(tried.take({ type: 'DEVICE_KEY_REPLACED', succession }, [key(1)]), wanted)
    old = next
  }
  t.equal(tried.take({ type: 'DEVICE_KEY_REVOKED', successor: null }, [key(1)]), 'ok')
})

t.test('a text that is cut or too long is no event', async (t) => {
  const tried = new Tried(setOf(1, ownerOf(1)))
  const { certificate, by } = offer(tried)
  const cut: Succession[] = [
    { certificate: certificate.subarray(1), by },
    { certificate, by: by.subarray(1) },
    { certificate: concat(certificate, by), by },
    { certificate, by: new Uint8Array(4_000) },
  ]
  for (const succession of cut)
    t.equal(tried.take({ type: 'DEVICE_KEY_REPLACED', succession }, [key(1)]), 'malformed')
  for (const n of [0, 198, 200])
    t.equal(tried.take({ type: 'DEVICE_KEY_REVOKED', successor: new Uint8Array(n) }, [key(1)]), 'malformed')
})

t.test('revoked: one owner, and with a successor all that it takes to give power', async (t) => {
  const successor = makeCertificate(NEXT.signer, {
    box: NEXT.exchange.publicKey,
    ...LIFE,
    ownersHash: sha256(encodeOwnerSet(TWO)),
    transcript: new Uint8Array(32),
  })
  const revoked = (certificate: Bytes | null) => ({
    type: 'DEVICE_KEY_REVOKED' as const,
    successor: certificate,
  })
  const tried = new Tried(TWO)
  t.equal(tried.take(reader(0, 10), [key(1)]), 'ok')
  t.equal(tried.take(revoked(successor), [key(1)]), 'needs-signatures')
  t.equal(
    tried.take(revoked(successor), [key(1), key(2)]),
    'needs-signatures',
    'keys without their successors',
  )
  t.equal(tried.take(revoked(successor), [...full(1), ...full(2), key(50)]), 'malformed')
  const changed = successor.slice()
  changed[70]! ^= 1
  t.equal(tried.take(revoked(changed), [...full(1), ...full(2)]), 'bad-key')
  t.equal(tried.take(revoked(successor), [...full(1), ...full(2)]), 'ok')
  t.ok(tried.log.revoked && tried.log.deleted && tried.log.readers.length === 0)
  t.equal(tried.take(reader(0, 10), [key(1)]), 'deleted')
  const alone = new Tried(TWO)
  t.equal(alone.take(revoked(null), [key(3)]), 'ok')
  t.ok(alone.log.revoked)
})

t.test('a log that is full takes what takes power away, and nothing else', async (t) => {
  const tried = new Tried(setOf(1, ownerOf(1)))
  const filler = reader(0, 10)
  if (filler.type !== 'AUTHORIZED') throw new Error('no grant')
  const purpose = 'x'.repeat(500)
  const grants: Bytes[] = []
  for (;;) {
    const body = reader(0, 10)
    if (body.type !== 'AUTHORIZED') throw new Error('no grant')
    if (tried.take({ ...body, reader: { ...body.reader, purpose } }, [key(1)]) !== 'ok') break
    grants.push(body.reader.grantId)
    if (grants.length > 20) tried.take({ type: 'AUTHORIZATION_REVOKED', grantId: grants.shift()! }, [key(1)])
    if (tried.log.seq > 20_000) throw new Error('no end')
  }
  const [first] = tried.log.readers
  t.equal(tried.take({ type: 'AUTHORIZATION_REVOKED', grantId: first!.grantId }, [key(1)]), 'ok')
  for (let i = 0; i < 3; i++)
    t.equal(
      tried.take({ type: 'AUTHORIZATION_REVOKED', grantId: first!.grantId }, [key(1)]),
      'log-full',
      'what has ended already cannot fill the card',
    )
  t.equal(tried.take({ type: 'POLICY_SET', policy: tried.log.policy }, [key(1)]), 'log-full')
  t.equal(tried.take({ type: 'DEVICE_DELETED' }, [key(1)]), 'ok')
})

function attack(
  name: string,
  weaknesses: Weakness[],
  succeeds: (make: typeof OwnerLog, is: typeof follows) => boolean,
): void {
  t.test(name, async (t) => {
    const weak = await weakened(weaknesses)
    t.equal(succeeds(weak.OwnerLog, weak.follows), true, 'the attack bites')
    t.equal(succeeds(OwnerLog, follows), false, 'and fails against ours')
  })
}

const FILE = 'ownership/owners/device-key.ts'
const LABEL = utf8('wattle-key/1 by')

attack(
  'a stolen owner’s key puts a machine of the thief in the device’s place',
  [
    {
      file: FILE,
      from: 'return Verifier.of(place.device)?.verify(concat(BY, certificate), by) ? next : null',
      to: 'return next',
    },
  ],
  (make) => {
    const tried = new Tried(setOf(1, ownerOf(1)), make)
    const succession = offer(tried, { old: keysOf(9).signer })
    // Bound to the device's key, as far as the thief can: the certificate is his own to make.
    const transcript = sha256(concat(utf8('wattle-key/1 follows'), DEVICE, tried.log.head))
    const certificate = makeCertificate(NEXT.signer, {
      box: NEXT.exchange.publicKey,
      ...LIFE,
      ownersHash: sha256(encodeOwnerSet(tried.log.set)),
      transcript,
    })
    const by = keysOf(9).signer.sign(concat(LABEL, certificate))
    return (
      tried.take({ type: 'DEVICE_KEY_REPLACED', succession: { ...succession, certificate, by } }, [
        key(1),
      ]) === 'ok'
    )
  },
)

attack(
  'an old word of the old key, for a place that is gone, is used again',
  [
    {
      file: FILE,
      from: 'if (!equal(next.transcript, transcriptOf(place.device, place.prev))) return null',
      to: '',
    },
  ],
  (make) => {
    const tried = new Tried(setOf(1, ownerOf(1)), make)
    const before = offer(tried)
    if (tried.take(reader(0, 10), [key(1)]) !== 'ok') throw new Error('not taken')
    return tried.take({ type: 'DEVICE_KEY_REPLACED', succession: before }, [key(1)]) === 'ok'
  },
)

attack(
  'the word of a neighbour’s device for its own next key, at our log',
  [
    {
      file: FILE,
      from: 'if (!equal(next.transcript, transcriptOf(place.device, place.prev))) return null',
      to: '',
    },
    {
      file: FILE,
      from: 'return Verifier.of(place.device)?.verify(concat(BY, certificate), by) ? next : null',
      to: 'return next',
    },
  ],
  (make) => {
    const tried = new Tried(setOf(1, ownerOf(1)), make)
    const succession = offer(tried, { old: keysOf(51).signer })
    return tried.take({ type: 'DEVICE_KEY_REPLACED', succession }, [key(1)]) === 'ok'
  },
)

attack(
  'the device is sent back to a key that was given up because it was stolen',
  [
    {
      file: 'ownership/log.ts',
      from: "if (!next || this.#keys.some((key) => equal(key, next.device))) return 'bad-key' } if (body.type === 'DEVICE_KEY_REVOKED'",
      to: "if (!next) return 'bad-key' } if (body.type === 'DEVICE_KEY_REVOKED'",
    },
  ],
  (make) => {
    const tried = new Tried(setOf(1, ownerOf(1)), make)
    if (tried.take({ type: 'DEVICE_KEY_REPLACED', succession: offer(tried) }, [key(1)]) !== 'ok')
      throw new Error('no')
    const keys = { old: NEXT.signer, next: keysOf(50).signer, box: keysOf(50).exchange.publicKey }
    const succession = makeSuccession(keys, { prev: tried.log.head, set: tried.log.set }, LIFE)
    return tried.take({ type: 'DEVICE_KEY_REPLACED', succession }, [key(1)]) === 'ok'
  },
)

attack(
  'one of two owners has the device change its key',
  [
    {
      file: 'ownership/owners/needs.ts',
      from: "case 'DEVICE_KEY_REPLACED': return only(agreed(set, signers),",
      to: "case 'DEVICE_KEY_REPLACED': return only(owners.length > 0,",
    },
  ],
  (make) => {
    const tried = new Tried(TWO, make)
    return tried.take({ type: 'DEVICE_KEY_REPLACED', succession: offer(tried) }, [key(1)]) === 'ok'
  },
)

attack(
  'one of two owners has everybody believe a machine of his own',
  [
    {
      file: 'ownership/owners/needs.ts',
      from: 'if (body.successor) return only(agreedInFull(set, signers), paper || device)',
      to: '',
    },
  ],
  (make) => {
    const tried = new Tried(TWO, make)
    const successor = offer(tried).certificate
    return tried.take({ type: 'DEVICE_KEY_REVOKED', successor }, [key(1)]) === 'ok'
  },
)
