import { EventEmitter } from 'node:events'
import t from 'tap'
import { utf8 } from '../../../src/base/bytes.ts'
import { openButton as openFor, openLeds } from '../../../src/bin/board.ts'
import { LinuxClock } from '../../../src/hw/linux/clock.ts'
import { type LineButton, type Lines, ReportedLeds } from '../../../src/hw/linux/panel.ts'

class Input extends EventEmitter {
  pause(): void {}
}

const openButton = (spec: string, clock: LinuxClock, input: Lines | null): LineButton =>
  openFor(spec, clock, input, () => {}) as LineButton
const pass = (ms: number): Promise<void> => new Promise((r) => setTimeout(r, ms))

t.test('orders on standard input press the button', async (t) => {
  const clock = new LinuxClock()
  const input = new Input()
  const button = openButton('sim', clock, input)
  const log: { pressed: boolean; at: number }[] = []
  const start = clock.now()
  button.onChange((pressed, at) => log.push({ pressed, at: at - start }))
  input.emit('data', utf8('{"do":"ho'))
  input.emit('data', utf8('ld","ms":60}\n'))
  t.same(log, [], 'not inside the call')
  while (log.length < 2) await pass(5)
  t.same(
    log.map((l) => l.pressed),
    [true, false],
  )
  t.ok(log[1]!.at - log[0]!.at >= 50, 'held as long as was asked')
  input.emit('data', utf8('{"do":"press"}\n{"do":"press"}\n'))
  while (log.length < 4) await pass(5)
  await pass(250)
  t.equal(log.length, 4, 'a press during a press is the same press')
  button.close()
})

t.test('what is no order is counted and does nothing', async (t) => {
  const clock = new LinuxClock()
  const input = new Input()
  const button = openButton('sim', clock, input)
  let changes = 0
  button.onChange(() => changes++)
  const bad = [
    '',
    'x',
    'null',
    '1',
    '[]',
    '{"do":"hold"}',
    '{"do":"hold","ms":"9"}',
    '{"do":"hold","ms":-1}',
    '{"do":"dance"}',
  ]
  for (const line of bad) input.emit('data', utf8(`${line}\n`))
  t.equal(button.refused, bad.length)
  for (let i = 0; i < 100; i++) input.emit('data', new Uint8Array(10_000).fill(97))
  t.ok(button.refused >= bad.length + 90, 'a line without end is dropped')
  await pass(20)
  t.equal(changes, 0)
  button.close()
})

t.test('buttons and LEDs that are no such thing, or not there, say so', async (t) => {
  const clock = new LinuxClock()
  for (const spec of ['knob', 'poll:', 'onoff:x', 'poll:3,up', 'sim:3'])
    t.throws(() => openButton(spec, clock, null), { code: 'usage', exit: 2, message: spec }, spec)
  for (const spec of ['bulb', 'gpio', 'gpio:1', 'gpio:1,2,3', 'gpio:1,x', 'class:1'])
    t.throws(() => openLeds(spec, () => {}), { code: 'usage', exit: 2, message: spec }, spec)
  for (const spec of ['poll:no-such-chip/1', 'onoff:no-such-chip/1'])
    t.throws(() => openButton(spec, clock, null), { code: 'gpio-missing', exit: 3 }, spec)
})

t.test('LEDs report each change of pattern, and each showing of one that runs once', async (t) => {
  const log: string[] = []
  const leds = new ReportedLeds((led, pattern) => log.push(`${led} ${pattern.name}`))
  const paired = { name: 'paired', times: [0], repeat: true }
  const blip = { name: 'telegram', times: [30, 0], repeat: false }
  leds.show('status', paired)
  leds.show('status', paired)
  leds.show('meter', paired)
  leds.show('meter', blip)
  leds.show('meter', blip)
  leds.show('meter', paired)
  t.same(log, ['status paired', 'meter paired', 'meter telegram', 'meter telegram', 'meter paired'])
})
