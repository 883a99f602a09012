// Events of the owner log, docs/wire.md "Owner log": a hash chain of signed statements, one chain for
// each device, each event naming its device and its place. The text of an event is a General-JSON JWS;
// its hash (SHA-256 of that text) is what the next one names as `prev`.

import { type Bytes, base64url, text, unbase64url, utf8 } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import { type JwsKey, type JwsSigner, signJws, splitJws, verifyJws } from '../crypto/jws.ts'
import { sha256 } from '../crypto/native.ts'
import { CERTIFICATE_BYTES } from '../wire/claim.ts'
import { CLASS_NAMES, type ClassId, classId } from '../wire/frame.ts'
import { decodeOwnerSet, encodeOwnerSet, OWNER_SET_BYTES, type OwnerSet } from '../wire/owner-set.ts'
import type { Succession } from './owners/device-key.ts'
import { asPolicy, type Policy } from './policy/policy.ts'
import { plainText } from './words.ts'

/** Who may read one class, from one grant. */
export interface ReaderEntry {
  /** 16 bytes, chosen by the owner; names the consent for ever. */
  grantId: Bytes
  class: ClassId
  name: string
  domain: string
  /** Ed25519. */
  sign: Bytes
  /** X25519. */
  box: Bytes
  /** Milliseconds since 1970. */
  since: number
  until: number
  purpose: string
}

export type EventBody =
  | { type: 'DEVICE_ADDED'; name: string }
  | { type: 'AUTHORIZED'; reader: ReaderEntry }
  | { type: 'AUTHORIZATION_REVOKED'; grantId: Bytes }
  /** Of one consent, or (null) of all of them. */
  | { type: 'PAUSED' | 'RESUMED'; grantId: Bytes | null }
  | { type: 'DEVICE_DELETED' }
  /** Successors that sign give way to the digests that their signatures name: owners/rights.ts. */
  | { type: 'OWNERS_CHANGED'; set: OwnerSet }
  | { type: 'POLICY_SET'; policy: Policy }
  /** By the paper key: this set is to follow when the delay is over. */
  | { type: 'RECOVERY_STARTED'; set: OwnerSet }
  | { type: 'RECOVERY_FINISHED' }
  | { type: 'RECOVERY_CANCELLED' }
  /** The device goes by another key from here on; the old one signs for it: owners/device-key.ts. */
  | { type: 'DEVICE_KEY_REPLACED'; succession: Succession }
  /** The key is no device of ours any more; `successor`: certificate of the device that follows it. */
  | { type: 'DEVICE_KEY_REVOKED'; successor: Bytes | null }

export interface OwnerEvent {
  /** The device's Ed25519 key. */
  device: Bytes
  /** 1 for the first event of a device. */
  seq: number
  prev: Bytes
  /** Milliseconds since 1970 as the owner believed. */
  at: number
  body: EventBody
}

/** SHA-256 of an event's text: the log's head once it is applied. */
export function eventHash(jws: string): Bytes {
  return sha256(utf8(jws))
}

function bodyJson(body: EventBody): Record<string, unknown> {
  if (body.type === 'AUTHORIZATION_REVOKED') return { type: body.type, grant: base64url(body.grantId) }
  if (body.type === 'OWNERS_CHANGED' || body.type === 'RECOVERY_STARTED')
    return { type: body.type, set: base64url(encodeOwnerSet(body.set)) }
  if (body.type === 'PAUSED' || body.type === 'RESUMED')
    return { type: body.type, ...(body.grantId ? { grant: base64url(body.grantId) } : {}) }
  if (body.type === 'DEVICE_KEY_REPLACED') {
    const { certificate, by } = body.succession
    return { type: body.type, certificate: base64url(certificate), by: base64url(by) }
  }
  if (body.type === 'DEVICE_KEY_REVOKED')
    return { type: body.type, ...(body.successor ? { successor: base64url(body.successor) } : {}) }
  if (body.type !== 'AUTHORIZED') return { ...body }
  const r = body.reader
  return {
    type: body.type,
    grant: base64url(r.grantId),
    class: CLASS_NAMES[r.class],
    name: r.name,
    domain: r.domain,
    sign: base64url(r.sign),
    box: base64url(r.box),
    since: r.since,
    until: r.until,
    purpose: r.purpose,
  }
}

/** What is signed of an event. */
function eventPayload(event: OwnerEvent): Bytes {
  const { device, seq, prev, at, body } = event
  const json = { v: 1, device: base64url(device), seq, prev: base64url(prev), at, ...bodyJson(body) }
  return utf8(JSON.stringify(json))
}

/** The text of an event, signed by each owner given. */
export function signEvent(event: OwnerEvent, signers: readonly JwsSigner[]): string {
  return signJws(eventPayload(event), signers)
}

