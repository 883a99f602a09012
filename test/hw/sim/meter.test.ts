import t from 'tap'
import { type SimMeter, simMeter } from '../../../src/hw/sim/meter.ts'
import { TEMPLATES, type TemplateName } from '../../../src/hw/sim/meter-templates.ts'
import { Framer } from '../../../src/p1/frame/framer.ts'
import { slot } from '../../../src/p1/obis.ts'
import { packDelta, packKey } from '../../../src/p1/pack.ts'
import { Reading } from '../../../src/p1/reading.ts'
import { Telegram } from '../../../src/p1/telegram.ts'
import { latin } from '../../p1/corpus.ts'

const NAMES = Object.keys(TEMPLATES) as TemplateName[]
const START = Date.UTC(2026, 10, 20, 10, 0, 0)

function read(meter: SimMeter, at: number): Reading {
  const telegram = new Telegram()
  const reading = new Reading()
  const framer = new Framer({
    onTelegram(frame) {
      telegram.read(frame.mem, frame.textFrom, frame.textTo)
      reading.read(telegram, at)
      reading.verified = frame.verified
    },
  })
  framer.push(meter.telegramAt(at), 0)
  return reading
}

t.test('every template is a telegram with the moment in it', async (t) => {
  for (const name of NAMES) {
    const reading = read(simMeter(name, 1), START)
    t.ok(reading.powerInW + reading.powerOutW > 0, name)
    if (name === 'nl22') continue
    t.ok(reading.verified, name)
    t.equal(reading.meterTimeMs, START, name)
    t.notOk(reading.clockSkew, name)
  }
})

t.test('the clock follows summer time, and in Sweden does not', async (t) => {
  const at = (name: TemplateName, ms: number): string =>
    /0-0:1\.0\.0\((\w+)\)/.exec(latin(simMeter(name, 1).telegramAt(ms)))![1]!
  t.equal(at('nl50', Date.UTC(2026, 2, 29, 0, 59, 59)), '260329015959W')
  t.equal(at('nl50', Date.UTC(2026, 2, 29, 1, 0, 0)), '260329030000S')
  t.equal(at('be', Date.UTC(2026, 9, 25, 0, 59, 59)), '261025025959S')
  t.equal(at('be', Date.UTC(2026, 9, 25, 1, 0, 0)), '261025020000W')
  t.equal(at('se', Date.UTC(2026, 6, 1, 12, 0, 0)), '260701130000W')
})

t.test('the same seed gives the same bytes, another seed others', async (t) => {
  const bytes = (seed: number): string => {
    const meter = simMeter('nl50', seed)
    let out = ''
    for (let s = 0; s < 60; s++) out += latin(meter.telegramAt(START + 1000 * s))
    return out
  }
  t.equal(bytes(5), bytes(5))
  t.not(bytes(5), bytes(6))
})

t.test('a day: counters grow by the power, phases add up, sun and gas move', async (t) => {
  const meter = simMeter('nl50', 3)
  const first = read(meter, Date.UTC(2026, 5, 20, 22))
  let wh = first.energyInWh
  let out = 0
  let kettles = 0
  let gas = first.gasDm3
  const gas0 = gas
  let steps = 0
  for (let s = 60; s <= 86_400; s += 60) {
    const r = read(meter, Date.UTC(2026, 5, 20, 22) + 1000 * s)
    const net = ['L1', 'L2', 'L3'].reduce(
      (n, p) => n + r.value(slot(`powerIn${p}`)) - r.value(slot(`powerOut${p}`)),
      0,
    )
    if (Math.abs(net - (r.powerInW - r.powerOutW)) > 0.001) steps++
    if (r.energyInWh < wh || r.gasDm3 < gas || Math.min(r.powerInW, r.powerOutW) !== 0) steps++
    wh = r.energyInWh
    gas = r.gasDm3
    out = Math.max(out, r.powerOutW)
    if (r.powerInW > 1_800) kettles++
  }
  t.equal(steps, 0, 'no step back, phases and total agree')
  t.ok(wh - first.energyInWh > 500 && wh - first.energyInWh < 20_000, `${wh - first.energyInWh} Wh a day`)
  t.ok(out > 500, 'the sun feeds in')
  t.ok(kettles > 0, 'somebody makes tea')
  t.ok(gas > gas0, 'gas is used')
})

t.test('integrates in one jump what it integrates second by second', async (t) => {
  const step = simMeter('be', 9)
  const jump = simMeter('be', 9)
  step.telegramAt(START)
  jump.telegramAt(START)
  for (let s = 1; s <= 600; s++) step.telegramAt(START + 1000 * s)
  const a = read(step, START + 600_000)
  const b = read(jump, START + 600_000)
  t.ok(Math.abs(a.energyInWh - b.energyInWh) <= 20)
  t.equal(a.powerInW, b.powerInW)
})

t.test('a second of it packs small', async (t) => {
  const out = new Uint8Array(5_000)
  let sum = 0
  for (const name of ['nl50', 'be'] as const) {
    const meter = simMeter(name, 4)
    let before = meter.telegramAt(START).subarray(0, -2)
    const key = packKey(before, out)
    t.ok(key <= 0.55 * before.length, `${name}: key ${key} of ${before.length}`)
    let most = 0
    for (let s = 1; s < 300; s++) {
      const now = meter.telegramAt(START + 1000 * s).subarray(0, -2)
      const n = packDelta(before, now, out)
      sum += n
      most = Math.max(most, n)
      before = now
    }
    t.comment(`${name}: delta mean ${sum / 299}, most ${most}, key ${key}`)
    t.ok(sum / 299 <= 90, 'mean delta')
    sum = 0
  }
})
