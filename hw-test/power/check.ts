// Whether a card that lost its power would start again, and still know what was acknowledged: partition
// table, slot record and label as the runtime reads them, the data partition as e2fsck and the kernel's
// journal would put it right, and the device's state opened by the device's own reader.

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DeviceState } from '../../src/device/state.ts'
import { linuxRandom } from '../../src/hw/linux/clock.ts'
import { openFolder } from '../../src/hw/linux/files.ts'
import { decodeLabelRecord, LABEL_RECORD_AT } from '../../src/wire/card/label-record.ts'
import { decodeSlots, newest } from '../../src/wire/card/slots.ts'
import { runCode } from '../rig/machine.ts'
import type { CutCard } from './card.ts'

const RECORDS = [262_144, 393_216]
const LABEL_BYTES = 4_096
const ENTRY = 446 + 3 * 16
const MADE = 0x83

/** What whoever asked had been told by then. */
export interface Acknowledged {
  claimed: boolean
  /** Events of the owner log. */
  events: number
  /** Of the slot record. */
  seq: number
}

export interface Found extends Acknowledged {
  /** The data partition was made. */
  made: boolean
  /** More had to be put right than e2fsck does by itself. */
  repaired: boolean
}

/**
 * Everything wrong with this card; none: it starts, and knows what was acknowledged. `found` is what it
 * knows.
 */
export async function checkCard(
  card: CutCard,
  told: Acknowledged,
  work: string,
): Promise<{ wrong: string[]; found: Found }> {
  const wrong: string[] = []
  const table = card.read(0, 512)
  const view = new DataView(table.buffer)
  const type = table[ENTRY + 4]!
  if (table[510] !== 0x55 || table[511] !== 0xaa) wrong.push('no partition table')
  if (type !== MADE && type !== 0xda) wrong.push(`data partition of type ${type.toString(16)}`)
  const { record } = newest(RECORDS.map((at) => decodeSlots(card.read(at, 512))))
  const found: Found = { made: type === MADE, repaired: false, claimed: false, events: 0, seq: record.seq }
  if (record.seq < told.seq) wrong.push(`slot record ${record.seq}, acknowledged was ${told.seq}`)
  if (record[record.first] === 'none') wrong.push('the slot record leads nowhere')
  if (!LABEL_RECORD_AT.some((at) => decodeLabelRecord(card.read(at, LABEL_BYTES)) !== null))
    wrong.push('no label')
  if (!found.made) {
    // The next start makes it: nothing can have been acknowledged.
    if (told.claimed) wrong.push('claimed, and no data partition')
    return { wrong, found }
  }
  const [start, sectors] = [view.getUint32(ENTRY + 8, true), view.getUint32(ENTRY + 12, true)]
  const data = join(work, 'data.img')
  card.extract(start * 512, sectors * 512, data)
  // As stage 1 does it: -p, where that is not enough -y; then all of it has to be right.
  if (runCode('e2fsck', ['-fp', data]).code > 1) {
    found.repaired = true
    runCode('e2fsck', ['-fy', data])
    const { code, said } = runCode('e2fsck', ['-fn', data])
    if (code !== 0) wrong.push(`e2fsck: ${code} ${said}`)
  }
  const state = join(work, 'state')
  rmSync(state, { recursive: true, force: true })
  mkdirSync(state)
  runCode('debugfs', ['-R', `rdump /wattle ${state}`, data])
  const opened = await openState(join(state, 'wattle'))
  if (typeof opened === 'string') wrong.push(`state: ${opened}`)
  else {
    found.claimed = opened.identity !== null
    found.events = opened.events.length
    if (told.claimed && !found.claimed) wrong.push('the claim was acknowledged and is forgotten')
    if (found.events < told.events)
      wrong.push(`${told.events} events were acknowledged, ${found.events} are there`)
  }
  return { wrong, found }
}

function openState(folder: string): Promise<DeviceState | string> {
  return new Promise((resolve) => {
    openFolder(folder, (error, files) => {
      if (error || !files) return resolve(error?.message ?? 'no folder')
      DeviceState.open(files, linuxRandom, (failure, state) => {
        resolve(failure || !state ? (failure?.message ?? 'nothing came') : state)
      })
    })
  })
}
