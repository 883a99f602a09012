// What the owners have decided in advance, docs/wire/owners.md "Policy": a document with one form and a
// factory default. Set at the claim, changed by POLICY_SET. Whoever must keep to it (device/, node/, net/)
// reads it through `Policy`; nothing here acts. `looser` tells a change that gives power from one that
// takes some away.

import { type Bytes, text, utf8 } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { ClassId } from '../../wire/frame.ts'

/** Whom this device relays for, from nobody up. */
export const RELAY = ['nobody', 'owners', 'readers', 'anyone'] as const
export type RelayFor = (typeof RELAY)[number]

/** Finest class that one owner may grant alone, from none up; `raw` is every telegram. */
export const FINEST = ['none', 'day', '15min', 'raw'] as const
export type Finest = (typeof FINEST)[number]

export interface Policy {
  readonly v: 1
  readonly grants: {
    /** How long a consent lasts unless told, and at most where only one owner signs it. Days, 1 to 3,650. */
    readonly days: number
    /** One owner alone may grant this class and coarser ones; finer ones take m owners. */
    readonly finest: Finest
  }
  readonly relay: {
    readonly for: RelayFor
    /** Bytes a second for one other, in all directions; 1 to 10,000 thousand. */
    readonly kBps: number
  }
  readonly retention: {
    /** Sealed frames that are older than this are not kept on the card. Days, 1 to 400. */
    readonly days: number
  }
  readonly announce: {
    /** Name and protocols in the local network (mDNS, Bluetooth). */
    readonly lan: boolean
    /** Addresses in the DHT. */
    readonly dht: boolean
  }
  readonly reputation: {
    /** A measured point of merit counts half after so many hours, 1 to 8,760. */
    readonly halfLifeHours: number
    /** Below this score a peer is not relayed for and asked last; below `ignore` not at all. -100 to 100. */
    readonly least: number
    readonly ignore: number
    /** What each kind of observation weighs, 0 to 100. */
    readonly weights: ReputationWeights
  }
}

export interface ReputationWeights {
  readonly badSignature: number
  readonly answer: number
  readonly promise: number
  readonly relayed: number
  readonly equivocation: number
  readonly vouch: number
}

/** Before an owner acts: keep locally, no readers, relay for nobody. */
export const FACTORY_POLICY: Policy = {
  v: 1,
  grants: { days: 90, finest: 'raw' },
  relay: { for: 'nobody', kBps: 64 },
  retention: { days: 7 },
  announce: { lan: true, dht: false },
  reputation: {
    halfLifeHours: 24,
    least: -20,
    ignore: -50,
    weights: { badSignature: 10, answer: 1, promise: 2, relayed: 1, equivocation: 100, vouch: 10 },
  },
}

type Check = (value: unknown) => boolean
type Shape = { readonly [name: string]: Check | Shape }

const whole =
  (least: number, most: number): Check =>
  (v) =>
    typeof v === 'number' && Number.isInteger(v) && v >= least && v <= most
const oneOf =
  (words: readonly string[]): Check =>
  (v) =>
    typeof v === 'string' && words.includes(v)
const flag: Check = (v) => typeof v === 'boolean'

const SHAPE: Shape = {
  v: (v) => v === 1,
  grants: { days: whole(1, 3_650), finest: oneOf(FINEST) },
  relay: { for: oneOf(RELAY), kBps: whole(1, 10_000) },
  retention: { days: whole(1, 400) },
  announce: { lan: flag, dht: flag },
  reputation: {
    halfLifeHours: whole(1, 8_760),
    least: whole(-100, 100),
    ignore: whole(-100, 100),
    weights: {
      badSignature: whole(0, 100),
      answer: whole(0, 100),
      promise: whole(0, 100),
      relayed: whole(0, 100),
      equivocation: whole(0, 100),
      vouch: whole(0, 100),
    },
  },
}

