// What the framer hands on: one accepted telegram with what is known about it, and the reasons why
// others were refused. One Frame is reused for all telegrams; copy what you keep.

import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { SLOTS_AT } from './ring.ts'

/** Why a telegram was refused; docs/reading.md explains each. */
export const REASONS = [
  'crc',
  'digits',
  'no-crc',
  'malformed',
  'parity',
  'oversize',
  'cut',
  'tag',
  'replay',
] as const

export type Reason = (typeof REASONS)[number]

export const COUNTERS = [
  'bytes',
  'telegrams',
  'telegram-bytes',
  'unverified',
  'encrypted',
  'binary',
  'sealed',
  'crc',
  'digits',
  'no-crc',
  'malformed',
  'parity',
  'oversize',
  'cut',
  'tag',
  'replay',
] as const

export type FramerCounter = (typeof COUNTERS)[number]

export interface FramerEvents {
  /** One accepted telegram. `frame` is reused: valid until the call returns. */
  onTelegram(frame: Frame, now: number): void
  /** A telegram was refused. */
  onReject?(reason: Reason, now: number): void
  /** A whole HDLC frame went by: this meter speaks binary DLMS, which is not supported. */
  onBinary?(now: number): void
  /** Bytes have come for longer than any meter's period, and nothing in them looks like one: try another speed. */
  onWrongSpeed?(now: number): void
  /** The head of an encrypted frame went by, and nobody has given a key. */
  onSealed?(now: number): void
}

/** What the framer found, and how sure it is. */
export class Frame {
  /** Holds the telegram's text, at `[textFrom..textTo)`: what is to be decoded. */
  mem: Bytes
  textFrom: number
  textTo: number
  /** A CRC was there and fits. */
  verified: boolean
  crc: number
  /** 7E1 seen as 8N1: parity verified and stripped. */
  parity: boolean
  /** NULs were inside; the text is without them. */
  nuls: boolean
  /** It came encrypted; `authenticated` where its tag was verified. */
  encrypted: boolean
  authenticated: boolean
  /** Byte for byte the telegram before. */
  duplicate: boolean
  /** Differs from the telegram before in decimal digits only (CRC aside), in the words listed in `changes`. */
  sameForm: boolean
  /** Indexes of words of four bytes, rising. */
  readonly changes: Uint16Array
  changeCount: number
  /** Counts the telegrams. */
  number: number
  /** Bytes the line had brought when it began, and how many it took there. */
  offset: number
  lineBytes: number
  /** The telegram as it came, in the framer's memory. */
  rawFrom: number
  rawTo: number
  readonly #all: Bytes
  readonly #slots: readonly [Bytes, Bytes]

  /** @param all the ring's memory with its slots. */
  constructor(all: Bytes) {
    const { telegramBytes } = LIMITS.p1
    this.#all = all
    this.#slots = [
      all.subarray(SLOTS_AT[0], SLOTS_AT[0] + telegramBytes),
      all.subarray(SLOTS_AT[1], SLOTS_AT[1] + telegramBytes),
    ]
    this.mem = this.#slots[0]
    this.textFrom = 0
    this.textTo = 0
    this.verified = false
    this.crc = 0
    this.parity = false
    this.nuls = false
    this.encrypted = false
    this.authenticated = false
    this.duplicate = false
    this.sameForm = false
    this.changes = new Uint16Array(telegramBytes / 4)
    this.changeCount = 0
    this.number = 0
    this.offset = 0
    this.lineBytes = 0
    this.rawFrom = 0
    this.rawTo = 0
  }

  /** From now on the text is in slot 0 or 1. */
  turn(slot: number): void {
    this.mem = slot === 0 ? this.#slots[0] : this.#slots[1]
  }

  /**
   * The telegram's own bytes, "/" to its last CRC digit ("!" or last line where there is no CRC), as
   * a view: what is sealed.
   */
  bytes(): Bytes {
    return this.nuls ? this.#all.subarray(this.rawFrom, this.rawTo) : this.mem.subarray(0, this.textTo)
  }
}
