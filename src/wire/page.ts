// The binary messages of a device's page, docs/wire/page.md: over one WebSocket run the claim as it is,
// the two messages that open a session between an owner's page and the device, and what is sealed in
// it. Decoders return null for anything else; byte fields are views.

import type { Bytes } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { HPKE_OVERHEAD } from '../crypto/hpke.ts'

export const PAGE_VERSION = 1

/** Stream 0 of a session for an owner's home, over its own connection. */
export const DESK_PROTOCOL = '/wattle/desk/1.0.0'

/** First byte of each binary message. */
export const PLANE = { claim: 1, session: 2, sealed: 3 } as const

/** What runs inside a session; the first byte of each sealed message. */
export const PAGE_STREAM = { page: 0, consent: 1, raw: 2, quarter: 3, day: 4 } as const
export type PageStreamId = (typeof PAGE_STREAM)[keyof typeof PAGE_STREAM]
export const PAGE_STREAMS = 5

/** plane, version, device, ephemeral, signature. */
export const PAGE_HELLO_BYTES = 130
/** owner, secret, signature. */
const PAGE_PROOF_BYTES = 128
/** plane, box. */
export const PAGE_OPEN_BYTES: number = 1 + HPKE_OVERHEAD + PAGE_PROOF_BYTES

export interface PageHello {
  readonly version: number
  /** The device's Ed25519 key. */
  readonly device: Bytes
  /** X25519, of this connection alone. */
  readonly ephemeral: Bytes
  /** By the device, over `signedHello`. */
  readonly signature: Bytes
}

/** The part of a HELLO that is signed: version, device, ephemeral. */
export function signedHello(device: Bytes, ephemeral: Bytes): Bytes {
  return new Writer(new Uint8Array(65)).u8(PAGE_VERSION).put(device).put(ephemeral).bytes
}

export function encodePageHello(signed: Bytes, signature: Bytes): Bytes {
  return new Writer(new Uint8Array(PAGE_HELLO_BYTES)).u8(PLANE.session).put(signed).put(signature).bytes
}

export function decodePageHello(bytes: Bytes): PageHello | null {
  const r = new Reader(bytes)
  const plane = r.u8()
  const hello = { version: r.u8(), device: r.take(32), ephemeral: r.take(32), signature: r.take(64) }
  return r.done && plane === PLANE.session ? hello : null
}

/** What the box of an OPEN holds: who opens, the secret of the session, and the owner's signature. */
export interface PageProof {
  readonly owner: Bytes
  readonly secret: Bytes
  readonly signature: Bytes
}

export function encodePageProof(p: PageProof): Bytes {
  return new Writer(new Uint8Array(PAGE_PROOF_BYTES)).put(p.owner).put(p.secret).put(p.signature).bytes
}

export function decodePageProof(bytes: Bytes): PageProof | null {
  const r = new Reader(bytes)
  const proof = { owner: r.take(32), secret: r.take(32), signature: r.take(64) }
  return r.done ? proof : null
}
