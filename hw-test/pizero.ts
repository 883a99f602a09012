// An emulated Pi Zero boots the baked card image and lives through what its owner does with it: cable,
// button, claim, live data, grant, revoke. Part of `make hw-test`. Artefacts: build/hw-test/pizero.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { demand } from '../scripts/image/tools.ts'
import { METER, STATUS } from '../src/base/lights/leds.ts'
import { stages } from './rig/boot.ts'
import { EVENT_MS, freshCard, Household, PRESS_MS } from './rig/household.ts'
import { freePort, Machine, PIZERO, TOOLS } from './rig/machine.ts'
import { Meter } from './rig/people.ts'
import { Report } from './rig/report.ts'

const IMAGE = 'dist/wattle-pizero.img'
const FOLDER = 'build/hw-test/pizero'
/** Ours, not the machine's: a computer may be busy with other things. */
const BOOT_MS = 400_000

demand(TOOLS)
if (!existsSync(IMAGE)) throw new Error(`${IMAGE} is missing: make image BOARD=pizero`)
const label = await freshCard(IMAGE, FOLDER)
const report = new Report()
const port = await freePort()
const machine = await Machine.start({ model: PIZERO, card: label.card, folder: FOLDER, port })
const meter = new Meter(machine.p1)
let household: Household | null = null
let ok = false
try {
  const { console: serial, lights } = machine
  await report.step('stage 1 lights the light', async () => {
    await serial.line(/wattle-stage1: light on/, BOOT_MS)
    await lights.expect('status', STATUS.booting, 20_000, 0)
  })
  await report.step('the runtime is ready', async () => {
    await serial.line(/"event":"ready"/, BOOT_MS)
  })
  await report.step('a telegram comes down the cable', async () => {
    await serial.line(/"event":"telegram"/, BOOT_MS)
  })
  report.fact('stages, guest seconds', stages(serial))
  await report.step('the light says: unpaired', () => lights.expect('status', STATUS.unpaired, 30_000))
  household = await Household.start(FOLDER, `127.0.0.1:${port}`, label)
  const { home } = household
  await report.step('without a press nobody claims it', async () => {
    const failed = await household!.tryClaim(3)
    if (failed === null) throw new Error('claimed without the button')
    return failed
  })
  await report.step('a press opens the window', async () => {
    await machine.press(PRESS_MS)
    await lights.expect('status', STATUS['window-open'], 15_000)
  })
  await report.step('wattle home claim', async () => `attempt ${await household!.claim(machine)}`)
  await report.step('live readings at home', async () => {
    for (let i = 0; i < 5; i++) await home.next('telegram', EVENT_MS)
  })
  await report.step('the lights say: paired, and a blip a telegram', async () => {
    await lights.expect('status', STATUS.paired, 20_000)
    const from = lights.now
    await lights.wait(6_000)
    const blips = lights.times('meter', from).filter((_, i) => i % 2 === 0)
    if (blips.length < 3 || blips.some((ms) => ms > 100))
      throw new Error(`meter light in 6 s: ${blips.map(Math.round).join(' ')} ms`)
    return `${METER.telegram.name}: ${blips.map(Math.round).join(' ')} ms`
  })
  await report.step('a provider reads from its grant on', () => household!.grant(3))
  await report.step('revoked: the next telegram is closed to it', () => household!.revoke())
  if (process.argv[2] === 'full') {
    await report.step('a stuck button does nothing', async () => {
      const from = serial.lines.length
      await machine.press(65_000)
      await lights.expect('status', STATUS.paired, 20_000)
      if (serial.lines.slice(from).some((line) => /"event":"reset"/.test(line.text))) throw new Error('reset')
    })
    await report.step('a bounce does nothing', async () => {
      for (let i = 0; i < 5; i++) await machine.press(5)
      await lights.expect('status', STATUS.paired, 10_000)
    })
    await report.step('a short press: here I am', async () => {
      const from = lights.now
      await machine.press(PRESS_MS)
      await lights.expect('status', STATUS.identify, 10_000, from)
      await lights.expect('status', STATUS.paired, 10_000)
    })
    await report.step('ten seconds arm the reset, and it passes by itself', async () => {
      await machine.press(10_500)
      await lights.expect('status', STATUS['reset-armed'], 4_000)
      await lights.expect('meter', METER['reset-armed'], 4_000)
      await lights.wait(6_000)
      await lights.expect('status', STATUS.paired, 10_000)
    })
    await report.step('armed and confirmed: nobody’s again', async () => {
      await machine.press(10_500)
      await machine.press(PRESS_MS)
      await serial.line(/"event":"reset"/, EVENT_MS)
      await lights.expect('status', STATUS.unpaired, 120_000)
    })
  }
  if (process.argv[3] === 'cable') {
    await report.step('the cable is pulled: the light says so; and it is put back', async () => {
      await machine.cable(false)
      await lights.expect('meter', METER.silent, 60_000)
      await machine.cable(true)
      await home.next('telegram', EVENT_MS)
    })
  }
  ok = true
} catch (error) {
  console.error((error as Error).message)
} finally {
  await household?.stop()
  meter.stop()
  await machine.off()
}
process.exitCode = report.close(join(FOLDER, 'report.json')) && ok ? 0 : 1
