// ChaCha20-Poly1305 (RFC 8439) for many small frames under one key, as a Noise transport needs it
// (Noise specification, section 12.3: nonce = four zero bytes and a 64-bit little-endian counter, no
// associated data). The key is given to node:crypto once, as an object: a raw key for every frame costs
// several times the garbage. Device, home and provider only; no browser speaks Noise.

import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import type { Bytes } from '../base/bytes.ts'

const TAG = 16
const CIPHER = 'chacha20-poly1305'
const OPTIONS = { authTagLength: TAG } as const

/** The nonce of the frame at hand; one frame is done before the next begins. */
const nonce: Bytes = new Uint8Array(12)

function setNonce(counter: number): void {
  let low = counter >>> 0
  let high = Math.floor(counter / 0x1_0000_0000)
  for (let i = 4; i < 8; i++) {
    nonce[i] = low & 255
    nonce[i + 4] = high & 255
    low >>>= 8
    high >>>= 8
  }
}

/** The newest view that was asked for: frames of one size come again and again from one place. */
let view: Bytes = new Uint8Array(0)
let viewAt = 0

function viewOf(buffer: Bytes, at: number, length: number): Bytes {
  if (view.buffer !== buffer.buffer || viewAt !== buffer.byteOffset + at || view.length !== length) {
    view = buffer.subarray(at, at + length)
    viewAt = view.byteOffset
  }
  return view
}

export class FrameCipher {
  #key: KeyObject | null

  /** @param key 32 bytes; copied. */
  constructor(key: Bytes) {
    this.#key = createSecretKey(key)
  }

  /**
   * Seals `length` bytes at `at` of `buffer` where they stand and puts the tag (16 bytes) behind them.
   * @param counter the frame's number, below 2^53; never twice under one key.
   */
  seal(buffer: Bytes, at: number, length: number, counter: number): void {
    setNonce(counter)
    const cipher = createCipheriv(CIPHER, this.#use(), nonce, OPTIONS)
    buffer.set(cipher.update(viewOf(buffer, at, length)), at)
    cipher.final()
    buffer.set(cipher.getAuthTag(), at + length)
  }

  /**
   * Opens `length` bytes (tag included) at `at` of `box` into `out` from `outAt` on. False when the
   * tag does not verify; `out` is then untouched. `box` and `out` may be the same bytes.
   */
  open(box: Bytes, at: number, length: number, counter: number, out: Bytes, outAt: number): boolean {
    const end = at + length - TAG
    if (end < at) return false
    setNonce(counter)
    const decipher = createDecipheriv(CIPHER, this.#use(), nonce, OPTIONS)
    decipher.setAuthTag(box.subarray(end, end + TAG))
    const plain = decipher.update(box.subarray(at, end))
    try {
      decipher.final()
    } catch {
      return false
    }
    out.set(plain, outAt)
    return true
  }

  /** Lets go of the key; the object is of no more use. */
  destroy(): void {
    this.#key = null
  }

  #use(): KeyObject {
    if (!this.#key) throw new Error('a destroyed cipher was used')
    return this.#key
  }
}
