// The paper key: the way back for somebody who has lost every other key (docs/wire/owners.md "Recovery").
// 160 random bits, written as eight groups of four characters of the label's alphabet and one of
// check characters; the Ed25519 key is stretched from them, so that no other copy of it has to exist.

import { type Bytes, utf8 } from '../../base/bytes.ts'
import { hkdf, Signer, sha256 } from '../../crypto/native.ts'
import { type Random, Secret } from '../../crypto/secret.ts'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const PREFIX = 'R'
/** Five bits each. */
const CHARS = 32
const CHECK_CHARS = 4
const SALT: Bytes = new Uint8Array(0)
const INFO = utf8('wattle-paper/1')
const CHECK = utf8('wattle-paper-check/1')

function checkOf(values: Bytes): Bytes {
  return sha256(CHECK, values)
    .slice(0, CHECK_CHARS)
    .map((b) => b & 31)
}

/** A fresh code to print: `R-XXXX-…`, nine groups behind the R. */
export function freshPaper(random: Random): string {
  const values = new Uint8Array(CHARS)
  random(values)
  for (let i = 0; i < CHARS; i++) values[i]! &= 31
  const all = [...values, ...checkOf(values)].map((v) => ALPHABET[v]!).join('')
  values.fill(0)
  return [PREFIX, ...all.match(/.{4}/g)!].join('-')
}

/** The key of a printed code: any case, blanks and dashes anywhere, O for 0, I and L for 1. Null when it is none. */
export function paperKey(code: string): Signer | null {
  if (code.length > 256) return null
  const plain = code
    .toUpperCase()
    .replace(/[\s\u2010-\u2015-]/g, '')
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1')
  if (plain.length !== 1 + CHARS + CHECK_CHARS || !plain.startsWith(PREFIX)) return null
  const values = Uint8Array.from(plain.slice(1), (c) => ALPHABET.indexOf(c) & 255)
  if (values.some((v) => v > 31)) return null
  const secret = values.subarray(0, CHARS)
  const check = checkOf(secret)
  if (check.some((v, i) => v !== values[CHARS + i])) return null
  const seed = new Secret(hkdf(SALT, secret, INFO, 32))
  values.fill(0)
  return new Signer(seed)
}

/** What a set of owners says of it. */
export function paperDigest(key: Signer): Bytes {
  return sha256(key.publicKey)
}
