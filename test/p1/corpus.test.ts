import t from 'tap'
import { Framer } from '../../src/p1/frame/framer.ts'
import { readingJson } from '../../src/p1/json/reading.ts'
import { type JsonObject, telegramJson } from '../../src/p1/json/telegram.ts'
import { variantOf } from '../../src/p1/json/variant.ts'
import { Reading } from '../../src/p1/reading.ts'
import { Telegram } from '../../src/p1/telegram.ts'
import { body, corpus, feed, latin, sample } from './corpus.ts'

t.test('every telegram of the corpus comes out once, with its values', async (t) => {
  t.equal(corpus.length, 35)
  const telegram = new Telegram()
  for (const s of corpus) {
    let json: JsonObject | null = null
    let count = 0
    let bytes = ''
    const framer = new Framer({
      onTelegram(frame) {
        count++
        bytes = latin(frame.bytes())
        telegram.read(frame.mem, frame.textFrom, frame.textTo)
        json = telegramJson(telegram)
        t.equal(frame.verified, s.expected.crc.digits > 0, `${s.name}: verified`)
      },
    })
    framer.push(s.good, 0)
    framer.tick(3000)
    t.equal(count, 1, `${s.name}: one telegram ${JSON.stringify(framer.counters.report())}`)
    t.equal(bytes, body(s.good), `${s.name}: its own bytes`)
    if (json === null) continue
    const { header, meterTime, objects, other } = s.expected
    t.strictSame(json, { header, meterTime, objects, other }, s.name)
  }
})

t.test('what was published with a wrong CRC is refused', async (t) => {
  for (const s of corpus.filter((s) => s.expected.crc.valid === false)) {
    const seen = feed(s.bytes)
    t.equal(seen.telegrams.length, 0, s.name)
    t.strictSame(seen.rejects, ['crc'], s.name)
  }
})

t.test('variants are told from the telegram', async (t) => {
  const telegram = new Telegram()
  for (const s of corpus) {
    telegram.read(s.good, 0, s.good.length)
    const label = variantOf(telegram)
    const expected = s.expected.variant
    if (label === 'dsmr-2-3') t.match(expected, /^dsmr-[23]/, s.name)
    else if (label === 'unknown') t.match(expected, /^iskra-ie/, s.name)
    else t.equal(label, expected, s.name)
  }
})

function readingOf(name: string, wallMs = Number.NaN): { reading: Reading; json: JsonObject } {
  const telegram = new Telegram()
  const reading = new Reading()
  const { good } = sample(name)
  telegram.read(good, 0, good.length)
  reading.read(telegram, wallMs)
  return { reading, json: readingJson(reading, telegram) }
}

t.test('readings: numbers, units, tariffs, phases', async (t) => {
  const { reading, json } = readingOf('v5.0-iskra-mt382')
  t.equal(reading.powerInW, 244)
  t.equal(reading.powerOutW, 0)
  t.equal(reading.energyInWh, 4426 + 2399, 'no total on this meter: the sum of its tariffs')
  t.equal(reading.meterTimeMs, Date.UTC(2017, 0, 2, 18, 20, 2))
  t.equal(reading.gasDm3, 107)
  t.equal(reading.gasTimeMs, Date.UTC(2017, 0, 2, 15, 10, 5))
  t.match(json, {
    equipmentId: 'K8EG004046395507',
    tariff: 2,
    tariffName: 'normal',
    tariffs: [
      { tariff: 1, energyInWh: 4426, energyOutWh: 2444, name: 'low' },
      { tariff: 2, energyInWh: 2399, energyOutWh: 0, name: 'normal' },
    ],
    gasM3: 0.107,
  })
  t.strictSame((json['phases'] as JsonObject[])[2], {
    phase: 3,
    powerInW: 142,
    powerOutW: 0,
    voltageV: 229,
    currentA: 0.86,
    sags: 0,
    swells: 0,
  })
  t.notOk(reading.clockSkew)
  t.ok(readingOf('v5.0-iskra-mt382', Date.UTC(2026, 0, 1)).reading.clockSkew)
})

t.test('readings: Belgium', async (t) => {
  const { json } = readingOf('be-emucs-1.7.1-fluvius')
  t.match(json, {
    version: '50217',
    tariffName: 'normal',
    tariffs: [{ name: 'normal' }, { name: 'low' }],
    quarterPowerW: 2351,
    monthPeakW: 2589,
    monthPeakTime: '2020-05-09T11:45:58Z',
    gasM3: 112.384,
    waterM3: 872.234,
    limit: { value: 999900, unit: 'W' },
  })
  t.strictSame((json['monthPeaks'] as JsonObject[]).at(-1), {
    month: '2020-02-29T22:00:00Z',
    time: '2020-02-10T02:54:21Z',
    powerW: 4318,
  })
  t.notOk('monthPeaks' in readingOf('hu-eon-sagemcom').json, 'Hungary means something else by 98.1.0')
})

t.test('readings: Wh and W, seven decimals, heat, old gas lines, unset clocks', async (t) => {
  t.match(readingOf('v5.0-sagemcom-wh-units').json, {
    energyInWh: 201282,
    powerOutW: 3996,
    reactivePowerOutVar: 221,
  })
  t.match(readingOf('de-easymeter-q3d').json, { energyInWh: 52185782.5309, powerInW: 2124.86 })
  t.match(readingOf('v5.0-warmtelink-3-digit-crc').json, { heatGJ: 240.86, heatTime: '2026-02-15T19:05:23Z' })
  t.match(readingOf('v2.2-iskra-mt382-no-terminator').json, {
    meterTime: null,
    gasM3: 13032.85,
    gasTime: '2025-04-23T09:00:00',
  })
  t.match(readingOf('se-kamstrup-omnia').json, {
    meterTime: null,
    energyInWh: 123321,
    reactiveEnergyInVarh: 1234432,
  })
  t.match(readingOf('xx-sagemcom-xt211').json, { powerInW: 1622, tariffs: [{ energyInWh: 1595070 }, {}] })
  t.match(readingOf('lu-smarty-spec-example').json, { limit: { value: 69000, unit: 'VA' }, fuseA: 100 })
})

t.test('M-Bus: all channels kept, the dead told from the living', async (t) => {
  const two = readingOf('v5.0-iskra-am550-two-mbus').json
  t.match(two['mbus'], [
    { channel: 1, type: 'gas', live: false, value: 0 },
    { channel: 2, type: 'gas', live: true, id: 'G0039001936990619', value: 246.138 },
  ])
  t.equal(two['gasM3'], 246.138)
  const lu = readingOf('lu-smarty-spec-example').json
  t.strictSame(
    (lu['mbus'] as JsonObject[]).map((c) => [c['channel'], c['type'], c['live'], c['time']]),
    [
      [1, 'gas', true, '2020-07-06T08:31:40Z'],
      [2, 'water', false, null],
      [3, 'water', false, null],
      [4, 'gas', true, '2020-07-06T08:29:00Z'],
    ],
  )
  t.equal(lu['gasM3'], 0.006, 'the newest of two gas meters')
})

t.test('power failures, those of an unset clock included', async (t) => {
  t.strictSame(readingOf('v4.2-kaifa-three-phase').json['failureLog'], [
    { end: '2000-01-04T17:03:20Z', seconds: 237126 },
    { end: '1999-12-31T23:00:01Z', seconds: 2147583646 },
    { end: '2000-01-01T23:00:03Z', seconds: 2317482647 },
  ])
})
