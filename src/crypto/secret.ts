// Key material that must not be printed (the field is private, so inspection shows nothing either). `bytes()` hands out the one inner array: use it, do not keep
// it. `wipe()` overwrites it, which is as far as JavaScript allows (a collector may have moved copies).

import type { Bytes } from '../base/bytes.ts'

export class Secret {
  readonly #bytes: Bytes

  /** Takes the array over: the caller must not use it afterwards. */
  constructor(bytes: Bytes) {
    this.#bytes = bytes
  }

  bytes(): Bytes {
    return this.#bytes
  }

  /** A secret of its own with the same content. */
  copy(): Secret {
    return new Secret(this.#bytes.slice())
  }

  wipe(): void {
    this.#bytes.fill(0)
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }
}
