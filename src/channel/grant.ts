// Grants and endings, docs/wire.md "GRANT" and "ENDED": what the device tells one reader alone. A grant
// seals the chain key of the next frame and the current telegram to the reader's X25519 key, is signed
// over the reader's key, and names the access entry under which it is handed out; an ending is an entry.

import { type Bytes, concat, equal, utf8 } from '../base/bytes.ts'
import { getU32, getU48, Reader, Writer } from '../base/cursor.ts'
import { LIMITS } from '../base/limits.ts'
import { openFrom, sealTo } from '../crypto/hpke.ts'
import type { Exchange, Signer, Verifier } from '../crypto/native.ts'
import { Secret } from '../crypto/secret.ts'
import { ENTRY, type ReaderEntryText } from '../wire/access.ts'
import { CLASS_NAMES, type ClassId } from '../wire/frame.ts'
import { openEntry } from './access.ts'
import { type Binding, bindingAad, bindingInfo } from './keys.ts'

const GRANT_DOMAIN = utf8('wattle/grant-message/1\0')
const VERSION = 1
const SIGNATURE = 64

export interface Grant {
  class: ClassId
  epoch: number
  nonce: Bytes
  /** The first frame that the reader may open. */
  index: number
  /** SHA-256 of the frame before it; zeros where there is none. */
  hash: Bytes
  grantId: Bytes
  /** Milliseconds since 1970; 0 for an owner, whose access has no end. */
  until: number
  /** Hash of the access entry that gave this access; zeros for an owner. */
  entry: Bytes
}

export interface OpenedGrant extends Grant {
  chainKey: Secret
  /** What the joiner needs to understand the next frame: the current telegram, packed; may be empty. */
  state: Bytes
}

/** One reader as the channel sees it. */
export interface ReaderKeys {
  /** Ed25519, by which a connection is recognised. */
  sign: Bytes
  /** X25519, to which boxes are sealed. */
  box: Bytes
  grantId: Bytes
  until: number
  /** Hash of the access entry that gave it access; zeros for an owner. */
  entry: Bytes
}

function signed(domain: Bytes, reader: Bytes, body: Bytes, signer: Signer): Bytes {
  return concat(body, signer.sign(concat(domain, reader, body)))
}

/** The body of a signed message for this reader, or null when it is not from the device. */
function verified(domain: Bytes, reader: Bytes, bytes: Bytes, device: Verifier): Bytes | null {
  if (bytes.length < SIGNATURE) return null
  const body = bytes.subarray(0, bytes.length - SIGNATURE)
  return device.verify(concat(domain, reader, body), bytes.subarray(body.length)) ? body : null
}

function bindingOf(g: Grant, device: Bytes, readerBox: Bytes): Binding {
  return {
    device,
    class: g.class,
    epoch: g.epoch,
    nonce: g.nonce,
    index: g.index,
    reader: readerBox,
    grantId: g.grantId,
  }
}

/** A signed GRANT, or null when the reader's key is none. `ephemeral` is 32 fresh random bytes. */
export function sealGrant(
  grant: Grant,
  content: { chainKey: Bytes; state: Bytes },
  reader: ReaderKeys,
  device: Signer,
  ephemeral: Secret,
): Bytes | null {
  const binding = bindingOf(grant, device.publicKey, reader.box)
  const plain = concat(content.chainKey, content.state)
  const box = sealTo(reader.box, bindingInfo('grant', binding), bindingAad(binding), plain, ephemeral)
  plain.fill(0)
  if (!box) return null
  const w = new Writer(new Uint8Array(116 + box.length))
  w.u8(VERSION).u8(grant.class).u32(grant.epoch).put(grant.nonce).u48(grant.index).put(grant.hash)
  w.put(grant.grantId).u48(grant.until).put(grant.entry).u16(box.length).put(box)
  return signed(GRANT_DOMAIN, reader.sign, w.done(), device)
}

/** What a GRANT for this reader holds, or null when it is forged, damaged or for somebody else. */
export function openGrant(
  bytes: Bytes,
  own: { sign: Bytes; exchange: Exchange },
  device: Verifier,
): OpenedGrant | null {
  const body = verified(GRANT_DOMAIN, own.sign, bytes, device)
  if (!body) return null
  const r = new Reader(body)
  const version = r.u8()
  const grant: Grant = {
    class: r.u8() as ClassId,
    epoch: r.u32(),
    nonce: r.take(16).slice(),
    index: r.u48(),
    hash: r.take(32).slice(),
    grantId: r.take(16).slice(),
    until: r.u48(),
    entry: r.take(32).slice(),
  }
  const box = r.block(LIMITS.p1.telegramBytes + 96)
  if (!r.done || version !== VERSION || grant.class >= CLASS_NAMES.length || grant.epoch === 0) return null
  const binding = bindingOf(grant, device.publicKey, own.exchange.publicKey)
  const plain = openFrom(own.exchange, bindingInfo('grant', binding), bindingAad(binding), box)
  if (!plain || plain.length < 32) return null
  return { ...grant, chainKey: new Secret(plain.slice(0, 32)), state: plain.slice(32) }
}

/** The place of the first frame that a GRANT of our own opens. */
export function grantPlace(bytes: Bytes): { epoch: number; index: number } {
  return { epoch: getU32(bytes, 2), index: getU48(bytes, 22) }
}

/** What an ENDED for this reader says, or null when it is forged or for somebody else. */
export function openEnded(bytes: Bytes, ownSign: Bytes, device: Verifier): ReaderEntryText | null {
  const entry = openEntry(bytes, device)
  return entry?.kind === ENTRY.taken && equal(entry.sign, ownSign) ? entry : null
}
