// ChaCha20-Poly1305 (RFC 8439) for many small frames under one key, as a Noise transport needs it
// (Noise specification, section 12.3: nonce = four zero bytes and a 64-bit little-endian counter, no
// associated data). Written out over typed arrays so that a frame costs no allocation; a long frame
// goes to the primitives of native.ts, which are faster per byte but cost objects per call.
// Same verdicts as native.ts and noble; nothing here branches or indexes on secret data.

import type { Bytes } from '../base/bytes.ts'
import { chacha, putWord, word } from './chacha.ts'
import { open as openNative, sealInto } from './native.ts'
import { clampInto, finish, poly } from './poly1305.ts'

/** Bytes of text from which the native cipher is the cheaper one. */
const NATIVE_FROM = 2_048
const TAG = 16
const NONE: Bytes = new Uint8Array(0)

// Working memory of every cipher of this process: one frame is done before the next begins.
/** One block of key stream, as words and as bytes. */
const block = new Int32Array(16)
const stream: Bytes = new Uint8Array(64)
/** Poly1305: r, h, and the second half of the one-time key. */
const r = new Int32Array(10)
const h = new Int32Array(10)
const pad = new Int32Array(4)
/** A last, padded block; then the lengths. */
const tail: Bytes = new Uint8Array(TAG)
const tag: Bytes = new Uint8Array(TAG)
const nonce: Bytes = new Uint8Array(12)
const keyBytes: Bytes = new Uint8Array(32)

export class FrameCipher {
  readonly #key: Int32Array

  /** @param key 32 bytes; copied, wiped by `destroy`. */
  constructor(key: Bytes) {
    this.#key = new Int32Array(8)
    for (let i = 0; i < 8; i++) this.#key[i] = word(key, 4 * i)
  }

  /**
   * Seals `length` bytes at `at` of `buffer` where they stand and puts the tag (16 bytes) behind them.
   * @param counter the frame's number, below 2^53; never twice under one key.
   */
  seal(buffer: Bytes, at: number, length: number, counter: number): void {
    if (length >= NATIVE_FROM) {
      this.#forNative(counter)
      const plain = buffer.subarray(at, at + length)
      sealInto(keyBytes, nonce, NONE, plain, buffer.subarray(at, at + length + TAG))
      keyBytes.fill(0)
      return
    }
    const low = counter | 0
    const high = Math.floor(counter / 0x1_0000_0000) | 0
    this.#oneTimeKey(low, high)
    this.#xor(buffer, at, length, buffer, at, low, high)
    this.#authenticate(buffer, at, length)
    for (let i = 0; i < TAG; i++) buffer[at + length + i] = tag[i]!
  }

  /**
   * Opens `length` bytes (tag included) at `at` of `box` into `out` from `outAt` on. False when the
   * tag does not verify; `out` is then untouched. `box` and `out` may be the same bytes.
   */
  open(box: Bytes, at: number, length: number, counter: number, out: Bytes, outAt: number): boolean {
    const n = length - TAG
    if (n < 0) return false
    if (n >= NATIVE_FROM) {
      this.#forNative(counter)
      const plain = openNative(keyBytes, nonce, NONE, box.subarray(at, at + length))
      keyBytes.fill(0)
      if (!plain) return false
      out.set(plain, outAt)
      return true
    }
    const low = counter | 0
    const high = Math.floor(counter / 0x1_0000_0000) | 0
    this.#oneTimeKey(low, high)
    this.#authenticate(box, at, n)
    let wrong = 0
    for (let i = 0; i < TAG; i++) wrong |= box[at + n + i]! ^ tag[i]!
    if (wrong !== 0) return false
    this.#xor(box, at, n, out, outAt, low, high)
    return true
  }

  /** Wipes the keys; the object is of no more use. */
  destroy(): void {
    this.#key.fill(0)
  }

  #forNative(counter: number): void {
    for (let i = 0; i < 8; i++) putWord(keyBytes, 4 * i, this.#key[i]!)
    putWord(nonce, 4, counter | 0)
    putWord(nonce, 8, Math.floor(counter / 0x1_0000_0000) | 0)
  }

  /** RFC 8439, 2.6: block 0 gives r (clamped, in ten limbs of 13 bits) and the pad. */
  #oneTimeKey(low: number, high: number): void {
    chacha(this.#key, 0, low, high, block)
    clampInto(block[0]!, block[1]!, block[2]!, block[3]!, r)
    pad[0] = block[4]!
    pad[1] = block[5]!
    pad[2] = block[6]!
    pad[3] = block[7]!
  }

  #xor(from: Bytes, at: number, n: number, to: Bytes, toAt: number, low: number, high: number): void {
    for (let done = 0, counter = 1; done < n; done += 64, counter++) {
      chacha(this.#key, counter, low, high, block)
      for (let i = 0; i < 16; i++) putWord(stream, 4 * i, block[i]!)
      const end = Math.min(64, n - done)
      for (let i = 0; i < end; i++) to[toAt + done + i] = from[at + done + i]! ^ stream[i]!
    }
  }

  /** RFC 8439, 2.8: Poly1305 over text, padding and the two lengths (0, n) into `tag`. */
  #authenticate(text: Bytes, at: number, n: number): void {
    h.fill(0)
    const whole = n & ~15
    poly(h, r, text, at, whole)
    if (n > whole) {
      tail.fill(0)
      for (let i = whole; i < n; i++) tail[i - whole] = text[at + i]!
      poly(h, r, tail, 0, TAG)
    }
    tail.fill(0)
    putWord(tail, 8, n)
    poly(h, r, tail, 0, TAG)
    finish(h, pad, tag)
  }
}
