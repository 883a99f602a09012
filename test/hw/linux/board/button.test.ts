import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ButtonMachine } from '../../../../src/device/button.ts'
import { type Onoff, PinButton, type PinButtonOptions } from '../../../../src/hw/linux/board/button.ts'
import { findPin, parsePin, SYSFS } from '../../../../src/hw/linux/board/sysfs.ts'
import { LinuxClock } from '../../../../src/hw/linux/clock.ts'
import { KernelPins } from './kernel.ts'

const clock = new LinuxClock()
const pass = (ms: number): Promise<void> => new Promise((r) => setTimeout(r, ms))
const chip = { name: 'gpiochip458', label: 'pinctrl-bcm2835', base: 458, lines: 54 }
/** GPIO 3 of that chip. */
const GPIO = 461

/** onoff as far as it is used; `edges: false` is an emulator whose pins raise no interrupt. */
class FakeOnoff {
  callback: ((error: Error | null, value: number) => void) | null = null
  made: unknown[] = []
  unwatched = 0
  readonly module: Onoff

  constructor() {
    const made = this.made
    const watch = (callback: (error: Error | null, value: number) => void): void => {
      this.callback = callback
    }
    const unwatch = (): void => {
      this.unwatched++
    }
    this.module = {
      Gpio: class {
        constructor(...args: unknown[]) {
          made.push(args)
        }
        watch(callback: (error: Error | null, value: number) => void): void {
          watch(callback)
        }
        unwatch(): void {
          unwatch()
        }
        unexport(): void {}
      },
    }
  }
}

function rig(options: Partial<PinButtonOptions> & { edges?: boolean } = {}): {
  pins: KernelPins
  button: PinButton
  onoff: FakeOnoff
  drivers: string[]
  log: boolean[]
  level: (high: boolean) => void
} {
  const pins = new KernelPins([
    { name: 'gpiochip0', label: 'raspberrypi-exp-gpio', base: 512, lines: 8 },
    chip,
  ])
  pins.levels.set(GPIO, true)
  const onoff = new FakeOnoff()
  const drivers: string[] = []
  const log: boolean[] = []
  const button = new PinButton({
    clock,
    pin: { chip: null, pin: 3, high: false },
    driver: 'onoff',
    load: () => onoff.module,
    onDriver: (driver, why) => drivers.push(`${driver}: ${why}`),
    root: '/gpio',
    tree: pins,
    level: () => ({ read: () => pins.levels.get(GPIO) ?? null, close: () => {} }),
    ...options,
  })
  button.onChange((pressed) => log.push(pressed))
  const level = (high: boolean): void => {
    pins.levels.set(GPIO, high)
    if (options.edges !== false) setImmediate(() => onoff.callback?.(null, high ? 1 : 0))
  }
  return { pins, button, onoff, drivers, log, level }
}

t.test('the pin is looked up by the label of its chip', async (t) => {
  const pins = new KernelPins([{ name: 'gpiochip512', label: 'pca9555', base: 512, lines: 16 }, chip])
  t.equal(findPin(pins, '/gpio', { chip: null, pin: 3, high: false }).gpio, 461)
  t.equal(findPin(pins, '/gpio', { chip: 'pca', pin: 3, high: false }).gpio, 515)
  const other = new KernelPins([{ name: 'gpiochip512', label: 'some-soc', base: 512, lines: 54 }])
  t.equal(findPin(other, '/gpio', { chip: null, pin: 3, high: false }).gpio, 515, 'by its number of lines')
  t.throws(() => findPin(other, '/gpio', { chip: 'pl061', pin: 3, high: false }), {
    code: 'gpio-missing',
    exit: 3,
  })
  t.throws(() => findPin(other, '/gpio', { chip: null, pin: 54, high: false }), {
    code: 'gpio-missing',
    message: /lines 0 to 53/,
  })
  t.throws(() => findPin(new KernelPins([]), '/gpio', { chip: null, pin: 3, high: false }), {
    message: /none/,
  })
})

t.test('pins as a person names them', async (t) => {
  t.same(parsePin('3', false), { chip: null, pin: 3, high: false })
  t.same(parsePin('pl061/3,high', false), { chip: 'pl061', pin: 3, high: true })
  t.same(parsePin('9030000.pl061/0', false), { chip: '9030000.pl061', pin: 0, high: false })
  t.same(parsePin('17,low', true), { chip: null, pin: 17, high: false })
  for (const bad of ['', 'x', '3,up', '/3', '-1', '12345', '3 ', 'a/b/3', '../3', `${'x'.repeat(65)}/3`])
    t.equal(parsePin(bad, false), null, bad)
})

