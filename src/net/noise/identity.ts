// Who we are on the stream plane: libp2p's form of an Ed25519 key, the peer id made of it, and the
// payload of the Noise handshake in which the identity key signs the Noise key.
// https://github.com/libp2p/specs: peer-ids, noise ("The libp2p Handshake Payload"),
// connections/inlined-muxer-negotiation. Keys of other types than Ed25519 are refused.

import { type Bytes, concat, text, utf8 } from '../../base/bytes.ts'
import { Exchange, type Signer, Verifier } from '../../crypto/native.ts'
import { Secret } from '../../crypto/secret.ts'
import type { Random } from '../../hw/hardware.ts'
import { bytesField, FieldReader, numberField } from '../protobuf.ts'

export const YAMUX = '/yamux/1.0.0'
const ED25519 = 1
const PEER_ID_BYTES = 38
const STATIC_KEY = utf8('noise-libp2p-static-key:')
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** The key as libp2p's protobuf (36 bytes). */
export function publicKeyProto(key: Bytes): Bytes {
  return concat(numberField(1, ED25519), bytesField(2, key))
}

/** The Ed25519 key (a view of 32 bytes) in a libp2p key protobuf; null for another type or form. */
export function publicKeyOf(proto: Bytes): Bytes | null {
  const reader = new FieldReader(proto)
  let type = -1
  let key: Bytes | null = null
  while (reader.next()) {
    if (reader.field === 1) type = reader.value
    else if (reader.field === 2) key = reader.bytes
  }
  return reader.ok && type === ED25519 && key?.length === 32 ? key : null
}

/** The peer id as bytes: multihash "identity" of the key's protobuf. */
export function peerIdBytes(key: Bytes): Bytes {
  const proto = publicKeyProto(key)
  return concat(Uint8Array.of(0, proto.length), proto)
}

/** The peer id as people and multiaddrs write it: `12D3KooW…`. */
export function peerId(key: Bytes): string {
  const digits: number[] = []
  const bytes = peerIdBytes(key)
  let out = ''
  for (const byte of bytes) {
    let carry = byte
    for (let i = 0; i < digits.length; i++) {
      carry += digits[i]! * 256
      digits[i] = carry % 58
      carry = Math.floor(carry / 58)
    }
    for (; carry > 0; carry = Math.floor(carry / 58)) digits.push(carry % 58)
  }
  for (let i = 0; i < bytes.length && bytes[i] === 0; i++) out += '1'
  for (let i = digits.length - 1; i >= 0; i--) out += BASE58[digits[i]!]!
  return out
}

/** The Ed25519 key in a peer id of such a key; null for any other text. */
export function keyOfPeerId(id: string): Bytes | null {
  // An identity multihash of 36 bytes: 52 letters, the first of which is the zero in front.
  if (id.length !== 52 || id[0] !== '1') return null
  const bytes = new Uint8Array(PEER_ID_BYTES)
  for (const letter of id) {
    let carry = BASE58.indexOf(letter)
    if (carry < 0) return null
    for (let i = bytes.length - 1; i >= 0; i--) {
      carry += bytes[i]! * 58
      bytes[i] = carry & 255
      carry >>= 8
    }
    if (carry > 0) return null
  }
  return bytes[0] === 0 && bytes[1] === PEER_ID_BYTES - 2 ? publicKeyOf(bytes.subarray(2)) : null
}

/** Our key pairs and the handshake payload, which is the same for every handshake. */
export class Identity {
  readonly publicKey: Bytes
  readonly exchange: Exchange
  readonly payload: Bytes
  /** Multiplexers offered inside the handshake; with none, they are agreed on after it. */
  readonly muxers: readonly string[]

  /** The Noise key is drawn anew for each process. */
  constructor(signer: Signer, random: Random, muxers: readonly string[] = [YAMUX]) {
    const seed = new Uint8Array(32)
    random(seed)
    this.publicKey = signer.publicKey
    this.exchange = new Exchange(new Secret(seed))
    const signature = signer.sign(concat(STATIC_KEY, this.exchange.publicKey))
    this.payload = concat(
      bytesField(1, publicKeyProto(signer.publicKey)),
      bytesField(2, signature),
      bytesField(4, concat(...muxers.map((muxer) => bytesField(2, utf8(muxer))))),
    )
    this.muxers = muxers
  }
}

export type PayloadVerdict = 'ok' | 'keyTypesRefused' | 'badSignatures' | 'handshakeErrors'

/** What the other side's handshake payload says, once verified. */
export interface RemotePayload {
  verdict: PayloadVerdict
  key: Bytes
  /** It offered Yamux inside the handshake. */
  yamux: boolean
}

/** Checks the other side's payload against the Noise key that it used. */
export function readPayload(payload: Bytes, staticKey: Bytes): RemotePayload {
  const out: RemotePayload = { verdict: 'handshakeErrors', key: new Uint8Array(0), yamux: false }
  const reader = new FieldReader(payload)
  let proto: Bytes | null = null
  let signature: Bytes | null = null
  while (reader.next()) {
    if (reader.field === 1) proto = reader.bytes
    else if (reader.field === 2) signature = reader.bytes
    else if (reader.field === 4) out.yamux = offersYamux(reader.bytes)
  }
  if (!reader.ok || !proto || !signature) return out
  const key = publicKeyOf(proto)
  const verifier = key ? Verifier.of(key) : null
  if (!key || !verifier) {
    out.verdict = 'keyTypesRefused'
    return out
  }
  out.key = key.slice()
  out.verdict = verifier.verify(concat(STATIC_KEY, staticKey), signature) ? 'ok' : 'badSignatures'
  return out
}

function offersYamux(extensions: Bytes): boolean {
  const reader = new FieldReader(extensions)
  let found = false
  while (reader.next()) if (reader.field === 2 && text(reader.bytes) === YAMUX) found = true
  return reader.ok && found
}
