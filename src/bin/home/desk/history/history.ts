// Views of the history for the page, and the minutes of a day as text for a file.

import { base64url } from '../../../../base/bytes.ts'
import { WattleError } from '../../../../base/errors.ts'
import { STEPS, type Step, Zone } from '../../../../home/history/steps.ts'
import type { OwnedDevice } from '../../../../home/store.ts'
import type { DeskAsk, HistoryCells, HistoryView } from '../../../../page/desk/desk.ts'
import type { Running } from '../../running.ts'
import type { DeskAct } from '../act.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** The longest span of each step in one answer: some thousand rows, some ten thousand stored ones. */
const LONGEST_MS: Readonly<Record<Step, number>> = {
  minute: 25 * HOUR_MS,
  quarter: 32 * DAY_MS,
  hour: 32 * DAY_MS,
  day: 400 * DAY_MS,
  month: 11 * 366 * DAY_MS,
}

export const historyView: DeskAct = (running, ask, done) => {
  const { history } = running.keeping
  const key = base64url(deviceOf(running, ask).key)
  const step = ask.with['step'] as Step
  if (!STEPS.includes(step)) throw bad(`step: expected one of ${STEPS.join(', ')}`)
  const { from, to } = spanOf(ask, LONGEST_MS[step])
  const zone = zoneOf(ask.with['zone'])
  history.flush()
  const known = history.extent(key)
  const rows = history.rows(key, { from, to, step, zone })
  const view: HistoryView = {
    known: known && [known.from, known.to],
    rows: rows.map((r): HistoryCells => [r.at, r.inWh, r.outWh, r.gasL, r.waterL, r.peakW, r.gap ? 1 : 0]),
  }
  done(null, view)
}

/** `head`: with the line that names the columns. */
export const csvPiece: DeskAct = (running, ask, done) => {
  const { history } = running.keeping
  const key = base64url(deviceOf(running, ask).key)
  const { from, to } = spanOf(ask, LONGEST_MS.minute)
  history.flush()
  const lines = [...history.csv(key, from, to)]
  done(null, (ask.with['head'] === true ? lines : lines.slice(1)).join(''))
}

let lastZone = new Zone('UTC')

/** Its history stays when a device is given up, but only what is ours is shown. @throws WattleError `unknown-device` */
export function deviceOf({ home }: Running, ask: DeskAsk): OwnedDevice {
  const owned = home.find(ask.device)
  if (owned) return owned.device
  throw new WattleError('unknown-device', `no device ${ask.device} here`)
}

function spanOf(ask: DeskAsk, most: number): { from: number; to: number } {
  const { from, to } = ask.with
  if (typeof from !== 'number' || typeof to !== 'number' || !(from > 0 && to > from && to < 1e14))
    throw bad('from, to: expected milliseconds since 1970')
  if (to - from > most) throw bad(`from, to: expected at most ${most / HOUR_MS} hours of this step`)
  return { from, to }
}

function zoneOf(name: unknown): Zone {
  if (typeof name !== 'string') throw bad('zone: expected a name like Europe/Amsterdam')
  if (lastZone.name === name) return lastZone
  try {
    lastZone = new Zone(name)
    return lastZone
  } catch {
    throw bad(`zone: no zone ${name}`)
  }
}

function bad(text: string): WattleError {
  return new WattleError('bad-shape', text)
}
