// What the framer hands on: one accepted telegram with what is known about it, and the reasons why
// others were refused. One Frame is reused for all telegrams; copy what you keep.

import type { Bytes } from '../../base/bytes.ts'

/** Why a telegram was refused; docs/reading.md explains each. */
export const REASONS = ['crc', 'digits', 'no-crc', 'malformed', 'parity', 'oversize', 'cut'] as const

export type Reason = (typeof REASONS)[number]

export type FramerCounter = 'bytes' | 'telegrams' | 'telegram-bytes' | 'unverified' | 'binary' | Reason

export interface FramerEvents {
  /** One accepted telegram. `frame` is reused: valid until the call returns. */
  onTelegram(frame: Frame, now: number): void
  /** A telegram was refused. */
  onReject?(reason: Reason, now: number): void
  /** A whole HDLC frame went by: this meter speaks binary DLMS, which is not supported. */
  onBinary?(now: number): void
}

/** What the framer found, and how sure it is. Indexes are into `mem`. */
export class Frame {
  readonly mem: Bytes
  /** The telegram's own bytes, "/" to the last CRC digit ("!" or last line where there is no CRC). */
  from: number
  to: number
  /** The same without NULs: what is to be decoded. */
  textFrom: number
  textTo: number
  /** A CRC was there and fits. */
  verified: boolean
  crc: number
  /** 7E1 seen as 8N1: parity verified and stripped. */
  parity: boolean
  /** NULs were inside. */
  nuls: boolean
  /** Byte for byte the telegram before. */
  duplicate: boolean
  /** Bytes the line had brought when its "/" came. */
  offset: number

  constructor(mem: Bytes) {
    this.mem = mem
    this.from = 0
    this.to = 0
    this.textFrom = 0
    this.textTo = 0
    this.verified = false
    this.crc = 0
    this.parity = false
    this.nuls = false
    this.duplicate = false
    this.offset = 0
  }

  /** The telegram's bytes as a view: what is sealed. */
  bytes(): Bytes {
    return this.mem.subarray(this.from, this.to)
  }
}
