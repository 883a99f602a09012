// Recognise what is no plain telegram, so that its owner is told instead of seeing nothing.
// HDLC frames (ISO/IEC 13239, frame format type 3), which binary DLMS meters send on the same plug: an
// opening 0x7E, a length, a closing 0x7E where the length says. And the head of an encrypted frame
// (encrypted.ts). Both only look; the bytes go their way.

import type { Bytes } from '../../base/bytes.ts'

export class HdlcSpotter {
  readonly #mem: Bytes
  /** An opening flag whose length is still to be read, or -1. */
  #open: number
  /** Where its closing flag is due, or -1. */
  #close: number

  constructor(mem: Bytes) {
    this.#mem = mem
    this.#open = -1
    this.#close = -1
  }

  /** 0x7E at `at`. True when it closes a frame. */
  onFlag(at: number): boolean {
    this.settle(at)
    const closes = at === this.#close
    if (at >= this.#close) this.#open = at
    return closes
  }

  /** Reads the length behind an opening flag once it is there. `end`: bytes before it are. */
  settle(end: number): void {
    const at = this.#open
    if (at < 0 || at + 2 >= end) return
    this.#open = -1
    const high = this.#mem[at + 1]!
    const length = ((high & 7) << 8) | this.#mem[at + 2]!
    this.#close = (high & 0xf0) === 0xa0 && length >= 8 ? at + length + 1 : -1
  }

  /** First byte it still needs, at most `keep`. */
  keep(keep: number): number {
    return this.#open >= 0 && this.#open < keep ? this.#open : keep
  }

  /** Every index moves down. */
  shift(by: number): void {
    if (this.#open >= 0) this.#open -= by
    if (this.#close >= 0) this.#close = Math.max(-1, this.#close - by)
  }

  reset(): void {
    this.#open = -1
    this.#close = -1
  }
}

/** `DB 08`, title, `82 hh ll`, security control byte: the form that meters use. */
const SEALED_HEAD = 14

export class SealedSpotter {
  readonly #mem: Bytes
  /** A byte DB whose head is still coming, or -1. */
  #at: number

  constructor(mem: Bytes) {
    this.#mem = mem
    this.#at = -1
  }

  /** 0xDB at `at`. */
  onByte(at: number): void {
    if (this.#at < 0) this.#at = at
  }

  /** True where the bytes before `end` complete the head of an encrypted frame. */
  settle(end: number): boolean {
    const at = this.#at
    if (at < 0 || at + SEALED_HEAD > end) return false
    this.#at = -1
    const b = this.#mem
    return b[at + 1] === 8 && b[at + 10] === 0x82 && b[at + 13] === 0x30
  }

  keep(keep: number): number {
    return this.#at >= 0 && this.#at < keep ? this.#at : keep
  }

  shift(by: number): void {
    if (this.#at >= 0) this.#at -= by
  }

  reset(): void {
    this.#at = -1
  }
}
