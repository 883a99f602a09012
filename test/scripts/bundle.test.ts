// dist/wattle as it is shipped: one file that starts on Node 18, on the Node that runs the tests, and
// wherever it is copied; and the single executables, where they were made.

import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'

const WATTLE = 'dist/wattle'
const NODE18 = resolve('node_modules/node18-linux-x64/bin/node')
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

/** Runs a command without the options that a test runner has put into the environment for its own Node. */
function start(
  command: string,
  ...args: string[]
): { status: number | null; stdout: string; stderr: string } {
  const all = ['-u', 'NODE_OPTIONS', command, ...args]
  const { status, stdout, stderr } = spawnSync('env', all, { encoding: 'utf8', timeout: 20_000 })
  return { status, stdout, stderr }
}

const missing = (file: string, make: string): false | string =>
  existsSync(file) ? false : `${file} is missing: ${make}`

t.test(
  'it starts on this Node and as a program of its own',
  { skip: missing(WATTLE, 'make build') },
  async (t) => {
    for (const said of [start(process.execPath, WATTLE, '--version'), start(resolve(WATTLE), '--version')]) {
      t.equal(said.status, 0, said.stderr)
      t.match(said.stdout, version)
      t.equal(said.stderr, '')
    }
  },
)

t.test(
  'it starts on Node 18',
  { skip: missing(WATTLE, 'make build') || missing(NODE18, 'an optional package for x64') },
  async (t) => {
    t.match(start(NODE18, '--version').stdout, /^v18\.20\./)
    const said = start(NODE18, WATTLE, 'help')
    t.equal(said.status, 0, said.stderr)
    t.match(said.stdout, /wattle/)
    t.equal(said.stderr, '', 'no warning')
  },
)

t.test(
  'a copy works alone, as CommonJS or under "type": "module"',
  { skip: missing(WATTLE, 'make build') },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'wattle-copy-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const copy = join(folder, 'wattle')
    copyFileSync(WATTLE, copy)
    symlinkSync(copy, join(folder, 'linked'))
    for (const type of ['commonjs', 'module']) {
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }))
      for (const node of [process.execPath, ...(existsSync(NODE18) ? [NODE18] : [])])
        for (const file of [copy, join(folder, 'linked')]) {
          const said = start(node, file, '--version')
          t.equal(said.status, 0, `${type} ${node} ${said.stderr}`)
          t.match(said.stdout, version)
        }
    }
  },
)

t.test(
  'it names no place on the machine that built it',
  { skip: missing(WATTLE, 'make build') },
  async (t) => {
    const text = readFileSync(WATTLE, 'latin1')
    t.notOk(text.includes(resolve('.')), 'no path of the source tree')
    t.notOk(text.includes('sourceMappingURL'), 'the source map stays behind')
  },
)

for (const { arch, gnu } of [
  { arch: 'x64', gnu: 'x86_64' },
  { arch: 'arm64', gnu: 'aarch64' },
]) {
  const file = resolve(`dist/wattle-linux-${arch}`)
  const root = `/usr/${gnu}-linux-gnu`
  const found = [`qemu-${gnu}-static`, `qemu-${gnu}`].find((q) => !spawnSync(q, ['--version']).error)
  const emulator = existsSync(root) ? found : undefined
  const foreign = process.arch !== arch
  const skip =
    missing(file, 'make binaries') ||
    (foreign && !emulator ? `no qemu-${gnu} with its C library on this machine` : false)
  t.test(`wattle-linux-${arch} starts`, { skip }, async (t) => {
    const said = foreign ? start(emulator!, '-L', root, file, '--version') : start(file, '--version')
    t.equal(said.status, 0, said.stderr)
    t.match(said.stdout, version)
    t.equal(said.stderr, '')
  })
}
