// How long the start takes, in the guest's own time and independent of how busy this computer is: QEMU
// counts instructions, 500 million to a second (an ARM1176 at 1 GHz does about one in two cycles), and
// waiting takes no time of ours. A first start on a blank card, and a second one.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { demand } from '../scripts/image/tools.ts'
import { stages } from './rig/boot.ts'
import { freshCard } from './rig/household.ts'
import { freePort, Machine, MODELS, TOOLS } from './rig/machine.ts'
import { Meter } from './rig/people.ts'
import { Report } from './rig/report.ts'

const BOARD = process.argv[2] ?? 'pizero'
const IMAGE = `dist/wattle-${BOARD}.img`
const FOLDER = `build/hw-test/start-${BOARD}`
const LIGHT_S = 3
const READY_S = 10
const LIMIT_MS = 400_000

demand(TOOLS)
if (!existsSync(IMAGE)) throw new Error(`${IMAGE} is missing: make image BOARD=${BOARD}`)
const report = new Report()
const { card } = await freshCard(IMAGE, FOLDER)

let ok = true
for (const start of ['first', 'second']) {
  const folder = join(FOLDER, start)
  const machine = await Machine.start({
    model: MODELS[BOARD]!,
    card,
    folder,
    port: await freePort(),
    fast: true,
  })
  const meter = new Meter(machine.p1)
  try {
    await report.step(`${start} start`, async () => {
      await machine.console.line(/"event":"ready"/, LIMIT_MS)
      const seen = stages(machine.console)
      const at = (stage: string): number =>
        seen.find((s) => s.stage === stage)?.at ?? Number.POSITIVE_INFINITY
      for (const { stage, at: when, took } of seen)
        console.log(`#   ${when.toFixed(2)} s  (${took.toFixed(2)} s) ${stage}`)
      // Before the kernel's clock starts it unpacks itself: that counts for who waits in front of it.
      const lit = machine.lights.changes['status']!.find((change) => change.lit)
      const before = lit ? lit.at / 1_000 - at('first light of ours') : Number.NaN
      report.fact(`${start} start, before the kernel's clock`, `${before.toFixed(2)} s`)
      if (at('first light of ours') > LIGHT_S) throw new Error(`first light: expected at most ${LIGHT_S} s`)
      if (at('ready') > READY_S) throw new Error(`ready: expected at most ${READY_S} s`)
      return `light ${at('first light of ours')} s, ready ${at('ready')} s`
    })
    await report.step(`${start} start: the first telegram`, async () => {
      await machine.console.line(/"event":"telegram"/, LIMIT_MS)
      const last = stages(machine.console).at(-1)!
      return `${last.stage} ${last.at} s`
    })
    const { text } = await machine.console.line(/wattle-devices: ready/, LIMIT_MS)
    report.fact(`${start} start, memory`, text.replace(/.*the runtime has /, ''))
  } catch (error) {
    console.error((error as Error).message)
    ok = false
  } finally {
    meter.stop()
    await machine.off()
  }
}
process.exitCode = report.close(join(FOLDER, 'report.json')) && ok ? 0 : 1
