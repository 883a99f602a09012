// A provider's request to read, as a link that opens My Home or as a line of text (docs/wire/page.md "Request
// link"): a compact JWS by the key in the provider's card, which comes with it. Made by `wattle provider
// request`, read by the page and by home. A request is a wish: nothing in it is shown as true that was not
// checked, and nothing in it decides anything. The reader never throws.

import { type Bytes, base64url, text, utf8 } from '../base/bytes.ts'
import { signCompact, verifyCompact } from '../crypto/jws.ts'
import { type Signer, Verifier } from '../crypto/native.ts'
import { type Card, readCard } from '../ownership/card.ts'
import { plainText } from './plain-text.ts'
import { RESOLUTION_CLASSES, type ResolutionClass } from './protocol.ts'

export const REQUEST_PATH = '/new-policy'
const LINE = 'wattle-request:'
/** Characters of the whole link's query. */
const MOST_CHARS = 8_192
const PURPOSE_CHARS = 300
const STATE_CHARS = 200
const MOST_DAYS = 3_660
/** A request that was signed longer ago is over: an old link in somebody's mail asks for nothing. */
const FRESH_MS = 30 * 86_400_000
/** Clocks differ. */
const AHEAD_MS = 86_400_000

export interface ProviderRequest {
  readonly card: Card
  /** The card's line, for the owner's book of providers. */
  readonly cardLine: string
  readonly class: ResolutionClass
  readonly purpose: string
  /** Days that the provider says it keeps what it reads; null: it does not say. */
  readonly retentionDays: number | null
  /** Milliseconds since 1970. */
  readonly until: number
  /** Opaque, handed back with the answer. */
  readonly state: string
  /** Where the answer goes, or null: nowhere. */
  readonly redirect: string | null
  /** When it was signed. */
  readonly at: number
}

/** Why a link is no request that can be shown. */
export type AskFault = 'shape' | 'signature' | 'old' | 'redirect'

export type RequestResult =
  | { readonly request: ProviderRequest; readonly fault: null }
  | { readonly request: null; readonly fault: AskFault }

/** The query of a link: `card=…&request=…`. Throws where the redirect is none that may be asked for. */
export function signRequest(request: Omit<ProviderRequest, 'card'>, signer: Signer): string {
  const { cardLine, class: fine, purpose, retentionDays, until, state, redirect, at } = request
  if (redirect !== null && !redirectOf(redirect)) throw new RangeError('a redirect is an https address')
  const json = { v: 1, class: fine, purpose, retention: retentionDays, until, state, redirect, at }
  const kid = base64url(signer.publicKey)
  const jws = signCompact(utf8(JSON.stringify(json)), { kid, signer })
  return `card=${encodeURIComponent(cardLine)}&request=${jws}`
}

/** The same as one line of text, for whom a link is of no use. */
export function requestLine(query: string): string {
  return LINE + query
}

