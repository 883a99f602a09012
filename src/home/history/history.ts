// Years of readings of the owner's devices in one SQLite file: a row a minute and a row an hour, with the
// meter's own counters, so that what a step used is a difference and nothing is added up twice. Telegrams
// may come late and out of order. Whole minutes are committed together by `flush`, durably; the caller
// calls it every few seconds, so a power cut loses the present minute at most.

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { PageReading } from '../../page/protocol.ts'
import { type Step, stepsBetween, type Zone } from './steps.ts'

/** What one step used; null where the meter did not say, or nobody knows. */
export interface HistoryRow {
  /** Begin of the step, milliseconds since 1970. */
  at: number
  /** Wh. */
  inWh: number | null
  outWh: number | null
  /** Litres (dm³) of gas and of water. */
  gasL: number | null
  waterL: number | null
  /** Highest average of a minute, W. */
  peakW: number | null
  /** Part of the step was not measured. */
  gap: boolean
}

/** Counters at one moment, in the order of the columns. */
type Counters = readonly [
  inWh: number | null,
  outWh: number | null,
  gasL: number | null,
  waterL: number | null,
]

const COLUMNS = ['in_wh', 'out_wh', 'gas_l', 'water_l'] as const
const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** So many minutes without a telegram are no gap. */
const FEW = 5
/** A meter cannot count more in an hour: a counter that did was replaced or misread. */
const MOST_AN_HOUR: Counters = [200_000, 200_000, 100_000, 100_000]
const VERSION = 1

interface Pending {
  device: string
  minute: number
  counters: Counters
  /** Sum and number of net power readings of this minute. */
  sumW: number
  count: number
}

export class History {
  readonly #db: DatabaseSync
  readonly #pending: Map<string, Pending>
  readonly #known: StatementSync
  readonly #putMinute: StatementSync
  readonly #putHour: StatementSync
  readonly #hours: StatementSync
  readonly #minutes: StatementSync

