// make bench-p1: how fast telegrams become readings, what garbage that leaves, what hostile bytes cost.
// One process, the same bytes for everybody; the best of many short rounds counts, so that other
// programs on the machine disturb least. Peers come from test/peers/p1 where they are installed.

import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { PerformanceObserver } from 'node:perf_hooks'
import type { Transform } from 'node:stream'
import { LinuxSerial } from '../src/hw/linux/serial.ts'
import { simMeter } from '../src/hw/sim/meter.ts'
import { crc16 } from '../src/p1/frame/crc.ts'
import { Framer } from '../src/p1/frame/framer.ts'
import { packDelta, packKey } from '../src/p1/pack.ts'
import { Reading } from '../src/p1/reading.ts'
import { Telegram } from '../src/p1/telegram.ts'
import { Pty } from '../test/hw/linux/pty.ts'

const CHUNK = 64
const TELEGRAMS = 500
const ROUNDS = 150
const SLOW_ROUNDS = 12
const MIB = 1 << 20

const GOALS = { peers: 10, ceiling: 0.2, heapBytes: 1, hostileMs: 50, serialBytes: 150 }

const meter = simMeter('nl50', 1)
const telegrams = Array.from({ length: TELEGRAMS }, (_, n) =>
  meter.telegramAt(Date.UTC(2026, 10, 20, 10) + 1000 * n),
)
const capture = new Uint8Array(Buffer.concat(telegrams))
const chunks: Buffer[] = []
for (let at = 0; at < capture.length; at += CHUNK) chunks.push(Buffer.from(capture.subarray(at, at + CHUNK)))

const failed: string[] = []

function row(name: string, value: string, goal = ''): void {
  process.stdout.write(`${name.padEnd(52)} ${value.padStart(22)}   ${goal}\n`)
}

function goal(name: string, good: boolean, text: string): string {
  if (!good) failed.push(name)
  return `${good ? 'goal met' : 'GOAL MISSED'}: ${text}`
}

/** Best time of one round in ns. */
function best(round: () => void, rounds: number): number {
  for (let n = 0; n < rounds / 3; n++) round()
  let least = Number.POSITIVE_INFINITY
  for (let n = 0; n < rounds; n++) {
    const start = process.hrtime.bigint()
    round()
    least = Math.min(least, Number(process.hrtime.bigint() - start))
  }
  return least
}

function perSecond(ns: number): number {
  return (TELEGRAMS * 1e9) / ns
}

function rate(n: number): string {
  return `${Math.round(n).toLocaleString('en')} /s`
}

// Ours

let count = 0
const telegram = new Telegram()
const reading = new Reading()
const framer = new Framer({
  onTelegram(frame) {
    telegram.readFrame(frame)
    reading.read(telegram, 0)
    count++
  },
})
function ours(): void {
  for (let n = 0; n < chunks.length; n++) framer.push(chunks[n]!, 0)
}

let sink = 0
const ceiling = perSecond(
  best(() => {
    for (let n = 0; n < TELEGRAMS; n++) sink ^= crc16(telegrams[n]!, 0, telegrams[n]!.length - 6)
  }, ROUNDS),
)
row('CRC alone, slicing by eight', rate(ceiling))
const own = perSecond(best(ours, ROUNDS))
row(
  `Wattle: ${CHUNK} B chunks, CRC and all fields`,
  rate(own),
  goal(
    'ceiling',
    own >= GOALS.ceiling * ceiling,
    `${Math.round((100 * own) / ceiling)} % of CRC alone, at least ${100 * GOALS.ceiling} %`,
  ),
)
const bytewise = new Framer({ onTelegram: () => count++ })
const single = Array.from({ length: 20_000 }, (_, n) => capture.subarray(n, n + 1))
const one = best(() => {
  for (let n = 0; n < single.length; n++) bytewise.push(single[n]!, 0)
}, 30)
const slow = ((single.length / telegrams[0]!.length) * 1e9) / one
row('Wattle: 1 B chunks', rate(slow))

// Garbage

