// A device's next key (docs/wire/owners.md "Device key"): its certificate, which the new key signs, bound to
// the key before it and to its place in the owner log; and the old key's word for it. Where the old key
// cannot be asked any more, the owners vouch instead, for a device that was claimed anew. Pure functions.

import { type Bytes, concat, equal, utf8 } from '../../base/bytes.ts'
import { type Signer, sha256, Verifier } from '../../crypto/native.ts'
import { encodeOwnerSet, type OwnerSet } from '../../wire/owner-set.ts'
import { type Certificate, makeCertificate, readCertificate } from '../claim-keys.ts'

const FOLLOWS = utf8('wattle-key/1 follows')
const BY = utf8('wattle-key/1 by')

/** The new key's certificate (199 bytes), and the old key's signature over it (64). */
export interface Succession {
  readonly certificate: Bytes
  readonly by: Bytes
}

/** Where in whose log the key changes. */
export interface SuccessionPlace {
  /** The key of now. */
  readonly device: Bytes
  /** Head of the owner log. */
  readonly prev: Bytes
  readonly set: OwnerSet
}

/** Stands where a claim's certificate has its transcript: a certificate fits this place and no other. */
function transcriptOf(device: Bytes, prev: Bytes): Bytes {
  return sha256(concat(FOLLOWS, device, prev))
}

/** What the device offers: `next` follows `old` at this place. `old` is the key of `place`. */
export function makeSuccession(
  keys: { old: Signer; next: Signer; box: Bytes },
  place: Omit<SuccessionPlace, 'device'>,
  life: Pick<Certificate, 'incarnation' | 'discriminator'>,
): Succession {
  const certificate = makeCertificate(keys.next, {
    box: keys.box,
    ...life,
    ownersHash: sha256(encodeOwnerSet(place.set)),
    transcript: transcriptOf(keys.old.publicKey, place.prev),
  })
  return { certificate, by: keys.old.sign(concat(BY, certificate)) }
}

/** The next certificate, where both keys have signed for just this place; else null. */
export function readSuccession(succession: Succession, place: SuccessionPlace): Certificate | null {
  const next = follows(succession, place)
  return next && equal(next.ownersHash, sha256(encodeOwnerSet(place.set))) ? next : null
}

/** The same for one who does not know the owners: both keys have signed for this log and head. */
export function follows(
  { certificate, by }: Succession,
  place: Omit<SuccessionPlace, 'set'>,
): Certificate | null {
  const next = readCertificate(certificate)
  if (!next || equal(next.device, place.device)) return null
  if (!equal(next.transcript, transcriptOf(place.device, place.prev))) return null
  return Verifier.of(place.device)?.verify(concat(BY, certificate), by) ? next : null
}
