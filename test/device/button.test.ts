import t from 'tap'
import { ButtonMachine } from '../../src/device/button.ts'
import { Chance } from '../../src/hw/sim/scheduler.ts'

/** A machine, and a hand that lets time pass as the loop does: tick when next() has come. */
function rig(): {
  log: string[]
  machine: ButtonMachine
  at: (ms: number, pressed?: boolean) => void
} {
  const log: string[] = []
  const machine = new ButtonMachine((gesture, now) => log.push(`${Math.round(now)} ${gesture}`))
  const at = (ms: number, pressed?: boolean): void => {
    for (let next = machine.next(); next <= ms; next = machine.next()) machine.tick(next)
    if (pressed !== undefined) machine.onLevel(pressed, ms)
  }
  return { log, machine, at }
}

const names = (log: string[]): string[] => log.map((l) => l.split(' ')[1]!)

t.test('how long it is held decides', async (t) => {
  const cases: [number, string[]][] = [
    [10, []],
    [24, []],
    [25, ['short']],
    [200, ['short']],
    [2_999, ['short']],
    [3_000, ['second']],
    [7_999, ['second']],
    [8_000, []],
    [9_999, []],
    [10_000, ['reset-armed', 'reset-cancelled']],
    [59_000, ['reset-armed', 'reset-cancelled']],
  ]
  for (const [ms, expected] of cases) {
    const { log, at } = rig()
    at(1_000, true)
    at(1_000 + ms, false)
    at(200_000)
    t.same(names(log), expected, `${ms} ms`)
  }
})

t.test('ten seconds arm while it is still held; a short press within five seconds confirms', async (t) => {
  const { log, at, machine } = rig()
  at(0, true)
  at(10_000)
  t.same(log, ['10000 reset-armed'])
  t.ok(machine.armed)
  at(12_000, false)
  at(16_900, true)
  at(17_100, false)
  at(100_000)
  t.same(names(log), ['reset-armed', 'reset-confirmed'])
  t.notOk(machine.armed)
  t.equal(machine.next(), Number.POSITIVE_INFINITY, 'nothing left to wait for')
})

t.test('an armed reset is cancelled by waiting, by a press too late and by a long press', async (t) => {
  const late = rig()
  late.at(0, true)
  late.at(11_000, false)
  late.at(16_000)
  t.same(late.log, ['10000 reset-armed', '16000 reset-cancelled'])
  late.at(17_000, true)
  late.at(17_100, false)
  late.at(20_000)
  t.same(
    names(late.log),
    ['reset-armed', 'reset-cancelled', 'short'],
    'what comes later is an ordinary press',
  )

  const long = rig()
  long.at(0, true)
  long.at(11_000, false)
  long.at(13_000, true)
  long.at(17_000, false)
  long.at(30_000)
  t.same(names(long.log), ['reset-armed', 'reset-cancelled'])

  const longer = rig()
  longer.at(0, true)
  longer.at(11_000, false)
  longer.at(13_000, true)
  longer.at(26_000, false)
  longer.at(90_000)
  t.same(names(longer.log), ['reset-armed', 'reset-cancelled'], 'a second long hold resets nothing')
})

t.test('a bouncing contact is one press', async (t) => {
  const { log, at } = rig()
  for (let i = 0; i < 9; i++) at(100 + 3 * i, i % 2 === 0)
  for (let i = 0; i < 9; i++) at(400 + 3 * i, i % 2 === 1)
  at(10_000)
  t.same(names(log), ['short'])
})

t.test('a bounce during a hold does not end it', async (t) => {
  const { log, at } = rig()
  at(0, true)
  for (let ms = 500; ms < 9_900; ms += 700) {
    at(ms, false)
    at(ms + 10, true)
  }
  at(10_100, false)
  at(10_500)
  t.same(log, ['10000 reset-armed'])
})

t.test('held at power-up: ignored until it was let go', async (t) => {
  const { log, at, machine } = rig()
  machine.onStart(true, 0)
  at(15_000, false)
  at(20_000, true)
  at(20_200, false)
  at(30_000)
  t.same(names(log), ['short'])
})

t.test('held for a minute: stuck, reported once, and it arms nothing', async (t) => {
  const { log, at, machine } = rig()
  machine.onStart(false, 0)
  at(1_000, true)
  at(3_600_000)
  t.same(log, ['11000 reset-armed', '61000 stuck', '61000 reset-cancelled'])
  at(3_700_000, false)
  at(3_701_000, true)
  at(3_701_100, false)
  at(3_800_000)
  t.same(names(log), ['reset-armed', 'stuck', 'reset-cancelled', 'short'], 'and it works again afterwards')
  const atBoot = rig()
  atBoot.machine.onStart(true, 0)
  atBoot.at(100_000)
  t.same(names(atBoot.log), ['stuck'])
})

t.test('a loop that comes late loses no gesture', async (t) => {
  const log: string[] = []
  const machine = new ButtonMachine((gesture) => log.push(gesture))
  machine.onLevel(true, 0)
  machine.onLevel(false, 12_000)
  machine.tick(14_000)
  machine.onLevel(true, 14_500)
  machine.onLevel(false, 14_700)
  machine.tick(15_000)
  t.same(log, ['reset-armed', 'reset-confirmed'])
})

t.test('random fiddling never confirms a reset that was not armed just before', async (t) => {
  const chance = new Chance(7)
  let gestures = 0
  for (let run = 0; run < 200; run++) {
    const { log, at } = rig()
    let now = 0
    let level = false
    for (let i = 0; i < 60; i++) {
      const spans = [5, 30, 500, 4_000, 9_000, 11_000]
      now += 1 + chance.below(spans[chance.below(spans.length)]!)
      level = !level
      at(now, level)
    }
    at(now + 100_000)
    const all = names(log)
    let armed = false
    let wrong = 0
    for (const gesture of all) {
      if (gesture === 'reset-confirmed' || gesture === 'reset-cancelled') {
        if (!armed) wrong++
        armed = false
      } else if (gesture === 'reset-armed') {
        if (armed) wrong++
        armed = true
      } else if (gesture !== 'stuck' && armed) wrong++
    }
    if (armed || wrong > 0) t.fail(all.join(' '))
    gestures += all.length
  }
  t.ok(gestures > 2_000, `${gestures} gestures`)
})

t.test('next() is always enough for tick(): no time is asked for twice', async (t) => {
  for (const start of [0.1, 1_234.567_891, 98_765.432_1, 1e7 + 1 / 3]) {
    const gestures: string[] = []
    const machine = new ButtonMachine((gesture) => gestures.push(gesture))
    machine.onStart(false, 0)
    machine.onLevel(true, start)
    let asked = 0
    for (let at = machine.next(); at < start + 70_000 && asked < 20; at = machine.next()) {
      machine.tick(at)
      asked++
    }
    t.ok(asked <= 3, `asked ${asked} times`)
    t.same(gestures, ['reset-armed', 'stuck', 'reset-cancelled'])
  }
})
