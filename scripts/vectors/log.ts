// The cases of docs/vectors/owner-log.json and card.json: a device's log from its certificate on, event
// after event with what the device says to each, and providers' cards. The author says the word; our own
// log confirms it.

import { type Bytes, base64url, hex, utf8 } from '../../src/base/bytes.ts'
import { type JwsSigner, signJws } from '../../src/crypto/jws.ts'
import { sha256 } from '../../src/crypto/native.ts'
import { readCard, signCard } from '../../src/ownership/card.ts'
import { makeCertificate } from '../../src/ownership/claim-keys.ts'
import { type EventBody, signEvent } from '../../src/ownership/event.ts'
import { OwnerLog } from '../../src/ownership/log.ts'
import { encodeOwnerSet, type OwnerSet } from '../../src/wire/owner-set.ts'
import { AT, Chance, type Device, device, type Person, person } from './world.ts'

interface Step {
  /** The device's key of now, and the owner set's encoding. */
  device: string
  set: string
  text: string
  /** The word of a refusal, or "applied". */
  out: string
  seq: number
  head: string
  /** Grant ids of those who may read now. */
  readers: string[]
}

export interface LogCase {
  name: string
  certificate: string
  ownerSet: string
  steps: Step[]
}

export class Log {
  readonly case: LogCase
  /** Of the device, at first. */
  readonly key: Bytes
  readonly #log: OwnerLog

  constructor(name: string, owners: readonly Person[], o: { set?: OwnerSet; device?: Device } = {}) {
    const d = o.device ?? device(name)
    const pairs = [...owners].sort((a, b) => (hex(a.keys.sign) < hex(b.keys.sign) ? -1 : 1))
    const keys = pairs.map(({ keys: { sign, box } }) => ({ sign, box, next: null }))
    const set = o.set ?? { m: 1, owners: keys, recovery: null }
    const ownerSet = encodeOwnerSet(set)
    const certificate = makeCertificate(d.signer, {
      box: d.exchange.publicKey,
      incarnation: 1,
      discriminator: 0xab12,
      ownersHash: sha256(ownerSet),
      transcript: new Chance(`transcript ${name}`).bytes(32),
    })
    this.key = d.signer.publicKey
    this.#log = new OwnerLog(this.key, set, sha256(certificate))
    this.case = { name, certificate: hex(certificate), ownerSet: hex(ownerSet), steps: [] }
  }

