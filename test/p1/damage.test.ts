// Section by section the table "What is accepted" of docs/reading.md: each kind of damage, and what
// must come of it.
import t from 'tap'
import { LIMITS } from '../../src/base/limits.ts'
import { Framer } from '../../src/p1/frame/framer.ts'
import { body, bytesOf, corpus, feed, latin, type Seen, sample, watched } from './corpus.ts'
import { slowCrc } from './twin.ts'

const A = latin(sample('v5.0-iskra-am550').good)
const B = latin(sample('be-emucs-1.7.1-fluvius').good)
const OLD = latin(sample('v2.2-kamstrup-162jxc').good)
const ENDLESS = latin(sample('v2.2-iskra-mt382-no-terminator').good)
const a = body(bytesOf(A))
const b = body(bytesOf(B))

/** The same text with its right CRC. */
function recrc(text: string): string {
  const bang = text.lastIndexOf('\n!') + 2
  const crc = slowCrc(text.slice(0, bang)).toString(16).toUpperCase().padStart(4, '0')
  return `${text.slice(0, bang)}${crc}\r\n`
}

/** As 7E1 looks when read as 8N1. */
function parity(text: string): string {
  return [...text]
    .map((ch) => {
      const c = ch.charCodeAt(0)
      let ones = 0
      for (let bit = 0; bit < 7; bit++) ones += (c >> bit) & 1
      return String.fromCharCode(c | ((ones & 1) << 7))
    })
    .join('')
}

function texts(stream: string): string[] {
  return feed(bytesOf(stream)).telegrams.map((x) => x.text)
}

function all(stream: string): Seen {
  return feed(bytesOf(stream))
}

t.test('CRC wrong, next telegram unaffected', async (t) => {
  const seen = all(A.replace('00.498', '00.499') + B)
  t.strictSame(
    seen.telegrams.map((x) => x.text),
    [b],
  )
  t.strictSame(seen.rejects, ['crc'])
})

t.test('CRC in lower case, unpadded, with a letter that is none, missing', async (t) => {
  t.equal(texts(A.replace('!1F28', '!1f28')).length, 1)
  const short = sample('v5.0-warmtelink-3-digit-crc').good
  t.strictSame(texts(latin(short)), [body(short)])
  t.strictSame(texts(latin(short).replace('!B9F', '!0B9F')).length, 1)
  t.strictSame(all(A.replace('!1F28', '!1G28') + B).rejects, ['digits'])
  t.strictSame(all(A.replace('!1F28', '!') + B).rejects, ['no-crc'])
  t.equal(texts(A.replace('!1F28', '!1F2')).length, 0, 'a digit lost')
})

t.test('no fall-back to "no CRC" once one was seen, nor where version or time is told', async (t) => {
  t.equal(texts(OLD).length, 1)
  t.strictSame(all(A + OLD).rejects, ['no-crc'])
  t.strictSame(all(OLD.replace('1-0:1.8.1', '0-0:1.0.0(120517020000W)\r\n1-0:1.8.1')).rejects, ['no-crc'])
  t.strictSame(all(OLD.replace('1-0:1.8.1', '1-3:0.2.8(50)\r\n1-0:1.8.1')).rejects, ['no-crc'])
})

t.test('without CRC every line must be well-formed', async (t) => {
  for (const [from, to] of [
    ['(00185.000*kWh)', '(00185.000*kWh'],
    ['(00185.000*kWh)', '00185.000*kWh)'],
    ['1-0:1.8.2', '1-0 1.8.2'],
    ['\r\n(00124.477)', '\r\n00124.477)'],
    ['kWh)\r\n', 'kWh)\n'],
    ['*kWh', '*k\x01h'],
    ['/KMP5', '/KM25'],
  ] as const) {
    const seen = all(OLD.replace(from, to))
    t.equal(seen.telegrams.length, 0, JSON.stringify(to))
  }
  t.notOk(all(OLD).telegrams[0]!.verified)
})

t.test('no "!" line: complete at the next header, or by silence, never when it is cut', async (t) => {
  const twice = all(ENDLESS + ENDLESS)
  t.strictSame(
    twice.telegrams.map((x) => x.text),
    [ENDLESS, ENDLESS],
  )
  t.strictSame(
    twice.telegrams.map((x) => x.now),
    [0, 10_000],
    'the second one by silence',
  )
  t.strictSame(
    twice.telegrams.map((x) => x.duplicate),
    [false, true],
  )
  t.equal(texts(ENDLESS.slice(0, -5) + ENDLESS).length, 1, 'cut in a line')
  t.equal(texts(ENDLESS.slice(0, 200)).length, 0)
  t.equal(texts(OLD + ENDLESS).length, 1, 'a meter that sends "!" always does')
  const { framer, seen } = watched()
  framer.push(bytesOf(ENDLESS.slice(0, -1)), 0)
  framer.tick(5_000)
  t.equal(seen.telegrams.length, 0, 'the last line is not whole yet')
  framer.push(bytesOf('\n'), 5_100)
  framer.tick(7_000)
  t.equal(seen.telegrams.length, 0)
  framer.tick(7_200)
  t.equal(seen.telegrams.length, 1)
})

