// The vector files' own tests once more, on the device's Node 18 and on Node 20: bundled as the device's
// program is (target node18), with a few lines in tap's place. In `make test` on native code alone;
// with WATTLE_FULL on both back-ends. A Node that is not there is said, not passed over.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import t from 'tap'

const FULL = process.env['WATTLE_FULL'] !== undefined
const FILES = ['ed25519', 'hpke', 'jws', 'spake2plus', 'wycheproof']

/** As much of tap as these files use; counts, and ends with 1 where something is wrong. */
const TAP = `
import assert from 'node:assert'
import { webcrypto } from 'node:crypto'
// The tests take randomness from here; nothing of ours does.
if (!globalThis.crypto) globalThis.crypto = webcrypto
let passed = 0
const failed = []
const say = (name, check) => (...args) => {
  try { check(...args); passed++; return true } catch (error) { failed.push(name + ': ' + error.message.slice(0, 500)); return false }
}
const matches = (value, wanted) => {
  if (wanted instanceof RegExp) return wanted.test(String(value))
  if (typeof wanted === 'object' && wanted !== null) return Object.entries(wanted).every(([k, w]) => matches(value?.[k], w))
  return value === wanted
}
const queue = []
const t = {
  equal: say('equal', (a, b, m) => assert.strictEqual(a, b, m)),
  not: say('not', (a, b, m) => assert.notStrictEqual(a, b, m)),
  same: say('same', (a, b) => assert.deepStrictEqual(JSON.parse(JSON.stringify(a ?? null)), JSON.parse(JSON.stringify(b ?? null)))),
  notSame: say('notSame', (a, b) => assert.notDeepStrictEqual(a, b)),
  ok: say('ok', (a, m) => assert.ok(a, m)),
  notOk: say('notOk', (a, m) => assert.ok(!a, m)),
  throws: say('throws', (f) => assert.throws(f)),
  doesNotThrow: say('doesNotThrow', (f) => assert.doesNotThrow(f)),
  match: say('match', (a, b) => assert.ok(matches(a, b))),
  notMatch: say('notMatch', (a, b) => assert.ok(!matches(a, b))),
  fail: say('fail', (m) => assert.fail(m)),
  pass: say('pass', () => {}),
  comment: () => {},
  teardown: () => {},
  test: (name, options, run) => { queue.push([name, run ?? options, run ? options : {}]) },
}
export default t
setImmediate(async () => {
  let skipped = 0
  while (queue.length > 0) {
    const [name, run, options] = queue.shift()
    if (options.skip) { skipped++; continue }
    try { await run(t) } catch (error) { failed.push(name + ': ' + error.stack) }
  }
  console.log(JSON.stringify({ node: process.version, passed, skipped, failed }))
  process.exitCode = failed.length > 0 || passed === 0 ? 1 : 0
})
`

async function bundle(): Promise<string> {
  mkdirSync('build', { recursive: true })
  const file = join('build', `vectors-${process.pid}.cjs`)
  const { outputFiles } = await build({
    stdin: {
      contents: FILES.map((name) => `import './test/crypto/${name}.test.ts'`).join('\n'),
      resolveDir: process.cwd(),
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    write: false,
    plugins: [
      {
        name: 'tap',
        setup(b) {
          b.onResolve({ filter: /^tap$/ }, () => ({ path: 'tap', namespace: 'stub' }))
          b.onLoad({ filter: /.*/, namespace: 'stub' }, () => ({ contents: TAP, loader: 'js' }))
          if (!FULL)
            b.onResolve({ filter: /\/noble\.ts$/ }, () => ({ path: resolve('src/crypto/native.ts') }))
        },
      },
    ],
  })
  writeFileSync(file, outputFiles[0]!.text)
  return file
}

/** A Node of this major version: of the packages, or the machine's own. */
function nodeOf(major: number): string | null {
  const all = ['node_modules/node18-linux-x64/bin/node', process.execPath, 'node', '/usr/bin/node']
  const fits = (path: string): boolean => {
    if (path.includes('/') && !existsSync(path)) return false
    return spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout?.startsWith(`v${major}.`) ?? false
  }
  return all.find(fits) ?? null
}

for (const major of [18, 20]) {
  const node = nodeOf(major)
  t.test(`the vectors on Node ${major}`, { skip: node ? false : `no Node ${major} here` }, async (t) => {
    const file = await bundle()
    // Without what a test runner hands on to its children.
    const run = spawnSync('env', ['-u', 'NODE_OPTIONS', '-u', 'NODE_TEST_CONTEXT', node!, file], {
      encoding: 'utf8',
    })
    const said = JSON.parse(run.stdout.trim().split('\n').at(-1) || '{}') as {
      node?: string
      passed?: number
      failed?: string[]
    }
    t.match(said.node, new RegExp(`^v${major}\\.`), run.stderr)
    t.same(said.failed, [])
    t.equal(run.status, 0)
    t.ok((said.passed ?? 0) > 100, `${said.passed} assertions on ${said.node}`)
  })
}