t.test('a pin that another driver holds is said to be held', async (t) => {
  const pins = new KernelPins([chip])
  pins.busy = [GPIO]
  t.throws(() => rig({ tree: pins }), { code: 'gpio-refused', exit: 3, message: /another driver/ })
})

t.test('edges: every change, once, at once', async (t) => {
  const { button, onoff, drivers, log, level } = rig()
  t.same(onoff.made, [[GPIO, 'in', 'both', { reconfigureDirection: false }]])
  t.same(drivers, ['edge: onoff'])
  t.equal(button.pressed(), false)
  level(false)
  t.same(log, [], 'nothing inside the call')
  await pass(15)
  t.same(log, [true])
  t.ok(button.pressed())
  level(true)
  await pass(15)
  t.same(log, [true, false])
  await pass(60)
  t.same(drivers, ['edge: onoff'], 'looking finds nothing more')
  button.close()
  t.equal(onoff.unwatched, 1)
  level(false)
  await pass(60)
  t.equal(log.length, 2, 'nothing after close')
})

t.test('no edge ever arrives: it is polled, and no press is lost', async (t) => {
  const { button, drivers, log, level } = rig({ edges: false })
  for (let i = 0; i < 4; i++) {
    level(false)
    await pass(90)
    level(true)
    await pass(90)
  }
  t.same(log, [true, false, true, false, true, false, true, false])
  t.same(drivers, ['edge: onoff', 'poll: a press came without an edge'])
  button.close()
})

t.test('an addon that is not there, or was built for another Node: polled from the start', async (t) => {
  for (const text of ["Cannot find module 'onoff'\nRequire stack:\n- x", 'NODE_MODULE_VERSION 108']) {
    const { button, drivers, log, level } = rig({
      load: () => {
        throw new Error(text)
      },
    })
    t.same(drivers, [`poll: onoff cannot be used: ${text.split('\n')[0]}`])
    level(false)
    await pass(90)
    level(true)
    await pass(90)
    t.same(log, [true, false])
    button.close()
  }
})

t.test('gestures over a bouncing contact; held at power-up and stuck do nothing', async (t) => {
  const { button, level } = rig()
  const gestures: string[] = []
  const machine = new ButtonMachine((gesture) => gestures.push(gesture))
  machine.onStart(button.pressed(), clock.now())
  button.onChange((pressed, now) => machine.onLevel(pressed, now))
  const tick = setInterval(() => machine.tick(clock.now()), 5)
  for (const high of [false, true, false, true, false]) {
    level(high)
    await pass(3)
  }
  await pass(120)
  for (const high of [true, false, true, false, true]) {
    level(high)
    await pass(3)
  }
  await pass(120)
  t.same(gestures, ['short'], 'one press')
  button.close()
  clearInterval(tick)
  const held = rig()
  held.button.close()
  const again = rig({ level: () => ({ read: () => false, close: () => {} }) })
  t.ok(again.button.pressed(), 'down at the start')
  const none: string[] = []
  const other = new ButtonMachine((gesture) => none.push(gesture))
  other.onStart(again.button.pressed(), 0)
  other.onLevel(true, 0)
  for (let at = 0; at < 200_000; at += 1_000) other.tick(at)
  other.onLevel(false, 200_000)
  other.tick(201_000)
  t.same(none, ['stuck'], 'told as stuck, and no gesture')
  again.button.close()
})

t.test('the real files of a tree: exported, read, and a broken one is no press', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'wattle-gpio-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const put = (path: string, text: string): void => writeFileSync(join(root, path), text)
  mkdirSync(join(root, 'gpiochip458'))
  mkdirSync(join(root, `gpio${GPIO}`))
  put('gpiochip458/label', 'pinctrl-bcm2835\n')
  put('gpiochip458/base', '458\n')
  put('gpiochip458/ngpio', '54\n')
  put(`gpio${GPIO}/direction`, '')
  put(`gpio${GPIO}/value`, '1\n')
  const log: boolean[] = []
  const button = new PinButton({
    clock,
    pin: { chip: null, pin: 3, high: false },
    driver: 'poll',
    load: () => {
      throw new Error('not asked for')
    },
    root,
  })
  button.onChange((pressed) => log.push(pressed))
  t.equal(SYSFS.read(join(root, `gpio${GPIO}/direction`)), 'in')
  put(`gpio${GPIO}/value`, '0\n')
  await pass(80)
  put(`gpio${GPIO}/value`, '')
  await pass(80)
  put(`gpio${GPIO}/value`, '1\n')
  await pass(80)
  t.same(log, [true, false])
  t.equal(SYSFS.write(join(root, 'nothing'), '1'), 'ENOENT', 'no file is made')
  button.close()
  button.close()
})
