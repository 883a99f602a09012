// JSON Web Signature (RFC 7515): General JSON with several signatures for owner events and cards, and
// the compact form with one. One payload and set of signatures has exactly one text: members in fixed
// order, no white space, signatures ascending by kid, so a hash over the text names the event.
// The algorithm belongs to the registered key and the header must agree with it (RFC 8725 section
// 3.1): `none`, HS* and an algorithm the key was not registered for are refused, as are `crit`,
// `b64`, `jwk`, `x5c` and every other member that is not named here. Nothing here throws.

import { type Bytes, base64url, text, unbase64url, utf8 } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'

export type JwsAlg = 'EdDSA' | 'ES256' | 'ES384' | 'ES512'

/** A registered key: native.ts's Verifier and EcVerifier fit. */
export interface JwsKey {
  readonly alg: JwsAlg
  verify(message: Bytes, signature: Bytes): boolean
}

export interface JwsSigner {
  /** 1 to 128 of A-Z a-z 0-9 - _ . : which JSON needs not escape. */
  readonly kid: string
  readonly signer: { readonly alg: JwsAlg; sign(message: Bytes): Bytes }
}

export interface Verified {
  readonly payload: Bytes
  /** Who signed, ascending, no one twice. All of their signatures verified. */
  readonly signers: readonly string[]
}

const KID = /^[A-Za-z0-9_.:-]{1,128}$/

/** The one protected header there is for this key (RFC 7515 section 4.1.1, 4.1.4). */
function header(alg: JwsAlg, kid: string): string {
  return base64url(utf8(`{"alg":"${alg}","kid":"${kid}"}`))
}

/** ASCII(BASE64URL(header) . BASE64URL(payload)), RFC 7515 section 5.1. */
function signingInput(protectedHeader: string, payload: string): Bytes {
  return utf8(`${protectedHeader}.${payload}`)
}

/**
 * A General-JSON JWS. Throws on a kid that is malformed or given twice, and on more signers or text
 * than the limits allow: those are ours, not from outside.
 */
export function signJws(payload: Bytes, signers: readonly JwsSigner[]): string {
  const ordered = [...signers].sort((a, b) => (a.kid < b.kid ? -1 : 1))
  if (ordered.length === 0 || ordered.length > LIMITS.jws.signatures)
    throw new RangeError(`a JWS has 1 to ${LIMITS.jws.signatures} signers, not ${ordered.length}`)
  const body = base64url(payload)
  const parts = ordered.map(({ kid, signer }, i) => {
    if (!KID.test(kid) || kid === ordered[i - 1]?.kid)
      throw new RangeError(`kid ${kid} is malformed or double`)
    const head = header(signer.alg, kid)
    return `{"protected":"${head}","signature":"${base64url(signer.sign(signingInput(head, body)))}"}`
  })
  return joined(body, parts.join(','))
}

function joined(body: string, entries: string): string {
  const out = `{"payload":"${body}","signatures":[${entries}]}`
  if (out.length > LIMITS.jws.textBytes) throw new RangeError(`a JWS of ${out.length} bytes is too long`)
  return out
}

/** The parts of the one text there is; null for any other. Nothing is verified. */
export function splitJws(jws: string): { payload: Bytes; kids: readonly string[] } | null {
  const parts = entriesOf(jws)
  const payload = parts && unbase64url(parts.body)
  if (!parts || !payload) return null
  const kids = parts.entries.map((entry) => kidOf(ENTRY.exec(entry)?.[1] ?? ''))
  return kids.every((kid) => kid !== null) ? { payload, kids: kids as string[] } : null
}

/** The same payload with these signatures too; a signer's older one is replaced. Throws as `signJws`; null for a text that is none. */
export function countersign(jws: string, signers: readonly JwsSigner[]): string | null {
  const parts = entriesOf(jws)
  const old = splitJws(jws)
  if (!parts || !old) return null
  const all = new Map(old.kids.map((kid, i) => [kid, `{${parts.entries[i]!}}`]))
  for (const { kid, signer } of signers) {
    const one = entriesOf(signJws(old.payload, [{ kid, signer }]))!
    all.set(kid, `{${one.entries[0]!}}`)
  }
  if (all.size > LIMITS.jws.signatures) throw new RangeError(`more than ${LIMITS.jws.signatures} signers`)
  const ordered = [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry)
  return joined(parts.body, ordered.join(','))
}

