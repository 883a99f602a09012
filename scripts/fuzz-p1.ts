// make fuzz-p1: damages telegrams by what they are made of (lines, groups, digits, headers, ends) and
// feeds them, whole streams at a time, to framer, decoder, JSON and packing. Keeps what reaches new
// ground: a stream whose outcome (reasons, flags, counts of objects) was not seen before goes back into
// the pool. Ends with an error at the first thing that must not be, and says the seed that led there.
// Usage: fuzz-p1.ts [MINUTES] [SEED]

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { LIMITS } from '../src/base/limits.ts'
import type { Frame } from '../src/p1/frame/frame.ts'
import { Framer } from '../src/p1/frame/framer.ts'
import { readingJson } from '../src/p1/json/reading.ts'
import { telegramJson } from '../src/p1/json/telegram.ts'
import { packDelta, packKey } from '../src/p1/pack.ts'
import { Reading } from '../src/p1/reading.ts'
import { Telegram } from '../src/p1/telegram.ts'
import { unpackDelta, unpackKey } from '../src/p1/unpack.ts'
import { random } from '../test/p1/random.ts'
import { slowCrc } from '../test/p1/twin.ts'

const minutes = Number(process.argv[2] ?? 1)
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000)
const POOL = 400
const STREAM_BYTES = 12_000
const rnd = random(seed)
const folder = 'test/p1/telegrams'
const originals = ['', 'recrc/']
  .flatMap((sub) => readdirSync(`${folder}/${sub}`).map((f) => `${folder}/${sub}${f}`))
  .filter((f) => f.endsWith('.p1'))
  .map((f) => readFileSync(f, 'latin1'))
const pool = [...originals]
const seen = new Set<string>()
const WORDS = [
  '/',
  '!',
  '(',
  ')',
  '*',
  '.',
  '-',
  ':',
  '\r',
  '\n',
  '\r\n',
  '\0',
  '\xff',
  '\xaf',
  '\x7e\xa0\x20',
  '\xdb\x08',
  '0',
  '9',
  'W',
  'S',
  '1-0:1.8.0(',
  '0-1:24.2.1(',
  '0-0:98.1.0(',
  '!0000',
  '/ABC5\r\n',
  '*kWh)',
  '999999999999999',
  '(0-0:96.7.19)',
]

function pick<T>(list: readonly T[]): T {
  return list[rnd(list.length)]!
}

function mutate(text: string): string {
  const at = rnd(text.length + 1)
  switch (rnd(11)) {
    case 0:
      return text.slice(0, at) + pick(WORDS) + text.slice(at)
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + rnd(20))
    case 2: {
      const lines = text.split('\r\n')
      lines.splice(rnd(lines.length), rnd(3), ...Array.from({ length: rnd(4) }, () => pick(lines)))
      return lines.join('\r\n')
    }
    case 3:
      return text.replace(/\d+/g, (d) =>
        rnd(30) === 0 ? pick(['', '0', '9'.repeat(rnd(25)), `${d}.`, `-${d}`]) : d,
      )
    case 4:
      return text.slice(0, at) + pick(pool).slice(rnd(500), 500 + rnd(1_500)) + text.slice(at)
    case 5:
      return text.slice(0, at) + String.fromCharCode(rnd(256)) + text.slice(at + 1)
    case 6:
      return text + pick(pool)
    case 7:
      return text.replace(/\(([^)]*)\)/g, (g) =>
        rnd(20) === 0 ? pick(['()', g + g, g.slice(1), '(('.concat(g)]) : g,
      )
    case 8:
      return text.slice(0, at) + pick(WORDS).repeat(rnd(200)) + text.slice(at)
    default:
      return recrc(text)
  }
}

/** Gives every telegram in a stream its right CRC, so that damage reaches what lies behind the framer. */
function recrc(text: string): string {
  return text.replace(
    /(\/[A-Za-z]{3}[\s\S]*?\n!)[0-9A-Fa-f]{0,4}/g,
    (_, body: string) => body + slowCrc(body).toString(16).toUpperCase().padStart(4, '0'),
  )
}

