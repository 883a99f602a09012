import t from 'tap'
import {
  type LedPattern,
  litAt,
  METER,
  patternsOf,
  roundMs,
  STATUS,
} from '../../../../src/base/lights/leds.ts'
import { Blinker } from '../../../../src/hw/linux/board/blink.ts'
import { ClassLamp, classLeds, pinLamp } from '../../../../src/hw/linux/board/leds.ts'
import { KernelLed, KernelPins, ledTree } from './kernel.ts'

const PATTERNS: readonly LedPattern[] = [...patternsOf('status'), ...patternsOf('meter')]

for (const max of [1, 255])
  t.test(
    `every pattern of the table is blinked by the kernel as the table says (LED of ${max} steps)`,
    async (t) => {
      let now = 0
      const led = new KernelLed(() => now, undefined, max)
      const lamp = new ClassLamp(ledTree({ status: led }), '/leds/status')
      let before = 0
      for (const pattern of PATTERNS) {
        now += 12_345
        const start = now
        const writes = led.writes
        lamp.show(pattern)
        const set = led.writes
        t.ok(set - writes <= 6, `${pattern.name}: ${set - writes} writes`)
        const wrong: number[] = []
        for (let ms = 0; ms < 2 * roundMs(pattern) + 5_000; ms += 7) {
          now = start + ms
          if (led.lit() !== litAt(pattern, ms)) wrong.push(ms)
        }
        t.same(wrong, [], pattern.name)
        t.equal(led.writes, set, `${pattern.name}: nothing more is written while it blinks`)
        before++
      }
      t.equal(before, PATTERNS.length)
      lamp.close()
    },
  )

t.test('a telegram a second is one write a second', async (t) => {
  let now = 0
  const status = new KernelLed(() => now)
  const meter = new KernelLed(() => now)
  const leds = classLeds(ledTree({ status, meter }), '/leds')
  leds.show('status', STATUS.paired)
  leds.show('status', STATUS.paired)
  leds.show('meter', METER.telegram)
  const [s, m] = [status.writes, meter.writes]
  for (let i = 0; i < 100; i++) {
    now += 1_000
    leds.show('meter', METER.telegram)
    t.ok(meter.lit())
    now += 31
    t.notOk(meter.lit())
  }
  t.equal(meter.writes, m + 100)
  t.equal(status.writes, s)
  leds.show('meter', METER.silent)
  leds.show('meter', METER.telegram)
  now += 10
  t.ok(meter.lit(), 'a blip after a lasting pattern')
  now += 1_000
  t.notOk(meter.lit())
})

t.test('ACT says what STATUS says; a board without LEDs says so', async (t) => {
  const act = new KernelLed(() => 0, undefined, 1)
  const leds = classLeds(ledTree({ ACT: act, mmc0: new KernelLed(() => 0) }), '/leds')
  leds.show('status', STATUS.paired)
  leds.show('meter', METER.telegram)
  t.ok(act.lit())
  t.throws(() => classLeds(ledTree({ mmc0: act }), '/leds'), {
    code: 'leds-missing',
    exit: 3,
    message: /mmc0/,
  })
})

t.test('a kernel without the triggers: our own timer blinks, and stops for the next pattern', async (t) => {
  const led = new KernelLed(() => 0, [])
  const lamp = new ClassLamp(ledTree({ status: led }), '/leds/status')
  lamp.show({ name: 'fast', times: [20, 20], repeat: true })
  let changes = 0
  let lit = led.lit()
  t.ok(lit, 'begins lit')
  for (let i = 0; i < 60; i++) {
    await new Promise((r) => setTimeout(r, 5))
    if (led.lit() !== lit) changes++
    lit = led.lit()
  }
  t.ok(changes >= 6, `${changes} changes`)
  lamp.show(STATUS.paired)
  await new Promise((r) => setTimeout(r, 60))
  t.ok(led.lit(), 'steady stays')
  lamp.show({ name: 'once', times: [10, 0], repeat: false })
  await new Promise((r) => setTimeout(r, 60))
  t.notOk(led.lit(), 'shown once, then dark')
  lamp.close()
})

t.test('only the pattern trigger is missing', async (t) => {
  const led = new KernelLed(() => 0, ['timer', 'oneshot'])
  const lamp = new ClassLamp(ledTree({ status: led }), '/leds/status')
  lamp.show(STATUS.offline)
  t.equal(led.trigger, 'none')
  t.ok(led.lit())
  lamp.show(STATUS.unpaired)
  t.equal(led.trigger, 'timer')
  lamp.close()
})

t.test('a bare pin, lit by a low level too', async (t) => {
  for (const high of [true, false]) {
    const pins = new KernelPins([{ name: 'gpiochip458', label: 'pinctrl-bcm2835', base: 458, lines: 54 }])
    const lamp = pinLamp(pins, '/gpio', { chip: null, pin: 17, high })
    t.equal(pins.directions.get(475), 'out')
    t.equal(pins.levels.get(475), !high, 'dark at first')
    lamp.show(STATUS.paired)
    t.equal(pins.levels.get(475), high)
    lamp.show(METER.waiting)
    t.equal(pins.levels.get(475), !high)
    lamp.close()
  }
})

t.test('the blinker follows the table step by step', async (t) => {
  const log: boolean[] = []
  const blinker = new Blinker((lit) => log.push(lit))
  blinker.show({ name: 'two', times: [0, 10, 10, 10], repeat: false })
  for (let i = 0; i < 100 && log.length < 4; i++) await new Promise((r) => setTimeout(r, 5))
  t.same(log, [false, true, false, false], 'dark first, one flash, dark for good')
  blinker.close()
})
