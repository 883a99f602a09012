// A thousand nodes started and stopped one after the other, each in the middle of something.
import { execFileSync } from 'node:child_process'
import { build } from 'esbuild'
import t from 'tap'

const CYCLES = 1_000
const FILE = 'build/dht/cycles.mjs'

await build({
  entryPoints: ['test/dht/help/cycles-run.ts'],
  outfile: FILE,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
})

t.test(`${CYCLES} starts and stops leave nothing behind`, { timeout: 60_000 }, async (t) => {
  const out = execFileSync(process.execPath, ['--expose-gc', FILE, `${CYCLES}`], { encoding: 'utf8' })
  const r = JSON.parse(out) as { heap: number; buffers: number; open: number; ended: number; busy: number }
  t.equal(r.buffers, 0, 'array buffers')
  t.equal(r.open, 0, 'sockets and timers')
  t.ok(r.heap <= 262_144, `heap changed by ${r.heap} bytes`)
  t.equal(r.busy, 0, 'nothing is under way after stop')
  t.ok(r.ended >= CYCLES, 'every operation under way was told')
})
