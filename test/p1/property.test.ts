// The framer against its slow twin: streams of telegrams with every kind of damage, cut into chunks of
// every size, must give the same telegrams at the same places.
import t from 'tap'
import type { Frame } from '../../src/p1/frame/frame.ts'
import { Framer } from '../../src/p1/frame/framer.ts'
import { readingJson } from '../../src/p1/json/reading.ts'
import { telegramJson } from '../../src/p1/json/telegram.ts'
import { Reading } from '../../src/p1/reading.ts'
import { Telegram } from '../../src/p1/telegram.ts'
import { body, bytesOf, corpus, feed, latin, type Seen } from './corpus.ts'
import { random } from './random.ts'
import { type Found, slowCrc, twin } from './twin.ts'

const FULL = process.env['WATTLE_FULL'] !== undefined
const texts = corpus.map((s) => latin(s.good))
type Random = (n: number) => number

function highBits(text: string): string {
  return text.replace(/[\s\S]/g, (ch) => {
    let ones = 0
    for (let c = ch.charCodeAt(0) & 0x7f; c > 0; c >>= 1) ones += c & 1
    return String.fromCharCode((ch.charCodeAt(0) & 0x7f) | ((ones & 1) << 7))
  })
}

const NOISE = [
  '/',
  '!',
  '\n',
  '\r\n',
  '\r\n!',
  '!1F28',
  '\0',
  '\xff',
  '/ABC5',
  '(',
  ')',
  '\x7e\xa0\x0c',
  '/ISK5\r\n',
  '\xaf',
  'x',
  '7',
  '\xdb\x08',
]

function damage(text: string, rnd: Random): string {
  const at = rnd(text.length)
  switch (rnd(14)) {
    case 0:
      return text.slice(0, at)
    case 1:
      return text.slice(at)
    case 2:
      return text.slice(0, at) + text.slice(at + 1 + rnd(3))
    case 3:
      return text.slice(0, at) + NOISE[rnd(NOISE.length)]! + text.slice(at)
    case 4:
      return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << rnd(8))) + text.slice(at + 1)
    case 5:
      return text.slice(0, at) + '\0'.repeat(1 + rnd(3)) + text.slice(at)
    case 6:
      return highBits(text)
    case 7:
      return text.slice(0, at) + texts[rnd(texts.length)]! + text.slice(at)
    case 8:
      return Array.from({ length: 1 + rnd(60) }, () => NOISE[rnd(NOISE.length)]!).join('') + text
    case 9:
      return text.replace(/!([0-9A-F]{4})/, (_, d: string) => `!${d.toLowerCase()}`)
    case 10:
      return text.replaceAll('\r\n', '\n')
    default:
      return text
  }
}

function stream(rnd: Random): Uint8Array {
  let out = ''
  for (let n = 1 + rnd(5); n > 0; n--) {
    let one = texts[rnd(texts.length)]!
    for (let k = rnd(3); k > 0; k--) one = damage(one, rnd)
    out += one
  }
  return bytesOf(out)
}

function same(found: Found[], seen: Seen): boolean {
  return (
    found.length === seen.telegrams.length &&
    found.every((f, i) => {
      const s = seen.telegrams[i]!
      return f.text === s.text && f.verified === s.verified && f.offset === s.offset
    })
  )
}

t.test('framer and twin agree, for every size of chunk', async (t) => {
  const rnd = random(2026)
  let telegrams = 0
  let bad = 0
  for (let round = 0; round < (FULL ? 20_000 : 400); round++) {
    const bytes = stream(rnd)
    const found = twin(bytes)
    telegrams += found.length
    const sizes = [1, 7, 64, 4096, () => 1 + rnd(200)]
    const results = sizes.map((size) => feed(bytes, size))
    const rejects = JSON.stringify(results[0]!.rejects)
    if (results.every((seen) => same(found, seen) && JSON.stringify(seen.rejects) === rejects)) continue
    if (bad++ > 2) continue
    const got = results.map((s) =>
      s.telegrams.map((x) => `${x.offset}+${x.text.length}${x.verified ? '' : '?'}`).join(' '),
    )
    t.comment({
      round,
      twin: found.map((f) => `${f.offset}+${f.text.length}`).join(' '),
      got,
      rejects: results.map((r) => r.rejects.join(' ')),
    })
  }
  t.equal(bad, 0)
  t.ok(telegrams > 100, 'most streams have telegrams in them')
})

t.test('the same at every offset in the ring', async (t) => {
  const telegram = texts[corpus.findIndex((s) => s.name === 'v5.0-iskra-am550')]!
  const is = body(bytesOf(telegram))
  const framer = new Framer({
    onTelegram: (frame: Frame) => {
      if (frame.verified && latin(frame.bytes()) === is) good++
    },
  })
  let good = 0
  const rounds = FULL ? 8_192 : 600
  for (let n = 0; n < rounds; n++) {
    framer.push(bytesOf('x'.repeat(n % 97)), 0)
    framer.push(bytesOf(telegram), 0)
  }
  t.equal(good, rounds)
})

t.test('a reading of what changed is the reading of the whole', async (t) => {
  const rnd = random(5)
  const quick = new Telegram()
  const quickReading = new Reading()
  const slow = new Telegram()
  const slowReading = new Reading()
  let sameForm = 0
  let wrong = 0
  let text = ''
  const framer = new Framer({
    onTelegram(frame) {
      quick.readFrame(frame)
      quickReading.read(quick, 1)
      quickReading.verified = frame.verified
      if (quick.sameForm) sameForm++
      const copy = frame.bytes().slice()
      slow.read(copy, 0, copy.length)
      slowReading.read(slow, 1)
      slowReading.verified = frame.verified
      const a = JSON.stringify([readingJson(quickReading, quick), telegramJson(quick)])
      const b = JSON.stringify([readingJson(slowReading, slow), telegramJson(slow)])
      if (a !== b && wrong++ < 2) t.same(JSON.parse(a), JSON.parse(b))
    },
  })
  for (let round = 0; round < (FULL ? 20_000 : 1_500); round++) {
    if (rnd(12) === 0 || text === '') text = body(corpus[rnd(corpus.length)]!.good)
    if (rnd(20) === 0) text = damage(text, rnd).replaceAll('\0', '')
    const every = 1 + rnd(40)
    // Mostly digits of values, now and then those of ids and headers.
    const where = rnd(15) === 0 ? /\d/g : /(?<=\([^)]*)\d/g
    text = text.replace(where, (d) => (rnd(every) === 0 ? String(rnd(10)) : d))
    const bang = text.lastIndexOf('\n!')
    if (bang < 0) continue
    text = text.slice(0, bang + 2)
    text += slowCrc(text).toString(16).toUpperCase().padStart(4, '0')
    framer.push(bytesOf(`${text}\r\n`), 0)
  }
  t.equal(wrong, 0)
  t.ok(sameForm > 500, `${sameForm} of the same form`)
})