/** The first member that does not fit, as `grants.days`; null when all do and there is no other. */
export function policyFault(value: unknown, shape: Shape = SHAPE, path = ''): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return path || 'document'
  const members = value as Record<string, unknown>
  for (const name of Object.keys(members)) if (!Object.hasOwn(shape, name)) return `${path}${name}`
  for (const [name, rule] of Object.entries(shape)) {
    const at = `${path}${name}`
    if (!Object.hasOwn(members, name)) return at
    if (typeof rule === 'function') {
      if (!rule(members[name])) return at
      continue
    }
    const inner = policyFault(members[name], rule, `${at}.`)
    if (inner) return inner.endsWith('.') ? at : inner
  }
  return null
}

/** The document when every member is there and fits, and no other; else null. */
export function asPolicy(value: unknown): Policy | null {
  if (policyFault(value) !== null) return null
  return ordered(value as Policy)
}

/** From bytes (UTF-8 JSON); an empty text is the factory default. Null for anything else that does not fit. */
export function readPolicy(bytes: Bytes): Policy | null {
  if (bytes.length === 0) return FACTORY_POLICY
  if (bytes.length > LIMITS.ownership.policyBytes) return null
  try {
    return asPolicy(JSON.parse(text(bytes)))
  } catch {
    return null
  }
}

/** The document as it is signed: members in the order of `Policy`, no white space. */
export function encodePolicy(policy: Policy): Bytes {
  return utf8(JSON.stringify(ordered(policy)))
}

function ordered(p: Policy): Policy {
  const { badSignature, answer, promise, relayed, equivocation, vouch } = p.reputation.weights
  return {
    v: 1,
    grants: { days: p.grants.days, finest: p.grants.finest },
    relay: { for: p.relay.for, kBps: p.relay.kBps },
    retention: { days: p.retention.days },
    announce: { lan: p.announce.lan, dht: p.announce.dht },
    reputation: {
      halfLifeHours: p.reputation.halfLifeHours,
      least: p.reputation.least,
      ignore: p.reputation.ignore,
      weights: { badSignature, answer, promise, relayed, equivocation, vouch },
    },
  }
}

/**
 * Does `after` allow anything that `before` does not? Longer or finer grants, more relaying, longer
 * retention, more announcing, any other weighing of strangers than more severe.
 */
export function looser(before: Policy, after: Policy): boolean {
  const [a, b] = [before, after]
  return (
    b.grants.days > a.grants.days ||
    FINEST.indexOf(b.grants.finest) > FINEST.indexOf(a.grants.finest) ||
    RELAY.indexOf(b.relay.for) > RELAY.indexOf(a.relay.for) ||
    b.relay.kBps > a.relay.kBps ||
    b.retention.days > a.retention.days ||
    (b.announce.lan && !a.announce.lan) ||
    (b.announce.dht && !a.announce.dht) ||
    b.reputation.least < a.reputation.least ||
    b.reputation.ignore < a.reputation.ignore ||
    b.reputation.halfLifeHours !== a.reputation.halfLifeHours ||
    JSON.stringify(ordered(b).reputation.weights) !== JSON.stringify(ordered(a).reputation.weights)
  )
}

/** May one owner alone grant this? Otherwise it takes m. `ms`: how long. */
export function withinPolicy(policy: Policy, cls: ClassId, ms: number): boolean {
  // Class 0 is raw, 2 is day: the place in FINEST is 3 less the class.
  return ms <= policy.grants.days * 86_400_000 && 3 - cls <= FINEST.indexOf(policy.grants.finest)
}

/** What a device knows of somebody who asks it to relay. */
export type Standing = 'owner' | 'reader' | 'stranger'

/** Does the policy let us relay for one of this standing? */
export function mayRelay(policy: Policy, standing: Standing): boolean {
  switch (policy.relay.for) {
    case 'nobody':
      return false
    case 'owners':
      return standing === 'owner'
    case 'readers':
      return standing !== 'stranger'
    case 'anyone':
      return true
  }
}
