// Messages of `/wattle/consent/1.0.0`, docs/wire.md "Consent protocol". Owner and device exchange events
// of the owner log; an owner tells a provider where the device is that it may now read.
// Every message is one length-prefixed block whose first byte is its type.

import { type Bytes, text, utf8 } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { LIMITS } from '../base/limits.ts'
import { CERTIFICATE_BYTES } from './claim.ts'
import { decodeOwnerSet, encodeOwnerSet, OWNER_SET_BYTES, type OwnerSet } from './owner-set.ts'

export const CONSENT_PROTOCOL = '/wattle/consent/1.0.0'

export const CONSENT = {
  event: 1,
  done: 2,
  refused: 3,
  getLog: 4,
  log: 5,
  logEnd: 6,
  invite: 7,
  inviteDone: 8,
  getOrigin: 9,
  origin: 10,
} as const

/** Owner → device: append this event. */
export function encodeEvent(jws: string): Bytes {
  return tagged(CONSENT.event, utf8(jws))
}

/** Device → owner: one event of the log. */
export function encodeLog(jws: string): Bytes {
  return tagged(CONSENT.log, utf8(jws))
}

/** The JWS in an EVENT or LOG, or null. */
export function decodeJws(bytes: Bytes): string | null {
  if (bytes.length < 2 || bytes.length > LIMITS.ownership.eventBytes + 1) return null
  return text(bytes.subarray(1))
}

export interface LogPlace {
  seq: number
  head: Bytes
}

/** Device → owner: applied and durable; also the end of a log. */
export function encodePlace(type: typeof CONSENT.done | typeof CONSENT.logEnd, place: LogPlace): Bytes {
  return new Writer(new Uint8Array(37)).u8(type).u32(place.seq).put(place.head).bytes
}

export function decodePlace(bytes: Bytes): LogPlace | null {
  const r = new Reader(bytes)
  r.u8()
  const place = { seq: r.u32(), head: r.take(32) }
  return r.done ? place : null
}

/** Device → owner: not applied, why (a word of ownership/log.ts `Refusal`), and where the log stands. */
export function encodeEventRefused(reason: string, place: LogPlace): Bytes {
  const word = utf8(reason)
  return new Writer(new Uint8Array(37 + word.length))
    .u8(CONSENT.refused)
    .u32(place.seq)
    .put(place.head)
    .put(word).bytes
}

export function decodeEventRefused(bytes: Bytes): (LogPlace & { reason: string }) | null {
  const r = new Reader(bytes)
  r.u8()
  const place = { seq: r.u32(), head: r.take(32) }
  const word = r.rest()
  return r.ok && word.length <= 40 ? { ...place, reason: text(word) } : null
}

/** Owner → device: send the events after `seq`. */
export function encodeGetLog(seq: number): Bytes {
  return new Writer(new Uint8Array(5)).u8(CONSENT.getLog).u32(seq).bytes
}

export function decodeGetLog(bytes: Bytes): number | null {
  const r = new Reader(bytes)
  r.u8()
  const seq = r.u32()
  return r.done ? seq : null
}

/** Device → owner: how it came to be, for an owner who came later: the certificate is the log's root. */
export interface Origin {
  certificate: Bytes
  /** The owners of the claim, and their policy. */
  owners: OwnerSet
  policy: Bytes
}

export function encodeOrigin(o: Origin): Bytes {
  const owners = encodeOwnerSet(o.owners)
  const length = 7 + o.certificate.length + owners.length + o.policy.length
  const w = new Writer(new Uint8Array(length)).u8(CONSENT.origin)
  return w.block(o.certificate).block(owners).block(o.policy).bytes
}

export function decodeOrigin(bytes: Bytes): Origin | null {
  const r = new Reader(bytes)
  r.u8()
  const certificate = r.block(CERTIFICATE_BYTES).slice()
  const owners = decodeOwnerSet(r.block(OWNER_SET_BYTES))
  const policy = r.block(LIMITS.ownership.policyBytes).slice()
  return r.done && owners ? { certificate, owners, policy } : null
}

export function encodeGetOrigin(): Bytes {
  return Uint8Array.of(CONSENT.getOrigin)
}

/** Owner → provider: you may read this device, which is at these addresses. */
export interface Invite {
  device: Bytes
  deviceBox: Bytes
  class: number
  grantId: Bytes
  until: number
  name: string
  purpose: string
  addresses: string[]
}

export function encodeInvite(i: Invite): Bytes {
  const name = utf8(i.name)
  const purpose = utf8(i.purpose)
  const addresses = utf8(i.addresses.join(' '))
  const w = new Writer(new Uint8Array(94 + name.length + purpose.length + addresses.length))
  w.u8(CONSENT.invite).put(i.device).put(i.deviceBox).u8(i.class).put(i.grantId).u48(i.until)
  return w.block(name).block(purpose).block(addresses).bytes
}

export function decodeInvite(bytes: Bytes): Invite | null {
  const r = new Reader(bytes)
  r.u8()
  const device = r.take(32).slice()
  const deviceBox = r.take(32).slice()
  const cls = r.u8()
  const grantId = r.take(16).slice()
  const until = r.u48()
  const name = text(r.block(256))
  const purpose = text(r.block(2_000))
  const addresses = text(r.block(1_000))
    .split(' ')
    .filter((a) => a.length > 0)
  if (!r.done || cls > 2 || addresses.length > 8) return null
  return { device, deviceBox, class: cls, grantId, until, name, purpose, addresses }
}

export function encodeInviteDone(): Bytes {
  return Uint8Array.of(CONSENT.inviteDone)
}

function tagged(type: number, body: Bytes): Bytes {
  return new Writer(new Uint8Array(1 + body.length)).u8(type).put(body).bytes
}
