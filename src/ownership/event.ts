// Events of the owner log, docs/wire.md "Owner log": a hash chain of signed statements, one chain for
// each device, each event naming its device and its place. The text of an event is a General-JSON JWS;
// its hash (SHA-256 of that text) is what the next one names as `prev`.

import { type Bytes, base64url, text, unbase64url, utf8 } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import { type JwsKey, type JwsSigner, signJws, verifyJws } from '../crypto/jws.ts'
import { sha256 } from '../crypto/native.ts'
import { CLASS_NAMES, type ClassId, classId } from '../wire/frame.ts'

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
  if (body.type === 'PAUSED' || body.type === 'RESUMED')
    return { type: body.type, ...(body.grantId ? { grant: base64url(body.grantId) } : {}) }
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

/** The text of an event, signed by each owner given. */
export function signEvent(event: OwnerEvent, signers: readonly JwsSigner[]): string {
  const { device, seq, prev, at, body } = event
  const json = { v: 1, device: base64url(device), seq, prev: base64url(prev), at, ...bodyJson(body) }
  return signJws(utf8(JSON.stringify(json)), signers)
}

/** Event and signers' kids, when every signature verifies and every member is as it must be; else null. */
export function readEvent(
  jws: string,
  keyOf: (kid: string) => JwsKey | null,
): { event: OwnerEvent; signers: readonly string[] } | null {
  if (jws.length > LIMITS.ownership.eventBytes) return null
  const verified = verifyJws(jws, keyOf)
  if (!verified) return null
  let value: unknown
  try {
    value = JSON.parse(text(verified.payload))
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const event = parseEvent(value as Record<string, unknown>)
  return event && { event, signers: verified.signers }
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
      const name = words(json['name'], 64)
      return name === null ? null : { type: 'DEVICE_ADDED', name }
    }
    case 'DEVICE_DELETED':
      return { type: 'DEVICE_DELETED' }
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
  const name = words(json['name'], 64)
  const domain = words(json['domain'], 253)
  const sign = field(json['sign'], 32)
  const box = field(json['box'], 32)
  const since = count(json['since'])
  const until = count(json['until'])
  const purpose = words(json['purpose'], 500)
  if (!grantId || cls === null || name === null || domain === null || !sign || !box) return null
  if (since === null || until === null || purpose === null || until <= since) return null
  return { grantId, class: cls, name, domain, sign, box, since, until, purpose }
}

/** Exactly `n` bytes of base64url. */
function field(value: unknown, n: number): Bytes | null {
  if (typeof value !== 'string' || value.length > 64) return null
  const bytes = unbase64url(value)
  return bytes?.length === n ? bytes : null
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

/** Text without control characters. */
function words(value: unknown, max: number): string | null {
  if (typeof value !== 'string' || value.length > max) return null
  for (let i = 0; i < value.length; i++)
    if (value.charCodeAt(i) < 32 || value.charCodeAt(i) === 127) return null
  return value
}
