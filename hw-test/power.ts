// Power cuts: every write of a first start, a claim, a grant and a revocation on the emulated Pi Zero is
// recorded, and the card is looked at as each cut would have left it: after every block that was written,
// and within it with sectors that are missing, torn or out of order. `power.ts CUTS [SEED [again]]` for at least that many;
// fewer than there are blocks are spread evenly.

import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { demand } from '../scripts/image/tools.ts'
import { CutCard, numbers, SECTOR } from './power/card.ts'
import { type Acknowledged, checkCard } from './power/check.ts'
import { type LoggedWrite, readLog } from './power/log.ts'
import { record, recorded } from './power/record.ts'
import { TOOLS } from './rig/machine.ts'

const CUTS = Number(process.argv[2] ?? 200)
const SEED = Number(process.argv[3] ?? 1)
/** The recording that is there. */
const AGAIN = process.argv[4] === 'again'
const BLOCK = 4_096
const FOLDER = 'build/hw-test/power'

demand({ ...TOOLS, e2fsck: 'e2fsprogs', debugfs: 'e2fsprogs' })
const { before, log, milestones } = AGAIN ? recorded(FOLDER) : await record('dist/wattle-pizero.img', FOLDER)
const from = performance.now()
const writes = readLog(log)
const work = join(FOLDER, 'work')
mkdirSync(work, { recursive: true })

/**
 * Writes that one request of the file system holds for certain: a block of 4 KiB at most. An SD card has no
 * flush: a request that was answered is on the medium, so between two of these every moment is a boundary,
 * and what may be missing, torn or out of order are the sectors of the one under way.
 */
const intervals: LoggedWrite[][] = []
for (const write of writes) {
  const before = intervals.at(-1)?.at(-1)
  const goes =
    before &&
    before.at + before.bytes === write.at &&
    Math.floor(before.at / BLOCK) === Math.floor(write.at / BLOCK)
  if (goes) intervals.at(-1)!.push(write)
  else if (write.bytes > 0) intervals.push([write])
}
console.log(`# ${writes.length} writes in ${intervals.length} blocks, seed ${SEED}`)

const cut = join(FOLDER, 'cut.img')
copyFileSync(before, cut)
const card = new CutCard(cut, log)
const next = numbers(SEED)
const told: Acknowledged = { claimed: false, events: 0, seq: 0 }
let [cuts, failures, repairs] = [0, 0, 0]
const look = async (where: string): Promise<Acknowledged> => {
  cuts++
  const { wrong, found } = await checkCard(card, told, work)
  if (found.repaired) repairs++
  if (wrong.length > 0) {
    failures++
    console.log(`not ok - ${where}: ${wrong.join('; ')}`)
    if (failures === 1) card.keep(join(FOLDER, 'failed.img'))
  }
  return found
}
// How often to look: after every block, and as often within as makes up the number; or half and half.
const enough = CUTS >= 2 * intervals.length
const after = enough ? 1 : CUTS / intervals.length / 2
const within = enough ? CUTS / intervals.length - 1 : after
let [owedAfter, owedWithin] = [0, 0]
for (const [n, interval] of intervals.entries()) {
  owedWithin += within
  for (; owedWithin >= 1; owedWithin--) {
    const undo = card.save(interval)
    // Any of them may be there, in any order, and one of those torn.
    const there = interval.filter(() => next() % 2 === 0)
    for (let i = there.length - 1; i > 0; i--) {
      const j = next() % (i + 1)
      ;[there[i], there[j]] = [there[j]!, there[i]!]
    }
    for (const [i, write] of there.entries()) {
      const sectors = write.bytes / SECTOR
      card.apply(write, i === there.length - 1 ? next() % (sectors + 1) : sectors)
    }
    await look(`within block ${n}`)
    undo()
  }
  for (const write of interval) card.apply(write)
  const end = interval.at(-1)!.end
  owedAfter += after
  const reached = milestones.filter((m) => m.end <= end).at(-1)
  if (reached) Object.assign(told, { claimed: reached.claimed, events: reached.events })
  if (owedAfter < 1) continue
  owedAfter--
  const found = await look(`after block ${n}`)
  told.seq = Math.max(told.seq, found.seq)
}
const last = await look('at the end')
card.close()
console.log(`# at the end: claimed ${last.claimed}, ${last.events} events, slot record ${last.seq}`)
console.log(`# looked at in ${((performance.now() - from) / 60_000).toFixed(1)} minutes`)
console.log(
  `${failures === 0 ? 'ok' : 'not ok'} - ${cuts} cuts, ${failures} failures, ${repairs} file systems repaired beyond their journal`,
)
process.exitCode = failures === 0 && last.claimed ? 0 : 1
