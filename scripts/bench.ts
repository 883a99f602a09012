// Runs the benchmarks of test/bench: `make bench` all of them, `bench.ts device` those named. Each is
// bundled and runs in a process of its own, says its results as NDJSON (test/bench/report.ts) and may
// carry limits. The results are printed as one table and kept as build/bench/NAME.json; a result over
// its limit fails the run.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { bundleOptions } from './bundle.ts'

interface Result {
  name: string
  value: number
  unit: string
  limit?: number
}

const out = 'build/bench'
const only = process.argv.slice(2)
const files = readdirSync('test/bench')
  .filter((file) => file.endsWith('.bench.ts'))
  .filter((file) => only.length === 0 || only.includes(file.replace('.bench.ts', '')))
if (files.length === 0) throw new Error(`no benchmark is called ${only.join(' ') || 'anything'}`)

mkdirSync(out, { recursive: true })
await build({
  ...bundleOptions,
  entryPoints: files.map((file) => join('test/bench', file)),
  outdir: out,
  format: 'esm',
  target: 'node22',
  packages: 'external',
  sourcemap: 'inline',
  outExtension: { '.js': '.mjs' },
  logLevel: 'warning',
})

let failed = 0
for (const file of files) {
  const name = file.replace('.bench.ts', '')
  const bundle = join(out, file.replace('.ts', '.mjs'))
  const run = spawnSync(process.execPath, ['--expose-gc', '--no-warnings', '--enable-source-maps', bundle], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 16_777_216,
  })
  const lines = run.stdout.split('\n').filter((line) => line.startsWith('{'))
  const results = lines.map((line) => JSON.parse(line) as Result)
  writeFileSync(join(out, `${name}.json`), `${JSON.stringify({ node: process.version, results }, null, 2)}\n`)
  console.log(`\n${name} (Node ${process.version})`)
  for (const { name: what, value, unit, limit } of results) {
    const over = limit !== undefined && value > limit
    if (over) failed++
    const shown = value >= 1_000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
    const note =
      limit === undefined ? '' : `  (limit ${limit.toLocaleString('en')}${over ? ', EXCEEDED' : ''})`
    console.log(`  ${what.padEnd(52)} ${shown.padStart(12)} ${unit}${note}`)
  }
  if (run.status !== 0 || results.length === 0) {
    failed++
    console.log(`  FAILED: exit ${run.status}`)
  }
}
process.exitCode = failed > 0 ? 1 : 0
