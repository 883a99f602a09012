// FrameCipher against its slow twins (node:crypto and noble) at every length up to two blocks past
// the hand-over to the native cipher, with extreme limbs, large counters and forgeries.
import { randomFillSync } from 'node:crypto'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import t from 'tap'
import { equal } from '../../src/base/bytes.ts'
import { FrameCipher } from '../../src/crypto/framecipher.ts'
import { seal } from '../../src/crypto/native.ts'

const NONE = new Uint8Array(0)
const random = (n: number): Uint8Array => randomFillSync(new Uint8Array(n))

function nonceOf(counter: number): Uint8Array {
  const nonce = new Uint8Array(12)
  new DataView(nonce.buffer).setBigUint64(4, BigInt(counter), true)
  return nonce
}

t.test('agrees with both twins', async (t) => {
  let wrong = 0
  for (let n = 0; n <= 2_200; n += n < 300 ? 1 : 37) {
    const key = random(32)
    const plain = random(n)
    if (n % 3 === 0) {
      key.fill(0xff, 0, 16)
      plain.fill(0xff)
    }
    const counter = n % 2 === 0 ? n : 2 ** 33 + 5 * n
    const native = seal(key, nonceOf(counter), NONE, plain)
    const noble = chacha20poly1305(key, nonceOf(counter)).encrypt(plain)
    const cipher = new FrameCipher(key)
    const buffer = new Uint8Array(n + 21)
    buffer.set(plain, 3)
    cipher.seal(buffer, 3, n, counter)
    const sealed = buffer.subarray(3, n + 19)
    if (!equal(sealed, native) || !equal(sealed, noble) || buffer[n + 19] !== 0) wrong++
    const out = new Uint8Array(n + 2)
    if (!cipher.open(native, 0, n + 16, counter, out, 2) || !equal(out.subarray(2), plain)) wrong++
  }
  t.equal(wrong, 0)
})

t.test('opens where the sealed bytes stand', async (t) => {
  const cipher = new FrameCipher(random(32))
  const plain = random(340)
  const box = new Uint8Array(356)
  box.set(plain)
  cipher.seal(box, 0, 340, 9)
  t.ok(cipher.open(box, 0, 356, 9, box, 0))
  t.ok(equal(box.subarray(0, 340), plain))
})

t.test('a flipped bit, another counter or too few bytes do not open', async (t) => {
  const cipher = new FrameCipher(random(32))
  let opened = 0
  for (const n of [0, 1, 16, 63, 64, 340, 2_500]) {
    const box = new Uint8Array(n + 16)
    cipher.seal(box, 0, n, 1)
    const out = new Uint8Array(n).fill(7)
    for (let bit = 0; bit < 8 * box.length; bit += n > 64 ? 61 : 1) {
      const forged = box.slice()
      forged[bit >> 3]! ^= 1 << (bit & 7)
      if (cipher.open(forged, 0, forged.length, 1, out, 0)) opened++
    }
    if (cipher.open(box, 0, box.length, 2, out, 0)) opened++
    if (cipher.open(box, 0, Math.min(15, n + 15), 1, out, 0)) opened++
    t.ok(
      out.every((b) => b === 7),
      'a refused frame writes nothing',
    )
  }
  t.equal(opened, 0)
})
