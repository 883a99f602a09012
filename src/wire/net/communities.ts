// Messages of `/wattle/communities/1.0.0` (docs/wire/discovery.md "Communities"): signed lists of peers, newer
// versions of them, and what an owner sees, pushes and removes at a device. Every message is one
// length-prefixed block whose first byte is its type; decoders give null.

import { type Bytes, text, utf8 } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/cursor.ts'
import { LIMITS } from '../../base/limits.ts'

export const COMMUNITIES_PROTOCOL = '/wattle/communities/1.0.0'

export const COMMUNITIES = {
  ask: 1,
  list: 2,
  none: 3,
  show: 4,
  end: 5,
  put: 6,
  remove: 7,
  done: 8,
  refused: 9,
  askNeighbours: 10,
  neighbour: 11,
} as const

/** Where a device has a list from. */
export const ORIGIN = { card: 0, owner: 1 } as const
export type Origin = 0 | 1

/** Bytes of a list's name. */
const NAME_BYTES = 64
const WORD_BYTES = 40

/** Anybody → peer: the list of this name, where it is newer than `seq`. */
export function encodeAskList(name: string, seq: number): Bytes {
  const body = utf8(name)
  return new Writer(new Uint8Array(7 + body.length)).u8(COMMUNITIES.ask).u48(seq).put(body).bytes
}

export function decodeAskList(message: Bytes): { name: string; seq: number } | null {
  const r = new Reader(message)
  r.u8()
  const seq = r.u48()
  const name = r.rest()
  return r.ok && name.length > 0 && name.length <= NAME_BYTES ? { name: text(name), seq } : null
}

/** One list: an answer to ASK (from nobody's card: origin 0) or to SHOW. */
export function encodeList(jws: string, origin: Origin): Bytes {
  const body = utf8(jws)
  return new Writer(new Uint8Array(2 + body.length)).u8(COMMUNITIES.list).u8(origin).put(body).bytes
}

export function decodeList(message: Bytes): { jws: string; origin: Origin } | null {
  const r = new Reader(message)
  r.u8()
  const origin = r.u8()
  const jws = r.rest()
  if (!r.ok || origin > 1 || jws.length === 0 || jws.length > LIMITS.peers.listBytes) return null
  return { jws: text(jws), origin: origin as Origin }
}

/** Owner → device: take this list. */
export function encodePutList(jws: string): Bytes {
  return tagged(COMMUNITIES.put, jws)
}

export function decodePutList(message: Bytes): string | null {
  const n = message.length - 1
  return n > 0 && n <= LIMITS.peers.listBytes ? text(message.subarray(1)) : null
}

/** Owner → device: forget the list of this name, and do not take it from the card again. */
export function encodeRemoveList(name: string): Bytes {
  return tagged(COMMUNITIES.remove, name)
}

export function decodeRemoveList(message: Bytes): string | null {
  const n = message.length - 1
  return n > 0 && n <= NAME_BYTES ? text(message.subarray(1)) : null
}

/** What a device says of one neighbour. */
export interface NeighbourState {
  /** Ed25519. */
  key: Bytes
  /** `asked`: never answered; `refused`: its owner has not agreed; `gone`: for good. */
  state: NeighbourWord
  /** Milliseconds since 1970 when it was last connected; 0 for never. */
  seen: number
  /** `host:port` in use now, or ''. */
  path: string
}

export const NEIGHBOUR_WORDS = ['asked', 'up', 'away', 'refused', 'gone'] as const
export type NeighbourWord = (typeof NEIGHBOUR_WORDS)[number]

export function encodeNeighbour(n: NeighbourState): Bytes {
  const path = utf8(n.path).subarray(0, LIMITS.peers.addressChars)
  const w = new Writer(new Uint8Array(40 + path.length)).u8(COMMUNITIES.neighbour).put(n.key)
  return w.u8(NEIGHBOUR_WORDS.indexOf(n.state)).u48(n.seen).put(path).bytes
}

export function decodeNeighbour(message: Bytes): NeighbourState | null {
  const r = new Reader(message)
  r.u8()
  const key = r.take(32).slice()
  const state = NEIGHBOUR_WORDS[r.u8()]
  const seen = r.u48()
  const path = r.rest()
  if (!r.ok || state === undefined || path.length > LIMITS.peers.addressChars) return null
  return { key, state, seen, path: text(path) }
}

/** NONE, SHOW, END, DONE, ASK_NEIGHBOURS. */
export function encodeBareCommunities(type: 3 | 4 | 5 | 8 | 10): Bytes {
  return Uint8Array.of(type)
}

export function encodeListRefused(word: string): Bytes {
  return tagged(COMMUNITIES.refused, word)
}

export function decodeListRefused(message: Bytes): string | null {
  return message.length - 1 <= WORD_BYTES ? text(message.subarray(1)) : null
}

function tagged(type: number, body: string): Bytes {
  const bytes = utf8(body)
  return new Writer(new Uint8Array(1 + bytes.length)).u8(type).put(bytes).bytes
}
