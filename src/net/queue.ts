// A queue of bytes that grows when it must, gives its memory back when asked to, and tells an account
// what it occupies, so that a whole process has one cap for all its queues. What is accounted is memory, not bytes in use.

import type { Bytes } from '../base/bytes.ts'

const NONE: Bytes = new Uint8Array(0)
const FIRST = 1_024

/** Bytes held by many queues together; `onOver` must free some. */
export class Account {
  readonly cap: number
  used: number
  onOver: () => void

  constructor(cap: number) {
    this.cap = cap
    this.used = 0
    this.onOver = nothing
  }

  charge(bytes: number): void {
    this.used += bytes
    if (this.used > this.cap) this.onOver()
  }
}

function nothing(): void {}

export class ByteQueue {
  readonly #account: Account
  #ring: Bytes
  #head: number
  /** Bytes waiting. */
  length: number

  constructor(account: Account) {
    this.#account = account
    this.#ring = NONE
    this.#head = 0
    this.length = 0
  }

  /** Bytes of memory it occupies. */
  get held(): number {
    return this.#ring.length
  }

  /** Copies `bytes` to the end. The caller caps `length`; the account may call `onOver`. */
  push(bytes: Bytes): void {
    const old = this.#ring.length
    const need = this.length + bytes.length
    if (need > old) this.#grow(need)
    const ring = this.#ring
    const at = (this.#head + this.length) % ring.length
    const first = Math.min(bytes.length, ring.length - at)
    if (first === bytes.length) ring.set(bytes, at)
    else {
      ring.set(bytes.subarray(0, first), at)
      ring.set(bytes.subarray(first), 0)
    }
    this.length = need
    if (ring.length > old) this.#account.charge(ring.length - old)
  }

  /** The first bytes as they lie in memory, at most `max`; valid until the next change. */
  head(max: number): Bytes {
    const n = Math.min(max, this.length, this.#ring.length - this.#head)
    return this.#ring.subarray(this.#head, this.#head + n)
  }

  drop(n: number): void {
    this.length -= n
    this.#head = this.length === 0 ? 0 : (this.#head + n) % this.#ring.length
  }

  /** Gives a large buffer back when nothing is in it; for a slow tick, not for every message. */
  trim(): void {
    if (this.length === 0 && this.#ring.length > FIRST) this.#release()
  }

  clear(): void {
    this.length = 0
    this.#head = 0
    this.#release()
  }

  #release(): void {
    const held = this.#ring.length
    this.#ring = NONE
    this.#account.charge(-held)
  }

  #grow(need: number): void {
    let size = Math.max(FIRST, this.#ring.length)
    while (size < need) size *= 2
    const ring = new Uint8Array(size)
    let at = 0
    while (at < this.length) {
      const part = this.head(this.length - at)
      ring.set(part, at)
      at += part.length
      this.#head = (this.#head + part.length) % this.#ring.length
    }
    this.#ring = ring
    this.#head = 0
  }
}
