// A signed list of peers (docs/wire/discovery.md "List"): bootstrap peers, an OEM's or an owner's
// community. It names who may sign the next one: M of its signers' keys, so a list can change hands but
// not be taken. A list is trusted for where peers are, never for what they say.

import { type Bytes, base64url, text, unbase64url, utf8 } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { type JwsSigner, signJws, verifyJws } from '../../crypto/jws.ts'
import { Verifier } from '../../crypto/native.ts'

export interface ListedPeer {
  /** Ed25519. */
  readonly key: Bytes
  readonly addresses: readonly string[]
}

export interface PeerList {
  readonly name: string
  /** Grows with each version. */
  readonly seq: number
  /** So many of `signers` sign the next version. */
  readonly m: number
  readonly signers: readonly Bytes[]
  readonly peers: readonly ListedPeer[]
}

export type ListRefusal = 'malformed' | 'other-list' | 'older' | 'too-few-signatures'

export function signList(list: PeerList, signers: readonly JwsSigner[]): string {
  const json = {
    v: 1,
    name: list.name,
    seq: list.seq,
    m: list.m,
    signers: list.signers.map(base64url),
    peers: list.peers.map(({ key, addresses }) => ({ key: base64url(key), addresses })),
  }
  return signJws(utf8(JSON.stringify(json)), signers)
}

/**
 * The list in a text.
 * @param current the version that is held now; null for a first one: then its own signers sign it; `kept`
 *   for one that was checked when it came
 */
export function readList(
  jws: string,
  current: PeerList | 'kept' | null,
): { list: PeerList; refusal: null } | { list: null; refusal: ListRefusal } {
  const refuse = (refusal: ListRefusal): { list: null; refusal: ListRefusal } => ({ list: null, refusal })
  if (jws.length > LIMITS.peers.listBytes) return refuse('malformed')
  const keyOf = (kid: string): Verifier | null => {
    const key = unbase64url(kid)
    return key?.length === 32 ? Verifier.of(key) : null
  }
  const verified = verifyJws(jws, keyOf)
  const list = verified && parseList(verified.payload)
  if (!list || !verified) return refuse('malformed')
  if (current === 'kept') return { list, refusal: null }
  const by = current ?? list
  const allowed = by.signers.map(base64url)
  const signatures = verified.signers.filter((kid) => allowed.includes(kid)).length
  if (current && current.name !== list.name) return refuse('other-list')
  if (current && current.seq >= list.seq) return refuse('older')
  return signatures < by.m ? refuse('too-few-signatures') : { list, refusal: null }
}

function parseList(payload: Bytes): PeerList | null {
  let json: Record<string, unknown>
  try {
    json = JSON.parse(text(payload)) as Record<string, unknown>
  } catch {
    return null
  }
  if (typeof json !== 'object' || json === null || json['v'] !== 1) return null
  const { name, seq, m, signers, peers } = json
  if (typeof name !== 'string' || !/^[\w .-]{1,64}$/.test(name)) return null
  if (!Number.isSafeInteger(seq) || !Array.isArray(signers) || !Array.isArray(peers)) return null
  if (signers.length < 1 || signers.length > LIMITS.peers.listSigners) return null
  if (peers.length > LIMITS.peers.listPeers) return null
  const keys = (signers as unknown[]).map(keyBytes)
  const members = (peers as unknown[]).map(peerOf)
  if (!keys.every((k) => k !== null) || !members.every((p) => p !== null)) return null
  if (new Set(signers).size !== signers.length) return null
  if (!Number.isInteger(m) || (m as number) < 1 || (m as number) > signers.length) return null
  return { name, seq: seq as number, m: m as number, signers: keys, peers: members }
}

function keyBytes(value: unknown): Bytes | null {
  const key = typeof value === 'string' ? unbase64url(value) : null
  return key?.length === 32 ? key : null
}

function peerOf(value: unknown): ListedPeer | null {
  if (typeof value !== 'object' || value === null) return null
  const { key, addresses } = value as Record<string, unknown>
  const bytes = keyBytes(key)
  if (!bytes || !Array.isArray(addresses) || addresses.length > LIMITS.peers.addressesOfOne) return null
  const fit = (a: unknown): boolean =>
    typeof a === 'string' && a.length <= LIMITS.peers.addressChars && /^[\x21-\x7e]+:\d{1,5}$/.test(a)
  return addresses.every(fit) ? { key: bytes, addresses: addresses as string[] } : null
}
