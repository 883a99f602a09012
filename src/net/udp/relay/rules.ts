// Whom a relay serves and how much: its owner's own (mine), those who were invited (community), anybody
// (open). Each mode can be off; the last is narrow by design, enough to arrange a direct path.
// An invitation is signed by one of the keys that the relay's owner named.

import { type Bytes, concat, equal, utf8 } from '../../../base/bytes.ts'
import { Reader, Writer } from '../../../base/cursor.ts'
import { LIMITS } from '../../../base/limits.ts'
import { type Signer, Verifier } from '../../../crypto/native.ts'

const LABEL = utf8('wattle/relay invite/1\0')
const KEY = 32
export const INVITE_BYTES: number = KEY + 6 + 64

export const MODE = { none: 0, mine: 1, community: 2, open: 3 } as const
/** How a relay answers. */
export const RELAY_STATUS = { ok: 0, refused: 1, absent: 2, full: 3 } as const
export type Mode = 0 | 1 | 2 | 3

export interface RelayRules {
  /** Ed25519 keys of the owner's devices and of those it trusts likewise. */
  mine: (key: Bytes) => boolean
  /** Keys whose invitations count. */
  readonly inviters: readonly Bytes[]
  readonly open: boolean
  /** Whom nothing is relayed for, whatever else holds. */
  unwanted?: (key: Bytes) => boolean
  /** Bytes a second through one circuit of connections, where the table's cap is not what is wanted. */
  bytesPerSecond?: () => number
}

export interface Allowance {
  mode: Mode
  /** Milliseconds that a reservation lasts. */
  lastsMs: number
  bytesPerSecond: number
  burst: number
}

const NOTHING: Allowance = { mode: MODE.none, lastsMs: 0, bytesPerSecond: 0, burst: 0 }

/** What the holder of `key` may ask for. @param wall milliseconds since 1970. */
export function allowanceOf(
  rules: RelayRules,
  relay: Bytes,
  key: Bytes,
  invite: Bytes,
  wall: number,
): Allowance {
  const usual = {
    lastsMs: LIMITS.udp.reservationMs,
    bytesPerSecond: LIMITS.udp.circuitRate,
    burst: LIMITS.udp.circuitBurst,
  }
  if (rules.unwanted?.(key)) return NOTHING
  if (rules.mine(key)) return { mode: MODE.mine, ...usual }
  const until = invitedUntil(rules.inviters, relay, key, invite)
  if (until > wall) return { mode: MODE.community, ...usual, lastsMs: Math.min(usual.lastsMs, until - wall) }
  if (!rules.open) return NOTHING
  return {
    mode: MODE.open,
    lastsMs: LIMITS.udp.openReservationMs,
    bytesPerSecond: LIMITS.udp.openCircuitRate,
    burst: LIMITS.udp.openCircuitBurst,
  }
}

/** An invitation of `guest` to `relay` until then (milliseconds since 1970). */
export function makeInvite(inviter: Signer, relay: Bytes, guest: Bytes, until: number): Bytes {
  const w = new Writer(new Uint8Array(INVITE_BYTES)).put(inviter.publicKey).u48(until)
  return w.put(inviter.sign(signedText(relay, guest, until))).bytes
}

/** One source of strangers: an IPv4 address or an IPv6 /56. @param host a literal address */
export function sourceNet(host: string): string {
  if (!host.includes(':')) return host
  const head = host.split('::')[0]!.split(':')
  const fourth = (head[3] ?? '0').padStart(4, '0').slice(0, 2)
  return `${head.slice(0, 3).join(':')}:${fourth}`
}

function invitedUntil(inviters: readonly Bytes[], relay: Bytes, guest: Bytes, invite: Bytes): number {
  if (invite.length !== INVITE_BYTES) return 0
  const r = new Reader(invite)
  const inviter = r.take(KEY)
  const until = r.u48()
  if (!inviters.some((key) => equal(key, inviter))) return 0
  return Verifier.of(inviter)?.verify(signedText(relay, guest, until), r.rest()) ? until : 0
}

function signedText(relay: Bytes, guest: Bytes, until: number): Bytes {
  return concat(LABEL, relay, guest, new Writer(new Uint8Array(6)).u48(until).bytes)
}
