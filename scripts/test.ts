// Bundles every tap test with esbuild and runs the bundles with node --test, so that the run
// closes with Node's standard counts. Fails too when a test file did not run to its end.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { bundleOptions, pagePlugin } from './bundle.ts'

const out = 'build/test'
const only = process.argv.slice(2)

const files = (readdirSync('test', { recursive: true }) as string[])
  .map((f) => join('test', f))
  .filter((f) => f.endsWith('.test.ts'))
  .filter((f) => only.length === 0 || only.some((o) => f.includes(o)))
  .sort((a, b) => (a < b ? -1 : 1))
if (files.length === 0) throw new Error(`no test file matches ${only.join(' ') || 'test/**/*.test.ts'}`)

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
const ran = join(out, 'ran.log')
await build({
  ...bundleOptions,
  entryPoints: files,
  outdir: out,
  outbase: 'test',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  // Tests that want the page build it themselves.
  plugins: [pagePlugin({ home: {}, provider: {} })],
  sourcemap: 'inline',
  outExtension: { '.js': '.mjs' },
  banner: {
    js: `import { appendFileSync as wattleRan } from 'node:fs'; process.on('exit', () => wattleRan(${JSON.stringify(ran)}, import.meta.url + '\\n'))`,
  },
  logLevel: 'warning',
})

const bundles = files.map((f) => join(out, f.slice('test/'.length).replace(/\.ts$/, '.mjs')))
const reporter = process.env['CI'] || !process.stdout.isTTY ? 'tap' : 'spec'
// tap ends a test after 30 s unless told otherwise (seconds); the full counts take minutes.
const TAP_TIMEOUT = process.env['TAP_TIMEOUT'] ?? (process.env['WATTLE_FULL'] ? '7200' : '60')
const result = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--test', '--test-concurrency=2', `--test-reporter=${reporter}`, ...bundles],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      NODE_NO_WARNINGS: '1',
      WATTLE_NODE: process.execPath,
      WATTLE_LAN: 'off',
      TAP_TIMEOUT,
    },
  },
)
const urls = existsSync(ran) ? readFileSync(ran, 'utf8').trim().split('\n') : []
const seen = new Set(urls.map((url) => url.slice(url.lastIndexOf(`/${out}/`) + 1)))
const missing = bundles.filter((bundle) => !seen.has(bundle))
if (missing.length > 0) {
  console.error(`${missing.length} of ${bundles.length} test files did not run: ${missing.join(' ')}`)
  process.exit(1)
}
console.error(`# test files ${seen.size}`)
process.exit(result.status ?? 1)
