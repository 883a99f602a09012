// Key material that must not be printed: the field is private, so inspection shows nothing either.
// `bytes()` hands out the one inner array: use it, do not keep it. `wipe()` overwrites it, which is
// as far as JavaScript allows (a collector may have moved copies, node:crypto keeps its own).

import type { Bytes } from '../base/bytes.ts'

/** Fills the whole array with unpredictable bytes. The same shape as `Random` of hw/hardware.ts. */
export type Random = (into: Bytes) => void

export class Secret {
  readonly #bytes: Bytes

  /** Takes the array over: the caller must not use it afterwards. */
  constructor(bytes: Bytes) {
    this.#bytes = bytes
  }

  /** `length` fresh bytes, 32 unless told. */
  static fresh(random: Random, length = 32): Secret {
    const bytes = new Uint8Array(length)
    random(bytes)
    return new Secret(bytes)
  }

  bytes(): Bytes {
    return this.#bytes
  }

  /** A secret of its own with the same content. */
  copy(): Secret {
    return new Secret(Uint8Array.from(this.#bytes))
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
