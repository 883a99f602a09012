// The bytes of one whole claim, with every source of chance fixed, against the stored ones: another
// implementation can check itself on them, and a change of the wire does not go unnoticed. With
// WATTLE_WRITE set the file is written anew.
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { type Bytes, hex, unhex, utf8 } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/crypto/native.ts'
import type { Random } from '../../src/crypto/secret.ts'
import { ClaimDevice, type ClaimStep } from '../../src/ownership/claim-device.ts'
import { makeCertificate } from '../../src/ownership/claim-keys.ts'
import { ClaimOwner, type OwnerStep } from '../../src/ownership/claim-owner.ts'
import { parseCode, recordJson } from '../../src/ownership/label.ts'
import { encodePolicy, FACTORY_POLICY } from '../../src/ownership/policy/policy.ts'
import { decodeHello, encodeHello } from '../../src/wire/claim.ts'
import { decodeOwnerSet, encodeOwnerSet, OWNER_SET_BYTES, orderedOwnerSet } from '../../src/wire/owner-set.ts'
import { CODE, claimant, DISCRIMINATOR, keysOf, record, stretch } from '../ownership/claim-world.ts'

/** SHA-256(name ‖ 0), SHA-256(name ‖ 1), …, a fresh 32-byte block begun for each request. */
function fixed(name: string): Random {
  let block = 0
  return (into) => {
    for (let at = 0; at < into.length; at += 32)
      into.set(sha256(utf8(name), Uint8Array.of(block++)).subarray(0, into.length - at), at)
  }
}

const names = ['', 'HELLO', 'CLAIM_DEVICE', 'CHALLENGE', 'ANSWER_CHALLENGE', 'CLAIM_RESULT', 'RECLAIM_PROOF']

function story(): Record<string, string> {
  const out: Record<string, string> = { code: CODE, record: recordJson(record) }
  const owner = { ...claimant(1), next: sha256(utf8('next')), policy: encodePolicy(FACTORY_POLICY) }
  const label = parseCode(CODE)!
  let device = new ClaimDevice(record, null, fixed('device'))
  device.openWindow(0, sha256(utf8('window')).slice(0, 16))
  const note = (run: string, message: Bytes): Bytes => {
    out[`${run}${names[message[0]!]}`] = hex(message)
    return message
  }
  const sent = (steps: (ClaimStep | OwnerStep)[]): Bytes => {
    for (const step of steps) if (step.do === 'send') return step.message
    throw new Error('nothing was sent')
  }
  const machine = new ClaimOwner(label, owner, null, fixed('owner'), stretch)
  const claim = note('', sent(machine.onMessage(note('', device.hello(1, 0)), 0)))
  const challenge = note('', sent(device.onMessage(1, claim, 0)))
  const [remember] = machine.onMessage(challenge, 0)
  if (remember?.do !== 'remember') throw new Error('no claim to remember')
  out['transcript'] = hex(remember.pending.transcript)
  const [commit] = device.onMessage(1, note('', sent(machine.remembered(0))), 0)
  if (commit?.do !== 'commit') throw new Error('no commit')
  const { request } = commit
  const certificate = makeCertificate(keysOf(50).signer, {
    box: keysOf(50).exchange.publicKey,
    incarnation: 1,
    discriminator: DISCRIMINATOR,
    ownersHash: sha256(request.ownersBytes),
    transcript: request.transcript,
  })
  out['ownerSet'] = hex(request.ownersBytes)
  out['certificate'] = hex(certificate)
  note('', sent(device.committed({ certificate, owners: request.owners })))
  device = new ClaimDevice(record, { certificate, owners: request.owners }, fixed('device'))
  const again = new ClaimOwner(label, owner, remember.pending, fixed('owner'), stretch)
  const proof = note('again ', sent(again.onMessage(note('again ', device.hello(1, 0)), 0)))
  const [done] = again.onMessage(note('again ', sent(device.onMessage(1, proof, 0))), 0)
  out['end'] = done?.do ?? 'nothing'
  return out
}

t.test('one whole claim, byte for byte', async (t) => {
  const now = story()
  const file = 'test/vectors/claim.json'
  if (process.env['WATTLE_WRITE']) writeFileSync(file, `${JSON.stringify(now, null, 1)}\n`)
  t.same(now, JSON.parse(readFileSync(file, 'utf8')))
  t.equal(now['end'], 'claimed')
})

t.test('HELLO and the certificate have their fields where the document says', async (t) => {
  const v = story()
  const hello = unhex(v['again HELLO']!)!
  t.equal(hello.length, 71)
  t.same([...hello.subarray(0, 7)], [1, 1, 2, 0, 0xab, 0x12, 1])
  t.equal(hex(hello.subarray(7, 23)), hex(record.salt))
  t.equal(hex(hello.subarray(39)), hex(keysOf(50).signer.publicKey))
  t.same(encodeHello(decodeHello(hello)!), hello)
  const certificate = unhex(v['certificate']!)!
  t.equal(certificate.length, 199)
  t.same([...certificate.subarray(65, 71)], [0, 0, 0, 1, 0xab, 0x12])
  t.equal(hex(certificate.subarray(71, 103)), hex(sha256(unhex(v['ownerSet']!)!)))
  t.equal(hex(certificate.subarray(103, 135)), v['transcript'])
})

t.test('an owner set has one encoding; every other one is refused', async (t) => {
  const owners = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => {
    const { signer, exchange } = keysOf(n)
    return { sign: signer.publicKey, box: exchange.publicKey, next: sha256(utf8(`next ${n}`)) }
  })
  const set = orderedOwnerSet({ m: 3, owners, recovery: sha256(utf8('paper')) })
  const good = encodeOwnerSet(set)
  t.equal(good.length, OWNER_SET_BYTES)
  t.same(decodeOwnerSet(good), set)
  const bare = { ...set, owners: set.owners.map((o) => ({ ...o, next: null })), recovery: null }
  t.same(decodeOwnerSet(encodeOwnerSet(bare)), bare, 'without successors, without a paper key')
  for (let n = 0; n < good.length; n++) if (decodeOwnerSet(good.subarray(0, n))) t.fail(`cut at ${n}`)
  t.equal(decodeOwnerSet(Uint8Array.from([...good, 0])), null, 'a byte too many')
  const [a, b] = [set.owners[0]!, set.owners[1]!]
  for (const [why, bad] of Object.entries({
    'm is 0': { ...set, m: 0 },
    'm above n': { ...set, m: 9 },
    'wrong order': { ...set, owners: [b, a], m: 1 },
    'an owner twice': { ...set, owners: [a, a], m: 1 },
    'a successor for two': { ...set, owners: [a, { ...b, next: a.next }], m: 1 },
    'a key of small order': {
      ...set,
      owners: [{ sign: Uint8Array.of(1, ...new Uint8Array(31)), box: a.box, next: null }],
      m: 1,
    },
    'a box key of small order': {
      ...set,
      owners: [{ sign: a.sign, box: new Uint8Array(32), next: null }],
      m: 1,
    },
    'no owner': { ...set, owners: [], m: 0 },
  }))
    t.equal(decodeOwnerSet(encodeOwnerSet(bad)), null, why)
  const flag = Uint8Array.from(good)
  flag[good.length - 33] = 2
  t.equal(decodeOwnerSet(flag), null, 'a recovery flag that is neither 0 nor 1')
})