/** The query in such a line, or in a whole link; null where it is neither. */
export function queryOf(text: string): string | null {
  const line = text.trim()
  if (line.startsWith(LINE)) return line.slice(LINE.length)
  const link = /^https?:\/\/[^?#\s]*\?([^#\s]*)/.exec(line)
  return link && fieldsOf(link[1]!) ? link[1]! : null
}

/** True where nothing in `wanted` goes further than `limit` does: classes by number, the finest first. */
export function within(
  wanted: { class: number; until: number },
  limit: { class: number; until: number },
): boolean {
  return wanted.class >= limit.class && wanted.until <= limit.until
}

/** What a link asks for. `now`: milliseconds since 1970. */
export function readRequest(query: string, now: number): RequestResult {
  const read = readQuery(query, now)
  // A page opened by a link shows who sent the person there: that is a domain.
  return read.request?.card.domain === '' ? fault('shape') : read
}

/** What a line or a link asks for that somebody was handed: the card need name no domain. */
export function readRequestText(words: string, now: number): RequestResult {
  const query = queryOf(words)
  return query === null ? fault('shape') : readQuery(query, now)
}

function readQuery(query: string, now: number): RequestResult {
  const fields = fieldsOf(query)
  const card = fields && readCard(fields.card)
  const verifier = card && Verifier.of(card.sign)
  if (!fields || !card || !verifier) return fault('shape')
  if (!plainText(card.name) || (card.domain !== '' && !domainName(card.domain))) return fault('shape')
  const payload = verifyCompact(fields.request, verifier)
  if (!payload) return fault('signature')
  const json = parse(payload)
  if (!json) return fault('shape')
  return build(json, card, fields.card, now)
}

function build(json: Record<string, unknown>, card: Card, cardLine: string, now: number): RequestResult {
  const { purpose, retention, until, state, redirect, at } = json
  const fine = json['class'] as ResolutionClass
  if (json['v'] !== 1 || !RESOLUTION_CLASSES.includes(fine)) return fault('shape')
  if (typeof purpose !== 'string' || purpose.length > PURPOSE_CHARS || !plainText(purpose))
    return fault('shape')
  if (retention !== null && !whole(retention, MOST_DAYS)) return fault('shape')
  if (!whole(until, 7_258_118_400_000) || !whole(at, 7_258_118_400_000)) return fault('shape')
  if (typeof state !== 'string' || state.length > STATE_CHARS || !/^[\x21-\x7e]*$/.test(state))
    return fault('shape')
  if (redirect !== null && (typeof redirect !== 'string' || !redirectOf(redirect))) return fault('redirect')
  if (at > now + AHEAD_MS || at < now - FRESH_MS || until <= now) return fault('old')
  const request = {
    card,
    cardLine,
    class: fine,
    purpose,
    retentionDays: retention,
    until,
    state,
    redirect,
    at,
  }
  return { request: request as ProviderRequest, fault: null }
}

/**
 * Where the owner's browser goes with the answer: `state`, and the policy's id or `access_denied`.
 * Never a key, never a reading. Null where the request names no place.
 */
export function answerAddress(
  request: ProviderRequest,
  answer: { policy: string } | 'access_denied',
): string | null {
  const target = request.redirect === null ? null : redirectOf(request.redirect)
  if (!target) return null
  target.searchParams.set('state', request.state)
  if (answer === 'access_denied') target.searchParams.set('error', answer)
  else target.searchParams.set('policy', answer.policy)
  return target.href
}

/** True where the redirect lies in the domain that the card claims. That the domain is the provider's is another question. */
export function redirectInDomain(request: ProviderRequest): boolean {
  const target = request.redirect === null ? null : redirectOf(request.redirect)
  const domain = request.card.domain.toLowerCase()
  return target !== null && (target.hostname === domain || target.hostname.endsWith(`.${domain}`))
}

/** An https address without user, with a plain host name; anything else is no place to send a person. */
function redirectOf(address: string): URL | null {
  if (address.length > 1_000 || !/^https:\/\/[a-z0-9.-]+(?::\d{1,5})?(?:\/[\x21-\x7e]*)?$/i.test(address))
    return null
  try {
    const url = new URL(address)
    const plain = url.protocol === 'https:' && url.username === '' && url.password === '' && url.hash === ''
    return plain && domainName(url.hostname) ? url : null
  } catch {
    return null
  }
}

/** The document at `https://DOMAIN/.well-known/wattle-provider`: the keys that speak for this domain. */
export function domainDocumentNames(document: string, card: Card): boolean {
  const json = document.length <= 16_384 ? parse(utf8(document)) : null
  const keys = json?.['keys']
  return json?.['v'] === 1 && Array.isArray(keys) && keys.length <= 64 && keys.includes(base64url(card.sign))
}

/** A name in the DNS with at least two labels; no address, no trailing dot. */
function domainName(name: string): boolean {
  return (
    name.length <= 253 && /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/i.test(name)
  )
}

function fieldsOf(query: string): { card: string; request: string } | null {
  if (query.length > MOST_CHARS) return null
  const found = new URLSearchParams(query)
  const cards = found.getAll('card')
  const requests = found.getAll('request')
  return cards.length === 1 && requests.length === 1 ? { card: cards[0]!, request: requests[0]! } : null
}

function parse(bytes: Bytes): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

function whole(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most
}

function fault(why: AskFault): RequestResult {
  return { request: null, fault: why }
}
