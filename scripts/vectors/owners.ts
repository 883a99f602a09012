// More cases of docs/vectors/owner-log.json, docs/wire/owners.md: several owners and their successors, the
// paper key, policy, pauses, and the device's own keys. The author says the word; our own log confirms it.

import { type Bytes, base64url } from '../../src/base/bytes.ts'
import type { JwsSigner } from '../../src/crypto/jws.ts'
import { Signer, sha256 } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import type { EventBody } from '../../src/ownership/event.ts'
import { makeSuccession } from '../../src/ownership/owners/device-key.ts'
import { Successors } from '../../src/ownership/owners/successors.ts'
import { FACTORY_POLICY, type Policy } from '../../src/ownership/policy/policy.ts'
import { type OwnerKeys, type OwnerSet, orderedOwnerSet } from '../../src/wire/owner-set.ts'
import { ADDED, Log, type LogCase, reader, revoke } from './log.ts'
import { Chance, device, type Person, person } from './world.ts'

const key = (who: Person): JwsSigner => ({ kid: base64url(who.signer.publicKey), signer: who.signer })
const rowOf = (who: Person): Successors =>
  new Successors(new Secret(new Chance(`successors ${who.name}`).bytes(32)))
const entry = (who: Person, next = 0): OwnerKeys => ({
  sign: who.keys.sign,
  box: who.keys.box,
  next: rowOf(who).digest(next),
})
/** Key and successor number `at`, which commits to the one after it. */
const full = (who: Person, at = 0): JwsSigner[] => [key(who), rowOf(who).signer(at, at + 1)]
const setOf = (m: number, owners: OwnerKeys[], recovery: Bytes | null = null): OwnerSet =>
  orderedOwnerSet({ m, owners, recovery })
const changed = (set: OwnerSet): EventBody => ({ type: 'OWNERS_CHANGED', set })
const policy = (over: Partial<Policy>): EventBody => ({
  type: 'POLICY_SET',
  policy: { ...FACTORY_POLICY, ...over },
})

export function ownerCases(): LogCase[] {
  const [anna, bram, cleo, dirk] = ['anna', 'bram', 'cleo', 'dirk'].map((name) => person(name)) as [
    Person,
    Person,
    Person,
    Person,
  ]
  const [alice, bob] = [person('alice'), person('bob')]
  return [
    several(anna, bram, cleo, dirk, alice),
    paper(anna, bram, dirk),
    policies(anna, bram, alice, bob),
    pauses(anna, alice, bob),
    deviceKeys(anna, bram, alice),
    ...revoked(anna, bram),
  ]
}

function several(anna: Person, bram: Person, cleo: Person, dirk: Person, alice: Person): LogCase {
  const log = new Log('two of three owners', [anna], {
    set: setOf(2, [entry(anna), entry(bram), entry(cleo)]),
  })
  log.take(log.by([key(anna)], ADDED), 'applied')
  log.take(log.by([key(anna)], reader(alice)), 'applied')
  const dirks = setOf(2, [entry(anna), entry(bram), entry(dirk)])
  log.take(log.by([key(anna), key(bram)], changed(dirks)), 'needs-signatures')
  log.take(log.by([...full(anna), key(bram)], changed(dirks)), 'needs-signatures')
  log.take(log.by([...full(anna), ...full(bram), key(dirk)], changed(dirks)), 'malformed')
  log.take(log.by([...full(anna), rowOf(dirk).signer(0, 1)], changed(dirks)), 'malformed')
  const meddled = setOf(2, [entry(anna), entry(bram, 3), entry(dirk)])
  log.take(log.by([...full(anna), ...full(cleo)], changed(meddled)), 'bad-set')
  const known = setOf(2, [entry(anna), entry(bram), { ...entry(dirk), next: sha256(anna.keys.sign) }])
  log.take(log.by([...full(anna), ...full(bram)], changed(known)), 'bad-set')
  const paperIs = { ...dirks, recovery: entry(anna).next }
  log.take(log.by([...full(bram), ...full(cleo)], changed(paperIs)), 'bad-set')
  const good = log.by([...full(anna), ...full(bram)], changed(dirks))
  log.take(good, 'applied').take(good, 'malformed')
  log.take(log.by([key(cleo)], reader(person('eve'))), 'malformed')
  // The successors that signed are used up; the next ones are in the set.
  const back = setOf(1, [entry(anna, 1), entry(bram, 1)])
  log.take(log.by([...full(anna), ...full(bram, 1)], changed(back)), 'malformed')
  log.take(log.by([key(dirk)], changed(setOf(2, [entry(anna, 1), entry(bram, 1)]))), 'applied')
  log.take(log.by([...full(anna, 1), ...full(bram, 1)], changed(back)), 'applied')
  const sold = setOf(1, [entry(cleo)])
  log.take(log.by(full(anna, 2), changed(sold)), 'applied')
  log.take(log.by([key(anna)], revoke(alice)), 'malformed')
  return log.case
}

