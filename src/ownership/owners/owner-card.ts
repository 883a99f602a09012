// An owner's card: name, keys and the digest of the first successor, signed by the key it names
// (docs/wire/owners.md "Owner card"). What one owner hands to another to become an owner too.

import { type Bytes, base64url, text, unbase64url, utf8 } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { signCompact, verifyCompact } from '../../crypto/jws.ts'
import { type Signer, Verifier } from '../../crypto/native.ts'
import { canonicalX25519 } from '../../crypto/points.ts'
import type { OwnerKeys } from '../../wire/owner-set.ts'
import { plainText } from '../words.ts'

export interface OwnerCard extends OwnerKeys {
  readonly name: string
}

const PREFIX = 'wattle-owner:'

/** One line of text that a person can send. */
export function signOwnerCard(card: OwnerCard, signer: Signer): string {
  const { name, sign, box, next } = card
  const json = {
    v: 1,
    name,
    sign: base64url(sign),
    box: base64url(box),
    next: next ? base64url(next) : '',
  }
  return PREFIX + signCompact(utf8(JSON.stringify(json)), { kid: base64url(sign), signer })
}

/** The card, when it is one and its own key signed it; else null. */
export function readOwnerCard(line: string): OwnerCard | null {
  const trimmed = line.trim()
  if (!trimmed.startsWith(PREFIX) || trimmed.length > LIMITS.ownership.cardChars) return null
  const compact = trimmed.slice(PREFIX.length)
  const claimed = keyIn(unbase64url(compact.split('.', 3)[1] ?? ''))
  const verifier = claimed && Verifier.of(claimed)
  const payload = verifier && verifyCompact(compact, verifier)
  const json = payload && parse(payload)
  if (!claimed || json?.['v'] !== 1) return null
  const name = plainText(json['name'], 64)
  const box = bytes32(json['box'])
  const next = json['next'] === '' ? null : bytes32(json['next'])
  if (!name || !box || !canonicalX25519(box) || (next === null && json['next'] !== '')) return null
  return { name, sign: claimed, box, next }
}

function keyIn(payload: Bytes | null): Bytes | null {
  return payload && bytes32(parse(payload)?.['sign'])
}

function bytes32(value: unknown): Bytes | null {
  const bytes = typeof value === 'string' && value.length < 64 ? unbase64url(value) : null
  return bytes?.length === 32 ? bytes : null
}

function parse(payload: Bytes): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text(payload))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
