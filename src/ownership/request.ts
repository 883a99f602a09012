// What a provider asks for (docs/wire.md "Request"): its card, a class, an end and a purpose, signed by the
// key of the card. An owner grants that or less, never more by accident; what was granted is what the
// owner's event says, and a provider reads it back from its invitation.

import { base64url, text, unbase64url, utf8 } from '../base/bytes.ts'
import { signCompact, verifyCompact } from '../crypto/jws.ts'
import { type Signer, Verifier } from '../crypto/native.ts'
import { CLASS_NAMES, type ClassId, classId } from '../wire/frame.ts'
import { type Card, readCard } from './card.ts'

export interface ConsentRequest {
  card: Card
  /** The card as the line that it came in. */
  line: string
  class: ClassId
  /** Milliseconds since 1970. */
  until: number
  purpose: string
}

const PREFIX = 'wattle-request:'

/** One line of text that a person can send. */
export function signRequest(request: Omit<ConsentRequest, 'card'>, signer: Signer): string {
  const { line, until, purpose } = request
  const json = { v: 1, card: line, class: CLASS_NAMES[request.class], until, purpose }
  return PREFIX + signCompact(utf8(JSON.stringify(json)), { kid: base64url(signer.publicKey), signer })
}

export function isRequest(line: string): boolean {
  return line.trim().startsWith(PREFIX)
}

/** The request, when it is one and the key of its card signed it; else null. */
export function readRequest(line: string): ConsentRequest | null {
  const compact = line.trim().slice(PREFIX.length)
  if (!isRequest(line) || compact.length > 8_192) return null
  const claimed = parse(unbase64url(compact.split('.', 3)[1] ?? ''))
  const card = typeof claimed?.['card'] === 'string' ? readCard(claimed['card']) : null
  const verifier = card && Verifier.of(card.sign)
  const payload = verifier && verifyCompact(compact, verifier)
  const json = parse(payload)
  if (!card || json?.['v'] !== 1) return null
  const { until, purpose } = json
  const cls = classId(String(json['class']))
  if (cls === null || typeof until !== 'number' || !Number.isSafeInteger(until) || until < 0) return null
  if (typeof purpose !== 'string' || purpose.length > 500 || hasControls(purpose)) return null
  return { card, line: String(json['card']), class: cls, until, purpose }
}

/** True where nothing in `wanted` goes further than `limit` does. */
export function within(
  wanted: { class: ClassId; until: number },
  limit: { class: ClassId; until: number },
): boolean {
  return wanted.class >= limit.class && wanted.until <= limit.until
}

function hasControls(value: string): boolean {
  for (let i = 0; i < value.length; i++)
    if (value.charCodeAt(i) < 32 || value.charCodeAt(i) === 127) return true
  return false
}

function parse(payload: Uint8Array | null): Record<string, unknown> | null {
  if (!payload) return null
  try {
    const value: unknown = JSON.parse(text(payload))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