t.test('cut in mid-line, the next at once or on the next line', async (t) => {
  for (const cut of [3, 60, 300, 500, a.length - 4, a.length - 2])
    for (const between of ['', '\r\n', '\n', '\0'])
      t.strictSame(texts(a.slice(0, cut) + between + B), [b], `${cut} ${JSON.stringify(between)}`)
})

t.test('one inside another: the inner one; two mixed: none', async (t) => {
  t.strictSame(texts(`${a.slice(0, 400)}\r\n${B}${a.slice(400)}\r\n`), [b])
  t.strictSame(texts(a.slice(0, 400) + B + a.slice(400)), [b])
  let mixed = ''
  for (let i = 0; i < Math.max(A.length, B.length); i += 50) mixed += A.slice(i, i + 50) + B.slice(i, i + 50)
  t.strictSame(texts(mixed), [])
})

t.test('bytes lost, bits flipped: nothing comes out', async (t) => {
  let out = 0
  for (let i = 0; i < a.length; i += 7) {
    const flipped = String.fromCharCode(a.charCodeAt(i) ^ 0x80)
    out += texts(`${a.slice(0, i)}${a.slice(i + 1)}\r\n`).length
    out += texts(`${a.slice(0, i)}${flipped}${a.slice(i + 1)}\r\n`).length
  }
  t.equal(out, 0)
})

t.test('"/" and "!" inside texts and headers are no boundary', async (t) => {
  for (const text of [
    'test-/-test',
    'http://abc.def/ghi',
    '!',
    '!!1234',
    '/ISK5\\2M550T',
    'a!B2C3',
    '/////abc/abcd/abcde',
  ]) {
    const telegram = recrc(A.replace('0-0:96.13.0()', `0-0:96.13.0(${text})`))
    t.strictSame(texts(telegram + B), [body(bytesOf(telegram)), b], text)
  }
  const slash = recrc(A.replace('M550T', 'M/abcd!50T'))
  t.strictSame(texts(slash), [body(bytesOf(slash))])
})

t.test('noise, FF and NUL before and between', async (t) => {
  for (const noise of [
    '\xff'.repeat(40),
    '\0'.repeat(30),
    'x!y/z\r\n',
    '\r\n\r\n',
    '/abc\r\n',
    '!1234\r\n',
    '\x7e\x7e',
    '/',
  ])
    t.strictSame(texts(noise + A + noise + B + noise), [a, b], JSON.stringify(noise))
  const seen = all(`junk${A}`)
  t.equal(seen.telegrams[0]!.offset, 4)
})

t.test('NULs inside: counted in the CRC or not', async (t) => {
  const without = all(A.replace('00.498', '00\0.4\x0098'))
  t.equal(without.telegrams.length, 1)
  t.ok(without.telegrams[0]!.nuls)
  t.ok(without.telegrams[0]!.text.includes('00\0.4\x0098'), 'the raw bytes are untouched')
  const within = all(recrc(A.replace('00.498', '00\0.498')))
  t.equal(within.telegrams.length, 1)
  t.equal(texts(A.replace('!1F28', '!1F\x002\x008')).length, 1)
  t.equal(texts(A.replace('!1F28', '\0!1F28')).length, 1)
  t.equal(texts(A.replace('!1F28', `!1F${'\0'.repeat(40)}28`)).length, 0)
})

t.test('7E1 read as 8N1: verified and stripped; a wrong parity bit refuses', async (t) => {
  for (const [text, is] of [
    [A, a],
    [OLD, body(bytesOf(OLD))],
    [ENDLESS, ENDLESS],
  ] as const) {
    const seen = all(parity(text))
    t.strictSame(
      seen.telegrams.map((x) => x.text),
      [is],
    )
    t.ok(seen.telegrams[0]!.parity)
  }
  const bad = parity(OLD)
  const flip = bad.indexOf('\xb1') // a "1"
  const seen = all(`${bad.slice(0, flip)}1${bad.slice(flip + 1)}`)
  t.strictSame(seen.rejects, ['parity'])
  t.equal(seen.telegrams.length, 0)
})

t.test('too long a line, too long a telegram: given up, the next one comes', async (t) => {
  const long = (n: number): string => recrc(A.replace('0-0:96.13.0()', `0-0:96.13.0(${'30'.repeat(n)})`))
  t.equal(texts(long(1024)).length, 1, 'the longest legal text')
  for (const n of [1_100, 1_500, 2_000, 10_000]) {
    const seen = all(long(n) + B)
    t.strictSame(
      seen.telegrams.map((x) => x.text),
      [b],
    )
    t.strictSame([...new Set(seen.rejects)], ['oversize'], `${n}`)
  }
  const many = recrc(A.replace('0-0:96.13.0()', '0-0:96.13.0()\r\n'.repeat(300)))
  t.ok(many.length > LIMITS.p1.telegramBytes)
  t.strictSame(texts(many + B), [b])
})

