// Poly1305 (RFC 8439, section 2.5) over state that the caller owns: r and h in ten limbs of 13 bits,
// so that every product and sum fits 32 bits. Allocates nothing; no branch or index depends on
// secret data. Used by framecipher.ts alone.

import type { Bytes } from '../base/bytes.ts'
import { putWord, word } from './chacha.ts'

/** The clamped r of RFC 8439, 2.5 from its four words, in ten limbs of 13 bits. */
export function clampInto(t0: number, t1: number, t2: number, t3: number, out: Int32Array): void {
  const c0 = t0 & 0x0fffffff
  const c1 = t1 & 0x0ffffffc
  const c2 = t2 & 0x0ffffffc
  const c3 = t3 & 0x0ffffffc
  out[0] = c0 & 0x1fff
  out[1] = (c0 >>> 13) & 0x1fff
  out[2] = ((c0 >>> 26) | (c1 << 6)) & 0x1fff
  out[3] = (c1 >>> 7) & 0x1fff
  out[4] = ((c1 >>> 20) | (c2 << 12)) & 0x1fff
  out[5] = (c2 >>> 1) & 0x1fff
  out[6] = (c2 >>> 14) & 0x1fff
  out[7] = ((c2 >>> 27) | (c3 << 5)) & 0x1fff
  out[8] = (c3 >>> 8) & 0x1fff
  out[9] = c3 >>> 21
}

/** h = (h + block) · r mod 2^130 − 5 for each whole block of `n` bytes. */
export function poly(state: Int32Array, key: Int32Array, text: Bytes, from: number, n: number): void {
  const r0 = key[0]!
  const r1 = key[1]!
  const r2 = key[2]!
  const r3 = key[3]!
  const r4 = key[4]!
  const r5 = key[5]!
  const r6 = key[6]!
  const r7 = key[7]!
  const r8 = key[8]!
  const r9 = key[9]!
  const s1 = Math.imul(r1, 5)
  const s2 = Math.imul(r2, 5)
  const s3 = Math.imul(r3, 5)
  const s4 = Math.imul(r4, 5)
  const s5 = Math.imul(r5, 5)
  const s6 = Math.imul(r6, 5)
  const s7 = Math.imul(r7, 5)
  const s8 = Math.imul(r8, 5)
  const s9 = Math.imul(r9, 5)
  let h0 = state[0]!
  let h1 = state[1]!
  let h2 = state[2]!
  let h3 = state[3]!
  let h4 = state[4]!
  let h5 = state[5]!
  let h6 = state[6]!
  let h7 = state[7]!
  let h8 = state[8]!
  let h9 = state[9]!
  for (let at = from; at < from + n; at += 16) {
    const t0 = word(text, at + 0)
    const t1 = word(text, at + 4)
    const t2 = word(text, at + 8)
    const t3 = word(text, at + 12)
    h0 += t0 & 0x1fff
    h1 += (t0 >>> 13) & 0x1fff
    h2 += ((t0 >>> 26) | (t1 << 6)) & 0x1fff
    h3 += (t1 >>> 7) & 0x1fff
    h4 += ((t1 >>> 20) | (t2 << 12)) & 0x1fff
    h5 += (t2 >>> 1) & 0x1fff
    h6 += (t2 >>> 14) & 0x1fff
    h7 += ((t2 >>> 27) | (t3 << 5)) & 0x1fff
    h8 += (t3 >>> 8) & 0x1fff
    h9 += (t3 >>> 21) | 0x800
    let c = 0
    let d0 =
      c + Math.imul(h0, r0) + Math.imul(h1, s9) + Math.imul(h2, s8) + Math.imul(h3, s7) + Math.imul(h4, s6)
    c = d0 >>> 13
    d0 =
      (d0 & 0x1fff) +
      Math.imul(h5, s5) +
      Math.imul(h6, s4) +
      Math.imul(h7, s3) +
      Math.imul(h8, s2) +
      Math.imul(h9, s1)
    c += d0 >>> 13
    d0 &= 0x1fff
    let d1 =
      c + Math.imul(h0, r1) + Math.imul(h1, r0) + Math.imul(h2, s9) + Math.imul(h3, s8) + Math.imul(h4, s7)
    c = d1 >>> 13
    d1 =
      (d1 & 0x1fff) +
      Math.imul(h5, s6) +
      Math.imul(h6, s5) +
      Math.imul(h7, s4) +
      Math.imul(h8, s3) +
      Math.imul(h9, s2)
    c += d1 >>> 13
    d1 &= 0x1fff
    let d2 =
      c + Math.imul(h0, r2) + Math.imul(h1, r1) + Math.imul(h2, r0) + Math.imul(h3, s9) + Math.imul(h4, s8)
    c = d2 >>> 13
    d2 =
      (d2 & 0x1fff) +
      Math.imul(h5, s7) +
      Math.imul(h6, s6) +
      Math.imul(h7, s5) +
      Math.imul(h8, s4) +
      Math.imul(h9, s3)
    c += d2 >>> 13
    d2 &= 0x1fff
    let d3 =
      c + Math.imul(h0, r3) + Math.imul(h1, r2) + Math.imul(h2, r1) + Math.imul(h3, r0) + Math.imul(h4, s9)
    c = d3 >>> 13
    d3 =
      (d3 & 0x1fff) +
      Math.imul(h5, s8) +
      Math.imul(h6, s7) +
      Math.imul(h7, s6) +
      Math.imul(h8, s5) +
      Math.imul(h9, s4)
    c += d3 >>> 13
    d3 &= 0x1fff
    let d4 =
      c + Math.imul(h0, r4) + Math.imul(h1, r3) + Math.imul(h2, r2) + Math.imul(h3, r1) + Math.imul(h4, r0)
    c = d4 >>> 13
    d4 =
      (d4 & 0x1fff) +
      Math.imul(h5, s9) +
      Math.imul(h6, s8) +
      Math.imul(h7, s7) +
      Math.imul(h8, s6) +
      Math.imul(h9, s5)
    c += d4 >>> 13
    d4 &= 0x1fff
    let d5 =
      c + Math.imul(h0, r5) + Math.imul(h1, r4) + Math.imul(h2, r3) + Math.imul(h3, r2) + Math.imul(h4, r1)
    c = d5 >>> 13
    d5 =
      (d5 & 0x1fff) +
      Math.imul(h5, r0) +
      Math.imul(h6, s9) +
      Math.imul(h7, s8) +
      Math.imul(h8, s7) +
      Math.imul(h9, s6)
    c += d5 >>> 13
    d5 &= 0x1fff
    let d6 =
      c + Math.imul(h0, r6) + Math.imul(h1, r5) + Math.imul(h2, r4) + Math.imul(h3, r3) + Math.imul(h4, r2)
    c = d6 >>> 13
    d6 =
      (d6 & 0x1fff) +
      Math.imul(h5, r1) +
      Math.imul(h6, r0) +
      Math.imul(h7, s9) +
      Math.imul(h8, s8) +
      Math.imul(h9, s7)
    c += d6 >>> 13
    d6 &= 0x1fff
    let d7 =
      c + Math.imul(h0, r7) + Math.imul(h1, r6) + Math.imul(h2, r5) + Math.imul(h3, r4) + Math.imul(h4, r3)
    c = d7 >>> 13
    d7 =
      (d7 & 0x1fff) +
      Math.imul(h5, r2) +
      Math.imul(h6, r1) +
      Math.imul(h7, r0) +
      Math.imul(h8, s9) +
      Math.imul(h9, s8)
    c += d7 >>> 13
    d7 &= 0x1fff
    let d8 =
      c + Math.imul(h0, r8) + Math.imul(h1, r7) + Math.imul(h2, r6) + Math.imul(h3, r5) + Math.imul(h4, r4)
    c = d8 >>> 13
    d8 =
      (d8 & 0x1fff) +
      Math.imul(h5, r3) +
      Math.imul(h6, r2) +
      Math.imul(h7, r1) +
      Math.imul(h8, r0) +
      Math.imul(h9, s9)
    c += d8 >>> 13
    d8 &= 0x1fff
    let d9 =
      c + Math.imul(h0, r9) + Math.imul(h1, r8) + Math.imul(h2, r7) + Math.imul(h3, r6) + Math.imul(h4, r5)
    c = d9 >>> 13
    d9 =
      (d9 & 0x1fff) +
      Math.imul(h5, r4) +
      Math.imul(h6, r3) +
      Math.imul(h7, r2) +
      Math.imul(h8, r1) +
      Math.imul(h9, r0)
    c += d9 >>> 13
    d9 &= 0x1fff
    c = (c << 2) + c + d0
    h0 = c & 0x1fff
    h1 = d1 + (c >>> 13)
    h2 = d2
    h3 = d3
    h4 = d4
    h5 = d5
    h6 = d6
    h7 = d7
    h8 = d8
    h9 = d9
  }
  state[0] = h0
  state[1] = h1
  state[2] = h2
  state[3] = h3
  state[4] = h4
  state[5] = h5
  state[6] = h6
  state[7] = h7
  state[8] = h8
  state[9] = h9
}

