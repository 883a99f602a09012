// Cards and buttons that are not as they should be: each start shows it by its light, says it in a line of
// the log, and has a way back. One start of the emulated Pi Zero for each. Artefacts: build/hw-test/hardships.

import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { demand } from '../scripts/image/tools.ts'
import { faultPattern, type LedPattern, STATUS } from '../src/base/lights/leds.ts'
import { readPartitions } from '../src/hw/linux/board/card.ts'
import { freshCard } from './rig/household.ts'
import { freePort, Machine, mustRun, PIZERO, TOOLS } from './rig/machine.ts'
import { Report } from './rig/report.ts'

const IMAGE = 'dist/wattle-pizero.img'
const ROOT = 'build/image/pizero/root.squashfs'
const BOOT_MS = 400_000
const ENTRY_TYPE = 446 + 3 * 16 + 4

/** Writes into a card: bytes, and where. */
function put(card: string, at: number, bytes: Uint8Array): void {
  const file = openSync(card, 'r+')
  writeSync(file, bytes, 0, bytes.length, at)
  closeSync(file)
}
const partition = (card: string, n: number): number =>
  readPartitions(readFileSync(card).subarray(0, 512))![n]!.at
const garbage = (n: number): Uint8Array => new Uint8Array(n).map((_, i) => (i * 167 + 13) & 255)

interface Hardship {
  readonly name: string
  readonly spoil: (card: string, folder: string) => void
  /** A line of the console. */
  readonly says: RegExp
  readonly shows: LedPattern
  /** Something of the card afterwards; what is wrong, else nothing. */
  readonly after?: (card: string, folder: string) => string
  /** The button is down when power comes. */
  readonly held?: boolean
}

const HARDSHIPS: readonly Hardship[] = [
  {
    name: 'slot a is damaged, b is there: b starts',
    spoil: (card) => {
      put(card, partition(card, 2), readFileSync(ROOT))
      put(card, partition(card, 1), garbage(4_096))
    },
    says: /wattle-stage1: slot b mounted/,
    shows: STATUS.unpaired,
  },
  {
    name: 'both slots are damaged: fault 6, and it tries again',
    spoil: (card) => put(card, partition(card, 1), garbage(4_096)),
    says: /wattle-stage1: no slot mounts/,
    shows: faultPattern(6),
  },
  {
    name: 'the data partition is damaged: fault 2, nothing is formatted, nobody can claim it',
    spoil: (card) => {
      put(card, ENTRY_TYPE, Uint8Array.of(0x83))
      put(card, partition(card, 3), garbage(65_536))
    },
    says: /fault 2: the data partition does not mount/,
    shows: faultPattern(2),
    after: (card) => {
      const now = readFileSync(card).subarray(partition(card, 3), partition(card, 3) + 65_536)
      return Buffer.compare(now, garbage(65_536)) === 0 ? '' : 'the partition was written to'
    },
  },
  {
    name: 'wattle.txt cannot be understood: fault 8, and the line is named',
    spoil: (card, folder) => {
      writeFileSync(join(folder, 'wattle.txt'), 'wifi = Home\npasswort = typing error\n')
      mustRun('mcopy', ['-o', '-i', `${card}@@1M`, join(folder, 'wattle.txt'), '::wattle.txt'])
    },
    says: /"fault":8|wattle\.txt/,
    shows: faultPattern(8),
    after: (card, folder) => {
      mustRun('mcopy', ['-n', '-o', '-i', `${card}@@1M`, '::wattle-error.txt', join(folder, 'error.txt')])
      return /2/.test(readFileSync(join(folder, 'error.txt'), 'utf8')) ? '' : 'no line is named'
    },
  },
  {
    name: 'the button is down from the beginning on: no window opens',
    spoil: () => {},
    says: /"event":"telegram"|wattle-devices: ready/,
    shows: STATUS.unpaired,
    held: true,
  },
]

demand(TOOLS)
const report = new Report()
const only = process.argv[2]
for (const [n, hardship] of HARDSHIPS.entries()) {
  if (only !== undefined && !hardship.name.includes(only)) continue
  const folder = `build/hw-test/hardships/${n}`
  const { card } = await freshCard(IMAGE, folder, 256)
  hardship.spoil(card, folder)
  const machine = await Machine.start({
    model: PIZERO,
    card,
    folder,
    port: await freePort(),
    held: hardship.held ?? false,
  })
  try {
    await report.step(hardship.name, async () => {
      const { text } = await machine.console.line(hardship.says, BOOT_MS)
      await machine.lights.expect('status', hardship.shows, 60_000)
      if (machine.console.lines.some((line) => /"what":"window-open"|"event":"window"/.test(line.text)))
        throw new Error('a window opened')
      const bad = hardship.after?.(card, folder) ?? ''
      if (bad !== '') throw new Error(bad)
      return text.slice(0, 120)
    })
  } catch (error) {
    console.error((error as Error).message)
  } finally {
    await machine.off()
  }
}
process.exitCode = report.close('build/hw-test/hardships/report.json') ? 0 : 1