let collections = 0
new PerformanceObserver((list) => {
  collections += list.getEntries().length
}).observe({ entryTypes: ['gc'] })
const pause = (): Promise<void> => new Promise((done) => setTimeout(done, 60))
async function heapOf(rounds: number): Promise<number> {
  globalThis.gc?.()
  await pause()
  collections = 0
  const before = process.memoryUsage()
  for (let n = 0; n < rounds; n++) ours()
  const after = process.memoryUsage()
  await pause()
  return after.heapUsed - before.heapUsed
}
if (globalThis.gc === undefined) row('heap per telegram', 'run with --expose-gc')
else {
  // Measuring leaves some kB of its own, and so does the compiler: the best of several rounds, each
  // against an empty one.
  let bytes = Number.POSITIVE_INFINITY
  let n = 0
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 6; round++) {
    const empty = await heapOf(0)
    count = 0
    const used = await heapOf(20)
    n = count
    bytes = Math.min(bytes, Math.max(0, used - empty) / n)
    least = Math.min(least, collections)
  }
  const text = `at most ${GOALS.heapBytes} B over ${n.toLocaleString('en')} telegrams, ${least} collections`
  row(
    'Wattle: heap per telegram',
    `${bytes.toFixed(2)} B`,
    goal('heap', bytes <= GOALS.heapBytes && least === 0, text),
  )
}

// Packing

const out = new Uint8Array(8_192)
let packed = 0
const delta = best(() => {
  packed = 0
  for (let n = 1; n < TELEGRAMS; n++)
    packed += packDelta(telegrams[n - 1]!.subarray(0, -2), telegrams[n]!.subarray(0, -2), out)
}, 20)
row(
  'Wattle: delta packing',
  rate(perSecond(delta)),
  `${(packed / (TELEGRAMS - 1)).toFixed(1)} B a telegram, key form ${packKey(telegrams[0]!.subarray(0, -2), out)} B of ${telegrams[0]!.length}`,
)

// Hostile megabytes

const text = (s: string): Uint8Array => new Uint8Array(Buffer.from(s, 'latin1'))
function repeated(piece: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: MIB }, (_, n) => piece[n % piece.length]!)
}
const HOSTILE: Record<string, Uint8Array> = {
  'without a start': repeated(text('0123456789abcdef')),
  'without an end': repeated(text('1-0:1.8.1(000000.000*kWh)\r\n')),
  'only slashes': repeated(text('/')),
  'only headers': repeated(text('/ISK5\r\n')),
  'only false ends': repeated(text('/ISK5\r\n!1234\r\n')),
  'headers in a line': repeated(text('/abc5')),
  NULs: repeated(text('\0')),
  'NULs and false ends': repeated(text('/ISK5\r\n\0\0\0!12\0\0')),
  'line breaks': repeated(text('\n')),
  'flags of HDLC': repeated(text('\x7e\xa0\x10')),
  '7E1 headers': repeated(text('\xafISK5\r\n!1234\r\n')),
}
let worst = 0
for (const [name, bytes] of Object.entries(HOSTILE)) {
  const line = new Framer({ onTelegram: () => count++ })
  line.push(text('/ISK5\r\n'), 0)
  const ms =
    best(() => {
      for (let at = 0; at < bytes.length; at += 4_096) line.push(bytes.subarray(at, at + 4_096), 0)
    }, 5) / 1e6
  worst = Math.max(worst, ms)
  row(
    `1 MiB ${name}`,
    `${ms.toFixed(1)} ms`,
    goal(name, ms <= GOALS.hostileMs, `at most ${GOALS.hostileMs} ms`),
  )
}

// Serial port

