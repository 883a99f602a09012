import t from 'tap'
import { simMeter } from '../../src/hw/sim/meter.ts'
import {
  Aggregator,
  KIND_DAY,
  KIND_QUARTER,
  readSummary,
  SUMMARY_BYTES,
  type Summary,
} from '../../src/p1/aggregate.ts'
import { Reading } from '../../src/p1/reading.ts'
import { Telegram } from '../../src/p1/telegram.ts'

const telegram = new Telegram()
const reading = new Reading()

interface Kept {
  summary: Summary
  firstWh: number
}

/** Summaries made from a simulated meter, with the counter as it was read at each boundary. */
function run(
  kind: 1 | 2,
  from: number,
  to: number,
  stepMs: number,
  skip: (at: number) => boolean = () => false,
): { kept: Kept[]; wh: Map<number, number> } {
  const meter = simMeter('nl50', 8)
  const aggregator = new Aggregator(kind)
  const kept: Kept[] = []
  const wh = new Map<number, number>()
  for (let at = from; at <= to; at += stepMs) {
    const bytes = meter.telegramAt(at)
    if (skip(at)) continue
    telegram.read(bytes, 0, bytes.length)
    reading.read(telegram, at)
    wh.set(at, reading.energyInWh)
    if (!aggregator.add(reading)) continue
    kept.push({ summary: readSummary(aggregator.summary)!, firstWh: reading.energyInWh })
  }
  return { kept, wh }
}

const QUARTER = 900_000

t.test('quarters: begins with the first whole one, totals join without a gap', async (t) => {
  const from = Date.UTC(2026, 10, 20, 17, 7, 0)
  const { kept, wh } = run(KIND_QUARTER, from, from + 3_600_000, 1000)
  t.strictSame(
    kept.map((k) => new Date(k.summary.startMs).toISOString().slice(11, 16)),
    ['17:15', '17:30', '17:45'],
  )
  for (const [i, { summary: s }] of kept.entries()) {
    t.equal(s.endMs - s.startMs, QUARTER)
    t.equal(s.samples, 900)
    t.notOk(s.gap)
    t.equal(s.energyInWh, wh.get(s.endMs))
    t.equal(s.energyInDeltaWh, wh.get(s.endMs)! - wh.get(s.startMs)!)
    t.ok(s.maxPowerInW! > 0 && s.maxPowerInMs! >= s.startMs && s.maxPowerInMs! < s.endMs)
    t.ok(s.minVoltageV! > 200 && s.maxVoltageV! < 250 && s.minVoltageV! <= s.maxVoltageV!)
    t.type(s.gasDm3, 'number')
    if (i > 0) t.equal(s.energyInWh! - kept[i - 1]!.summary.energyInWh!, s.energyInDeltaWh)
  }
})

t.test('a gap inside is admitted, a gap over the boundary drops both periods', async (t) => {
  const from = Date.UTC(2026, 10, 20, 9, 59, 0)
  const minute = (at: number): number => (at - from) / 60_000
  const inside = run(KIND_QUARTER, from, from + 40 * 60_000, 10_000, (at) => minute(at) > 5 && minute(at) < 8)
  t.strictSame(
    inside.kept.map((k) => k.summary.gap),
    [true, false],
  )
  const over = run(KIND_QUARTER, from, from + 62 * 60_000, 10_000, (at) => minute(at) > 14 && minute(at) < 20)
  t.strictSame(
    over.kept.map((k) => new Date(k.summary.startMs).getUTCMinutes()),
    [30, 45],
  )
})

t.test('days are local: 23, 24 and 25 hours', async (t) => {
  const spring = run(KIND_DAY, Date.UTC(2026, 2, 27, 22, 0), Date.UTC(2026, 2, 31), 60_000).kept
  t.strictSame(
    spring.map((k) => (k.summary.endMs - k.summary.startMs) / 3_600_000),
    [24, 23, 24],
  )
  const autumn = run(KIND_DAY, Date.UTC(2026, 9, 24, 21, 0), Date.UTC(2026, 9, 27), 60_000).kept
  t.strictSame(
    autumn.map((k) => (k.summary.endMs - k.summary.startMs) / 3_600_000),
    [25, 24],
  )
  t.equal(new Date(autumn[0]!.summary.startMs).toISOString(), '2026-10-24T22:00:00.000Z')
})

t.test('a clock that jumps back starts again; bytes that are no summary are refused', async (t) => {
  const meter = simMeter('nl50', 8)
  const aggregator = new Aggregator(KIND_QUARTER)
  const start = Date.UTC(2026, 10, 20, 10, 0, 0)
  let closed = 0
  const at = (ms: number): void => {
    const bytes = meter.telegramAt(ms)
    telegram.read(bytes, 0, bytes.length)
    reading.read(telegram, ms)
    if (aggregator.add(reading)) closed++
  }
  for (let s = 0; s < 800; s += 10) at(start + 1000 * s)
  at(start - 3_600_000)
  for (let s = 0; s < 1_000; s += 10) at(start + 1000 * s)
  t.equal(closed, 1, 'the quarter begun anew in time counts, the broken one does not')
  t.equal(readSummary(new Uint8Array(SUMMARY_BYTES)), null)
  t.equal(readSummary(aggregator.summary.slice(1)), null)
})
