import { createCipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { type Bytes, concat, unhex } from '../../src/base/bytes.ts'
import { openAes128Gcm } from '../../src/crypto/native.ts'
import { type DecryptMode, EncryptedFramer } from '../../src/p1/frame/encrypted.ts'
import type { Reason } from '../../src/p1/frame/frame.ts'
import { Framer } from '../../src/p1/frame/framer.ts'
import { body, bytesOf, latin, sample } from './corpus.ts'
import { random } from './random.ts'

const KEY = unhex('0123456789abcdef0123456789abcdef')!
const AUTH = unhex('ffeeddccbbaa99887766554433221100')!
const STANDARD_AUTH = unhex('00112233445566778899aabbccddeeff')!
const LU = sample('lu-smarty-spec-example').good
const PLAIN = sample('v5.0-iskra-am550').good

interface Options {
  counter?: number
  title?: string
  auth?: Bytes
  length?: 'short' | 'one' | 'two'
  key?: Bytes
}

/** A frame as a meter makes it. */
function seal(text: Bytes, o: Options = {}): Bytes {
  const title = bytesOf(o.title ?? 'systitle')
  const counter = o.counter ?? 1
  const count = Uint8Array.of(counter >>> 24, counter >>> 16, counter >>> 8, counter)
  const cipher = createCipheriv('aes-128-gcm', o.key ?? KEY, concat(title, count), { authTagLength: 12 })
  cipher.setAAD(concat(Uint8Array.of(0x30), o.auth ?? AUTH))
  const sealed = concat(cipher.update(text), cipher.final(), cipher.getAuthTag())
  const n = sealed.length + 5
  const length = n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 255]
  return concat(Uint8Array.of(0xdb, 8), title, Uint8Array.of(...length, 0x30), count, sealed)
}

interface Out {
  texts: string[]
  flags: string[]
  rejects: Reason[]
  framer: EncryptedFramer
}

function make(mode: DecryptMode, auth: Bytes = AUTH): Out {
  const out: Omit<Out, 'framer'> = { texts: [], flags: [], rejects: [] }
  const aad = concat(Uint8Array.of(0x30), auth)
  const framer = new EncryptedFramer(
    {
      onTelegram(frame) {
        out.texts.push(latin(frame.bytes()))
        out.flags.push(
          [
            frame.encrypted ? 'encrypted' : 'plain',
            frame.authenticated ? 'authenticated' : '',
            frame.verified ? 'crc' : '',
          ]
            .filter((x) => x !== '')
            .join(' '),
        )
      },
      onReject: (reason) => out.rejects.push(reason),
    },
    mode,
    (iv, text, tag) => openAes128Gcm(KEY, iv, aad, text, tag),
  )
  return { ...out, framer }
}

function run(bytes: Bytes, mode: DecryptMode = 'strict', chunk = 64, auth: Bytes = AUTH): Out {
  const out = make(mode, auth)
  for (let at = 0; at < bytes.length; at += chunk) out.framer.push(bytes.subarray(at, at + chunk), 0)
  out.framer.tick(10_000)
  return out
}

t.test('the published frames open; the tag is told from the CRC', async (t) => {
  const aad = new Uint8Array(readFileSync('test/p1/telegrams/encrypted/lu-smarty-encrypted-authenticated.p1'))
  const published = sample('lu-smarty-spec-example').bytes
  const strict = run(aad)
  t.strictSame(strict.texts, [body(published)])
  t.strictSame(strict.flags, ['encrypted authenticated'], 'the CRC printed in the standard does not fit')
  t.strictSame(run(aad, 'strict', 64, STANDARD_AUTH).rejects, ['tag'])
  t.strictSame(run(aad, 'crc-only').rejects, ['crc'], 'nothing vouches for it in this mode')
  const none = new Uint8Array(readFileSync('test/p1/telegrams/encrypted/lu-smarty-encrypted-no-aad.p1'))
  t.strictSame(run(none).rejects, ['tag'])
})

t.test('strict and crc-only, in chunks of every size', async (t) => {
  const stream = concat(...[1, 2, 3, 70_000].map((counter) => seal(LU, { counter })))
  for (const chunk of [1, 7, 64, 4096]) {
    const strict = run(stream, 'strict', chunk)
    t.strictSame(strict.flags, Array(4).fill('encrypted authenticated crc'))
    t.strictSame(new Set(strict.texts), new Set([body(LU)]))
    const loose = run(stream, 'crc-only', chunk, STANDARD_AUTH)
    t.strictSame(loose.flags, Array(4).fill('encrypted crc'), 'never called authenticated')
  }
})