function paper(anna: Person, bram: Person, dirk: Person): LogCase {
  const code = new Signer(new Secret(new Chance('paper').bytes(32)))
  const by = [{ kid: base64url(code.publicKey), signer: code }]
  const recovery = sha256(code.publicKey)
  const log = new Log('a paper key', [anna], { set: setOf(2, [entry(anna), entry(bram)], recovery) })
  log.take(log.by([key(anna)], ADDED), 'applied')
  const started = (set: OwnerSet): EventBody => ({ type: 'RECOVERY_STARTED', set })
  log.take(log.by([key(anna), key(bram)], started(setOf(1, [entry(dirk)]))), 'needs-signatures')
  log.take(log.by(by, started(setOf(1, [entry(dirk)], recovery))), 'bad-set')
  log.take(log.by([key(dirk)], { type: 'RECOVERY_FINISHED' }), 'malformed')
  log.take(log.by([key(anna)], { type: 'RECOVERY_FINISHED' }), 'needs-signatures')
  log.take(log.by(by, started(setOf(1, [entry(dirk)]))), 'applied')
  log.take(log.by(by, started(setOf(1, [entry(dirk)]))), 'recovery-pending')
  log.take(log.by([key(anna)], { type: 'RECOVERY_CANCELLED' }), 'needs-signatures')
  log.take(log.by([key(anna), key(bram)], { type: 'RECOVERY_CANCELLED' }), 'applied')
  log.take(log.by([key(anna), key(bram)], { type: 'RECOVERY_CANCELLED' }), 'no-recovery')
  log.take(log.by(by, started(setOf(1, [entry(dirk)]))), 'applied')
  log.take(log.by([key(dirk)], { type: 'RECOVERY_FINISHED' }), 'applied')
  log.take(log.by([key(anna)], { type: 'DEVICE_DELETED' }), 'malformed')
  return log.case
}

function policies(anna: Person, bram: Person, alice: Person, bob: Person): LogCase {
  const log = new Log('a policy', [anna], { set: setOf(2, [entry(anna), entry(bram)]) })
  log.take(log.by([key(anna)], ADDED), 'applied')
  const narrow = { grants: { days: 30, finest: '15min' as const } }
  log.take(log.by([key(bram)], policy(narrow)), 'applied')
  log.take(log.by([key(anna)], reader(alice)), 'needs-signatures')
  log.take(log.by([key(anna), key(bram)], reader(alice)), 'applied')
  log.take(log.by([key(anna)], reader(bob, { class: 1, until: alice.keys.until + 1e9 })), 'needs-signatures')
  log.take(log.by([key(anna)], policy({ ...narrow, relay: { for: 'owners', kBps: 64 } })), 'needs-signatures')
  log.take(log.by([...full(anna), ...full(bram)], policy({})), 'applied')
  log.take(log.by([key(anna)], reader(bob)), 'applied')
  const strange: EventBody = {
    type: 'POLICY_SET',
    policy: { ...FACTORY_POLICY, retention: { days: 0 } },
  }
  log.take(log.by([key(anna)], strange), 'malformed')
  return log.case
}

