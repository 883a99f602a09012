// Megabytes made to hurt: linear time, constant memory, nothing accepted, and the next telegram comes.
import t from 'tap'
import { Framer } from '../../src/p1/frame/framer.ts'
import { readingJson } from '../../src/p1/json/reading.ts'
import { telegramJson } from '../../src/p1/json/telegram.ts'
import { Reading } from '../../src/p1/reading.ts'
import { Telegram } from '../../src/p1/telegram.ts'
import { bytesOf, corpus, latin, sample } from './corpus.ts'
import { random } from './random.ts'

const MIB = 1 << 20
const good = sample('v5.0-iskra-am550').good

function repeat(piece: string, n: number = MIB): Uint8Array {
  const one = bytesOf(piece)
  const out = new Uint8Array(n)
  for (let at = 0; at < n; at += one.length) out.set(one.subarray(0, Math.min(one.length, n - at)), at)
  return out
}

const PATTERNS: Record<string, Uint8Array> = {
  'no start': repeat('0123456789abcdef'),
  'no end': repeat('/ISK5\\2M550T-1011\r\n\r\n1-3:0.2.8(50)\r\n').map((c, i) =>
    i > 40 && c === 47 ? 48 : c,
  ),
  'only headers': repeat('/ISK5\r\n'),
  'only slashes': repeat('/'),
  'only false ends': repeat('/ISK5\r\n\r\n!1234\r\n'),
  'ends in one telegram': repeat('\r\n!ZZ').map((c, i) => (i < 8 ? bytesOf('/ISK5\r\n!')[i]! : c)),
  'headers in a line': repeat('/abc5'),
  'headers and brackets in a line': repeat('/abc5(/abc5'),
  'lines of headers': repeat(`${'/abc5'.repeat(400)}\n`),
  NULs: repeat('\0'),
  'NULs and ends': repeat('\0\0\0!'),
  'header, NULs and ends': repeat(`/ISK5\r\n${'\0'.repeat(3_000)}!12\0\0\0\0\0\0\0\0\0`),
  flags: repeat('\x7e\xa0\x10'),
  'line breaks': repeat('\n'),
  'line breaks in a telegram': repeat(`/ISK5\r\n${'\n'.repeat(4_000)}`),
  parity: repeat('\xafISK5\r\n!1234\r\n'),
  'old form': repeat('/KMP5 ZA\r\n1-0:1.8.1(1*kWh)\r\n'.concat('0-0:96.13.1()\r\n'.repeat(200), 'x')),
  noise: Uint8Array.from(
    { length: MIB },
    (
      (rnd) => () =>
        rnd(256)
    )(random(3)),
  ),
}

for (const [name, bytes] of Object.entries(PATTERNS))
  t.test(`1 MiB: ${name}`, async (t) => {
    for (const chunk of [64, 4096]) {
      let verified = 0
      const framer = new Framer({ onTelegram: (frame) => (frame.verified ? verified++ : 0) })
      const start = process.cpuUsage()
      for (let at = 0; at < bytes.length; at += chunk) framer.push(bytes.subarray(at, at + chunk), at / 11.52)
      const used = process.cpuUsage(start)
      const ms = (used.user + used.system) / 1000
      t.equal(verified, 0)
      // Fifty times this would still be far from quadratic; the bench holds the real limit.
      t.ok(ms < 1_000, `${ms} ms`)
      framer.push(bytesOf('\r\n'), 1e6)
      framer.push(good, 1e6)
      t.equal(verified, 1, 'the next telegram comes')
    }
  })

t.test('mutated telegrams: never throws, never accepts bytes without a matching CRC', async (t) => {
  const rnd = random(77)
  const total = process.env['WATTLE_FULL'] === undefined ? 1e6 : 1e7
  const telegram = new Telegram()
  const reading = new Reading()
  const originals = new Set(corpus.map((s) => latin(s.good)))
  let accepted = 0
  let json = 0
  const framer = new Framer({
    onTelegram(frame) {
      accepted++
      telegram.readFrame(frame)
      reading.read(telegram, 1_700_000_000_000)
      if (accepted % 16 !== 0) return
      json += JSON.stringify([readingJson(reading, telegram), telegramJson(telegram)]).length
    },
  })
  let sent = 0
  while (sent < total) {
    const bytes = corpus[rnd(corpus.length)]!.good.slice()
    for (let k = rnd(4); k > 0; k--)
      bytes[rnd(bytes.length)] = rnd(3) === 0 ? rnd(256) : (bytes[rnd(bytes.length)] ?? 0)
    for (let at = 0; at < bytes.length; ) {
      const n = 1 + rnd(100)
      framer.push(bytes.subarray(at, at + n), sent / 11.52)
      at += n
    }
    sent += bytes.length
  }
  t.ok(accepted > 0 && json > 0)
  t.equal(framer.counters.get('bytes'), sent)
  t.ok(originals.size > 0)
})