  /** @param db open and ours alone */
  private constructor(db: DatabaseSync) {
    this.#db = db
    this.#pending = new Map()
    const columns = COLUMNS.join(', ')
    this.#known = db.prepare('SELECT 1 FROM minute WHERE device = ? AND at = ?')
    this.#putMinute = db.prepare(
      `INSERT INTO minute (device, at, ${columns}, net_w) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (device, at) DO UPDATE SET ${COLUMNS.map((c) => `${c} = max(ifnull(${c}, excluded.${c}), ifnull(excluded.${c}, ${c}))`).join(', ')}`,
    )
    const ends = COLUMNS.flatMap((c) => [`${c}0`, `${c}1`])
    const merge = COLUMNS.flatMap((c) => [
      `${c}0 = min(ifnull(${c}0, excluded.${c}0), ifnull(excluded.${c}0, ${c}0))`,
      `${c}1 = max(ifnull(${c}1, excluded.${c}1), ifnull(excluded.${c}1, ${c}1))`,
    ])
    this.#putHour = db.prepare(
      `INSERT INTO hour (device, at, first, last, n, ${ends.join(', ')}, peak_w) VALUES (?, ?, ?, ?, ?, ${ends.map(() => '?').join(', ')}, ?)
       ON CONFLICT (device, at) DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last), n = n + excluded.n,
       peak_w = max(peak_w, excluded.peak_w), ${merge.join(', ')}`,
    )
    this.#hours = db.prepare(
      `SELECT at * 60 AS at, first, last, n, ${ends.join(', ')}, peak_w FROM hour WHERE device = ? AND at >= ? AND at < ? ORDER BY at`,
    )
    this.#minutes = db.prepare(
      `SELECT at, at AS first, at AS last, 1 AS n, ${COLUMNS.flatMap((c) => [`${c} AS ${c}0`, `${c} AS ${c}1`]).join(', ')}, net_w AS peak_w
       FROM minute WHERE device = ? AND at >= ? AND at < ? ORDER BY at`,
    )
  }

  /**
   * @param Database `node:sqlite`'s DatabaseSync: a device's Node has none, so the caller imports it
   * @throws WattleError `history-damaged` for a file that is none of ours or not whole
   */
  static open(Database: typeof DatabaseSync, path: string): History {
    let db: DatabaseSync | null = null
    try {
      db = new Database(path)
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
      const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
      if (version > VERSION) throw new Error(`version ${version}, this program knows ${VERSION}`)
      if (version === 0) db.exec(SCHEMA)
      const { quick_check: check } = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
      if (check !== 'ok') throw new Error(check)
      return new History(db)
    } catch (error) {
      db?.close()
      throw new WattleError(
        'history-damaged',
        `${path}: ${(error as Error).message}; restore it from a backup, or move it away to begin a new one`,
        3,
      )
    }
  }

  /** One telegram's values; `device` is its key in base64url. */
  add(device: string, reading: PageReading): void {
    const minute = Math.floor(reading.at / MINUTE)
    const key = `${device} ${minute}`
    if (!this.#pending.has(key) && this.#pending.size >= LIMITS.home.pendingMinutes) this.flush()
    const now = this.#pending.get(key) ?? { device, minute, counters: NOTHING, sumW: 0, count: 0 }
    now.counters = countersOf(reading)
    now.sumW += reading.powerInW - reading.powerOutW
    now.count++
    this.#pending.set(key, now)
  }

  /** Commits what waits: durable when this returns. */
  flush(): void {
    if (this.#pending.size === 0) return
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      for (const { device, ...p } of this.#pending.values()) {
        const netW = Math.round(p.sumW / p.count)
        const isNew = this.#known.get(device, p.minute) === undefined ? 1 : 0
        this.#putMinute.run(device, p.minute, ...p.counters, netW)
        const ends = p.counters.flatMap((c) => [c, c])
        this.#putHour.run(device, Math.floor(p.minute / 60), p.minute, p.minute, isNew, ...ends, netW)
      }
      this.#db.exec('COMMIT')
    } catch (error) {
      this.#db.exec('ROLLBACK')
      throw error
    }
    this.#pending.clear()
  }

  /** What each step from `from` to `to` used. Steps that nothing is known of are left out. */
  rows(device: string, o: { from: number; to: number; step: Step; zone: Zone }): HistoryRow[] {
    const bounds = stepsBetween(o.step, o.from, o.to, o.zone)
    const [first, end] = [bounds[0]!, bounds[bounds.length - 1]!]
    const fine = o.step === 'minute' || o.step === 'quarter'
    // One row before the first step: what its counters were when it began.
    const unit = fine ? MINUTE : HOUR
    const source = fine ? this.#minutes : this.#hours
    const found = source.iterate(device, Math.floor(first / unit) - (fine ? 15 : 1), Math.ceil(end / unit))
    const out: HistoryRow[] = []
    let at = 0
    let before: Stored | null = null
    for (const stored of found as Iterable<unknown> as Iterable<Stored>) {
      const time = stored.at * MINUTE
      while (at + 1 < bounds.length && time >= bounds[at + 1]!) at++
      const begin = bounds[at]!
      if (time >= begin && time < (bounds[at + 1] ?? begin)) {
        const row = out.at(-1)?.at === begin ? out.at(-1)! : empty(out, begin)
        addTo(row, stored, before, before !== null && before.at * MINUTE >= begin)
      }
      before = stored
    }
    return out
  }

  /** Comma-separated, with a head line: every minute from `from` to `to`, times in UTC. */
  *csv(device: string, from: number, to: number): Generator<string> {
    yield 'time,in_wh,out_wh,gas_l,water_l,net_w\n'
    const rows = this.#minutes.iterate(device, Math.floor(from / MINUTE), Math.ceil(to / MINUTE))
    for (const r of rows as Iterable<unknown> as Iterable<Stored>) {
      const cells = [r.in_wh1, r.out_wh1, r.gas_l1, r.water_l1, r.peak_w].map((n) => n ?? '')
      yield `${new Date(r.at * MINUTE).toISOString()},${cells.join(',')}\n`
    }
  }

  /** First and last minute that are known of a device; null for none. */
  extent(device: string): { from: number; to: number } | null {
    const row = this.#db
      .prepare('SELECT min(first) AS a, max(last) AS b FROM hour WHERE device = ?')
      .get(device) as { a: number | null; b: number | null }
    return row.a === null || row.b === null ? null : { from: row.a * MINUTE, to: (row.b + 1) * MINUTE }
  }

  /** A whole copy in a new file. */
  copyTo(path: string): void {
    this.flush()
    this.#db.prepare('VACUUM INTO ?').run(path)
  }

  close(): void {
    this.flush()
    this.#db.close()
  }
}

