import t from 'tap'
import { MeterClock } from '../../src/device/meter-clock.ts'

const AT = Date.UTC(2026, 10, 20)

/** How many of these telegrams are believed; each is [meter's time, ours], ms. */
function believed(clock: MeterClock, telegrams: Iterable<[number, number]>): boolean[] {
  return [...telegrams].map(([meter, now]) => clock.steady(AT + meter, now))
}

const row = (n: number, from: number, ahead = 0): [number, number][] =>
  Array.from({ length: n }, (_, i) => [(from + i) * 1_000 + ahead, (from + i) * 1_000 + 80])

t.test('a clock that goes on as a clock does is believed after ten telegrams', async (t) => {
  const clock = new MeterClock()
  t.same(believed(clock, row(12, 0)), [...Array(9).fill(false), true, true, true])
  t.same(believed(clock, row(3, 3_600)), [true, true, true], 'an hour without telegrams')
})

t.test('a jump is not believed before it has lasted, whichever way it goes', async (t) => {
  for (const ahead of [86_400_000, -86_400_000, 6_000]) {
    const clock = new MeterClock()
    believed(clock, row(20, 0))
    t.notOk(believed(clock, row(9, 20, ahead)).includes(true), `${ahead} ms`)
    t.ok(believed(clock, row(1, 29, ahead))[0])
  }
})

t.test('a clock that jumps about, stands still or is none is never believed', async (t) => {
  const jumping = row(40, 0).map(([meter, now], i): [number, number] => [meter + (i % 2) * 60_000, now])
  t.notOk(believed(new MeterClock(), jumping).includes(true))
  const still = row(60, 0).map(([, now]): [number, number] => [0, now])
  t.notOk(believed(new MeterClock(), still).includes(true))
  const none = row(40, 0).map(([, now]): [number, number] => [Number.NaN, now])
  t.notOk(believed(new MeterClock(), none).includes(true))
})
