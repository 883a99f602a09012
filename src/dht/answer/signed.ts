// The BEP-44 signature of the mutable item in the reader, whether somebody puts it here or an answer
// brings it. Hash and signature are taken over the bytes as they came, never over a re-encoding.

import type { Bytes } from '../../base/bytes.ts'
import { Verifier } from '../../crypto/native.ts'
import type { Core } from '../core.ts'
import * as F from '../krpc/fields.ts'
import { loadId } from '../math/id.ts'
import { signedBytes, targetOf } from '../objects.ts'

/** Puts the item's target, SHA-1 of key and salt, into five words. */
export function signedTarget(core: Core, salt: Bytes, into: Int32Array): void {
  loadId(into, 0, targetOf(core.reader.content(F.k), salt), 0)
}

/** True when the signature covers salt, seq and value. */
export function signatureHolds({ reader }: Core, salt: Bytes): boolean {
  const text = signedBytes(reader.encoding(F.v), reader.encoding(F.seq), salt)
  return Verifier.of(reader.content(F.k))?.verify(text, reader.content(F.sig)) ?? false
}
