import t from 'tap'
import {
  FAULTS,
  faultPattern,
  litAt,
  METER,
  OFF,
  ON,
  patternsOf,
  roundMs,
  STATUS,
} from '../../src/base/lights/leds.ts'

t.test('every pattern has a name of its own and whole, positive rounds', async (t) => {
  for (const led of ['status', 'meter'] as const) {
    const all = patternsOf(led)
    t.equal(new Set(all.map((p) => p.name)).size, all.length, led)
    for (const p of all) {
      t.match(p.name, /^[a-z0-9-]+$/)
      t.ok(p.times.every((ms) => Number.isInteger(ms) && ms >= 0))
      t.ok(
        p.times.length <= 1 || p.times.length % 2 === 0,
        `${p.name}: on and off alternate and close the round`,
      )
      t.ok(p.times.length !== 1 || p.times[0] === 0, `${p.name}: one time only means steady`)
    }
  }
})

t.test(
  'no two lasting patterns of an LED look alike, except where the other LED tells them apart',
  async (t) => {
    const looks = (p: { times: readonly number[] }): string => p.times.join()
    const lasting = patternsOf('status').filter((p) => p.repeat)
    const same = new Map<string, string[]>()
    for (const p of lasting) same.set(looks(p), [...(same.get(looks(p)) ?? []), p.name])
    t.same(
      [...same.values()].filter((names) => names.length > 1),
      [['paired', 'reset-armed']],
    )
    t.not(looks(METER['reset-armed']), looks(METER.silent))
  },
)

t.test('an LED is lit when the table says so', async (t) => {
  t.notOk(litAt(OFF, 0))
  t.ok(litAt(ON, 123_456))
  t.ok(litAt(STATUS.unpaired, 0))
  t.notOk(litAt(STATUS.unpaired, 100))
  t.ok(litAt(STATUS.unpaired, 3_050))
  t.ok(litAt(METER.telegram, 29))
  t.notOk(litAt(METER.telegram, 30))
  t.notOk(litAt(METER.telegram, 30_000), 'once only')
  t.ok(litAt(STATUS.refused, 1_000))
  t.notOk(litAt(STATUS.refused, 2_700))
  let apart = 0
  for (let ms = 0; ms < 2_000; ms += 10) if (litAt(STATUS.updating, ms) !== litAt(METER.updating, ms)) apart++
  t.equal(apart, 200, 'they alternate')
})

t.test('a fault flashes its number, slowly', async (t) => {
  for (const [n] of FAULTS) {
    const p = faultPattern(n)
    let flashes = 0
    for (let ms = 0; ms < roundMs(p); ms += 100) if (litAt(p, ms) && !litAt(p, ms - 100)) flashes++
    t.equal(flashes, n)
    t.ok(p.times.filter((_ms, i) => i % 2 === 0).every((ms) => ms >= 600))
  }
})
