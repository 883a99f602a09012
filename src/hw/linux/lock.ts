// One process per state folder: two devices on one journal would damage it. The lock is a file with
// the holder's process id and start time, so that a lock left behind by a killed process, or by one
// whose id was given out again, does not count.

import * as fs from 'node:fs'
import { join } from 'node:path'
import { WattleError } from '../../base/errors.ts'

/**
 * Takes the folder for this process; the result gives it back.
 * @throws WattleError `state-in-use`; Error where the file cannot be written.
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, '.lock')
  const mine = `${process.pid} ${startTime(process.pid) ?? '?'}\n`
  // Twice: the second time after a stale lock was removed.
  for (let attempt = 0; ; attempt++) {
    try {
      fs.writeFileSync(path, mine, { flag: 'wx', mode: 0o600 })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 0) throw error
      const holder = alive(fs.readFileSync(path, 'utf8'))
      if (holder)
        throw new WattleError(
          'state-in-use',
          `${folder} is in use by process ${holder}; stop it, or choose another folder with --state`,
        )
      fs.unlinkSync(path)
    }
  }
  return () => {
    try {
      if (fs.readFileSync(path, 'utf8') === mine) fs.unlinkSync(path)
    } catch {
      // Gone already.
    }
  }
}

/** The process id in a lock's text if that very process still runs. */
function alive(text: string): number | null {
  const match = /^(\d+) (\d+)\n$/.exec(text)
  if (!match) return null
  return startTime(Number(match[1])) === match[2] ? Number(match[1]) : null
}

/** Start time of a process in clock ticks since boot (proc(5), stat field 22), or null. */
function startTime(pid: number): string | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is a name in brackets and may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}
