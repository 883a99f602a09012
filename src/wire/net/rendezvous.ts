// Messages of `/wattle/rendezvous/1.0.0`, docs/wire/discovery.md: a peer that is easy to reach keeps the
// contacts of those who ask it to, for an hour or two, and hands them out by key. Every message is one
// length-prefixed block whose first byte is its type; decoders give null.

import { type Bytes, text, utf8 } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/cursor.ts'
import { LIMITS } from '../../base/limits.ts'

export const RENDEZVOUS_PROTOCOL = '/wattle/rendezvous/1.0.0'

export const RENDEZVOUS = { register: 1, registered: 2, lookup: 3, found: 4, none: 5, refused: 6 } as const

/** REGISTER (a contact of our own) and FOUND (that of the key that was asked for). */
export function encodeContactMessage(
  type: typeof RENDEZVOUS.register | typeof RENDEZVOUS.found,
  contact: Bytes,
): Bytes {
  return new Writer(new Uint8Array(1 + contact.length)).u8(type).put(contact).bytes
}

/** The record in a REGISTER or FOUND, as a view; null where it is too long. */
export function contactOf(message: Bytes): Bytes | null {
  const n = message.length - 1
  return n > 0 && n <= LIMITS.peers.contactBytes ? message.subarray(1) : null
}

/** REGISTERED: kept for so many seconds; and the address under which the asker is seen. */
export function encodeRegistered(seconds: number, seen: string): Bytes {
  const address = utf8(seen).subarray(0, LIMITS.peers.addressChars)
  return new Writer(new Uint8Array(7 + address.length)).u8(RENDEZVOUS.registered).u32(seconds).block(address)
    .bytes
}

export function decodeRegistered(message: Bytes): { seconds: number; seen: string } | null {
  const r = new Reader(message)
  r.u8()
  const seconds = r.u32()
  const seen = text(r.block(LIMITS.peers.addressChars))
  return r.done ? { seconds, seen } : null
}

export function encodeLookup(key: Bytes): Bytes {
  return new Writer(new Uint8Array(33)).u8(RENDEZVOUS.lookup).put(key).bytes
}

/** The key in a LOOKUP or NONE. */
export function lookupKey(message: Bytes): Bytes | null {
  return message.length === 33 ? message.slice(1) : null
}

export function encodeNone(key: Bytes): Bytes {
  return new Writer(new Uint8Array(33)).u8(RENDEZVOUS.none).put(key).bytes
}

export function encodeRendezvousRefused(why: string): Bytes {
  const word = utf8(why)
  return new Writer(new Uint8Array(1 + word.length)).u8(RENDEZVOUS.refused).put(word).bytes
}
