// The device's head record: where its newest frame is and how to reach it. In the private overlay it is
// an item of the device's key with salt `head`. On the public network it appears only under a key that
// is blinded anew for every period, sealed and padded to one length, so that without the locator secret
// it cannot be found, read, or linked from one period to the next.

import { type Bytes, concat, utf8 } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/cursor.ts'
import { BlindSigner, blindKey } from '../../crypto/blind.ts'
import { type Exchange, hkdf, open, seal } from '../../crypto/native.ts'
import { Secret } from '../../crypto/secret.ts'
import { bencodeBytes, bytesOf, signItem, targetOf } from '../objects.ts'
import type { Item, Put } from '../options.ts'

export const HEAD_SALT: Bytes = utf8('head')
const VERSION = 1
const MAX_ADDRESSES = 8
const MAX_ADDRESS = 64
/** Every public record has this many bytes of plain text. */
const PADDED = 704
const FACTOR = utf8('wattle dht head factor 1')
const KEY = utf8('wattle dht head key 1')
const LOCATOR = utf8('wattle dht locator 1')

export interface Head {
  /** Epoch and index of the newest frame, and the SHA-256 of it. */
  readonly epoch: number
  readonly index: number
  readonly hash: Bytes
  /** SHA-256 of the Thing Description; zeros where there is none. */
  readonly thing: Bytes
  /** Events of the owner log, and its head (32 bytes). */
  readonly log: { readonly seq: number; readonly head: Bytes }
  /** `host:port`, at most 8 of at most 64 bytes. */
  readonly addresses: readonly string[]
}

/** At most 658 bytes; RangeError for more addresses than fit or hashes that are none. */
export function encodeHead(head: Head): Bytes {
  if (
    head.addresses.length > MAX_ADDRESSES ||
    [head.hash, head.thing, head.log.head].some((h) => h.length !== 32)
  )
    throw new RangeError('head record: expected three hashes of 32 bytes and at most 8 addresses')
  const w = new Writer(new Uint8Array(PADDED))
  w.u8(VERSION).u48(head.epoch).u48(head.index).put(head.hash).put(head.thing)
  w.u48(head.log.seq).put(head.log.head).u8(head.addresses.length)
  for (const address of head.addresses) {
    const bytes = utf8(address)
    if (bytes.length > MAX_ADDRESS) throw new RangeError(`head record: ${address} is longer than 64 bytes`)
    w.u8(bytes.length).put(bytes)
  }
  return w.done()
}

/** The record, or null for anything else. Zeros behind it are padding. */
export function decodeHead(bytes: Bytes): Head | null {
  const r = new Reader(bytes)
  if (r.u8() !== VERSION) return null
  const epoch = r.u48()
  const index = r.u48()
  const hash = r.take(32).slice()
  const thing = r.take(32).slice()
  const log = { seq: r.u48(), head: r.take(32).slice() }
  const count = r.u8()
  if (count > MAX_ADDRESSES) return null
  const addresses: string[] = []
  const decoder = new TextDecoder()
  for (let i = 0; i < count && r.ok; i++) {
    const length = r.u8()
    if (length > MAX_ADDRESS) return null
    addresses.push(decoder.decode(r.take(length)))
  }
  if (!r.ok || r.rest().some((b) => b !== 0)) return null
  return { epoch, index, hash, thing, log, addresses }
}

function periodBytes(period: number): Bytes {
  return new Writer(new Uint8Array(6)).u48(period).done()
}

/**
 * The locator secret of a device and one of its readers: HKDF over what their X25519 keys agree on. Each
 * side calls it with its own key and the other's; null for a key that is none.
 */
export function locatorOf(own: Exchange, other: Bytes, device: Bytes): Secret | null {
  const shared = own.agree(other)
  return shared && new Secret(hkdf(device, shared.bytes(), LOCATOR, 32))
}

/** Where the public record of a key is in a period (a day's number, say), for who knows the locator secret. */
export function publicPlace(
  publicKey: Bytes,
  locator: Secret,
  period: number,
): { target: Bytes; publicKey: Bytes } | null {
  const blinded = blindKey(publicKey, factorOf(publicKey, locator, period))
  return blinded && { target: targetOf(blinded), publicKey: blinded }
}

function factorOf(publicKey: Bytes, locator: Secret, period: number): Bytes {
  return hkdf(publicKey, locator.bytes(), concat(FACTOR, periodBytes(period)), 32)
}

function keyOf(blinded: Bytes, locator: Secret): Bytes {
  return hkdf(blinded, locator.bytes(), KEY, 32)
}

/** The nonce is the seq, which BEP-44 lets a value have only once. */
function nonceOf(seq: bigint): Bytes {
  const w = new Writer(new Uint8Array(12)).u32(0).u32(Number(seq >> 32n))
  return w.u32(Number(seq & 0xffff_ffffn)).done()
}

/**
 * The public record of a period, signed under the blinded key. `seq` must never be used twice with
 * different heads in one period.
 */
export function publicHead(
  keys: { seed: Secret; publicKey: Bytes; locator: Secret },
  period: number,
  head: Head,
  seq: bigint,
): Put {
  const signer = new BlindSigner(keys.seed, factorOf(keys.publicKey, keys.locator, period))
  const plain = new Uint8Array(PADDED)
  plain.set(encodeHead(head))
  const box = seal(keyOf(signer.publicKey, keys.locator), nonceOf(seq), signer.publicKey, plain)
  return signItem(signer, bencodeBytes(box), { seq })
}

/** Opens a public record that was found at `publicPlace`; null where it is not one. */
export function openPublicHead(item: Item, locator: Secret): Head | null {
  const box = bytesOf(item.value)
  if (!item.publicKey || box?.length !== PADDED + 16) return null
  const plain = open(keyOf(item.publicKey, locator), nonceOf(item.seq), item.publicKey, box)
  return plain && decodeHead(plain)
}
