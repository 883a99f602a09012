// Hostile packets for as long as the tier allows: nothing throws, nothing grows, the node still answers.
// (The soak in a JavaScript heap of 6 MB is part of bench-dht: there the packets come from outside.)
import { execFileSync } from 'node:child_process'
import { build } from 'esbuild'
import t from 'tap'

const PACKETS = process.env['WATTLE_FULL'] ? 1_000_000 : 40_000
const FILE = 'build/dht/soak.mjs'

await build({
  entryPoints: ['test/dht/help/soak-run.ts'],
  outfile: FILE,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
})

for (const maxBytes of [65_536, 524_288])
  t.test(`${PACKETS} packets, ${maxBytes} bytes`, { timeout: 600_000 }, async (t) => {
    const out = execFileSync(
      process.execPath,
      ['--expose-gc', '--max-semi-space-size=1', FILE, `${PACKETS}`, `${maxBytes}`],
      {
        encoding: 'utf8',
      },
    )
    const r = JSON.parse(out) as Record<string, number> & { counts: Record<string, number> }
    t.equal(r['buffers'], 0, 'array buffers are the same')
    t.ok(Math.abs(r['heap']!) <= 262_144, `heap changed by ${r['heap']} bytes`)
    t.ok(r['peak']! <= 4_194_304, `peak memory grew by ${r['peak']} bytes`)
    t.equal(r['bytes'], maxBytes)
    t.ok(r.counts['malformed']! > 0 && r.counts['wrongToken']! > 0)
    t.ok(r.counts['announced']! > 0 && r.counts['stored']! > 0)
    t.equal(r['nodes4']! + r['nodes6']!, 0, 'nobody came into the table')
    t.ok(r['answers'], 'it still answers')
    t.equal(r['busy'], 0)
  })
