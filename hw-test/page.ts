// The page that the emulated Pi Zero serves, in a real browser: claimed with the label's code and a press,
// then the live chart, and again after a reload. Part of `make hw-test`. Artefacts: build/hw-test/page.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { demand } from '../scripts/image/tools.ts'
import { freshCard, PRESS_MS } from './rig/household.ts'
import { freePort, Machine, PIZERO, TOOLS } from './rig/machine.ts'
import { Meter } from './rig/people.ts'
import { Report } from './rig/report.ts'

const IMAGE = 'dist/wattle-pizero.img'
const FOLDER = 'build/hw-test/page'
const BOOT_MS = 400_000
/** The browser's patience at each step, seconds; the machine may get little of a busy computer. */
const PATIENCE = 300
const STEPS = ['painted', 'press', 'claimed', 'live', 'chart', 'reloaded', 'done'] as const

interface Said {
  event: string
  faults?: string[]
  [detail: string]: unknown
}

demand(TOOLS)
if (!existsSync(IMAGE)) throw new Error(`${IMAGE} is missing: make image BOARD=pizero`)
if (!existsSync(process.env['WATTLE_CHROMIUM'] ?? '/usr/bin/chromium')) {
  console.log('the page of the emulated board is LEFT OUT: no browser here (apt-get install chromium)')
  process.exit(0)
}
const label = await freshCard(IMAGE, FOLDER)
const report = new Report()
const [port, page] = [await freePort(), await freePort()]
const machine = await Machine.start({ model: PIZERO, card: label.card, folder: FOLDER, port, page })
const meter = new Meter(machine.p1)
let ok = false
try {
  await report.step('the runtime is ready', async () => {
    await machine.console.line(/"event":"telegram"/, BOOT_MS)
  })
  const args = [`http://127.0.0.1:${page}/`, label.code, '--wait', `${PATIENCE}`, '--pictures', FOLDER]
  const check = spawn(
    process.execPath,
    ['--experimental-strip-types', '--no-warnings', 'scripts/page-check.ts', ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const lines = createInterface({ input: check.stdout })[Symbol.asyncIterator]()
  let over = false
  for (const step of STEPS)
    await report.step(`the page: ${step}`, async () => {
      const { value, done } = over ? { value: '', done: true } : await lines.next()
      if (done === true) throw new Error('the browser has ended')
      const { event, t: _t, ...detail } = JSON.parse(value as string) as Said
      over = event === 'done'
      if (event !== step || (detail.faults?.length ?? 0) > 0)
        throw new Error(`${event}: ${JSON.stringify(detail)}`)
      if (event === 'press') await machine.press(PRESS_MS)
      return JSON.stringify(detail)
    })
  ok = true
} catch (error) {
  console.error((error as Error).message)
} finally {
  meter.stop()
  await machine.off()
}
process.exitCode = report.close(join(FOLDER, 'report.json')) && ok ? 0 : 1
