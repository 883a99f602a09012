// Messages of `/wattle/peers/1.0.0`, docs/wire/peers.md: what somebody thinks of whoever asks, vouches
// handed over and shown, and, to an owner alone, everything a device thinks of others with reasons.
// Every message is one length-prefixed block whose first byte is its type; decoders give null.

import { type Bytes, text, utf8 } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/cursor.ts'
import { LIMITS } from '../../base/limits.ts'

export const PEERS_PROTOCOL = '/wattle/peers/1.0.0'

export const PEERS = {
  askOpinion: 1,
  opinion: 2,
  vouch: 3,
  askVouches: 4,
  vouches: 5,
  askPeers: 6,
  peer: 7,
  peersEnd: 8,
  show: 9,
  forgive: 10,
  done: 11,
  refused: 12,
} as const

/** In this order on the wire: their place is their number. */
const REASON_WORDS = [
  'signatures',
  'answers',
  'storing',
  'relaying',
  'equivocation',
  'vouches',
  'pinned',
  'blocked',
] as const

/** −∞ in tenths of a point. */
const NEVER = -32_768

export interface PeerOpinion {
  key: Bytes
  /** −∞: blocked. */
  score: number
  reasons: { what: (typeof REASON_WORDS)[number]; points: number }[]
}

/** A message without content: ASK_OPINION, ASK_VOUCHES, ASK_PEERS, PEERS_END, DONE. */
export function encodeBare(type: number): Bytes {
  return Uint8Array.of(type)
}

/** OPINION and VOUCH: a compact JWS. */
export function encodeStatement(type: typeof PEERS.opinion | typeof PEERS.vouch, jws: string): Bytes {
  const body = utf8(jws)
  return new Writer(new Uint8Array(1 + body.length)).u8(type).put(body).bytes
}

export function decodeStatement(bytes: Bytes): string | null {
  return bytes.length < 2 || bytes.length > 1 + LIMITS.reputation.vouchChars ? null : text(bytes.subarray(1))
}

export function encodeVouches(jws: readonly string[]): Bytes {
  const texts = jws.map(utf8)
  const w = new Writer(new Uint8Array(2 + texts.reduce((sum, t) => sum + 2 + t.length, 0)))
  w.u8(PEERS.vouches).u8(texts.length)
  for (const t of texts) w.block(t)
  return w.bytes
}

export function decodeVouches(bytes: Bytes): string[] | null {
  const r = new Reader(bytes)
  r.u8()
  const count = r.u8()
  if (count > LIMITS.reputation.vouches) return null
  const out: string[] = []
  for (let i = 0; i < count; i++) out.push(text(r.block(LIMITS.reputation.vouchChars)))
  return r.done ? out : null
}

export function encodePeer(peer: PeerOpinion): Bytes {
  const w = new Writer(new Uint8Array(36 + 3 * peer.reasons.length))
  w.u8(PEERS.peer).put(peer.key).u16(tenths(peer.score)).u8(peer.reasons.length)
  for (const { what, points } of peer.reasons) w.u8(REASON_WORDS.indexOf(what)).u16(tenths(points))
  return w.bytes
}

export function decodePeer(bytes: Bytes): PeerOpinion | null {
  const r = new Reader(bytes)
  r.u8()
  const key = r.take(32).slice()
  const score = points(r.u16())
  const count = r.u8()
  const reasons: PeerOpinion['reasons'] = []
  for (let i = 0; i < count && r.ok; i++) {
    const what = REASON_WORDS[r.u8()]
    const of = points(r.u16())
    if (what !== undefined) reasons.push({ what, points: of })
  }
  return r.done ? { key, score, reasons } : null
}

/** SHOW: the vouches of `key` may be seen, or not; FORGIVE: what was measured of `key` is forgotten. */
export function encodeAct(type: typeof PEERS.show | typeof PEERS.forgive, key: Bytes, on = true): Bytes {
  return new Writer(new Uint8Array(34))
    .u8(type)
    .put(key)
    .u8(on ? 1 : 0).bytes
}

export function decodeAct(bytes: Bytes): { key: Bytes; on: boolean } | null {
  const r = new Reader(bytes)
  r.u8()
  const key = r.take(32).slice()
  const on = r.u8() === 1
  return r.done ? { key, on } : null
}

/** REFUSED, with a word why. */
export function encodePeersRefused(why: string): Bytes {
  const word = utf8(why)
  return new Writer(new Uint8Array(1 + word.length)).u8(PEERS.refused).put(word).bytes
}

export function decodePeersRefused(bytes: Bytes): string {
  return text(bytes.subarray(1, 41))
}

function tenths(n: number): number {
  return (n === Number.NEGATIVE_INFINITY ? NEVER : Math.round(n * 10)) & 0xffff
}

function points(u16: number): number {
  const n = (u16 << 16) >> 16
  return n === NEVER ? Number.NEGATIVE_INFINITY : n / 10
}
