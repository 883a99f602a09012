// The code on the label and what the device keeps of it (docs/wire/claim.md "Code" and "Record").
// A code is 55 random bits: eleven characters of Crockford's base 32 and one check character, shown as
// K7QD-M2XA-9RTE. The record never contains it, nor anything to test guesses faster than scrypt allows.
// The record is still to be kept: who has it can play this device to its owner.

import { type Bytes, base64url, unbase64url, utf8 } from '../base/bytes.ts'
import { scrypt, sha256 } from '../crypto/native.ts'
import { type Random, Secret } from '../crypto/secret.ts'
import {
  isScalar,
  isShare,
  type PakeRecord,
  type PakeSecret,
  passwordInput,
  spake2plus,
} from '../crypto/spake2plus.ts'
import { KDF_SCRYPT_15_8_1 } from '../wire/claim.ts'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const CODE_CHARS = 11
/** So that a label of zeros is no code. */
const CHECK_OFFSET = 9
/** The text of a URL with a code, or of a code with blanks in it. */
const LONGEST_INPUT = 256

const KDF_NAME = 'scrypt 15/8/1'
/** Both sides' names in the key exchange; the device's is `deviceName`. */
export const OWNER_NAME: Bytes = utf8('owner')

export interface ClaimRecord extends PakeRecord {
  readonly v: 1
  /** 16 bits that tell this device from its neighbours; random, not part of the code. */
  readonly discriminator: number
  /** 16 bytes. */
  readonly salt: Bytes
}

export interface Label {
  /** Twelve characters, upper case, no dashes. */
  readonly code: string
  /** From the URL's host, where there was one. */
  readonly discriminator: number | null
}

/** a·2 in GF(32), x^5 + x^2 + 1. */
function double(a: number): number {
  return (a << 1) ^ (a & 16 ? 37 : 0)
}

/**
 * The check value: the sum of v[i]·2^(11-i) in GF(32), and an offset. Every place has another non-zero weight, so any
 * one wrong character and any two exchanged ones are noticed.
 */
function checkOf(values: readonly number[]): number {
  let sum = 0
  for (const v of values) sum = double(sum ^ v)
  return sum ^ CHECK_OFFSET
}

/** A fresh code: twelve characters without dashes. */
export function freshCode(random: Random): string {
  const bytes = new Uint8Array(CODE_CHARS)
  random(bytes)
  const values = Array.from(bytes, (b) => b & 31)
  bytes.fill(0)
  return [...values, checkOf(values)].map((v) => ALPHABET[v]!).join('')
}

/** As on the label: K7QD-M2XA-9RTE. */
export function showCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4, 8)}-${code.slice(8)}`
}

/** `wattle-ab12`: host name, and the device's name in the key exchange. */
export function deviceName(discriminator: number): string {
  return `wattle-${discriminator.toString(16).padStart(4, '0')}`
}

/** What the label's QR says. The code is in the fragment, which a browser does not send. */
export function labelUrl(discriminator: number, code: string): string {
  return `http://${deviceName(discriminator)}.local/#${showCode(code)}`
}

/**
 * Code (and discriminator) from what a person typed or scanned: any case, blanks and dashes anywhere,
 * O for 0, I and L for 1, or a URL with the code in its fragment. Null when it is no code.
 */
export function parseCode(input: string): Label | null {
  if (input.length > LONGEST_INPUT) return null
  const fragment = input.lastIndexOf('#')
  const code = input
    .slice(fragment + 1)
    .toUpperCase()
    .replace(/[\s\u2010-\u2015-]/g, '')
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1')
  const values = Array.from(code, (c) => ALPHABET.indexOf(c))
  if (values.length !== CODE_CHARS + 1 || values.some((v) => v < 0)) return null
  if (checkOf(values.slice(0, CODE_CHARS)) !== values[CODE_CHARS]) return null
  const host = /^\s*https?:\/\/wattle-([0-9a-f]{4})\.local[/:]/i.exec(input.slice(0, fragment + 1))
  return { code, discriminator: host ? Number.parseInt(host[1]!, 16) : null }
}

/** w0 and w1 from a code (RFC 9383 section 3.2): scrypt, tens of milliseconds. Owner's side only. */
export function stretchCode(code: string, discriminator: number, salt: Bytes): PakeSecret {
  const name = utf8(deviceName(discriminator))
  const input = new Secret(passwordInput(utf8(code.slice(0, CODE_CHARS)), OWNER_NAME, name))
  const stretched = new Secret(scrypt(input.bytes(), salt, 15, 8, 80))
  const secret = spake2plus.secret(stretched)
  input.wipe()
  stretched.wipe()
  return secret
}

/** The record for a label that is being made. `salt`: 16 fresh bytes. */
export function makeRecord(code: string, discriminator: number, salt: Bytes): ClaimRecord {
  const secret = stretchCode(code, discriminator, salt)
  const { w0, L } = spake2plus.record(secret)
  secret.w0.wipe()
  secret.w1.wipe()
  return { v: 1, discriminator, salt: Uint8Array.from(salt), w0, L }
}

/** One line of JSON, with w0 in it: a file of the boot partition, never a log line. */
export function recordJson(record: ClaimRecord): string {
  const members = {
    v: 1,
    discriminator: record.discriminator.toString(16).padStart(4, '0'),
    salt: base64url(record.salt),
    kdf: KDF_NAME,
    w0: base64url(record.w0.bytes()),
    L: base64url(record.L),
  }
  return JSON.stringify({ ...members, check: fileCheck(members) })
}

/** Against a file that was damaged on its way to the card: another code would never fit. */
function fileCheck(members: Record<string, unknown>): string {
  const { v, discriminator, salt, kdf, w0, L } = members
  return base64url(sha256(utf8(JSON.stringify([v, discriminator, salt, kdf, w0, L]))).slice(0, 8))
}

/** The record, or null for anything that is not exactly one: the caller says which file was wrong. */
export function parseRecord(json: string): ClaimRecord | null {
  if (json.length > 1_024) return null
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const members = value as Record<string, unknown>
  if (Object.keys(members).length !== 7) return null // all seven are looked at below
  if (members['check'] !== fileCheck(members)) return null
  const discriminator = String(members['discriminator'])
  if (members['v'] !== 1 || members['kdf'] !== KDF_NAME || !/^[0-9a-f]{4}$/.test(discriminator)) return null
  const [salt, w0, L] = [members['salt'], members['w0'], members['L']].map((m) =>
    typeof m === 'string' ? unbase64url(m) : null,
  )
  if (salt?.length !== 16 || !w0 || !isScalar(w0) || !L || !isShare(L)) return null
  return { v: 1, discriminator: Number.parseInt(discriminator, 16), salt, w0: new Secret(w0), L }
}

/** The byte that names our stretching in HELLO. */
export const KDF_ID: number = KDF_SCRYPT_15_8_1
