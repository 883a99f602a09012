// What the owners have decided in advance, docs/wire/owners.md "Policy": a document with one form and a
// factory default. Set at the claim, changed by POLICY_SET. Whoever must keep to it (device/, node/, net/)
// reads it through `Policy`; nothing here acts. `looser` tells a change that gives power from one that
// takes some away.

import { type Bytes, text, unbase64url, utf8 } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { ClassId } from '../../wire/frame.ts'
import { FACTORY_JUDGEMENT, type Judgement, type PartName } from '../reputation/weights.ts'

/** Whom this device relays for, from nobody up. */
export const RELAY = ['nobody', 'owners', 'readers', 'anyone'] as const
export type RelayFor = (typeof RELAY)[number]

/** Finest class that one owner may grant alone, from none up; `raw` is every telegram. */
const FINEST = ['none', 'day', '15min', 'raw'] as const
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
  /** Who keeps sealed frames for readers while the device is away: `key@host:port` each, at most three. */
  readonly mailboxes?: readonly string[]
  /** How opinions of others are formed: reputation/weights.ts. At most 16 keys in each list. */
  readonly reputation: Judgement
}

/** Before an owner acts: keep locally, no readers, relay for nobody. */
export const FACTORY_POLICY: Policy = {
  v: 1,
  grants: { days: 90, finest: 'raw' },
  relay: { for: 'nobody', kBps: 64 },
  retention: { days: 7 },
  announce: { lan: true, dht: false },
  reputation: FACTORY_JUDGEMENT,
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
/** Ed25519 keys in base64url, none twice. */
const keys: Check = (v) =>
  Array.isArray(v) &&
  v.length <= 16 &&
  new Set(v).size === v.length &&
  v.every((k) => typeof k === 'string' && k.length === 43 && unbase64url(k)?.length === 32)

/** `key@host:port`, none twice. */
const mailboxes: Check = (v) =>
  Array.isArray(v) &&
  v.length <= LIMITS.ownership.mailboxes &&
  new Set(v).size === v.length &&
  v.every((m) => typeof m === 'string' && m.length <= 120 && mailboxOf(m) !== null)

/** Whom a text of the policy names, or null where it names nobody. */
export function mailboxOf(word: string): { key: Bytes; address: string } | null {
  const [name = '', address = '', ...rest] = word.split('@')
  const key = name.length === 43 ? unbase64url(name) : null
  return key?.length === 32 && rest.length === 0 && /^[^\s]+:\d{1,5}$/.test(address) ? { key, address } : null
}

/** Whom a policy names. */
export function mailboxesOf(policy: Policy): { key: Bytes; address: string }[] {
  return (policy.mailboxes ?? []).map(mailboxOf).filter((m) => m !== null)
}

/** Members that need not be there. */
const OPTIONAL: readonly string[] = ['mailboxes']

const SHAPE: Shape = {
  v: (v) => v === 1,
  grants: { days: whole(1, 3_650), finest: oneOf(FINEST) },
  relay: { for: oneOf(RELAY), kBps: whole(1, 10_000) },
  retention: { days: whole(1, 400) },
  announce: { lan: flag, dht: flag },
  mailboxes,
  reputation: {
    weights: {
      signatures: whole(0, 4),
      answers: whole(0, 4),
      storing: whole(0, 4),
      relaying: whole(0, 4),
      equivocation: whole(0, 4),
    },
    halfLifeHours: whole(1, 8_760),
    pins: keys,
    blocks: keys,
    vouchers: keys,
  },
}

/** The first member that does not fit, as `grants.days`; null when all do and there is no other. */
export function policyFault(value: unknown, shape: Shape = SHAPE, path = ''): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return path || 'document'
  const members = value as Record<string, unknown>
  for (const name of Object.keys(members)) if (!Object.hasOwn(shape, name)) return `${path}${name}`
  for (const [name, rule] of Object.entries(shape)) {
    const at = `${path}${name}`
    if (!Object.hasOwn(members, name)) {
      if (OPTIONAL.includes(at)) continue
      return at
    }
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
  return policyFault(value) === null ? (value as Policy) : null
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
  const { weights, halfLifeHours, pins, blocks, vouchers } = p.reputation
  const { signatures, answers, storing, relaying, equivocation } = weights
  return {
    v: 1,
    grants: { days: p.grants.days, finest: p.grants.finest },
    relay: { for: p.relay.for, kBps: p.relay.kBps },
    retention: { days: p.retention.days },
    announce: { lan: p.announce.lan, dht: p.announce.dht },
    ...(p.mailboxes?.length ? { mailboxes: [...p.mailboxes] } : {}),
    reputation: {
      weights: { signatures, answers, storing, relaying, equivocation },
      halfLifeHours,
      pins: [...pins],
      blocks: [...blocks],
      vouchers: [...vouchers],
    },
  }
}

/**
 * Does `after` allow anything that `before` does not? Longer or finer grants, more relaying, longer
 * retention, more announcing, another mailbox, a kinder view of others, or other weights.
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
    (b.mailboxes ?? []).some((m) => !(a.mailboxes ?? []).includes(m)) ||
    kinder(a.reputation, b.reputation)
  )
}

/** Other weights, or more that speaks for somebody, or less that speaks against. */
function kinder(a: Judgement, b: Judgement): boolean {
  const more = (x: readonly string[], y: readonly string[]): boolean => y.some((key) => !x.includes(key))
  const parts = Object.keys(a.weights) as PartName[]
  return (
    a.halfLifeHours !== b.halfLifeHours ||
    parts.some((part) => a.weights[part] !== b.weights[part]) ||
    more(a.pins, b.pins) ||
    more(a.vouchers, b.vouchers) ||
    more(b.blocks, a.blocks)
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
