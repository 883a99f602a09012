// Records every write to the card while an emulated Pi Zero starts for the first time, is claimed, grants
// and revokes: the log, the card as it was before, and how much of the log stood when each was acknowledged.

import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshCard, Household } from '../rig/household.ts'
import { freePort, Machine, PIZERO } from '../rig/machine.ts'
import { Meter } from '../rig/people.ts'
import type { Acknowledged } from './check.ts'

const MILESTONES = 'milestones.json'
const BOOT_MS = 400_000

export interface Milestone extends Acknowledged {
  readonly name: string
  /** Bytes of the log by then. */
  readonly end: number
}

export interface Recording {
  readonly before: string
  readonly log: string
  readonly milestones: readonly Milestone[]
}

/** Small, so that each look at it is quick: the image, a second slot, and some data. */
const CARD_MIB = 256

export async function record(image: string, folder: string): Promise<Recording> {
  const label = await freshCard(image, folder, CARD_MIB)
  const before = join(folder, 'before.img')
  const log = join(folder, 'writes.log')
  copyFileSync(label.card, before)
  writeFileSync(log, '')
  const port = await freePort()
  const machine = await Machine.start({ model: PIZERO, card: label.card, folder, port, log })
  const meter = new Meter(machine.p1)
  const milestones: Milestone[] = []
  const reached = (name: string, claimed: boolean, events: number): void => {
    milestones.push({ name, claimed, events, seq: 0, end: statSync(log).size })
    console.log(`# ${name}: ${milestones.at(-1)!.end} bytes of log`)
  }
  let household: Household | null = null
  try {
    await machine.console.line(/"event":"telegram"/, BOOT_MS)
    reached('first telegram', false, 0)
    household = await Household.start(folder, `127.0.0.1:${port}`, label)
    await household.claim(machine)
    reached('claimed', true, 0)
    await household.grant(2)
    reached('granted', true, 1)
    await household.revoke()
    reached('revoked', true, 2)
    await machine.lights.wait(3_000)
    reached('power off', true, 2)
  } finally {
    await household?.stop()
    meter.stop()
    await machine.off()
  }
  writeFileSync(join(folder, MILESTONES), JSON.stringify(milestones))
  return { before, log, milestones }
}

/** The recording that lies in `folder`. */
export function recorded(folder: string): Recording {
  const milestones = JSON.parse(readFileSync(join(folder, MILESTONES), 'utf8')) as Milestone[]
  return { before: join(folder, 'before.img'), log: join(folder, 'writes.log'), milestones }
}
