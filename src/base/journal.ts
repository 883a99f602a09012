// The bytes of a journal: an append-only file of batches, each under one CRC, written and synced whole
// before the next begins (docs/wire/journal.md). So a power cut can hurt the last batch only: what is
// broken there is a torn tail and never was acknowledged, what is broken anywhere else is damage.
// The CRC starts from a salt that is new in each file: bytes that somebody smuggled into a payload, or
// that a card brings back from an older file, do not pass for a batch.

import type { Bytes } from './bytes.ts'
import { crc32 } from './crc32.ts'
import { getU32, putU32 } from './cursor.ts'
import { LIMITS } from './limits.ts'

/** "WATTLEJ" and the version of the format. */
const MAGIC: Bytes = Uint8Array.of(0x57, 0x41, 0x54, 0x54, 0x4c, 0x45, 0x4a, 1)
/** "WJB!" */
const BATCH = 0x574a4221
const BATCH_HEAD = 12
const RECORD_HEAD = 4
const CRC_BYTES = 4

/** Length of the file's head. */
export const HEAD_BYTES = 20

/** The head of a file whose first batch has number `first`. `salt` is random, 32 bits. */
export function journalHead(salt: number, first: number): Bytes {
  const out = new Uint8Array(HEAD_BYTES)
  out.set(MAGIC)
  putU32(out, 8, salt)
  putU32(out, 12, first)
  putU32(out, 16, crc32(out, 0, 16))
  return out
}

/** Gathers records into one batch in a buffer of its own, which grows to LIMITS.journal.batchBytes. */
export class BatchWriter {
  #buffer: Bytes
  #at: number

  constructor() {
    this.#buffer = new Uint8Array(1_024)
    this.#at = BATCH_HEAD
  }

  get empty(): boolean {
    return this.#at === BATCH_HEAD
  }

  /** Whether records of these payload lengths still fit. */
  fits(payloadBytes: number, records = 1): boolean {
    return this.#at + payloadBytes + records * RECORD_HEAD + CRC_BYTES <= LIMITS.journal.batchBytes
  }

  /** Copies one record. @throws RangeError where `fits` would have said no, or over the record's cap. */
  add(type: number, payload: Bytes): void {
    if (payload.length > LIMITS.journal.recordBytes || !this.fits(payload.length))
      throw new RangeError(`journal: a record of ${payload.length} bytes does not fit`)
    const end = this.#at + RECORD_HEAD + payload.length
    if (end + CRC_BYTES > this.#buffer.length) this.#grow(end + CRC_BYTES)
    putU32(this.#buffer, this.#at, ((type << 24) | payload.length) >>> 0)
    this.#buffer.set(payload, this.#at + RECORD_HEAD)
    this.#at = end
  }

  /** The batch as it goes into the file: a view, valid until `clear`. */
  seal(salt: number, number: number): Bytes {
    const out = this.#buffer
    putU32(out, 0, BATCH)
    putU32(out, 4, number)
    putU32(out, 8, this.#at - BATCH_HEAD)
    putU32(out, this.#at, crc32(out, 0, this.#at, salt))
    return out.subarray(0, this.#at + CRC_BYTES)
  }

  clear(): void {
    this.#at = BATCH_HEAD
  }

  #grow(need: number): void {
    let size = this.#buffer.length
    while (size < need) size *= 2
    const bigger = new Uint8Array(size)
    bigger.set(this.#buffer.subarray(0, this.#at))
    this.#buffer = bigger
  }
}

export interface JournalScan {
  /** `torn`: the bytes from `good` on are a batch that was never finished, to be cut off. */
  readonly kind: 'whole' | 'torn' | 'damaged'
  /** Bytes from the beginning that are in order. */
  readonly good: number
  readonly salt: number
  /** Number of the batch that comes next. */
  readonly next: number
  /** What is wrong, in words; empty for a whole file. */
  readonly why: string
}

/**
 * Reads a journal. Each batch is checked whole before its first record is told; after `damaged` what
 * was told is only the part before the damage. Payloads are views.
 */
export function scanJournal(file: Bytes, onRecord: (type: number, payload: Bytes) => void): JournalScan {
  if (!headIsGood(file))
    return { kind: 'damaged', good: 0, salt: 0, next: 0, why: 'the head is not a journal’s' }
  const salt = getU32(file, 8)
  let next = getU32(file, 12)
  let at = HEAD_BYTES
  while (at < file.length) {
    const end = batchEnd(file, at, salt)
    if (end < 0 || getU32(file, at + 4) !== next || !recordsFit(file, at)) break
    tell(file, at, onRecord)
    next = (next + 1) >>> 0
    at = end
  }
  const scan = { good: at, salt, next }
  if (at === file.length) return { kind: 'whole', ...scan, why: '' }
  const left = file.length - at
  if (left > LIMITS.journal.batchBytes)
    return {
      kind: 'damaged',
      ...scan,
      why: `${left} bytes after byte ${at} are more than one unfinished batch`,
    }
  const follower = batchAfter(file, at, salt)
  if (follower >= 0)
    return {
      kind: 'damaged',
      ...scan,
      why: `batch ${next} at byte ${at} is broken, yet one follows at ${follower}`,
    }
  return { kind: 'torn', ...scan, why: `batch ${next} at byte ${at} was never finished` }
}

function headIsGood(file: Bytes): boolean {
  if (file.length < HEAD_BYTES) return false
  for (let i = 0; i < MAGIC.length; i++) if (file[i] !== MAGIC[i]) return false
  return getU32(file, 16) === crc32(file, 0, 16)
}

/** Where the batch at `at` ends, or -1 where there is none with a good CRC. */
function batchEnd(file: Bytes, at: number, salt: number): number {
  if (at + BATCH_HEAD + CRC_BYTES > file.length || getU32(file, at) !== BATCH) return -1
  const length = getU32(file, at + 8)
  const crcAt = at + BATCH_HEAD + length
  if (length > LIMITS.journal.batchBytes || crcAt + CRC_BYTES > file.length) return -1
  return crc32(file, at, crcAt, salt) === getU32(file, crcAt) ? crcAt + CRC_BYTES : -1
}

/**
 * Where a whole batch lies at or behind `at`, or -1. Checksums are taken over no more bytes than 1,024
 * batches have; a tail that pretends to hold more batches counts as holding one: nothing is cut off
 * that cannot be judged.
 */
function batchAfter(file: Bytes, at: number, salt: number): number {
  let budget = 1_024 * LIMITS.journal.batchBytes
  for (let i = at; i + BATCH_HEAD + CRC_BYTES <= file.length; i++) {
    if (getU32(file, i) !== BATCH) continue
    budget -= Math.min(getU32(file, i + 8), file.length - i)
    if (budget < 0 || batchEnd(file, i, salt) >= 0) return i
  }
  return -1
}

function recordsFit(file: Bytes, at: number): boolean {
  const end = at + BATCH_HEAD + getU32(file, at + 8)
  let i = at + BATCH_HEAD
  while (i + RECORD_HEAD <= end) i += RECORD_HEAD + (getU32(file, i) & 0xff_ffff)
  return i === end
}

function tell(file: Bytes, at: number, onRecord: (type: number, payload: Bytes) => void): void {
  const end = at + BATCH_HEAD + getU32(file, at + 8)
  for (let i = at + BATCH_HEAD; i < end; ) {
    const start = i + RECORD_HEAD
    i = start + (getU32(file, start - RECORD_HEAD) & 0xff_ffff)
    onRecord(file[start - RECORD_HEAD]!, file.subarray(start, i))
  }
}