const ENTRY = /^"protected":"([A-Za-z0-9_-]{1,400})","signature":"([A-Za-z0-9_-]{1,176})"$/

/**
 * Payload and signers when *every* signature is by a key that `keyOf` knows and verifies; else null.
 * Quorums and who may sign what are the caller's affair.
 */
export function verifyJws(jws: string | Bytes, keyOf: (kid: string) => JwsKey | null): Verified | null {
  if (jws.length > LIMITS.jws.textBytes) return null
  const all = typeof jws === 'string' ? jws : text(jws)
  const parts = entriesOf(all)
  const payload = parts && unbase64url(parts.body)
  if (!parts || !payload) return null
  const { body, entries } = parts
  const signers: string[] = []
  const checks: { key: JwsKey; head: string; signature: Bytes }[] = []
  for (const entry of entries) {
    const match = ENTRY.exec(entry)
    const signature = match && unbase64url(match[2]!)
    const kid = match && kidOf(match[1]!)
    if (!signature || kid === null) return null
    if (signers.length > 0 && kid <= signers[signers.length - 1]!) return null
    const key = keyOf(kid)
    if (!key || match[1] !== header(key.alg, kid)) return null
    signers.push(kid)
    checks.push({ key, head: match[1]!, signature })
  }
  // Signatures last: everything cheap was checked first.
  for (const { key, head, signature } of checks)
    if (!key.verify(signingInput(head, body), signature)) return null
  return { payload, signers }
}

/** Body and signatures of {"payload":"…","signatures":[{…},{…}]}, the only text there is. */
function entriesOf(jws: string): { body: string; entries: string[] } | null {
  const split = jws.indexOf('","signatures":[{')
  if (jws.length > LIMITS.jws.textBytes || split < 12) return null
  if (!jws.startsWith('{"payload":"') || !jws.endsWith('}]}')) return null
  const entries = jws.slice(split + 17, -3).split('},{', LIMITS.jws.signatures + 1)
  return entries.length > LIMITS.jws.signatures ? null : { body: jws.slice(12, split), entries }
}

function kidOf(protectedHeader: string): string | null {
  const head = unbase64url(protectedHeader)
  if (!head) return null
  const kid = /^\{"alg":"[A-Za-z0-9]{1,8}","kid":"([^"\\]*)"\}$/.exec(text(head))?.[1]
  return kid !== undefined && KID.test(kid) ? kid : null
}

/** A compact JWS (RFC 7515 section 7.1) by one signer. */
export function signCompact(payload: Bytes, { kid, signer }: JwsSigner): string {
  if (!KID.test(kid)) throw new RangeError(`kid ${kid} is malformed`)
  const head = header(signer.alg, kid)
  const body = base64url(payload)
  return `${head}.${body}.${base64url(signer.sign(signingInput(head, body)))}`
}

/**
 * Payload of a compact JWS that `key` signed, or null. Its header may be another's work: an object
 * in compact JSON with `alg` equal to the key's and at most `kid`, `typ`, `cty` beside it.
 */
export function verifyCompact(jws: string, key: JwsKey): Bytes | null {
  if (jws.length > LIMITS.jws.textBytes) return null
  const parts = jws.split('.', 4)
  if (parts.length !== 3) return null
  const [head, payload, signature] = parts.map(unbase64url)
  if (!head || !payload || !signature || !plainHeader(head, key.alg)) return null
  return key.verify(signingInput(parts[0]!, parts[1]!), signature) ? payload : null
}

function plainHeader(bytes: Bytes, alg: JwsAlg): boolean {
  const json = text(bytes)
  let value: unknown
  try {
    value = JSON.parse(json)
    // Written once more it is the same: no member twice, no escapes, no white space.
    if (JSON.stringify(value) !== json) return false
  } catch {
    return false // no JSON, or nested too deeply for either
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const members = Object.entries(value)
  if (!members.every(([name, v]) => typeof v === 'string' && /^(alg|kid|typ|cty)$/.test(name))) return false
  return (value as Record<string, unknown>)['alg'] === alg
}