interface Stored {
  at: number
  first: number
  last: number
  /** Minutes with a telegram. */
  n: number
  in_wh0: number | null
  in_wh1: number | null
  out_wh0: number | null
  out_wh1: number | null
  gas_l0: number | null
  gas_l1: number | null
  water_l0: number | null
  water_l1: number | null
  peak_w: number | null
}

const NOTHING: Counters = [null, null, null, null]

const SCHEMA = `
BEGIN;
CREATE TABLE minute (
  device TEXT NOT NULL, at INTEGER NOT NULL,
  in_wh INTEGER, out_wh INTEGER, gas_l INTEGER, water_l INTEGER, net_w INTEGER,
  PRIMARY KEY (device, at)
) WITHOUT ROWID;
CREATE TABLE hour (
  device TEXT NOT NULL, at INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, n INTEGER NOT NULL,
  in_wh0 INTEGER, in_wh1 INTEGER, out_wh0 INTEGER, out_wh1 INTEGER,
  gas_l0 INTEGER, gas_l1 INTEGER, water_l0 INTEGER, water_l1 INTEGER, peak_w INTEGER,
  PRIMARY KEY (device, at)
) WITHOUT ROWID;
PRAGMA user_version = ${VERSION};
COMMIT;`

function countersOf(reading: PageReading): Counters {
  const sum = (list: readonly number[]): number | null =>
    list.length === 0 ? null : Math.round(list.reduce((a, b) => a + b, 0))
  const litres = (m3: string | undefined): number | null => {
    const n = m3 === undefined ? Number.NaN : Math.round(Number(m3) * 1_000)
    return Number.isSafeInteger(n) ? n : null
  }
  const water = reading.others?.find((o) => o.kind === 'water' && o.unit === 'm3')
  return [sum(reading.energyIn), sum(reading.energyOut), litres(reading.gas?.m3), litres(water?.value)]
}

function empty(out: HistoryRow[], at: number): HistoryRow {
  const row = { at, inWh: null, outWh: null, gasL: null, waterL: null, peakW: null, gap: false }
  out.push(row)
  return row
}

const FIELDS = ['inWh', 'outWh', 'gasL', 'waterL'] as const

/** Adds what one stored row used: since the row before, where that is near or of the same step. */
function addTo(row: HistoryRow, stored: Stored, before: Stored | null, sameStep: boolean): void {
  const silent = before ? stored.first - before.last : Number.POSITIVE_INFINITY
  const missed = stored.last - stored.first + 1 - stored.n
  if (missed > FEW || (silent > FEW && sameStep)) row.gap = true
  const joined = before !== null && (sameStep || silent <= FEW)
  const hours = Math.max(1, (stored.last - (joined ? before.last : stored.first)) / 60)
  FIELDS.forEach((field, i) => {
    const column = COLUMNS[i]!
    const end = stored[`${column}1`]
    const begin = (joined ? before[`${column}1`] : null) ?? stored[`${column}0`]
    if (end === null || begin === null) return
    const used = end - begin
    if (used < 0 || used > MOST_AN_HOUR[i]! * hours) row.gap = true
    else row[field] = (row[field] ?? 0) + used
  })
  if (stored.peak_w !== null) row.peakW = Math.max(row.peakW ?? Number.NEGATIVE_INFINITY, stored.peak_w)
}
