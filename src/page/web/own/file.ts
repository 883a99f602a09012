// The owner's keys as a file that a person can keep or carry to a second phone: sealed under a
// pass-phrase (scrypt, then ChaCha20-Poly1305). Layout: docs/wire/page.md "Key file". What comes in may
// be anybody's file: anything but a whole one with the right pass-phrase gives null.

import { type Bytes, base64url, text, unbase64url, utf8 } from '../../../base/bytes.ts'
import { open, scrypt, seal } from '../../../crypto/native.ts'
import { type Kept, random, readKept } from './box.ts'

const FORMAT = 'wattle-owner-key/1'
const AAD = utf8(FORMAT)
const LOG_N = 16
const ZERO_NONCE: Bytes = new Uint8Array(12)
const MOST_CHARS = 4_000_000

/** The file's text: one JSON object. */
export function sealKeys(kept: Kept, passphrase: string): string {
  const salt = new Uint8Array(16)
  random(salt)
  // Where it stands in a channel belongs to this phone alone.
  const copy: Kept = { ...kept, device: kept.device && { ...kept.device, place: null } }
  // A fresh salt makes a fresh key, which seals one message: its nonce may be zero.
  const box = seal(keyOf(passphrase, salt), ZERO_NONCE, AAD, utf8(JSON.stringify(copy)))
  return `${JSON.stringify({ format: FORMAT, salt: base64url(salt), box: base64url(box) })}\n`
}

export function openKeys(file: string, passphrase: string): Kept | null {
  if (file.length > MOST_CHARS) return null
  let value: unknown
  try {
    value = JSON.parse(file)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { format, salt: saltText, box: boxText } = value as Record<string, unknown>
  if (format !== FORMAT || typeof saltText !== 'string' || typeof boxText !== 'string') return null
  const salt = unbase64url(saltText)
  const box = unbase64url(boxText)
  const plain = salt?.length === 16 && box ? open(keyOf(passphrase, salt), ZERO_NONCE, AAD, box) : null
  return plain && readKept(text(plain))
}

/** Pass-phrases are compared as people type them: composed forms, no blanks around. */
function keyOf(passphrase: string, salt: Bytes): Bytes {
  return scrypt(utf8(passphrase.normalize('NFKC').trim()), salt, LOG_N, 8, 32)
}