t.test('short lengths', async (t) => {
  const text = (n: number): Bytes => bytesOf(`/ABC5\r\n\r\n${'x'.repeat(n)}\r\n!`)
  for (const n of [80, 120, 300]) t.strictSame(run(seal(text(n))).flags, ['encrypted authenticated'], `${n}`)
})

t.test('tag wrong, text changed, key wrong', async (t) => {
  const good = seal(LU)
  for (const at of [5, 20, 700, good.length - 1]) {
    const bad = good.slice()
    bad[at]! ^= 1
    const out = run(concat(bad, seal(LU, { counter: 2 })))
    t.strictSame(out.flags, ['encrypted authenticated crc'], `${at}`)
    t.ok(out.rejects.includes('tag') || at === 5, `${at}`)
  }
  t.strictSame(run(seal(LU, { key: AUTH })).texts, [])
  t.equal(run(seal(LU, { key: AUTH })).framer.counters.get('telegrams'), 0)
  t.strictSame(run(seal(LU, { key: AUTH }), 'crc-only').texts, [])
})

t.test('replay and a counter that stands still are refused, in both modes, over a reset too', async (t) => {
  for (const mode of ['strict', 'crc-only'] as const) {
    const out = make(mode)
    for (const counter of [5, 6, 6, 5, 7]) out.framer.push(seal(LU, { counter }), 0)
    out.framer.reset()
    out.framer.push(seal(LU, { counter: 7 }), 0)
    t.equal(out.texts.length, 3, mode)
    t.strictSame(out.rejects, ['replay', 'replay', 'replay'], mode)
    out.framer.push(seal(LU, { counter: 1, title: 'newmeter' }), 0)
    t.equal(out.texts.length, 4, 'another meter counts anew')
  }
})

t.test('cut frames, false beginnings, length 65535: the next one comes', async (t) => {
  const next = seal(LU, { counter: 9 })
  const cut = seal(LU, { counter: 8 })
  for (const n of [1, 5, 13, 14, 100, 1000, cut.length - 1])
    t.strictSame(run(concat(cut.subarray(0, n), next)).flags, ['encrypted authenticated crc'], `${n}`)
  for (const junk of [
    'db08',
    'db0841414141414141418210fe30',
    'db084141414141414141820fff30',
    'db08414141414141414182ffff30',
    'dbdbdbdb08',
  ]) {
    const out = run(concat(unhex(junk)!, next, PLAIN, new Uint8Array(5_000)))
    t.ok(out.flags.includes('encrypted authenticated crc'), junk)
    t.ok(out.flags.includes('plain crc'), junk)
  }
})

t.test(
  'a plain telegram on an encrypted line is delivered as plain; what is in a frame stays in it',
  async (t) => {
    t.strictSame(run(concat(PLAIN, seal(LU), PLAIN)).flags, [
      'plain crc',
      'encrypted authenticated crc',
      'plain crc',
    ])
    const inner = run(seal(concat(bytesOf('/LUX5\r\n'), PLAIN)))
    t.equal(inner.texts.length, 1)
    t.ok(inner.flags[0]!.startsWith('encrypted authenticated'))
  },
)

t.test('without a key the plain framer says what it sees', async (t) => {
  let sealed = 0
  const framer = new Framer({ onTelegram: () => t.fail('nothing to deliver'), onSealed: () => sealed++ })
  for (let counter = 1; counter < 6; counter++)
    for (const byte of seal(LU, { counter })) framer.push(Uint8Array.of(byte), 0)
  t.ok(sealed >= 4, `${sealed} of 5`)
  t.equal(framer.counters.get('sealed'), sealed)
})

t.test('hostile bytes: no frame of theirs comes out, the ring does not grow', async (t) => {
  const rnd = random(4)
  const head = unhex('db0841414141414141418210003000000001')!
  const patterns = [
    Uint8Array.from({ length: 1 << 18 }, () => rnd(256)),
    Uint8Array.from({ length: 1 << 18 }, (_, i) => head[i % head.length]!),
    new Uint8Array(1 << 18).fill(0xdb),
  ]
  for (const mode of ['strict', 'crc-only'] as const)
    for (const bytes of patterns) {
      const out = run(concat(bytes, new Uint8Array(4_200), seal(LU)), mode, 512)
      t.equal(out.texts.length, 1)
    }
})