/** Event and signers' kids, when every signature verifies and every member is as it must be; else null. */
export function readEvent(
  jws: string,
  keyOf: (kid: string) => JwsKey | null,
): { event: OwnerEvent; signers: readonly string[] } | null {
  if (jws.length > LIMITS.ownership.eventBytes) return null
  const verified = verifyJws(jws, keyOf)
  const event = verified && parsePayload(verified.payload)
  return event && { event, signers: verified.signers }
}

/** Of a log's texts those by which the device's key was replaced, oldest first; nothing is verified. */
export function keyEvents(events: readonly string[]): string[] {
  return events.filter((jws) => {
    const payload = splitJws(jws)?.payload
    return payload && parsePayload(payload)?.body.type === 'DEVICE_KEY_REPLACED'
  })
}

/** An event's payload, whoever signed it; null for anything else. */
export function parsePayload(payload: Bytes): OwnerEvent | null {
  let value: unknown
  try {
    value = JSON.parse(text(payload))
  } catch {
    return null
  }
  return typeof value === 'object' && value !== null ? parseEvent(value as Record<string, unknown>) : null
}

function parseEvent(json: Record<string, unknown>): OwnerEvent | null {
  const device = field(json['device'], 32)
  const prev = field(json['prev'], 32)
  const body = parseBody(json)
  const seq = count(json['seq'])
  const at = count(json['at'])
  if (json['v'] !== 1 || !device || !prev || !body || seq === null || at === null) return null
  return { device, seq, prev, at, body }
}

function parseBody(json: Record<string, unknown>): EventBody | null {
  switch (json['type']) {
    case 'DEVICE_ADDED': {
      const name = plainText(json['name'], 64)
      return name === null ? null : { type: 'DEVICE_ADDED', name }
    }
    case 'DEVICE_DELETED':
    case 'RECOVERY_FINISHED':
    case 'RECOVERY_CANCELLED':
      return { type: json['type'] }
    case 'OWNERS_CHANGED':
    case 'RECOVERY_STARTED': {
      const set = parseSet(json['set'])
      return set && { type: json['type'], set }
    }
    case 'POLICY_SET': {
      const policy = asPolicy(json['policy'])
      return policy && { type: 'POLICY_SET', policy }
    }
    case 'AUTHORIZATION_REVOKED': {
      const grantId = field(json['grant'], 16)
      return grantId && { type: 'AUTHORIZATION_REVOKED', grantId }
    }
    case 'PAUSED':
    case 'RESUMED': {
      if (json['grant'] === undefined) return { type: json['type'], grantId: null }
      const grantId = field(json['grant'], 16)
      return grantId && { type: json['type'], grantId }
    }
    case 'DEVICE_KEY_REPLACED': {
      const certificate = field(json['certificate'], CERTIFICATE_BYTES)
      const by = field(json['by'], 64)
      return certificate && by && { type: 'DEVICE_KEY_REPLACED', succession: { certificate, by } }
    }
    case 'DEVICE_KEY_REVOKED': {
      if (json['successor'] === undefined) return { type: 'DEVICE_KEY_REVOKED', successor: null }
      const successor = field(json['successor'], CERTIFICATE_BYTES)
      return successor && { type: 'DEVICE_KEY_REVOKED', successor }
    }
    case 'AUTHORIZED': {
      const reader = parseReader(json)
      return reader && { type: 'AUTHORIZED', reader }
    }
    default:
      return null
  }
}

function parseReader(json: Record<string, unknown>): ReaderEntry | null {
  const grantId = field(json['grant'], 16)
  const cls = classId(String(json['class']))
  const name = plainText(json['name'], 64)
  const domain = plainText(json['domain'], 253)
  const sign = field(json['sign'], 32)
  const box = field(json['box'], 32)
  const since = count(json['since'])
  const until = count(json['until'])
  const purpose = plainText(json['purpose'], 500)
  if (!grantId || cls === null || name === null || domain === null || !sign || !box) return null
  if (since === null || until === null || purpose === null || until <= since) return null
  return { grantId, class: cls, name, domain, sign, box, since, until, purpose }
}

/** Exactly `n` bytes of base64url. */
function field(value: unknown, n: number): Bytes | null {
  if (typeof value !== 'string' || value.length > 2 * n) return null
  const bytes = unbase64url(value)
  return bytes?.length === n ? bytes : null
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

function parseSet(value: unknown): OwnerSet | null {
  if (typeof value !== 'string' || value.length > 2 * OWNER_SET_BYTES) return null
  const bytes = unbase64url(value)
  return bytes && decodeOwnerSet(bytes)
}
