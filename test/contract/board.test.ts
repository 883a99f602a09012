// What every Serial, Button and Leds must do (hw/hardware.ts), on both sets of hardware.

import t, { type Test } from 'tap'
import { concat, equal } from '../../src/base/bytes.ts'
import type { LedPattern } from '../../src/base/lights/leds.ts'
import type { Button, Clock, Leds, Serial } from '../../src/hw/hardware.ts'
import { PinButton } from '../../src/hw/linux/board/button.ts'
import { LinuxClock } from '../../src/hw/linux/clock.ts'
import { LineButton, ReportedLeds } from '../../src/hw/linux/panel.ts'
import { GeneratedSerial } from '../../src/hw/linux/serial-sim.ts'
import { World } from '../../src/hw/sim/world.ts'
import { KernelPins } from '../hw/linux/board/kernel.ts'

interface Board {
  readonly clock: Clock
  readonly serial: Serial
  readonly button: Button
  readonly leds: Leds
  /** The meter sends these bytes. */
  feed(bytes: Uint8Array): void
  press(ms: number): void
  /** Patterns shown so far, `led name`. */
  shown(): string[]
  pass(ms: number): Promise<void>
}

function simBoard(): Board {
  const world = new World({ seed: 1 })
  const machine = world.machine('board')
  return {
    ...machine.hardware,
    feed: (bytes) => machine.cable.feed(bytes),
    press: (ms) => machine.button.press(ms),
    shown: () => machine.leds.timeline.map((change) => `${change.led} ${change.name}`),
    pass: async (ms) => world.runFor(ms),
  }
}

function linuxBoard(): Board {
  const clock = new LinuxClock()
  const waiting: Uint8Array[] = []
  const shown: string[] = []
  const button = new LineButton(clock)
  return {
    clock,
    serial: new GeneratedSerial(clock, () => waiting.shift() ?? new Uint8Array(1), 40),
    button,
    leds: new ReportedLeds((led, pattern) => shown.push(`${led} ${pattern.name}`)),
    feed: (bytes) => waiting.push(bytes),
    press: (ms) => button.press(ms),
    shown: () => shown,
    pass: (ms) => new Promise((done) => setTimeout(done, ms)),
  }
}

/** A button on a pin, LEDs in the LED class: on a model of the kernel's files. */
function pinBoard(driver: 'onoff' | 'poll'): Board {
  const rest = linuxBoard()
  const { clock } = rest
  const gpio = 461
  const pins = new KernelPins([{ name: 'gpiochip458', label: 'pinctrl-bcm2835', base: 458, lines: 54 }])
  pins.levels.set(gpio, true)
  let edge: ((error: null, value: number) => void) | null = null
  const level = (high: boolean): void => {
    pins.levels.set(gpio, high)
    edge?.(null, high ? 1 : 0)
  }
  const button = new PinButton({
    clock,
    pin: { chip: null, pin: 3, high: false },
    driver,
    load: () => ({
      Gpio: class {
        watch(callback: (error: null, value: number) => void): void {
          edge = callback
        }
        unwatch(): void {}
        unexport(): void {}
      },
    }),
    root: '/gpio',
    tree: pins,
    level: () => ({ read: () => pins.levels.get(gpio) ?? null, close: () => {} }),
  })
  return {
    ...rest,
    button,
    // Held from the moment it was seen: how late a poll sees it is the machine's load, not the driver's.
    press: (ms) => {
      setImmediate(() => level(false))
      const up = (): void => level(true)
      const seen = (left: number): void => {
        if (button.pressed() || left === 0) setTimeout(up, ms + 1)
        else setTimeout(seen, 1, left - 1)
      }
      setTimeout(seen, 1, 200)
    },
  }
}

function contract(name: string, suite: (t: Test, board: Board) => Promise<void>): void {
  t.test(`${name} on hw/sim`, (t) => suite(t, simBoard()))
  t.test(`${name} on hw/linux`, (t) => suite(t, linuxBoard()))
  if (!name.startsWith('button')) return
  t.test(`${name} on a pin with edges`, (t) => suite(t, pinBoard('onoff')))
  t.test(`${name} on a pin that is polled`, (t) => suite(t, pinBoard('poll')))
}

contract('serial: bytes come in pieces that fit the buffer, in order, after `up`', async (t, board) => {
  const log: string[] = []
  let got: Uint8Array = new Uint8Array(0)
  let room = 0
  let tooMuch = 0
  let buffer = new Uint8Array(0)
  const line = board.serial.open('sim', {
    // Another size each time.
    buffer: () => {
      room = (room % 9) + 1
      buffer = new Uint8Array(room)
      return buffer
    },
    onBytes: (n) => {
      if (n < 1 || n > buffer.length) tooMuch++
      if (got.length === 0) log.push('bytes')
      got = concat(got, buffer.subarray(0, n))
    },
    onState: (state) => log.push(state.kind),
  })
  t.same(log, [], 'nothing inside the call')
  await board.pass(1)
  const bytes = new Uint8Array(300)
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31) & 255
  board.feed(bytes)
  for (let i = 0; i < 300 && got.length < bytes.length; i++) await board.pass(10)
  t.ok(equal(got.subarray(0, bytes.length), bytes))
  t.equal(tooMuch, 0)
  t.same(log, ['up', 'bytes'])
  line.hint('good')
  line.close()
  line.close()
  board.feed(bytes)
  const before = got.length
  await board.pass(100)
  t.equal(got.length, before, 'nothing after close')
})

contract('button: down and up, with the times of the clock', async (t, board) => {
  const log: [boolean, number][] = []
  board.button.onChange((pressed, now) => log.push([pressed, now]))
  const start = board.clock.now()
  board.press(60)
  t.same(log, [], 'nothing inside the call')
  while (log.length < 2) await board.pass(10)
  t.same(
    log.map(([pressed]) => pressed),
    [true, false],
  )
  const [down, up] = log.map(([, now]) => now - start) as [number, number]
  t.ok(down >= 0, `down after ${down} ms`)
  t.ok(up - down >= 58, `held ${up - down} ms`)
  board.button.close()
  board.press(20)
  await board.pass(60)
  t.equal(log.length, 2, 'nothing after close')
})

contract('button: one that is down already is reported once', async (t, board) => {
  board.press(1_000)
  await board.pass(10)
  const log: boolean[] = []
  board.button.onChange((pressed) => log.push(pressed))
  t.same(log, [])
  for (let i = 0; i < 50 && log.length === 0; i++) await board.pass(5)
  t.same(log, [true])
  for (let i = 0; i < 300 && log.length === 1; i++) await board.pass(10)
  t.same(log, [true, false])
})

contract('LEDs show what they are told, each by itself', async (t, board) => {
  const steady: LedPattern = { name: 'steady', times: [0], repeat: true }
  const blip: LedPattern = { name: 'blip', times: [30, 0], repeat: false }
  board.leds.show('status', steady)
  board.leds.show('meter', blip)
  board.leds.show('meter', blip)
  board.leds.show('meter', steady)
  t.same(board.shown(), ['status steady', 'meter blip', 'meter blip', 'meter steady'])
})