t.test('LF only: where the CRC over the bytes as they came fits, else never', async (t) => {
  t.equal(texts(A.replaceAll('\r\n', '\n')).length, 0)
  t.equal(texts(recrc(A.replaceAll('\r\n', '\n'))).length, 1)
  t.equal(texts(OLD.replaceAll('\r\n', '\n')).length, 0)
})

t.test('no empty line, extra ones, unknown ids, broken lines: delivered', async (t) => {
  for (const [from, to] of [
    ['1011\r\n\r\n', '1011\r\n'],
    ['\r\n1-0', '\r\n\r\n\r\n1-0'],
    ['0-0:96.13.0()', '9-9:99.99.9(x)(y)\r\nwhat is this\r\n1-0:1.8.1(1'],
    ['(00.498*kW)', '(00.498*kW)\r\n1-0:2.7.0(00.111*kW)'],
    ['(00.498*kW)', '(0.0.498*kW)'],
  ] as const)
    t.equal(texts(recrc(A.replace(from, to))).length, 1, to)
})

t.test('the same telegram twice is flagged', async (t) => {
  t.strictSame(
    all(A + A + B + A).telegrams.map((x) => x.duplicate),
    [false, true, false, false],
  )
})

t.test('HDLC frames are recognised, in pieces too', async (t) => {
  const { readdirSync, readFileSync } = await import('node:fs')
  for (const file of readdirSync('test/p1/telegrams/dlms').filter((f) => f.endsWith('.hdlc'))) {
    const bytes = new Uint8Array(readFileSync(`test/p1/telegrams/dlms/${file}`))
    for (const chunk of [1, 7, 4096]) {
      const seen = feed(bytes, chunk)
      t.ok(seen.binary >= 1, `${file} ${chunk}`)
      t.equal(seen.telegrams.length, 0)
    }
  }
  for (const s of corpus) t.equal(feed(s.good).binary, 0)
})

t.test('the telegram is there at its last CRC digit, without CR LF', async (t) => {
  const { framer, seen } = watched()
  framer.push(bytesOf(a.slice(0, -1)), 0)
  t.equal(seen.telegrams.length, 0)
  framer.push(bytesOf(a.slice(-1)), 1)
  t.equal(seen.telegrams.length, 1)
  t.equal(seen.telegrams[0]!.now, 1)
})

t.test('a pause of seconds in the middle spoils nothing', async (t) => {
  for (const cut of [10, 500, a.length - 2]) {
    const { framer, seen } = watched()
    framer.push(bytesOf(a.slice(0, cut)), 0)
    for (let now = 1_000; now < 9_000; now += 1_000) framer.tick(now)
    framer.push(bytesOf(A.slice(cut)), 9_000)
    t.equal(seen.telegrams.length, 1, `${cut}`)
  }
})

t.test('counters say what came and what was refused; reset forgets the half', async (t) => {
  const { framer } = watched()
  framer.push(bytesOf(A + A.replace('00.498', '00.499') + OLD), 0)
  t.strictSame(framer.counters.report(), {
    bytes: 2 * A.length + OLD.length,
    telegrams: 1,
    'telegram-bytes': a.length,
    crc: 1,
    'no-crc': 1,
  })
  framer.push(bytesOf(A.slice(0, 300)), 0)
  framer.reset()
  framer.push(bytesOf(A.slice(300)), 0)
  t.equal(framer.counters.get('telegrams'), 1)
  framer.push(bytesOf(OLD), 0)
  t.equal(framer.counters.get('unverified'), 1, 'another meter may be there after a reset')
})

t.test(
  'a wrong speed is noticed after the longest period, once, and never where a header came',
  async (t) => {
    let wrong = 0
    const framer = new Framer({ onTelegram: () => {}, onWrongSpeed: () => wrong++ })
    for (let now = 0; now <= 11_000; now += 1_000) framer.push(bytesOf('\x00\xff\xf8\x80'.repeat(20)), now)
    t.equal(wrong, 0)
    framer.tick(12_000)
    framer.tick(13_000)
    t.equal(wrong, 1)
    framer.reset()
    framer.tick(60_000)
    t.equal(wrong, 1, 'a silent line has no speed')
    framer.push(bytesOf(A.replace('00.498', '00.499')), 60_000)
    framer.push(bytesOf('noise'), 61_000)
    framer.tick(90_000)
    t.equal(wrong, 1, 'CRC wrong, but text: the speed is right')
  },
)