if (Pty.available() && globalThis.gc !== undefined) {
  const pty = new Pty()
  await pty.plug()
  let reads = 0
  const line = new Framer({ onTelegram: () => count++ })
  const events = {
    buffer: () => line.room(),
    onBytes(n: number) {
      reads++
      line.onBytes(n, 0)
    },
    onState() {},
  }
  const port = new LinuxSerial().open(pty.path, events)
  await pause()
  await pty.burst(50, telegrams[0]!)
  globalThis.gc()
  reads = 0
  const before = process.memoryUsage().heapUsed
  const cpu = process.cpuUsage()
  await pty.burst(300, telegrams[0]!)
  const used = process.cpuUsage(cpu)
  const bytes = (process.memoryUsage().heapUsed - before) / reads
  row(
    'serial port: heap per read of 64 B',
    `${bytes.toFixed(0)} B`,
    goal(
      'serial',
      bytes <= GOALS.serialBytes,
      `at most ${GOALS.serialBytes} B; ${((used.user + used.system) / reads).toFixed(0)} us CPU, ${reads} reads`,
    ),
  )
  port.close()
  pty.end()
} else row('serial port', 'needs python3 and --expose-gc')

// Peers

const from = createRequire(resolve('test/peers/p1/package.json'))
function peer<T>(name: string): T | null {
  try {
    return from(name) as T
  } catch {
    row(name, 'not installed', 'npm ci --ignore-scripts --prefix test/peers/p1')
    return null
  }
}
const delimiter = peer<{ DelimiterParser: new (o: { delimiter: string }) => Transform }>(
  '@serialport/parser-delimiter',
)
/** A peer that wants whole telegrams, behind the delimiter stream that one of them uses itself. */
async function stream(name: string, mark: '/' | '!', parse: (telegram: string) => unknown): Promise<number> {
  if (delimiter === null) return 0
  const { log, error } = console
  let least = Number.POSITIVE_INFINITY
  let seen = 0
  for (let round = 0; round < SLOW_ROUNDS; round++) {
    const parser = new delimiter.DelimiterParser({ delimiter: mark })
    seen = 0
    parser.on('data', (data: Buffer) => {
      const piece = data.toString('latin1')
      parse(mark === '/' ? `/${piece}` : piece.slice(piece.indexOf('/')))
      seen++
    })
    console.log = () => {}
    console.error = () => {}
    const start = process.hrtime.bigint()
    for (const chunk of chunks) parser.write(chunk)
    await new Promise<void>((done) => {
      parser.end(() => done())
    })
    least = Math.min(least, Number(process.hrtime.bigint() - start))
    Object.assign(console, { log, error })
  }
  if (seen < TELEGRAMS - 1) throw new Error(`${name} saw ${seen} telegrams`)
  row(`${name}, ${CHUNK} B chunks`, rate(perSecond(least)))
  return perSecond(least)
}
let bestPeer = 0
const dsmr = peer<{ parse: (t: string) => unknown }>('dsmr-parser')
if (dsmr !== null) bestPeer = Math.max(bestPeer, await stream('dsmr-parser 2.1.1', '/', (t) => dsmr.parse(t)))
const reader = peer<(packet: string) => unknown>('p1-reader/lib/parsePacket')
if (reader !== null) bestPeer = Math.max(bestPeer, await stream('p1-reader 2.0.6 (no CRC)', '!', reader))
if (bestPeer > 0)
  row(
    'Wattle against the best of them',
    `${(own / bestPeer).toFixed(1)} x`,
    goal('peers', own >= GOALS.peers * bestPeer, `at least ${GOALS.peers} x`),
  )

try {
  execFileSync('python3', ['-c', 'import dsmr_parser'], { stdio: 'ignore' })
  const program = `
import sys, time
from dsmr_parser import telegram_specifications as s
from dsmr_parser.parsers import TelegramParser
t = sys.stdin.buffer.read().decode('latin1').split('\\n/')
p = TelegramParser(s.V5)
b = time.perf_counter()
for x in t[1:200]: p.parse('/' + x + '\\n')
print(199 / (time.perf_counter() - b))`
  const answer = execFileSync('python3', ['-c', program], { input: capture }).toString()
  row('dsmr_parser (Python)', rate(Number(answer)))
} catch {
  row('dsmr_parser (Python)', 'not installed')
}

void sink
if (failed.length > 0) {
  process.stderr.write(`goals missed: ${failed.join(', ')}\n`)
  process.exitCode = 1
}
