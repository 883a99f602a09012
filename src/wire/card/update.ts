// Firmware for a card of ours, docs/wire/update.md: the signed manifest, the file that holds it with the
// system, and the messages of `/wattle/update/1.0.0`. Who may send what is decided in device/update.

import { type Bytes, base64url, text, unbase64url, utf8 } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/cursor.ts'
import { LIMITS } from '../../base/limits.ts'
import { type JwsSigner, signCompact, verifyCompact } from '../../crypto/jws.ts'
import type { Verifier } from '../../crypto/native.ts'

export const UPDATE_PROTOCOL = '/wattle/update/1.0.0'

export interface Manifest {
  /** Kind of board. */
  board: string
  /** For people. */
  version: string
  /** Rollback index: a card refuses one below its own. */
  index: number
  /** Which boot files the system needs; empty where any will do. */
  boot: string
  size: number
  /** SHA-256 of the system, 32 bytes. */
  sha256: Bytes
}

const WORD = /^[A-Za-z0-9._+-]{1,64}$/
const MOST_INDEX = 4_294_967_295
const MOST_SIZE = 1_073_741_824

/** @throws RangeError for a manifest that no device would take. */
export function signManifest(manifest: Manifest, signer: JwsSigner): string {
  const { board, version, index, boot, size } = manifest
  const payload = { v: 1, board, version, index, boot, size, sha256: base64url(manifest.sha256) }
  const jws = signCompact(utf8(JSON.stringify(payload)), signer)
  if (readManifest(payload) === null || jws.length > LIMITS.update.manifestBytes)
    throw new RangeError(`no manifest: ${JSON.stringify(payload)}`)
  return jws
}

/** What was signed by `key`; `unsigned` where it was not, `malformed` where it says nothing of use. */
export function verifyManifest(jws: string, key: Verifier): Manifest | 'unsigned' | 'malformed' {
  if (jws.length > LIMITS.update.manifestBytes) return 'malformed'
  const payload = verifyCompact(jws, key)
  return payload === null ? 'unsigned' : (parseManifest(payload) ?? 'malformed')
}

/** Without asking who signed it: for a person's eyes, and for the file's own consistency. */
export function peekManifest(jws: string): Manifest | null {
  const payload = unbase64url(jws.split('.')[1] ?? '')
  return payload && parseManifest(payload)
}

function parseManifest(payload: Bytes): Manifest | null {
  try {
    return readManifest(JSON.parse(text(payload)))
  } catch {
    return null
  }
}

function readManifest(value: unknown): Manifest | null {
  if (typeof value !== 'object' || value === null) return null
  const m = value as Record<string, unknown>
  const word = (v: unknown): v is string => typeof v === 'string' && WORD.test(v)
  const count = (v: unknown, most: number): v is number =>
    typeof v === 'number' && Number.isInteger(v) && v >= 0 && v <= most
  const hash = typeof m['sha256'] === 'string' ? unbase64url(m['sha256']) : null
  const boot = m['boot'] ?? ''
  if (m['v'] !== 1 || !word(m['board']) || !word(m['version'])) return null
  if (!count(m['index'], MOST_INDEX) || !count(m['size'], MOST_SIZE) || m['size'] === 0) return null
  if (hash?.length !== 32 || (boot !== '' && !word(boot))) return null
  return {
    board: m['board'],
    version: m['version'],
    index: m['index'],
    boot: boot as string,
    size: m['size'],
    sha256: hash,
  }
}

// The file

const MAGIC: Bytes = utf8('WATTLEUP')
const FILE_VERSION = 1
/** Bytes of a file's beginning that surely hold its head. */
export const UPDATE_HEAD_BYTES: number = 11 + LIMITS.update.manifestBytes

/** What comes before the system in an update file. */
export function encodeUpdateHead(jws: string): Bytes {
  return new Writer(new Uint8Array(11 + jws.length)).put(MAGIC).u8(FILE_VERSION).block(utf8(jws)).bytes
}

/** Manifest of a file that begins with `bytes`, and where its system begins; null where it is no update file. */
export function decodeUpdateHead(bytes: Bytes): { jws: string; manifest: Manifest; at: number } | null {
  const r = new Reader(bytes)
  const magic = text(r.take(8))
  const version = r.u8()
  const jws = text(r.block(LIMITS.update.manifestBytes))
  const manifest = r.ok && magic === 'WATTLEUP' && version === FILE_VERSION ? peekManifest(jws) : null
  return manifest && { jws, manifest, at: r.at }
}

// The messages

export const UPDATE = { offer: 1, accept: 2, data: 3, taken: 4, refused: 5, installed: 6 } as const

/** Why a device takes no update, or not this one. */
const REFUSALS = [
  'unsigned',
  'malformed',
  'other-board',
  'other-boot',
  'downgrade',
  'too-large',
  'on-trial',
  'busy',
  'damaged',
  'storage',
  'no-card',
] as const

export type UpdateRefusal = (typeof REFUSALS)[number]

export function encodeOffer(jws: string): Bytes {
  const bytes = utf8(jws)
  return new Writer(new Uint8Array(1 + bytes.length)).u8(UPDATE.offer).put(bytes).bytes
}

/** ACCEPT and TAKEN: the next byte that is wanted. */
export function encodePlaceOf(type: typeof UPDATE.accept | typeof UPDATE.taken, at: number): Bytes {
  return new Writer(new Uint8Array(7)).u8(type).u48(at).bytes
}

export function decodePlaceOf(message: Bytes): number | null {
  const r = new Reader(message, 1)
  const at = r.u48()
  return r.done ? at : null
}

export function encodeData(at: number, bytes: Bytes): Bytes {
  return new Writer(new Uint8Array(7 + bytes.length)).u8(UPDATE.data).u48(at).put(bytes).bytes
}

/** `bytes` is a view. */
export function decodeData(message: Bytes): { at: number; bytes: Bytes } | null {
  const r = new Reader(message, 1)
  const at = r.u48()
  const bytes = r.rest()
  return r.ok && bytes.length > 0 && bytes.length <= LIMITS.update.chunkBytes ? { at, bytes } : null
}

export function encodeUpdateRefused(word: UpdateRefusal): Bytes {
  const bytes = utf8(word)
  return new Writer(new Uint8Array(1 + bytes.length)).u8(UPDATE.refused).put(bytes).bytes
}

export function decodeUpdateRefused(message: Bytes): UpdateRefusal | null {
  const word = text(message.subarray(1, 41))
  return REFUSALS.find((known) => known === word) ?? null
}

export function encodeInstalled(): Bytes {
  return Uint8Array.of(UPDATE.installed)
}
