// Who we are on the datagram plane: an Ed25519 identity that has signed an X25519 key for datagrams.
// Both go to the other side inside the handshake, sealed; a forged pair is refused there.

import { type Bytes, concat, utf8 } from '../../../base/bytes.ts'
import { Exchange, type Signer, Verifier } from '../../../crypto/native.ts'
import { Secret } from '../../../crypto/secret.ts'
import type { Random } from '../../../hw/hardware.ts'
import { PAYLOAD_BYTES } from './layout.ts'

const LABEL = utf8('wattle/datagram key/1\0')
const KEY = 32

export class DatagramIdentity {
  readonly publicKey: Bytes
  readonly exchange: Exchange
  /** Ed25519 key and its signature over the X25519 key. */
  readonly payload: Bytes

  /** The X25519 key is drawn anew for each process. */
  constructor(signer: Signer, random: Random) {
    this.publicKey = signer.publicKey
    this.exchange = new Exchange(Secret.fresh(random))
    this.payload = concat(signer.publicKey, signer.sign(concat(LABEL, this.exchange.publicKey)))
  }
}

/** The Ed25519 key (a copy) of a payload that vouches for `exchangeKey`, or null. */
export function provenKey(payload: Bytes, exchangeKey: Bytes): Bytes | null {
  if (payload.length !== PAYLOAD_BYTES) return null
  const verifier = Verifier.of(payload.subarray(0, KEY))
  if (!verifier?.verify(concat(LABEL, exchangeKey), payload.subarray(KEY))) return null
  return payload.slice(0, KEY)
}
