// `make bench-home`: the history of ten years, filled minute by minute, and what its views cost.
// Bundles itself first, as the program is bundled. Exit 1 where a figure is missed.

import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const YEAR_VIEW_MS = 150
const MINUTE = 60_000
const years = Number(process.argv[2] ?? 10)

await build({
  stdin: {
    contents:
      "export { History } from './src/home/history/history.ts'\nexport { Zone } from './src/home/history/steps.ts'",
    resolveDir: process.cwd(),
  },
  bundle: true,
  platform: 'node',
  format: 'esm',
  outfile: 'build/bench-home.mjs',
})
const { History, Zone } = (await import(pathToFileURL('build/bench-home.mjs').href)) as {
  History: typeof import('../src/home/history/history.ts').History
  Zone: typeof import('../src/home/history/steps.ts').Zone
}
const { DatabaseSync } = await import('node:sqlite')
const folder = mkdtempSync(join(tmpdir(), 'wattle-bench-'))
try {
  const history = History.open(DatabaseSync, join(folder, 'history.db'))
  const device = 'd'.repeat(43)
  const start = Date.UTC(2016, 0, 1)
  const minutes = years * 365 * 24 * 60
  const began = performance.now()
  for (let i = 0; i < minutes; i++) {
    const wh = Math.floor(i * 5.7)
    const at = start + i * MINUTE
    history.add(device, {
      at,
      powerInW: 340,
      powerOutW: 0,
      tariff: 1,
      energyIn: [wh, wh],
      energyOut: [0, 0],
      phases: [],
      gas: { at, m3: (wh / 1e4).toFixed(3) },
    })
    if (i % 525_600 === 0 && i > 0) console.log(`  ${i / 525_600} years written`)
  }
  history.flush()
  const seconds = (performance.now() - began) / 1_000
  const bytes = statSync(join(folder, 'history.db')).size
  console.log(
    `${minutes} minutes written in ${seconds.toFixed(0)} s; ${(bytes / minutes).toFixed(1)} B a minute`,
  )
  const zone = new Zone('Europe/Amsterdam')
  const view = (
    name: string,
    step: 'quarter' | 'hour' | 'day' | 'month',
    from: number,
    to: number,
  ): number => {
    const times: number[] = []
    let rows = 0
    for (let i = 0; i < 5; i++) {
      const before = performance.now()
      rows = history.rows(device, { from, to, step, zone }).length
      times.push(performance.now() - before)
    }
    const median = times.sort((a, b) => a - b)[2]!
    console.log(`${name.padEnd(34)} ${median.toFixed(1).padStart(8)} ms  ${rows} rows`)
    return median
  }
  const last = start + (minutes - 365 * 24 * 60) * MINUTE
  const end = start + minutes * MINUTE
  view('a day by quarter-hour', 'quarter', end - 86_400_000, end)
  view('a month by hour', 'hour', end - 30 * 86_400_000, end)
  const year = Math.max(view('a year by day', 'day', last, end), view('a year by month', 'month', last, end))
  view(`${years} years by month`, 'month', start, end)
  history.close()
  const good = year <= YEAR_VIEW_MS
  console.log(`year view: ${year.toFixed(1)} ms, at most ${YEAR_VIEW_MS}: ${good ? 'ok' : 'EXCEEDED'}`)
  if (!good) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
