// Access entries, docs/wire/access.md: what the device states, signs and links each time it gives a key
// to a reader or takes access away. Layouts only; signatures are channel/access.ts. Decoders return null
// for anything else and copy what they return.

import type { Bytes } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { LIMITS } from '../base/limits.ts'
import type { Ending } from './channel.ts'
import { CLASS_NAMES, type ClassId } from './frame.ts'

/**
 * admitted: the owner's event is in the log · given: the key of a frame was handed out, and with it all
 * later ones · taken: frames from here on are closed · keys: who got the keys of an epoch (owners only).
 */
export const ENTRY = { admitted: 1, given: 2, taken: 3, keys: 4 } as const

const VERSION = 1
export const ENTRY_SIGNATURE = 64
const HASH = 32
/** Unsigned bytes of an entry about one reader. */
const READER_ENTRY_BYTES = 202
const KEYS_FIXED = 43
const PLACE_BYTES = 11

/** What an entry says about one reader; the provider concerned holds it, too. */
export interface ReaderEntryText {
  kind: 1 | 2 | 3
  class: ClassId
  /** An ending for `taken`, otherwise 0. */
  why: Ending | 0
  /** The reader's Ed25519 and X25519 keys. */
  sign: Bytes
  box: Bytes
  grantId: Bytes
  /** `given`: the first frame that opens; `taken`: the first that does not; zeros for `admitted`. */
  epoch: number
  index: number
  /** By the device's clock, milliseconds since 1970. */
  at: number
  until: number
  /** SHA-256 of the owner's event that it follows from; zeros where none does (its time is over). */
  event: Bytes
  /** Hash of the entry before it with the same grant id, and of the one before it in the device's log. */
  before: Bytes
  previous: Bytes
}

/** Who was handed which chain keys. */
export interface KeysEntryText {
  kind: 4
  /** A reason of KEY_ROTATION; 0 for keys that were handed out by GRANT. */
  reason: number
  places: { class: ClassId; epoch: number; index: number }[]
  at: number
  /** Grants whose readers got them; owners have them always. */
  grantIds: Bytes[]
  previous: Bytes
}

export type EntryText = ReaderEntryText | KeysEntryText

/** The bytes that are signed. */
export function encodeEntry(e: EntryText): Bytes {
  if (e.kind === ENTRY.keys) {
    const size = KEYS_FIXED + PLACE_BYTES * e.places.length + 16 * e.grantIds.length
    const w = new Writer(new Uint8Array(size)).u8(VERSION).u8(e.kind).u8(e.reason).u48(e.at)
    w.u8(e.places.length).u8(e.grantIds.length).put(e.previous)
    for (const place of e.places) w.u8(place.class).u32(place.epoch).u48(place.index)
    for (const id of e.grantIds) w.put(id)
    return w.bytes
  }
  const w = new Writer(new Uint8Array(READER_ENTRY_BYTES)).u8(VERSION).u8(e.kind).u8(e.class).u8(e.why)
  w.put(e.sign).put(e.box).put(e.grantId).u32(e.epoch).u48(e.index).u48(e.at).u48(e.until)
  return w.put(e.event).put(e.before).put(e.previous).bytes
}

export function decodeEntry(bytes: Bytes): EntryText | null {
  const r = new Reader(bytes)
  if (r.u8() !== VERSION) return null
  const kind = r.u8()
  if (kind === ENTRY.keys) return decodeKeys(r)
  if (kind < ENTRY.admitted || kind > ENTRY.taken) return null
  const cls = r.u8()
  const why = r.u8()
  const entry: ReaderEntryText = {
    kind: kind as 1 | 2 | 3,
    class: cls as ClassId,
    why: why as Ending | 0,
    sign: r.take(32).slice(),
    box: r.take(32).slice(),
    grantId: r.take(16).slice(),
    epoch: r.u32(),
    index: r.u48(),
    at: r.u48(),
    until: r.u48(),
    event: r.take(HASH).slice(),
    before: r.take(HASH).slice(),
    previous: r.take(HASH).slice(),
  }
  if (!r.done || cls >= CLASS_NAMES.length) return null
  return (kind === ENTRY.taken) === why > 0 ? entry : null
}

function decodeKeys(r: Reader): KeysEntryText | null {
  const reason = r.u8()
  const at = r.u48()
  const n = r.u8()
  const readers = r.u8()
  const previous = r.take(HASH).slice()
  if (n < 1 || n > CLASS_NAMES.length || readers > LIMITS.channel.readers) return null
  const places: KeysEntryText['places'] = []
  for (let i = 0; i < n; i++) places.push({ class: r.u8() as ClassId, epoch: r.u32(), index: r.u48() })
  const grantIds: Bytes[] = []
  for (let i = 0; i < readers; i++) grantIds.push(r.take(16).slice())
  if (!r.done || places.some((p) => p.class >= CLASS_NAMES.length)) return null
  return { kind: ENTRY.keys, reason, places, at, grantIds, previous }
}