function fail(what: string, stream: string): never {
  writeFileSync('build/fuzz-p1.bin', Buffer.from(stream, 'latin1'))
  throw new Error(`${what}; seed ${seed}; the stream is in build/fuzz-p1.bin`)
}

const telegram = new Telegram()
const reading = new Reading()
const packed = new Uint8Array(LIMITS.p1.packedBytes)
const back = new Uint8Array(LIMITS.p1.telegramBytes)
let previous = new Uint8Array(0)

/** One stream through everything. Returns what came of it, in short. */
function run(stream: string): string {
  const marks: string[] = []
  const bytes = Buffer.from(stream, 'latin1')
  const framer = new Framer({
    onTelegram(frame: Frame) {
      const raw = frame.bytes().slice()
      const text = Buffer.from(raw).toString('latin1')
      if (frame.verified) {
        const bang =
          text.lastIndexOf('\n!') < 0 ? text.indexOf('!') : text.search(/!(?:\0*[0-9A-Fa-f]){1,4}\0*$/)
        const body = text.slice(0, bang + 1)
        const claimed = Number.parseInt(text.slice(bang + 1).replaceAll('\0', ''), 16)
        if (slowCrc(body) !== claimed && slowCrc(body.replaceAll('\0', '')) !== claimed)
          fail('a telegram without a matching CRC', stream)
      }
      telegram.readFrame(frame)
      reading.read(telegram, 1_760_000_000_000)
      const json = JSON.stringify([readingJson(reading, telegram), telegramJson(telegram)])
      const n = packKey(raw, packed)
      if (
        n < 0 ||
        unpackKey(packed.slice(0, n), back) !== raw.length ||
        Buffer.compare(back.subarray(0, raw.length), raw) !== 0
      )
        fail('a key form that does not come back', stream)
      const d = packDelta(previous, raw, packed)
      if (
        d < 0 ||
        unpackDelta(previous, packed.slice(0, d), back) !== raw.length ||
        Buffer.compare(back.subarray(0, raw.length), raw) !== 0
      )
        fail('a delta that does not come back', stream)
      packed[rnd(d)] = rnd(256)
      unpackDelta(previous, packed.slice(0, rnd(d + 1)), back)
      previous = raw
      marks.push(
        `${frame.verified ? 'v' : 'u'}${frame.nuls ? 'n' : ''}${frame.parity ? 'p' : ''}${frame.sameForm ? 's' : ''}${telegram.count >> 2}.${telegram.groups >> 3}.${json.length >> 9}`,
      )
    },
    onReject: (reason) => marks.push(reason),
  })
  for (let at = 0; at < bytes.length; ) {
    const n = 1 + rnd(rnd(2) === 0 ? 20 : 3_000)
    framer.push(bytes.subarray(at, at + n), at)
    at += n
  }
  framer.tick(bytes.length + 5_000)
  return [...new Set(marks)].sort().join(' ')
}

const end = Date.now() + minutes * 60_000
let streams = 0
let sum = 0
process.stderr.write(`fuzz-p1: ${minutes} minutes, seed ${seed}\n`)
while (Date.now() < end) {
  let stream = pick(pool)
  for (let n = rnd(6); n >= 0; n--) stream = mutate(stream)
  stream = stream.slice(0, STREAM_BYTES)
  const outcome = run(stream)
  streams++
  sum += stream.length
  if (seen.has(outcome)) continue
  seen.add(outcome)
  if (pool.length < POOL) pool.push(stream)
  else pool[originals.length + rnd(POOL - originals.length)] = stream
}
const { rss } = process.memoryUsage()
process.stdout.write(
  `${JSON.stringify({ streams, bytes: sum, outcomes: seen.size, seed, rssMb: Math.round(rss / 1e6) })}\n`,
)
