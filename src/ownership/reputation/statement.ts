// Signed statements of one key about another (docs/wire/peers.md): a vouch ("same household", "installed
// by"), kept by its subject and shown by choice, and an opinion, given on request so that a device can
// see how it is measured. Compact JWS, signed by the key that it names; nothing here throws.

import { type Bytes, base64url, text, unbase64url, utf8 } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { signCompact, verifyCompact } from '../../crypto/jws.ts'
import { type Signer, Verifier } from '../../crypto/native.ts'
import type { Explanation, Reason } from './reputation.ts'

export const VOUCH_KINDS = ['same-household', 'installed-by', 'knows'] as const
export type VouchKind = (typeof VOUCH_KINDS)[number]

interface Statement {
  /** Ed25519, who says it. */
  by: Bytes
  /** Ed25519, of whom. */
  about: Bytes
  /** Milliseconds since 1970, as the signer believed. */
  at: number
}

export interface Vouch extends Statement {
  kind: VouchKind
  /** It counts until then. */
  until: number
}

export interface OpinionStatement extends Statement {
  score: number
  reasons: Reason[]
}

export function signVouch(vouch: Vouch, signer: Signer): string {
  const { kind, until } = vouch
  return sign('vouch', vouch, { kind, until }, signer)
}

/** The vouch when its own key signed it and every member is as it must be; else null. */
export function readVouch(jws: string): Vouch | null {
  const found = read('vouch', jws, ['kind', 'until'])
  if (!found) return null
  const { statement, json } = found
  const kind = VOUCH_KINDS.find((k) => k === json['kind'])
  const until = json['until']
  if (kind === undefined || !isTime(until) || until <= statement.at) return null
  return { ...statement, kind, until }
}

export function signOpinion(by: Signer, about: Bytes, o: { at: number; opinion: Explanation }): string {
  // JSON has no infinity; whoever is blocked hears the least there is.
  const finite = (n: number): number => Math.max(-100, n)
  const reasons = o.opinion.reasons.map(({ what, points }) => ({ what, points: finite(points) }))
  const statement = { by: by.publicKey, about, at: o.at }
  return sign('opinion', statement, { score: finite(o.opinion.score), reasons }, by)
}

export function readOpinion(jws: string): OpinionStatement | null {
  const found = read('opinion', jws, ['score', 'reasons'])
  if (!found) return null
  const { score, reasons } = found.json
  if (!isPoints(score) || !Array.isArray(reasons) || reasons.length > 8) return null
  const checked: Reason[] = []
  for (const reason of reasons as unknown[]) {
    if (typeof reason !== 'object' || reason === null) return null
    const { what, points } = reason as Record<string, unknown>
    if (typeof what !== 'string' || !/^[a-z]{1,16}$/.test(what) || !isPoints(points)) return null
    checked.push({ what: what as Reason['what'], points })
  }
  return { ...found.statement, score, reasons: checked }
}

function sign(type: string, s: Statement, more: Record<string, unknown>, signer: Signer): string {
  const json = { v: 1, type, by: base64url(s.by), about: base64url(s.about), at: s.at, ...more }
  return signCompact(utf8(JSON.stringify(json)), { kid: base64url(s.by), signer })
}

function read(
  type: string,
  jws: string,
  more: readonly string[],
): { statement: Statement; json: Record<string, unknown> } | null {
  if (jws.length > LIMITS.reputation.vouchChars) return null
  const claimed = parse(unbase64url(jws.split('.', 3)[1] ?? ''))
  const by = keyOf(claimed?.['by'])
  const verifier = by && Verifier.of(by)
  const json = verifier && parse(verifyCompact(jws, verifier))
  if (!by || json?.['v'] !== 1 || json['type'] !== type) return null
  if (Object.keys(json).join() !== ['v', 'type', 'by', 'about', 'at', ...more].join()) return null
  const about = keyOf(json['about'])
  const at = json['at']
  if (!about || !isTime(at)) return null
  return { statement: { by, about, at }, json }
}

function parse(payload: Bytes | null): Record<string, unknown> | null {
  if (!payload) return null
  try {
    const value: unknown = JSON.parse(text(payload))
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

function keyOf(value: unknown): Bytes | null {
  const key = typeof value === 'string' ? unbase64url(value) : null
  return key?.length === 32 ? key : null
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isPoints(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= 100
}
