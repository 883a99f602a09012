// Attacks on the owner log, each twice: against a build with one safeguard taken out, where it must
// succeed, and against ours, where it must not.
import t from 'tap'
import { sha256 } from '../../src/crypto/native.ts'
import { OwnerLog } from '../../src/ownership/log.ts'
import { keysOf } from './claim-world.ts'
import { DEVICE, full, key, ownerOf, reader, setOf, Tried } from './family.ts'
import { type Weakness, weakened } from './weakened.ts'

function attack(name: string, weaknesses: Weakness[], succeeds: (make: typeof OwnerLog) => boolean): void {
  t.test(name, async (t) => {
    const { OwnerLog: weak } = await weakened(weaknesses)
    t.equal(succeeds(weak), true, 'the attack bites')
    t.equal(succeeds(OwnerLog), false, 'and fails against ours')
  })
}

const THREE = setOf(2, ownerOf(1), ownerOf(2), ownerOf(3))
const THIEF = setOf(1, ownerOf(9))

attack(
  'one stolen owner, key and successor, of three of whom two must agree, takes the device over',
  [
    {
      file: 'ownership/owners/rights.ts',
      from: 'return full.length >= set.m',
      to: 'return full.length >= 1',
    },
  ],
  (make) => new Tried(THREE, make).take({ type: 'OWNERS_CHANGED', set: THIEF }, full(1)) === 'ok',
)

attack(
  'one stolen owner puts the others out one by one, as if they left',
  [
    {
      file: 'ownership/owners/rights.ts',
      from: '!leaver || signers.owners.length !== 1 || ownerIn(after, leaver.sign)',
      to: '!leaver',
    },
    {
      file: 'ownership/owners/rights.ts',
      from: 'const rest = before.owners.filter((o) => o !== leaver)',
      to: 'const rest = before.owners.filter((o) => ownerIn(after, o.sign))',
    },
  ],
  (make) =>
    new Tried(THREE, make).take({ type: 'OWNERS_CHANGED', set: setOf(2, ownerOf(1), ownerOf(2)) }, [
      key(1),
    ]) === 'ok',
)

attack(
  'the key of every day is stolen, the successor is not',
  [
    {
      file: 'ownership/owners/rights.ts',
      from: 'o.next === null || signers.revealed.some((r) => r.owner === o)',
      to: 'o.sign.length > 0',
    },
  ],
  (make) => {
    const set = setOf(1, ownerOf(1))
    return new Tried(set, make).take({ type: 'OWNERS_CHANGED', set: THIEF }, [key(1)]) === 'ok'
  },
)

attack(
  'a successor that was used once is used again',
  [
    {
      file: 'ownership/owners/rights.ts',
      from: 'return revealed ? { ...owner, next: revealed.next } : owner',
      to: 'return owner',
    },
    {
      file: 'ownership/owners/rights.ts',
      from: 'if (known.some((k) => equal(k, digests[i]!))) return null',
      to: '',
    },
  ],
  (make) => {
    const tried = new Tried(setOf(1, ownerOf(1)), make)
    const first = tried.take({ type: 'OWNERS_CHANGED', set: setOf(1, ownerOf(1), ownerOf(2)) }, full(1))
    if (first !== 'ok') throw new Error(first)
    const now = tried.log.set
    return tried.take({ type: 'OWNERS_CHANGED', set: { ...now, m: 2 } }, full(1)) === 'ok'
  },
)

attack(
  'an owner who makes the change puts his own successor into another’s entry',
  [
    {
      file: 'ownership/owners/rights.ts',
      from: 'if (old && !isSame(old, owner)) return null',
      to: '',
    },
  ],
  (make) => {
    const stolen = { ...ownerOf(2), next: ownerOf(9).next }
    const set = setOf(2, ownerOf(1), stolen, ownerOf(3))
    // Owner 3 signs in good faith.
    return new Tried(THREE, make).take({ type: 'OWNERS_CHANGED', set }, [...full(1), ...full(3)]) === 'ok'
  },
)

attack(
  'log events withheld: whoever was taken out signs on as if nothing had been',
  [
    {
      file: 'ownership/log.ts',
      from: "if (event.seq !== this.#seq + 1 || !equal(event.prev, this.#head)) return 'stale'",
      to: '',
    },
  ],
  (make) => {
    // The owners' own log: 3 is put out, 1 stops a consent, and somebody gives the device the second alone.
    const theirs = new Tried(THREE)
    theirs.take(reader(0, 10), [key(3)])
    const out = setOf(2, ownerOf(1), ownerOf(2))
    theirs.take({ type: 'OWNERS_CHANGED', set: out }, [...full(1), ...full(2)])
    const later = theirs.text({ type: 'AUTHORIZATION_REVOKED', grantId: new Uint8Array(16) }, [key(1)])
    const device = new Tried(THREE, make)
    const taken = device.takeText(later)
    // Without the event between, 3 is an owner still, behind an event of a log in which it is none.
    return taken !== 'stale' && device.log.isOwner(keysOf(3).signer.publicKey)
  },
)

attack(
  'an event for another device of the same owners',
  [
    {
      file: 'ownership/log.ts',
      from: "if (!equal(event.device, this.device)) return 'other-device'",
      to: '',
    },
  ],
  (make) => {
    const tried = new Tried(THREE, make)
    const device = keysOf(51).signer.publicKey
    if (Buffer.from(device).equals(Buffer.from(DEVICE))) throw new Error('the same device')
    return tried.takeText(tried.text({ type: 'DEVICE_DELETED' }, [key(1)], { device })) === 'ok'
  },
)

attack(
  'the thief of the only key cancels the recovery with the paper key',
  [
    {
      file: 'ownership/owners/needs.ts',
      from: 'if (takesPress(set)) return only(device, paper || owners.length > 0 || revealed.length > 0)',
      to: '',
    },
  ],
  (make) => {
    const paper = keysOf(30)
    const set = { ...setOf(1, ownerOf(1)), recovery: sha256(paper.signer.publicKey) }
    const tried = new Tried(set, make)
    const signer = { kid: Buffer.from(paper.signer.publicKey).toString('base64url'), signer: paper.signer }
    const started = tried.take({ type: 'RECOVERY_STARTED', set: setOf(1, ownerOf(4)) }, [signer])
    if (started !== 'ok') throw new Error(started)
    return tried.take({ type: 'RECOVERY_CANCELLED' }, [key(1)]) === 'ok'
  },
)
