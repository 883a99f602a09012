import { readFileSync } from 'node:fs'
import t from 'tap'
import { type Bytes, hex } from '../../src/base/bytes.ts'
import { LIMITS } from '../../src/base/limits.ts'
import { DICTIONARY } from '../../src/p1/dictionary.ts'
import { crc16 } from '../../src/p1/frame/crc.ts'
import { packDelta, packKey } from '../../src/p1/pack.ts'
import { unpackDelta, unpackKey } from '../../src/p1/unpack.ts'
import { body, bytesOf, corpus, latin } from './corpus.ts'
import { random } from './random.ts'

const packed = new Uint8Array(LIMITS.p1.packedBytes)
const back = new Uint8Array(LIMITS.p1.telegramBytes)
const texts = corpus.map((s) => bytesOf(body(s.good)))

function keyTrip(telegram: Bytes): number {
  const n = packKey(telegram, packed)
  if (n < 0) return n
  const m = unpackKey(packed.slice(0, n), back)
  return m === telegram.length && Buffer.compare(back.subarray(0, m), telegram) === 0 ? n : -2
}

function deltaTrip(reference: Bytes, telegram: Bytes): number {
  const n = packDelta(reference, telegram, packed)
  if (n < 0) return n
  const m = unpackDelta(reference, packed.slice(0, n), back)
  return m === telegram.length && Buffer.compare(back.subarray(0, m), telegram) === 0 ? n : -2
}

t.test('the whole corpus goes through both forms unchanged', async (t) => {
  let raw = 0
  let key = 0
  for (const [i, telegram] of texts.entries()) {
    const n = keyTrip(telegram)
    t.ok(n > 0, corpus[i]!.name)
    raw += telegram.length
    key += n
    t.ok(deltaTrip(telegram, telegram) <= 24, 'nothing changed: a few bytes')
    for (const other of texts) t.ok(deltaTrip(other, telegram) > 0, 'any telegram is a reference')
  }
  t.comment(`key form: ${key} of ${raw} bytes`)
  t.ok(key < 0.55 * raw, 'key form')
})

t.test('random edits of telegrams survive, whatever they do to lines', async (t) => {
  const rnd = random(7)
  let bad = 0
  const rounds = process.env['WATTLE_FULL'] === undefined ? 3000 : 100_000
  for (let round = 0; round < rounds; round++) {
    const before = texts[rnd(texts.length)]!
    let text = latin(before)
    for (let edits = rnd(8); edits >= 0; edits--) {
      const lines = text.split('\r\n')
      const at = rnd(lines.length)
      const kind = rnd(6)
      if (kind === 0) lines.splice(at, 1)
      else if (kind === 1) lines.splice(at, 0, lines[rnd(lines.length)]!)
      else if (kind === 2) lines[at] = lines[at]!.replace(/\d/g, () => String(rnd(10)))
      else if (kind === 3)
        lines[at] = lines[at]!.slice(0, rnd(30)) + String.fromCharCode(rnd(256)).repeat(rnd(30))
      else if (kind === 4)
        lines.splice(at, 0, String.fromCharCode(...Array.from({ length: rnd(60) }, () => rnd(256))))
      else lines[at] = lines[at]!.replace('(', '(1')
      text = lines.join('\r\n')
    }
    const after = bytesOf(text.slice(0, LIMITS.p1.telegramBytes))
    if (keyTrip(after) < 0 || deltaTrip(before, after) < 0) bad++
  }
  t.equal(bad, 0)
})

t.test('noise of every length packs within the cap and comes back', async (t) => {
  const rnd = random(11)
  let bad = 0
  for (const n of [0, 1, 2, 15, 16, 17, 255, 256, 272, 273, 4000, LIMITS.p1.telegramBytes]) {
    const noise = Uint8Array.from({ length: n }, () => rnd(256))
    if (keyTrip(noise) < 0 || deltaTrip(texts[0]!, noise) < 0) bad++
  }
  t.equal(bad, 0)
  t.equal(packKey(new Uint8Array(LIMITS.p1.telegramBytes + 1), packed), -1)
  t.equal(packKey(texts[0]!, new Uint8Array(10)), -1, 'no room')
  t.equal(packDelta(texts[0]!, texts[1]!, new Uint8Array(2)), -1)
})

t.test('a second later: a small delta', async (t) => {
  const before = latin(texts[corpus.findIndex((s) => s.name === 'v5.0-iskra-am550')]!)
  const after = before
    .replace('181106140429W', '181106140430W')
    .replace('001285.951', '001285.952')
    .replace('(00.498*kW)', '(00.517*kW)')
    .replace('(00.033*kW)', '(00.041*kW)')
    .replace('(00.132*kW)', '(00.128*kW)')
    .replace('(00.676*kW)', '(00.684*kW)')
    .replace('235.1', '235.2')
  const n = deltaTrip(bytesOf(before), bytesOf(after))
  t.ok(n > 0 && n <= 90, `${n} bytes`)
})

t.test(
  'a delta against another telegram, a cut or a changed one is refused or bounded, never thrown',
  async (t) => {
    const rnd = random(13)
    const reference = texts[3]!
    const n = packDelta(reference, texts[4]!, packed)
    const good = packed.slice(0, n)
    t.equal(unpackDelta(texts[5]!, good, back), -1, 'wrong reference')
    t.equal(unpackKey(good, back), -1, 'wrong form')
    t.equal(unpackDelta(reference, good, new Uint8Array(100)), -1, 'no room')
    for (let cut = 0; cut < n; cut++) t.equal(unpackDelta(reference, good.slice(0, cut), back), -1)
    t.equal(unpackDelta(reference, Uint8Array.of(...good, 0), back), -1, 'bytes left over')
    let wild = 0
    for (let round = 0; round < 20_000; round++) {
      const bytes = round % 2 === 0 ? good.slice() : Uint8Array.from({ length: rnd(80) }, () => rnd(256))
      for (let i = rnd(4); i >= 0; i--) if (bytes.length > 3) bytes[3 + rnd(bytes.length - 3)] = rnd(256)
      bytes.set(good.subarray(0, Math.min(3, bytes.length)))
      const m = unpackDelta(reference, bytes, back)
      if (m < -1 || m > LIMITS.p1.telegramBytes) wild++
      if (bytes.length > 0) bytes[0] = 1
      const k = unpackKey(bytes, back)
      if (k < -1 || k > LIMITS.p1.telegramBytes) wild++
    }
    t.equal(wild, 0)
  },
)

t.test('the dictionary is the one that the document fixes', async (t) => {
  t.equal(DICTIONARY.length, 3346)
  t.ok(DICTIONARY.length <= 4096, 'every place in it can be named in three nibbles')
  t.equal(crc16(DICTIONARY, 0, DICTIONARY.length), 51_397)
})

t.test('the document holds the dictionary and the examples that the code makes', async (t) => {
  const doc = readFileSync('docs/wire/telegrams.md', 'latin1')
  t.ok(doc.includes(`\n${latin(DICTIONARY).replaceAll('\r\n', '\n')}\`\`\``))
  const a = bytesOf('/KAM5\r\n\r\n0-0:1.0.0(261120103000W)\r\n1-0:1.7.0(00.244*kW)\r\n!1273')
  const b = bytesOf('/KAM5\r\n\r\n0-0:1.0.0(261120103001W)\r\n1-0:1.7.0(00.251*kW)\r\n!3DBD')
  t.ok(doc.includes(`\`${hex(packed.slice(0, packKey(a, packed)))}\``))
  t.ok(doc.includes(`\`${hex(packed.slice(0, packDelta(a, b, packed)))}\``))
})
