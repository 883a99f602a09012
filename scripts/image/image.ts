// `make image BOARD=…`: the flashable card image of one kind of board, out of Debian's and npm's
// packages alone, as an ordinary user. Prints size, SHA-256 and partition table. The same sources
// give the same bytes (docs/image.md). `--lock` takes the archive's versions of today instead.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { version } from '../bundle.ts'
import { MACHINES, nodeFor, single } from '../single.ts'
import { type Board, loadBoard } from './board.ts'
import { buildBoot, buildCard } from './card.ts'
import { checkRoot } from './check.ts'
import { openModules } from './modules.ts'
import { unpack, writeLock } from './packages.ts'
import { buildRoot } from './root.ts'
import { stage1 } from './stage1.ts'
import { demand, run } from './tools.ts'

const { values } = parseArgs({
  options: { board: { type: 'string' }, lock: { type: 'boolean' }, 'release-key': { type: 'string' } },
})
const WORK = 'build/image'
/** The device and its page, by scripts/build.ts. */
const PROGRAM = 'build/wattle-firmware.cjs'

/** When the image says that it was made: what the sources say, never this machine's clock. */
function buildTime(): number {
  const given = process.env['SOURCE_DATE_EPOCH']
  if (given !== undefined) return Number(given)
  return Number(run('git', ['log', '-1', '--format=%ct']).trim())
}

/** The key that signs updates, from --release-key or firmware-image/release-key: one line of base64url. */
function releaseKey(): string | null {
  const file = values['release-key'] ?? 'firmware-image/release-key'
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  console.log(`no ${file}: the device will refuse every update`)
  return null
}

function build(): void {
  const board = loadBoard(values.board)
  demand()
  demand({ [board.addons.compiler]: board.addons.compilerPackage })
  if (values.lock) {
    console.log(`${writeLock(board)} packages locked`)
    return
  }
  const started = performance.now()
  const epoch = buildTime()
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: make build`)
  const work = join(WORK, board.board)
  mkdirSync(work, { recursive: true })
  const packages = unpack(board, join(WORK, 'unpacked', board.debian.arch))
  const modules = openModules(packages.get(`linux-image-${board.kernel.version}`)!, board.kernel.version)
  const root = join(work, 'root')
  buildRoot(root, {
    board,
    packages,
    modules,
    program: programOf(board, work),
    work,
    releaseKey: releaseKey(),
    release: { board: board.board, version, index: 0, epoch, kernel: board.kernel.version },
  })
  const problems = checkRoot(root)
  if (problems.length > 0) throw new Error(problems.join('\n'))
  const squashfs = join(work, 'root.squashfs')
  pack(board, root, squashfs, epoch)
  const boot = join(work, 'boot')
  buildBoot(boot, { board, packages, stage1: stage1(board, packages.get('busybox-static')!, modules, epoch) })
  const out = `dist/wattle-${board.board}.img`
  const bytes = buildCard({ board, boot, squashfs, out, epoch })
  compress(out, board)
  report(out, bytes, squashfs, (performance.now() - started) / 1_000)
}

/** What is started: a script for the node of the root, or one file with its own Node inside. */
function programOf(board: Board, work: string): string {
  if (!board.runtime) return PROGRAM
  const machine = MACHINES[board.runtime.executable]
  demand({ [`${machine.gnu}-linux-gnu-strip`]: board.addons.compilerPackage })
  const out = join(work, 'wattle')
  const mark = `${out}.of`
  const of = `${sha256(PROGRAM)} ${nodeFor(machine.arch).version} ${existsSync(out) ? sha256(out) : ''}`
  if (existsSync(mark) && readFileSync(mark, 'utf8') === of) return out
  single(PROGRAM, [[machine, out]])
  writeFileSync(mark, `${sha256(PROGRAM)} ${nodeFor(machine.arch).version} ${sha256(out)}`)
  return out
}

/** The read-only file system of a slot. */
function pack(board: Board, root: string, out: string, epoch: number): void {
  const args = [root, out, '-noappend', '-no-progress', '-quiet', '-all-root', '-no-xattrs', '-no-exports']
  // Unpacked at every start: on one slow core LZ4 costs some megabytes and saves seconds.
  run('mksquashfs', [...args, ...(board.squash ?? ['-comp', 'lz4', '-Xhc', '-b', '131072'])], {
    env: { SOURCE_DATE_EPOCH: String(epoch) },
  })
  utimesSync(out, epoch, epoch)
}

/**
 * The same bytes whatever the number of processors: two blocks, which part where the root begins, each with
 * a dictionary that spans both boot folders. What is there of an image with these very bytes stays.
 */
function compress(out: string, board: Board): void {
  const [packed, mark] = [`${out}.xz`, join(WORK, board.board, 'packed')]
  const of = `${sha256(out)} ${existsSync(packed) ? sha256(packed) : ''}`
  if (existsSync(mark) && readFileSync(mark, 'utf8') === of) return
  const block = (1 + board.bootMiB) * 1_048_576
  run('xz', ['-T2', '-9', `--block-size=${block}`, '-k', '-f', out])
  writeFileSync(mark, `${sha256(out)} ${sha256(packed)}`)
}

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

function report(out: string, bytes: number, squashfs: string, seconds: number): void {
  const sum = sha256(out)
  const packed = statSync(`${out}.xz`).size
  const MB = (n: number): string => `${(n / 1e6).toFixed(1)} MB`
  writeFileSync(`${out}.sha256`, `${sum}  ${out.replace('dist/', '')}\n`)
  console.log(run('sfdisk', ['-l', out]).trim())
  console.log(
    `${out}: ${MB(bytes)} (${(bytes / 1_048_576).toFixed(0)} MiB), root ${MB(statSync(squashfs).size)}`,
  )
  console.log(`${out}.xz: ${MB(packed)} to download`)
  console.log(`SHA-256 of the image: ${sum}`)
  console.log(`built in ${seconds.toFixed(0)} s; to flash: wattle flash ${out}`)
}

try {
  build()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