  /** The event that would come next, changed by `over`. */
  next(who: Person, body: EventBody, over: { seq?: number; prev?: Bytes; device?: Bytes } = {}): string {
    const event = { device: this.key, seq: this.#log.seq + 1, prev: this.#log.head, at: AT, body, ...over }
    return signEvent(event, [{ kid: base64url(who.signer.publicKey), signer: who.signer }])
  }

  /** Place and owners of now. */
  get log(): OwnerLog {
    return this.#log
  }

  /** The event that would come next, with these signatures. */
  by(signers: readonly JwsSigner[], body: EventBody): string {
    const { seq, head, device } = this.#log
    return signEvent({ device, seq: seq + 1, prev: head, at: AT, body }, signers)
  }

  take(text: string, wanted: string): this {
    const checked = this.#log.check(text)
    const out = checked.refusal ?? 'applied'
    if (out !== wanted) throw new Error(`${this.case.name}: ${out}, wanted ${wanted}`)
    if (checked.refusal === null) this.#log.commit(checked)
    const { seq, head, readers } = this.#log
    const now = { device: hex(this.#log.device), set: hex(encodeOwnerSet(this.#log.set)) }
    this.case.steps.push({
      text,
      out,
      ...now,
      seq,
      head: hex(head),
      readers: readers.map((r) => hex(r.grantId)),
    })
    return this
  }
}

export const reader = (who: Person, over: Record<string, unknown> = {}): EventBody => ({
  type: 'AUTHORIZED',
  reader: {
    grantId: who.keys.grantId,
    class: 0,
    name: who.name,
    domain: `${who.name}.example`,
    sign: who.keys.sign,
    box: who.keys.box,
    since: AT,
    until: who.keys.until,
    purpose: 'energy advice',
    ...over,
  },
})

export const ADDED: EventBody = { type: 'DEVICE_ADDED', name: 'meter cupboard' }
const DELETED: EventBody = { type: 'DEVICE_DELETED' }
export const revoke = (who: Person): EventBody => ({
  type: 'AUTHORIZATION_REVOKED',
  grantId: who.keys.grantId,
})

export function logCases(): LogCase[] {
  const [owner, second, alice, bob] = ['owner', 'second', 'alice', 'bob'].map((name) => person(name)) as [
    Person,
    Person,
    Person,
    Person,
  ]
  const life = new Log('a life: added, granted, revoked, deleted', [owner, second])
  life.take(life.next(owner, reader(alice)), 'out-of-order')
  life.take(life.next(owner, ADDED), 'applied').take(life.next(owner, ADDED), 'out-of-order')
  life.take(life.next(owner, reader(alice)), 'applied')
  life.take(life.next(second, reader(bob, { class: 2 })), 'applied')
  life.take(life.next(owner, reader(alice)), 'double-grant')
  life
    .take(life.next(second, revoke(alice)), 'applied')
    .take(life.next(owner, revoke(alice)), 'applied')
    .take(life.next(owner, revoke(person('nobody'))), 'unknown-grant')
  life.take(life.next(owner, reader(alice)), 'double-grant')
  life.take(life.next(owner, DELETED), 'applied').take(life.next(owner, ADDED), 'deleted')

  const chain = new Log('what does not follow the head, or is about another device', [owner])
  const first = chain.next(owner, ADDED)
  chain.take(first, 'applied').take(first, 'stale')
  chain.take(chain.next(owner, reader(alice), { seq: 3 }), 'stale')
  chain.take(chain.next(owner, reader(alice), { prev: new Uint8Array(32) }), 'stale')
  for (const body of [reader(alice), ADDED, DELETED, revoke(alice)])
    chain.take(chain.next(owner, body, { device: device('another').signer.publicKey }), 'other-device')
  chain.take(chain.next(owner, reader(alice)), 'applied')

  const forged = new Log('forged, damaged, and by people who are no owners', [owner])
  forged.take(forged.next(owner, ADDED), 'applied').take(forged.next(alice, reader(alice)), 'malformed')
  const good = forged.next(owner, reader(alice))
  const signers = [owner, alice].map((who) => ({ kid: base64url(who.signer.publicKey), signer: who.signer }))
  const json = (value: unknown): string => signJws(utf8(JSON.stringify(value)), signers.slice(0, 1))
  const body = JSON.parse(Buffer.from(good.slice(12, good.indexOf('","')), 'base64url').toString()) as object
  forged.take(good.replace('"payload"', ' "payload"'), 'malformed')
  forged.take(
    good.replace(/.("}\]})$/, (_, end: string) => `=${end}`),
    'malformed',
  )
  forged.take(good.slice(0, -1), 'malformed').take(`${good}\n`, 'malformed').take('', 'malformed')
  for (let at = 15; at < good.length; at += 61)
    forged.take(good.slice(0, at) + (good[at] === 'A' ? 'B' : 'A') + good.slice(at + 1), 'malformed')
  // One signature of two is no owner's.
  forged.take(signJws(utf8(JSON.stringify(body)), signers), 'malformed')
  for (const over of [{ v: 2 }, { seq: '2' }, { at: -1 }, { at: 1.5 }, { class: 'week' }, { grant: 'AA' }])
    forged.take(json({ ...body, ...over }), 'malformed')
  for (const over of [
    { name: 'x'.repeat(65) },
    { name: 'a\u0007' },
    { purpose: 'x'.repeat(501) },
    { until: AT },
  ])
    forged.take(json({ ...body, ...over }), 'malformed')
  forged.take(json({ ...body, type: 'DEVICE_LENT' }), 'malformed')
  forged.take(json({ ...body, sign: base64url(new Uint8Array(32)) }), 'bad-key')
  forged.take(json({ ...body, remark: 'members that nobody knows are ignored' }), 'applied')

  const many = new Log('so many readers, and no more', [owner, second])
  many.take(many.next(owner, ADDED), 'applied')
  for (let i = 0; i < 30; i++) many.take(many.next(owner, reader(person(`reader ${i}`))), 'applied')
  many.take(many.next(owner, reader(person('one more'))), 'too-many-readers')
  many.take(many.next(owner, revoke(person('reader 7'))), 'applied')
  many.take(many.next(owner, reader(person('one more'))), 'applied')
  return [life, chain, forged, many].map((log) => log.case)
}

/** A line, and what it says, or null. */
export function cardCases(): { name: string; text: string; card: unknown }[] {
  const who = person('EnergieLab')
  const card = {
    name: who.name,
    domain: 'energielab.example',
    sign: who.keys.sign,
    box: who.keys.box,
    addresses: ['192.0.2.7:4001', '[2001:db8::7]:4001'],
  }
  const good = signCard(card, who.signer)
  const cases = [
    { name: 'a card', text: good },
    { name: 'with nothing to go by', text: signCard({ ...card, domain: '', addresses: [] }, who.signer) },
    { name: 'signed by somebody else', text: signCard(card, person('alice').signer) },
    { name: 'without its name', text: signCard({ ...card, name: '' }, who.signer) },
    { name: 'too long a domain', text: signCard({ ...card, domain: 'd'.repeat(254) }, who.signer) },
    { name: 'nine addresses', text: signCard({ ...card, addresses: Array(9).fill('a:1') }, who.signer) },
    { name: 'without its prefix', text: good.slice(16) },
    { name: 'damaged', text: good.slice(0, 90) + (good[90] === 'A' ? 'B' : 'A') + good.slice(91) },
  ]
  return cases.map(({ name, text }) => {
    const read = readCard(text)
    if ((read !== null) !== (name === 'a card' || name === 'with nothing to go by')) throw new Error(name)
    return { name, text, card: read && { ...read, sign: hex(read.sign), box: hex(read.box) } }
  })
}
