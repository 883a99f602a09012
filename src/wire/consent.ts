// Messages of `/wattle/consent/1.0.0`, docs/wire.md "Consent protocol". Owner and device exchange events
// of the owner log; an owner tells a provider where the device is that it may now read.
// Every message is one length-prefixed block whose first byte is its type.

import { type Bytes, base64url, text, unbase64url, utf8 } from '../base/bytes.ts'
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
  getEntries: 11,
  entry: 12,
  delivered: 13,
  entriesEnd: 14,
  getNextKey: 15,
  nextKey: 16,
  key: 17,
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

/** Owner → device: which key would you go by next? */
export function encodeGetNextKey(): Bytes {
  return Uint8Array.of(CONSENT.getNextKey)
}

/** Device → owner: that key's certificate and the old key's word for it, made for this place of the log. */
export interface NextKey extends LogPlace {
  certificate: Bytes
  by: Bytes
}

export function encodeNextKey({ certificate, by, seq, head }: NextKey): Bytes {
  const w = new Writer(new Uint8Array(101 + CERTIFICATE_BYTES)).u8(CONSENT.nextKey)
  return w.put(certificate).put(by).u32(seq).put(head).bytes
}

export function decodeNextKey(bytes: Bytes): NextKey | null {
  const r = new Reader(bytes)
  r.u8()
  const [certificate, by] = [r.take(CERTIFICATE_BYTES).slice(), r.take(64).slice()]
  const next = { certificate, by, seq: r.u32(), head: r.take(32).slice() }
  return r.done ? next : null
}

/** Owner → provider: the event by which a device's key was replaced or revoked. */
export function encodeKey(jws: string): Bytes {
  return tagged(CONSENT.key, utf8(jws))
}

/**
 * Owner → provider: you may read this device, which is at these addresses. Everything but name and
 * addresses is proved: the device's certificate, its entry `admitted` about this provider, and the
 * owner's event that the entry names.
 */
export interface Invite {
  certificate: Bytes
  entry: Bytes
  event: string
  name: string
  addresses: string[]
  /** Who keeps the device's frames when it is away. */
  mailboxes: Mailbox[]
}

export interface Mailbox {
  /** Ed25519. */
  key: Bytes
  /** `host:port`. */
  address: string
}

/** As a block of an invitation and of the provider's file: `key@host:port` with spaces between. */
export function mailboxText(mailboxes: readonly Mailbox[]): Bytes {
  return utf8(mailboxes.map((m) => `${base64url(m.key)}@${m.address}`).join(' '))
}

/** At most four; null where one of them is none. */
export function readMailboxes(bytes: Bytes): Mailbox[] | null {
  const words = text(bytes)
    .split(' ')
    .filter((word) => word.length > 0)
  const list: Mailbox[] = []
  for (const word of words) {
    const at = word.indexOf('@')
    const key = unbase64url(word.slice(0, Math.max(0, at)))
    if (key?.length !== 32 || word.length > 300) return null
    list.push({ key, address: word.slice(at + 1) })
  }
  return list.length <= 4 ? list : null
}

export function encodeInvite(i: Invite): Bytes {
  const event = utf8(i.event)
  const name = utf8(i.name)
  const addresses = utf8(i.addresses.join(' '))
  const mailboxes = mailboxText(i.mailboxes)
  const fixed = 13 + i.certificate.length + i.entry.length + mailboxes.length
  const w = new Writer(new Uint8Array(fixed + event.length + name.length + addresses.length))
  w.u8(CONSENT.invite).block(i.certificate).block(i.entry).block(event)
  return w.block(name).block(addresses).block(mailboxes).bytes
}

/** Copies; null for anything else. What it proves, the caller checks. */
export function decodeInvite(bytes: Bytes): Invite | null {
  const r = new Reader(bytes)
  r.u8()
  const certificate = r.block(LIMITS.ownership.eventBytes).slice()
  const entry = r.block(LIMITS.channel.entryBytes).slice()
  const event = text(r.block(LIMITS.ownership.eventBytes))
  const name = text(r.block(256))
  const addresses = text(r.block(1_000))
    .split(' ')
    .filter((a) => a.length > 0)
  const mailboxes = readMailboxes(r.block(1_300))
  if (!r.done || addresses.length > 8 || !mailboxes) return null
  return { certificate, entry, event, name, addresses, mailboxes }
}

export function encodeInviteDone(): Bytes {
  return Uint8Array.of(CONSENT.inviteDone)
}

/** Owner → device: send the entries of the log of keys from this number on, and those to come. */
export function encodeGetEntries(from: number): Bytes {
  return new Writer(new Uint8Array(5)).u8(CONSENT.getEntries).u32(from).bytes
}

export function decodeGetEntries(bytes: Bytes): number | null {
  const r = new Reader(bytes)
  r.u8()
  const from = r.u32()
  return r.done ? from : null
}

/** Device → owner: one entry of the log of keys, with its number. */
export function encodeEntryMessage(number: number, entry: Bytes): Bytes {
  return new Writer(new Uint8Array(5 + entry.length)).u8(CONSENT.entry).u32(number).put(entry).bytes
}

export function decodeEntryMessage(bytes: Bytes): { number: number; entry: Bytes } | null {
  const r = new Reader(bytes)
  r.u8()
  const number = r.u32()
  const entry = r.rest().slice()
  return r.ok && entry.length <= LIMITS.channel.entryBytes ? { number, entry } : null
}

/** The newest frame that went out to a reader since the device's start. */
export interface Delivered {
  grantId: Bytes
  epoch: number
  index: number
  /** By the device's clock. */
  at: number
}

/** Device → owner. At most 32. */
export function encodeDelivered(list: readonly Delivered[]): Bytes {
  const w = new Writer(new Uint8Array(2 + 32 * list.length)).u8(CONSENT.delivered).u8(list.length)
  for (const d of list) w.put(d.grantId).u32(d.epoch).u48(d.index).u48(d.at)
  return w.bytes
}

export function decodeDelivered(bytes: Bytes): Delivered[] | null {
  const r = new Reader(bytes)
  r.u8()
  const n = r.u8()
  const list: Delivered[] = []
  if (n > LIMITS.channel.readers) return null
  for (let i = 0; i < n; i++)
    list.push({ grantId: r.take(16).slice(), epoch: r.u32(), index: r.u48(), at: r.u48() })
  return r.done ? list : null
}

/** Device → owner: that was all up to now; number and hash of the newest entry (0 and zeros where there is none). */
export function encodeEntriesEnd(number: number, head: Bytes): Bytes {
  return new Writer(new Uint8Array(37)).u8(CONSENT.entriesEnd).u32(number).put(head).bytes
}

export function decodeEntriesEnd(bytes: Bytes): { number: number; head: Bytes } | null {
  const r = new Reader(bytes)
  r.u8()
  const number = r.u32()
  const head = r.take(32).slice()
  return r.done ? { number, head } : null
}

function tagged(type: number, body: Bytes): Bytes {
  return new Writer(new Uint8Array(1 + body.length)).u8(type).put(body).bytes
}
