// A provider's card: name, domain, keys and addresses, signed by the key it names (docs/wire.md "Card").
// What an owner grants to. The domain is a claim until a domain document confirms it.

import { type Bytes, base64url, text, unbase64url, utf8 } from '../base/bytes.ts'
import { signCompact, verifyCompact } from '../crypto/jws.ts'
import { type Signer, Verifier } from '../crypto/native.ts'
import { plainText } from './words.ts'

export interface Card {
  name: string
  domain: string
  sign: Bytes
  box: Bytes
  /** `host:port` each. */
  addresses: string[]
}

const PREFIX = 'wattle-provider:'

/** One line of text that a person can send: `wattle-provider:` and a compact JWS. */
export function signCard(card: Card, signer: Signer): string {
  const { name, domain, sign, box, addresses } = card
  const json = { v: 1, name, domain, sign: base64url(sign), box: base64url(box), addresses }
  return PREFIX + signCompact(utf8(JSON.stringify(json)), { kid: base64url(sign), signer })
}

/** The card, when it is one and its own key signed it; else null. */
export function readCard(line: string): Card | null {
  const jws = line.trim()
  if (!jws.startsWith(PREFIX) || jws.length > 4_096) return null
  const compact = jws.slice(PREFIX.length)
  const claimed = claimedKey(compact)
  const verifier = claimed && Verifier.of(claimed)
  const payload = verifier && verifyCompact(compact, verifier)
  const json = payload && parse(payload)
  if (!claimed || json?.['v'] !== 1) return null
  const { addresses } = json
  const name = plainText(json['name'], 64)
  const domain = plainText(json['domain'], 253)
  const box = typeof json['box'] === 'string' ? unbase64url(json['box']) : null
  if (!name || domain === null || box?.length !== 32) return null
  if (!Array.isArray(addresses) || addresses.length > 8) return null
  // One `host:port` each: a blank would make two of one where they are kept side by side.
  if (!addresses.every((a) => plainText(a, 79) !== null && !/\s/.test(a as string))) return null
  return { name, domain, sign: claimed, box, addresses: addresses as string[] }
}

function claimedKey(compact: string): Bytes | null {
  const payload = unbase64url(compact.split('.', 3)[1] ?? '')
  const sign = payload && parse(payload)?.['sign']
  const key = typeof sign === 'string' ? unbase64url(sign) : null
  return key?.length === 32 ? key : null
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
