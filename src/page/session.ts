// A session between an owner's page and its device over one WebSocket (docs/wire/page.md "Session"): the
// page comes over plain HTTP, so the two prove their keys to each other here and seal what follows. The
// device signs a fresh X25519 key; the page seals a fresh secret to it, signed by the owner. Both halves,
// plain machines: bytes in, bytes out. Whoever records the line learns lengths and times.

import { type Bytes, concat, equal, utf8 } from '../base/bytes.ts'
import { openFrom, sealTo } from '../crypto/hpke.ts'
import { Exchange, hkdf, open, type Signer, seal, sha256, Verifier } from '../crypto/native.ts'
import { type Random, Secret } from '../crypto/secret.ts'
import {
  decodePageHello,
  decodePageProof,
  encodePageHello,
  encodePageProof,
  PAGE_OPEN_BYTES,
  PAGE_STREAMS,
  PAGE_VERSION,
  type PageStreamId,
  PLANE,
  signedHello,
} from '../wire/page.ts'

const HELLO_DOMAIN = utf8('wattle/page-hello/1\0')
const OWNER_DOMAIN = utf8('wattle/page-owner/1\0')
const OPEN_INFO = utf8('wattle/page-open/1\0')
const KEYS_INFO = utf8('wattle/page-keys/1\0')
const AAD: Bytes = Uint8Array.of(PLANE.sealed)
/** Sealed messages of one direction; a session that has sent so many is over. */
const MOST_MESSAGES = 2 ** 32 - 1

/** A message that came out of a session. */
export interface Unsealed {
  readonly stream: PageStreamId
  readonly message: Bytes
}

/** One direction each: keys and counters of an open session. */
export class PageSession {
  readonly #out: Secret
  readonly #in: Secret
  #sent: number
  #received: number

  constructor(out: Bytes, into: Bytes) {
    this.#out = new Secret(out)
    this.#in = new Secret(into)
    this.#sent = 0
    this.#received = 0
  }

  /** The binary message that carries `message` on a stream of the session. */
  seal(stream: PageStreamId, message: Bytes): Bytes {
    if (this.#sent >= MOST_MESSAGES) throw new RangeError('a session of 2^32 messages is over')
    const plain = concat(Uint8Array.of(stream), message)
    return concat(AAD, seal(this.#out.bytes(), nonceOf(this.#sent++), AAD, plain))
  }

  /** What a binary message of the other side carries; null when it is not the next one. Ends the session then. */
  open(bytes: Bytes): Unsealed | null {
    if (bytes[0] !== PLANE.sealed) return null
    const plain = open(this.#in.bytes(), nonceOf(this.#received), AAD, bytes.subarray(1))
    const stream = plain?.[0]
    if (!plain || stream === undefined || stream >= PAGE_STREAMS) return null
    this.#received++
    return { stream: stream as PageStreamId, message: plain.subarray(1) }
  }

  wipe(): void {
    this.#out.wipe()
    this.#in.wipe()
  }
}

function nonceOf(count: number): Bytes {
  const nonce = new Uint8Array(12)
  new DataView(nonce.buffer).setUint32(8, count)
  return nonce
}

function keysOf(hello: Bytes, secret: Bytes): { toDevice: Bytes; toPage: Bytes } {
  const keys = hkdf(sha256(hello), secret, KEYS_INFO, 64)
  return { toDevice: keys.slice(0, 32), toPage: keys.slice(32) }
}

/** What the owner signs: this HELLO, hence this device and connection, and this secret. */
function ownerStatement(hello: Bytes, secret: Bytes): Bytes {
  return concat(OWNER_DOMAIN, sha256(hello), sha256(secret))
}

/** The device's half: HELLO out, OPEN in. One for each attempt. */
export class DeviceDoor {
  readonly hello: Bytes
  readonly #exchange: Exchange

  constructor(signer: Signer, random: Random) {
    const seed = Secret.fresh(random)
    this.#exchange = new Exchange(seed)
    seed.wipe()
    const signed = signedHello(signer.publicKey, this.#exchange.publicKey)
    this.hello = encodePageHello(signed, signer.sign(concat(HELLO_DOMAIN, signed)))
  }

  /** Session and owner of an OPEN, or null when it is not by an owner or not for this HELLO. */
  open(bytes: Bytes, isOwner: (sign: Bytes) => boolean): { session: PageSession; owner: Bytes } | null {
    if (bytes.length !== PAGE_OPEN_BYTES || bytes[0] !== PLANE.session) return null
    const plain = openFrom(this.#exchange, OPEN_INFO, this.hello, bytes.subarray(1))
    const proof = plain && decodePageProof(plain)
    if (!proof || !isOwner(proof.owner)) return null
    const owner = Verifier.of(proof.owner)
    if (!owner?.verify(ownerStatement(this.hello, proof.secret), proof.signature)) return null
    const { toDevice, toPage } = keysOf(this.hello, proof.secret)
    return { session: new PageSession(toPage, toDevice), owner: owner.publicKey }
  }
}

/** The page's half: the OPEN that answers a HELLO of this device, or null where it is another's. */
export function openDoor(
  bytes: Bytes,
  device: Verifier,
  owner: Signer,
  random: Random,
): { message: Bytes; session: PageSession } | null {
  const hello = decodePageHello(bytes)
  if (hello?.version !== PAGE_VERSION || !equal(hello.device, device.publicKey)) return null
  const signed = signedHello(hello.device, hello.ephemeral)
  if (!device.verify(concat(HELLO_DOMAIN, signed), hello.signature)) return null
  const secret = Secret.fresh(random)
  const ephemeral = Secret.fresh(random)
  const signature = owner.sign(ownerStatement(bytes, secret.bytes()))
  const proof = encodePageProof({ owner: owner.publicKey, secret: secret.bytes(), signature })
  const box = sealTo(hello.ephemeral, OPEN_INFO, bytes, proof, ephemeral)
  const { toDevice, toPage } = keysOf(bytes, secret.bytes())
  for (const used of [secret, ephemeral]) used.wipe()
  proof.fill(0)
  return (
    box && { message: concat(Uint8Array.of(PLANE.session), box), session: new PageSession(toDevice, toPage) }
  )
}