/** h mod 2^130 − 5, plus the pad mod 2^128, as 16 little-endian bytes. */
export function finish(h: Int32Array, pad: Int32Array, tag: Bytes): void {
  let c = h[1]! >>> 13
  h[1]! &= 0x1fff
  for (let i = 2; i < 10; i++) {
    h[i]! += c
    c = h[i]! >>> 13
    h[i]! &= 0x1fff
  }
  h[0]! += 5 * c
  c = h[0]! >>> 13
  h[0]! &= 0x1fff
  h[1]! += c
  c = h[1]! >>> 13
  h[1]! &= 0x1fff
  h[2]! += c
  // Is h + 5 >= 2^130? Then h + 5 − 2^130 is the residue, else h. Chosen by mask, not by branch.
  c = 5
  for (let i = 0; i < 10; i++) c = (h[i]! + c) >>> 13
  const mask = -c
  c = 5 & mask
  for (let i = 0; i < 10; i++) {
    const v = h[i]! + c
    h[i] = v & 0x1fff
    c = v >>> 13
  }
  let carry = 0
  carry = sum(h[0]! | (h[1]! << 13) | (h[2]! << 26), pad[0]!, tag, 0, carry)
  carry = sum((h[2]! >>> 6) | (h[3]! << 7) | (h[4]! << 20), pad[1]!, tag, 4, carry)
  carry = sum((h[4]! >>> 12) | (h[5]! << 1) | (h[6]! << 14) | (h[7]! << 27), pad[2]!, tag, 8, carry)
  sum((h[7]! >>> 5) | (h[8]! << 8) | (h[9]! << 21), pad[3]!, tag, 12, carry)
}

/** Writes a + b + carry mod 2^32 at `at`; the carry out. */
function sum(a: number, b: number, tag: Bytes, at: number, carry: number): number {
  const v = (a >>> 0) + (b >>> 0) + carry
  putWord(tag, at, v | 0)
  return v > 0xffffffff ? 1 : 0
}
