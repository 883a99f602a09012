// One owner's successor keys (docs/wire/owners.md "Successors"): a row of Ed25519 keys out of one secret,
// of which a set of owners knows the digest of the next one only. A key is used once, to sign a change
// that gives power, together with the owner's key; its signature commits to the one after it.

import { type Bytes, concat, equal, utf8 } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { JwsSigner } from '../../crypto/jws.ts'
import { hkdf, Signer, sha256 } from '../../crypto/native.ts'
import { Secret } from '../../crypto/secret.ts'
import { successorKid } from './rights.ts'

const SALT: Bytes = new Uint8Array(0)
const INFO = utf8('wattle-successor/1')

export class Successors {
  readonly #secret: Secret
  readonly #keys: (Signer | undefined)[]

  /** Keeps the secret; 32 bytes. */
  constructor(secret: Secret) {
    this.#secret = secret
    this.#keys = []
  }

  #key(n: number): Signer {
    let key = this.#keys[n]
    if (!key) {
      const info = concat(INFO, Uint8Array.of(n >> 8, n & 255))
      key = new Signer(new Secret(hkdf(SALT, this.#secret.bytes(), info, 32)))
      this.#keys[n] = key
    }
    return key
  }

  /** What a set of owners says of the key with this number. */
  digest(n: number): Bytes {
    return sha256(this.#key(n).publicKey)
  }

  /** The number of the key that a digest names; -1 when it is none of ours. */
  numberOf(digest: Bytes): number {
    for (let n = 0; n < LIMITS.ownership.successors; n++) if (equal(this.digest(n), digest)) return n
    return -1
  }

  /** Signs as number `n`, which commits to number `then`. */
  signer(n: number, then: number): JwsSigner {
    const signer = this.#key(n)
    return { kid: successorKid(signer.publicKey, this.digest(then)), signer }
  }
}
