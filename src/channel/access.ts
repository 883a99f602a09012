// Access entries signed and read, docs/wire/access.md: owner, device and the provider concerned hold the
// same signed bytes, each linked to the one before, so that each of them can prove when access was given
// and when it was taken. Here is what all three do with one entry; the owner's sum is channel/proof.ts.

import { type Bytes, concat, utf8 } from '../base/bytes.ts'
import { type Signer, sha256, type Verifier } from '../crypto/native.ts'
import { decodeEntry, ENTRY_SIGNATURE, type EntryText, encodeEntry } from '../wire/access.ts'

const DOMAIN = utf8('wattle/access-entry/1\0')

/** The entry as it is kept and sent: text and signature. */
export function signEntry(entry: EntryText, device: Signer): Bytes {
  const text = encodeEntry(entry)
  return concat(text, device.sign(concat(DOMAIN, text)))
}

/** What an entry says, or null when the device has not signed it. */
export function openEntry(bytes: Bytes, device: Verifier): EntryText | null {
  if (bytes.length <= ENTRY_SIGNATURE) return null
  const text = bytes.subarray(0, bytes.length - ENTRY_SIGNATURE)
  return device.verify(concat(DOMAIN, text), bytes.subarray(text.length)) ? decodeEntry(text) : null
}

/** What the next entry names. */
export function entryHash(bytes: Bytes): Bytes {
  return sha256(bytes)
}
