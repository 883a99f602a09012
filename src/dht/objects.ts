// From the slab to objects that the application keeps, and back: contacts, items, and the making of
// items (BEP-44). Off the hot path; every result is a copy.

import { type Bytes, concat, utf8 } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import type { Signer } from '../crypto/native.ts'
import { sha1 } from '../crypto/native.ts'
import type { Core } from './core.ts'
import type { Address } from './krpc/address.ts'
import * as F from './krpc/fields.ts'
import { Reader } from './krpc/reader.ts'
import { idBytes, idOf } from './math/id.ts'
import type { Contact, Item, Put } from './options.ts'
import { type ItemMeta, MUTABLE, OWN, SIGNED_BYTES } from './store/items.ts'

const NONE: Bytes = new Uint8Array(0)

export function contactOf(core: Core, words: Int32Array, at: number, a: Address): Contact {
  const key = new Uint8Array(32)
  const known = core.prover !== null && core.identities.key(words, at, key)
  return { id: idBytes(words, at), address: a.text(), publicKey: known ? key : null }
}

/** Target of a mutable item: SHA-1(public key, salt). */
export function targetOf(publicKey: Bytes, salt: Bytes = NONE): Bytes {
  return sha1(publicKey, salt)
}

/** Bytes as a bencoded string, the usual form of a value. */
export function bencodeBytes(bytes: Bytes): Bytes {
  return concat(utf8(`${bytes.length}:`), bytes)
}

/** Content of a bencoded string, or null where the value is something else. */
export function bytesOf(value: Bytes): Bytes | null {
  const colon = value.indexOf(0x3a)
  if (colon < 1 || colon > 5) return null
  let length = 0
  for (let i = 0; i < colon; i++) {
    const d = value[i]! - 48
    if (d < 0 || d > 9) return null
    length = length * 10 + d
  }
  return length === value.length - colon - 1 ? value.subarray(colon + 1) : null
}

/** True for exactly one canonical bencoded value of at most LIMITS.dht.valueBytes. */
export function storable(value: Bytes): boolean {
  if (value.length === 0 || value.length > LIMITS.dht.valueBytes) return false
  const reader = new Reader()
  if (!reader.read(concat(utf8('d1:ad1:v'), value, utf8('ee')))) return false
  return reader.has(F.v) && reader.canonical(F.v) && reader.rawEnd(F.v) - reader.raw[F.v]! === value.length
}

/** An immutable item around a bencoded value; RangeError where it is not storable. */
export function plainItem(value: Bytes): Put {
  if (!storable(value)) throw new RangeError(`item: expected one bencoded value of 1 to 1000 bytes`)
  return { target: sha1(value), value, publicKey: null, signature: null, seq: 0n, salt: NONE }
}

/** What BEP-44 signs. */
export function signedText(value: Bytes, seq: bigint, salt: Bytes = NONE): Bytes {
  return signedBytes(value, utf8(`i${seq}e`), salt)
}

/** The same with the seq as it was encoded. */
export function signedBytes(value: Bytes, seq: Bytes, salt: Bytes): Bytes {
  const salted = salt.length > 0 ? concat(utf8(`4:salt${salt.length}:`), salt) : NONE
  return concat(salted, utf8('3:seq'), seq, utf8('1:v'), value)
}

/** A mutable item, signed; RangeError for a value, salt or seq that BEP-44 does not allow. */
export function signItem(
  signer: Pick<Signer, 'publicKey' | 'sign'>,
  value: Bytes,
  options: { seq: bigint; salt?: Bytes; cas?: bigint },
): Put {
  const salt = options.salt ?? NONE
  const { seq, cas } = options
  if (!storable(value)) throw new RangeError(`item: expected one bencoded value of 1 to 1000 bytes`)
  if (salt.length > LIMITS.dht.saltBytes) throw new RangeError(`salt of ${salt.length} bytes, at most 64`)
  for (const n of [seq, cas ?? 0n])
    if (n < 0n || n >= 1n << 63n) throw new RangeError(`seq and cas: expected 0 to 2^63 - 1, got ${n}`)
  return {
    target: targetOf(signer.publicKey, salt),
    value,
    publicKey: signer.publicKey,
    signature: signer.sign(signedText(value, seq, salt)),
    seq,
    salt,
    ...(cas === undefined ? {} : { cas }),
  }
}

/** The item stored here under a target, or null. */
export function itemOf(core: Core, target: Int32Array): Item | null {
  const slot = core.items.find(target, 0)
  return slot < 0 ? null : itemAt(core, slot)
}

/** The item of a slot of the store. */
export function itemAt(core: Core, slot: number): Item {
  const { items } = core
  const content = new Uint8Array(items.contentLength(slot))
  items.copy(slot, 0, content.length, content, 0)
  const mutable = (items.flags[slot]! & MUTABLE) !== 0
  const from = mutable ? SIGNED_BYTES : 0
  const value = from + items.saltLength[slot]!
  return {
    target: idBytes(items.ids, 5 * slot),
    value: content.slice(value),
    publicKey: mutable ? content.slice(0, 32) : null,
    signature: mutable ? content.slice(32, SIGNED_BYTES) : null,
    seq: (BigInt(items.seqHigh[slot]!) << 32n) | BigInt(items.seqLow[slot]!),
    salt: content.slice(from, value),
  }
}

/** Keeps an item of our own here too; `own` ones are republished and never evicted. */
export function keepItem(core: Core, item: Put, own: boolean): boolean {
  if (core.readOnly && !own) return false
  if (own && ownItems(core) >= LIMITS.dht.ownItems && core.items.find(idOf(item.target), 0) < 0) return false
  const { stage } = core.items
  const content = item.publicKey ? concat(item.publicKey, item.signature!, item.salt, item.value) : item.value
  stage.set(content)
  const meta: ItemMeta = {
    mutable: item.publicKey !== null,
    seqHigh: Number(item.seq >> 32n),
    seqLow: Number(item.seq & 0xffff_ffffn),
    saltLength: item.salt.length,
    valueLength: item.value.length,
    source: 0,
    own,
    // Own ones are put again after half of it and up to a twelfth more, so that a mass restart is no storm.
    expires: core.tick + (own ? core.ttl / 2 + core.dice.below(core.ttl / 12) : core.ttl),
  }
  return core.items.put(idOf(item.target), 0, meta) >= 0
}

function ownItems(core: Core): number {
  let n = 0
  for (let i = 0; i < core.items.capacity; i++) if ((core.items.flags[i]! & OWN) !== 0) n++
  return n
}
