// The slot record of a card: which of the two systems is started, docs/wire/card.md "Slot record". Text in
// one sector, because stage 1 reads it with a shell; two copies, of which the newer whole one counts.
// The rules that stage 1 follows are here too, so that tests can compare the two.

import { type Bytes, text, utf8 } from '../../base/bytes.ts'
import { crc32 } from '../../base/crc32.ts'

export type Slot = 'a' | 'b'

/** `good`: has proved itself; a number: tries that are left; `none`: nothing bootable is there. */
export type SlotState = 'good' | 'none' | 0 | 1 | 2 | 3

export interface SlotRecord {
  seq: number
  /** Tried before the other one. */
  first: Slot
  a: SlotState
  b: SlotState
  /** Lowest rollback index that an update may have. */
  index: number
}

export const SLOT_RECORD_BYTES = 512
/** Where the copies are on the card, in bytes. */
export const SLOT_RECORD_AT: readonly [number, number] = [262_144, 393_216]
/** Tries of a new system. */
export const TRIES = 3
/** What a card that was just written counts as. */
export const FIRST_RECORD: Readonly<SlotRecord> = { seq: 0, first: 'a', a: 'good', b: 'none', index: 0 }

const MOST_SEQ = 99_999_999
const MOST_INDEX = 4_294_967_295
const FORM =
  /^WATTLE-SLOTS 1\nseq=(\d{8})\nfirst=([ab])\na=(good|none|[0-3])\nb=(good|none|[0-3])\nindex=(\d{10})\ncrc=([0-9a-f]{8})\n\n*$/

/** One copy, 512 bytes. */
export function encodeSlots(record: SlotRecord): Bytes {
  const body = `WATTLE-SLOTS 1\nseq=${digits(record.seq, 8)}\nfirst=${record.first}\na=${record.a}\nb=${record.b}\nindex=${digits(record.index, 10)}\n`
  const whole = utf8(`${body}crc=${crc32(utf8(body)).toString(16).padStart(8, '0')}\n`)
  const out = new Uint8Array(SLOT_RECORD_BYTES).fill(10)
  out.set(whole)
  return out
}

/** One copy, or null where it is torn or nothing of ours. */
export function decodeSlots(bytes: Bytes): SlotRecord | null {
  if (bytes.length !== SLOT_RECORD_BYTES) return null
  const content = text(bytes)
  const parts = FORM.exec(content)
  if (!parts) return null
  const body = utf8(content.slice(0, content.indexOf('crc=')))
  if (crc32(body) !== Number.parseInt(parts[6]!, 16)) return null
  const index = Number(parts[5])
  if (index > MOST_INDEX) return null
  return {
    seq: Number(parts[1]),
    first: parts[2] as Slot,
    a: stateOf(parts[3]!),
    b: stateOf(parts[4]!),
    index,
  }
}

/** The copy that counts, and which of the two is written next: never the one that counts. */
export function newest(copies: readonly (SlotRecord | null)[]): { record: SlotRecord; write: 0 | 1 } {
  const [one = null, two = null] = copies
  if (one && (!two || one.seq >= two.seq)) return { record: one, write: 1 }
  if (two) return { record: two, write: 0 }
  return { record: { ...FIRST_RECORD }, write: 0 }
}

/** The record that follows: a change, and the next number. */
export function nextRecord(record: SlotRecord, change: Partial<Omit<SlotRecord, 'seq'>>): SlotRecord {
  return { ...record, ...change, seq: Math.min(record.seq + 1, MOST_SEQ) }
}

export function otherSlot(slot: Slot): Slot {
  return slot === 'a' ? 'b' : 'a'
}

function bootable(state: SlotState): boolean {
  return state === 'good' || (typeof state === 'number' && state > 0)
}

/** What stage 1 starts, and the record it writes before that (null: none); slot null: safe mode. */
export function chooseSlot(record: SlotRecord): { slot: Slot | null; write: SlotRecord | null } {
  const { first } = record
  const slot = bootable(record[first]) ? first : bootable(record[otherSlot(first)]) ? otherSlot(first) : null
  const state = slot === null ? 'none' : record[slot]
  if (slot === null || typeof state !== 'number') return { slot, write: null }
  return { slot, write: nextRecord(record, { [slot]: (state - 1) as SlotState }) }
}

function stateOf(word: string): SlotState {
  return word === 'good' || word === 'none' ? word : (Number(word) as SlotState)
}

/** @throws RangeError for a number that has no place. */
function digits(n: number, places: number): string {
  if (!Number.isInteger(n) || n < 0 || String(n).length > places)
    throw new RangeError(`${n} is no number here`)
  return String(n).padStart(places, '0')
}