function pauses(anna: Person, alice: Person, bob: Person): LogCase {
  const log = new Log('consents that rest', [anna])
  const rest = (type: 'PAUSED' | 'RESUMED', who: Person | null): EventBody => ({
    type,
    grantId: who?.keys.grantId ?? null,
  })
  log.take(log.by([key(anna)], ADDED), 'applied').take(log.by([key(anna)], reader(alice)), 'applied')
  log.take(log.by([key(anna)], rest('PAUSED', bob)), 'unknown-grant')
  log.take(log.by([key(anna)], rest('RESUMED', alice)), 'out-of-order')
  log.take(log.by([key(anna)], rest('PAUSED', alice)), 'applied')
  log.take(log.by([key(anna)], rest('PAUSED', alice)), 'out-of-order')
  log.take(log.by([key(anna)], rest('PAUSED', null)), 'applied')
  log.take(log.by([key(anna)], rest('RESUMED', alice)), 'applied')
  log.take(log.by([key(anna)], rest('RESUMED', null)), 'applied')
  return log.case
}

function deviceKeys(anna: Person, bram: Person, alice: Person): LogCase {
  const [first, second, third] = ['key 1', 'key 2', 'key 3'].map((name) => device(name))
  const log = new Log('another key of the device, and another', [anna], {
    set: setOf(2, [entry(anna), entry(bram)]),
    device: first!,
  })
  const life = { incarnation: 1, discriminator: 0xab12 }
  const offer = (
    old: Signer,
    next: typeof second,
    prev: Bytes = log.log.head,
    set = log.log.set,
  ): EventBody => {
    const keys = { old, next: next!.signer, box: next!.exchange.publicKey }
    return { type: 'DEVICE_KEY_REPLACED', succession: makeSuccession(keys, { prev, set }, life) }
  }
  const both = [key(anna), key(bram)]
  log.take(log.by([key(anna)], ADDED), 'applied')
  log.take(log.by([key(anna)], reader(alice)), 'applied')
  log.take(log.by([key(anna)], offer(first!.signer, second)), 'needs-signatures')
  log.take(log.by([...full(anna), key(bram)], offer(first!.signer, second)), 'malformed')
  log.take(log.by(both, offer(third!.signer, second)), 'bad-key')
  log.take(log.by(both, offer(first!.signer, first)), 'bad-key')
  log.take(log.by(both, offer(first!.signer, second, new Uint8Array(32))), 'bad-key')
  log.take(log.by(both, offer(first!.signer, second, log.log.head, setOf(1, [entry(anna)]))), 'bad-key')
  log.take(log.by(both, offer(first!.signer, second)), 'applied')
  log.take(log.next(anna, revoke(alice)), 'other-device')
  log.take(log.by([key(anna)], revoke(alice)), 'applied')
  log.take(log.by(both, offer(second!.signer, first)), 'bad-key')
  log.take(log.by(both, offer(second!.signer, third)), 'applied')
  log.take(log.by([key(anna)], { type: 'DEVICE_DELETED' }), 'applied')
  return log.case
}

function revoked(anna: Person, bram: Person): LogCase[] {
  const set = setOf(2, [entry(anna), entry(bram)])
  const log = new Log('a key that is revoked, and a device that follows', [anna], { set })
  const other = device('follows')
  const keys = { old: other.signer, next: other.signer, box: other.exchange.publicKey }
  const { certificate } = makeSuccession(
    keys,
    { prev: log.log.head, set },
    { incarnation: 2, discriminator: 7 },
  )
  const body: EventBody = { type: 'DEVICE_KEY_REVOKED', successor: certificate }
  const damaged = certificate.slice()
  damaged[100]! ^= 1
  log.take(log.by([key(anna)], ADDED), 'applied')
  log.take(log.by([key(anna), key(bram)], body), 'needs-signatures')
  const all = [...full(anna), ...full(bram)]
  log.take(log.by(all, { ...body, successor: damaged }), 'bad-key')
  log.take(log.by(all, body), 'applied')
  log.take(log.by([key(anna)], { type: 'DEVICE_DELETED' }), 'deleted')
  const alone = new Log('a key that is revoked by one', [anna], { set })
  alone.take(alone.by([key(anna)], ADDED), 'applied')
  alone.take(alone.by([key(bram)], { type: 'DEVICE_KEY_REVOKED', successor: null }), 'applied')
  return [log.case, alone.case]
}
