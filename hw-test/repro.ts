// The same sources give the same bytes: the image is built a second time in another folder, by somebody
// with other habits (umask, language, time zone, home), and compared with the first.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { mustRun } from './rig/machine.ts'

const BOARD = process.argv[2] ?? 'pizero'
const IMAGE = `dist/wattle-${BOARD}.img`
const ELSEWHERE = 'build/hw-test/another folder'
/** What a build reads; node_modules and fetched packages as links, they are not written to. */
const SOURCES = [
  'src',
  'scripts',
  'firmware-image',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'LICENSE',
]
const LINKED = ['node_modules', 'build/image/packages']

const sum = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

if (!existsSync(IMAGE)) throw new Error(`${IMAGE} is missing: make image BOARD=${BOARD}`)
rmSync(ELSEWHERE, { recursive: true, force: true })
mkdirSync(`${ELSEWHERE}/build/image`, { recursive: true })
for (const source of SOURCES) mustRun('cp', ['-r', source, ELSEWHERE])
for (const folder of LINKED) mustRun('cp', ['-al', folder, `${ELSEWHERE}/${folder}`])

const from = performance.now()
const epoch = process.env['SOURCE_DATE_EPOCH'] ?? mustRun('git', ['log', '-1', '--format=%ct']).trim()
const node = `"${process.execPath}" --experimental-strip-types --no-warnings`
const { status, stderr } = spawnSync(
  'sh',
  ['-c', `umask 077 && ${node} scripts/build.ts && ${node} scripts/image/image.ts --board ${BOARD}`],
  {
    cwd: ELSEWHERE,
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      HOME: resolve(ELSEWHERE),
      LANG: 'de_DE.UTF-8',
      LC_ALL: 'de_DE.UTF-8',
      TZ: 'Pacific/Kiritimati',
      SOURCE_DATE_EPOCH: epoch,
    },
  },
)
if (status !== 0) throw new Error(`the second build failed: ${stderr}`)
const seconds = ((performance.now() - from) / 1_000).toFixed(0)
for (const file of [IMAGE, `${IMAGE}.xz`]) {
  const [here, there] = [sum(file), sum(`${ELSEWHERE}/${file}`)]
  console.log(
    `${here === there ? 'ok' : 'not ok'} - ${file} ${here}${here === there ? '' : `, elsewhere ${there}`}`,
  )
  if (here !== there) process.exitCode = 1
}
console.log(`# built twice, the second time elsewhere in ${seconds} s`)
if (process.exitCode !== 1) rmSync(ELSEWHERE, { recursive: true })
