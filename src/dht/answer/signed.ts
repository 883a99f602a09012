// The BEP-44 signature of the item in the reader: its target, the text that is signed, the verdict.
// Used for items that others put here and for those that answers bring.

import { sha1, Verifier } from '../../crypto/native.ts'
import type { Core } from '../core.ts'
import * as F from '../krpc/fields.ts'
import { piece } from '../krpc/writer.ts'
import { loadId } from '../math/id.ts'

const SALT = piece('4:salt')
const SEQ = piece('3:seq')
const V = piece('1:v')

export class Signed {
  readonly #core: Core
  /** Salt of the item at hand: from the message, or what a lookup asked for. */
  #salt: Uint8Array
  #saltFrom: number
  #saltTo: number

  constructor(core: Core) {
    this.#core = core
    this.#salt = NO_SALT
    this.#saltFrom = 0
    this.#saltTo = 0
  }

  /** SHA-1 of key and salt, both of the message, into five words. */
  target(into: Int32Array): void {
    const reader = this.#core.reader
    const salted = reader.length(F.salt) > 0
    this.#salt = salted ? reader.bytes : NO_SALT
    this.#saltFrom = salted ? reader.from[F.salt]! : 0
    this.#saltTo = salted ? reader.to[F.salt]! : 0
    this.#hash(into)
  }

  /** As `target`, with the salt of the question: answers do not repeat it. */
  targetWith(salt: Uint8Array, into: Int32Array): void {
    this.#salt = salt
    this.#saltFrom = 0
    this.#saltTo = salt.length
    this.#hash(into)
  }

  /** Lets go of the salt, which may lie in a datagram. */
  release(): void {
    this.#salt = NO_SALT
    this.#saltFrom = 0
    this.#saltTo = 0
  }

  #hash(into: Int32Array): void {
    const { reader } = this.#core
    const key = reader.bytes.subarray(reader.from[F.k], reader.to[F.k])
    loadId(into, 0, sha1(key, this.#salt.subarray(this.#saltFrom, this.#saltTo)), 0)
  }

  /** Checks the signature over salt, seq and value as they came. After `target`. */
  verify(): boolean {
    const { reader, signed } = this.#core
    let at = 0
    const add = (part: Uint8Array, from: number, to: number): void => {
      for (let i = from; i < to; i++) signed[at++] = part[i]!
    }
    const salt = this.#saltTo - this.#saltFrom
    if (salt > 0) {
      add(SALT, 0, SALT.length)
      const digits = piece(`${salt}:`)
      add(digits, 0, digits.length)
      add(this.#salt, this.#saltFrom, this.#saltTo)
    }
    add(SEQ, 0, SEQ.length)
    add(reader.bytes, reader.raw[F.seq]!, reader.rawEnd(F.seq))
    add(V, 0, V.length)
    add(reader.bytes, reader.raw[F.v]!, reader.rawEnd(F.v))
    const key = reader.bytes.subarray(reader.from[F.k], reader.to[F.k])
    const signature = reader.bytes.subarray(reader.from[F.sig], reader.to[F.sig])
    return Verifier.of(key)?.verify(signed.subarray(0, at), signature) ?? false
  }

  /** Puts key, signature and salt at the start of the item store's stage. */
  stage(): void {
    const { reader, items } = this.#core
    for (let i = 0; i < 32; i++) items.stage[i] = reader.bytes[reader.from[F.k]! + i]!
    for (let i = 0; i < 64; i++) items.stage[32 + i] = reader.bytes[reader.from[F.sig]! + i]!
    for (let i = this.#saltFrom; i < this.#saltTo; i++) items.stage[96 + i - this.#saltFrom] = this.#salt[i]!
  }
}

const NO_SALT = new Uint8Array(0)
