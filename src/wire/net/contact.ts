// A contact record, docs/wire/discovery.md "Contact": where the holder of a key can be reached now, signed
// by that key. What rendezvous peers keep for others and hand out; a reader believes it until a handshake
// says otherwise.

import { type Bytes, concat, text, utf8 } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/cursor.ts'
import { LIMITS } from '../../base/limits.ts'
import { type Signer, Verifier } from '../../crypto/native.ts'

export interface Contact {
  /** Ed25519. */
  key: Bytes
  /** X25519, for sessions over datagrams with one round trip; zeros where there are none. */
  datagramKey: Bytes
  /** Newer ones take the place of older ones. */
  seq: number
  /** Milliseconds since 1970. */
  expires: number
  /** `tcp:host:port`, `udp:host:port` or `relay:KEY@host:port`, best first. */
  addresses: string[]
}

const VERSION = 1
const SIGNATURE = 64
const FIXED = 1 + 32 + 32 + 6 + 6 + 1
const SIGNED = utf8('wattle/contact/1\0')

/** @throws RangeError for more or longer addresses than fit. */
export function signContact(contact: Contact, signer: Signer): Bytes {
  const addresses = contact.addresses.map(utf8)
  const length = FIXED + addresses.reduce((sum, a) => sum + 1 + a.length, 0) + SIGNATURE
  if (length > LIMITS.peers.contactBytes || addresses.length > LIMITS.peers.addressesOfOne)
    throw new RangeError(`a contact of ${length} bytes and ${addresses.length} addresses does not fit`)
  const w = new Writer(new Uint8Array(length))
  w.u8(VERSION).put(contact.key).put(contact.datagramKey).u48(contact.seq).u48(contact.expires)
  w.u8(addresses.length)
  for (const address of addresses) w.u8(address.length).put(address)
  return w.put(signer.sign(concat(SIGNED, w.done()))).bytes
}

/** The contact when its own key signed it; else null. Whether it is over is the caller's affair. */
export function readContact(bytes: Bytes): Contact | null {
  if (bytes.length > LIMITS.peers.contactBytes) return null
  const r = new Reader(bytes)
  if (r.u8() !== VERSION) return null
  const key = r.take(32).slice()
  const datagramKey = r.take(32).slice()
  const seq = r.u48()
  const expires = r.u48()
  const count = r.u8()
  if (count > LIMITS.peers.addressesOfOne) return null
  const addresses: string[] = []
  for (let i = 0; i < count && r.ok; i++) addresses.push(text(r.take(r.u8())))
  const body = bytes.subarray(0, r.at)
  const signature = r.take(SIGNATURE)
  if (!r.done || !addresses.every((a) => /^(tcp|udp|relay):[\x21-\x7e]{3,120}$/.test(a))) return null
  if (!Verifier.of(key)?.verify(concat(SIGNED, body), signature)) return null
  return { key, datagramKey, seq, expires, addresses }
}
