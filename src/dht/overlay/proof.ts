// Proof of possession in the private overlay: any query may carry a challenge; the answer then
// carries the public key and a signature over network, both ids, the challenge and the asker's address
// as the prover sees it. One signature a peer and hour; after it the address and id stand for the key.
// The id is checked against the key before any signature is (docs/wire/dht.md, "Proof").

import { type Bytes, utf8 } from '../../base/bytes.ts'
import { type Signer, sha256, Verifier } from '../../crypto/native.ts'
import type { Address } from '../krpc/address.ts'
import { ID_BYTES, idOf, sameId, storeId, type Words } from '../math/id.ts'
import type { Overlay } from '../options.ts'

/** Bytes of the network tag and of a challenge. */
export const TAG_BYTES = 8
export const CHALLENGE_BYTES = 8
/** Ticks (deciseconds) that a proof lasts: an hour. */
export const PROOF_TICKS = 36_000

const DOMAIN = utf8('wattle dht proof 1')
const ADDRESS_BYTES = 18

/** The node id of a key: SHA-256(public key)[0..20). */
export function idOfKey(publicKey: Bytes): Bytes {
  return sha256(publicKey).slice(0, ID_BYTES)
}

/** The network tag of an overlay's name. */
export function tagOf(name: string): Bytes {
  return sha256(utf8('wattle overlay 1'), utf8(name)).slice(0, TAG_BYTES)
}

/** What a proof is about. */
export interface Exchange {
  readonly prover: Words
  readonly asker: Words
  /** 8 bytes. */
  readonly challenge: Bytes
  /** The asker's address as the prover sees it. */
  readonly address: Address
}

export class Prover {
  readonly id: Bytes
  readonly tag: Bytes
  readonly publicKey: Bytes
  readonly #signer: Signer
  readonly #admit: (publicKey: Bytes) => boolean
  readonly #text: Uint8Array

  constructor(overlay: Overlay) {
    this.#signer = overlay.signer
    this.publicKey = overlay.signer.publicKey
    this.id = idOfKey(this.publicKey)
    this.tag = tagOf(overlay.name)
    this.#admit = overlay.admit ?? (() => true)
    this.#text = new Uint8Array(DOMAIN.length + TAG_BYTES + 2 * ID_BYTES + CHALLENGE_BYTES + ADDRESS_BYTES)
    this.#text.set(DOMAIN)
    this.#text.set(this.tag, DOMAIN.length)
  }

  #write(x: Exchange): Bytes {
    const text = this.#text
    const at = DOMAIN.length + TAG_BYTES
    storeId(x.prover, 0, text, at)
    storeId(x.asker, 0, text, at + ID_BYTES)
    text.set(x.challenge, at + 2 * ID_BYTES)
    text.fill(0, x.address.store(text, at + 2 * ID_BYTES + CHALLENGE_BYTES))
    return text
  }

  /** 64 bytes. */
  sign(x: Exchange): Bytes {
    return this.#signer.sign(this.#write(x))
  }

  /** True when the key belongs to the id and may take part: cheap, before any signature is checked. */
  fits(key: Bytes, id: Words): boolean {
    return sameId(idOf(sha256(key)), 0, id, 0) && this.#admit(key)
  }

  verify(x: Exchange, key: Bytes, signature: Bytes): boolean {
    return Verifier.of(key)?.verify(this.#write(x), signature) ?? false
  }
}
