// Debian packages for a board, without being that board: a private apt configuration for the board's
// architecture, `apt-get download`, `dpkg-deb -x`. apt checks the signatures of the lists, and each
// file must be the very one that firmware-image/locks names, so that everybody builds the same image.
// No maintainer script is ever run.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Board } from './board.ts'
import { run } from './tools.ts'

export interface Locked {
  readonly name: string
  readonly version: string
  readonly sha256: string
}

const SUITE = 'bookworm'
const CACHE = 'build/image/packages'
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

export const lockFile = (board: Board): string => `firmware-image/locks/${board.board}.lock`

/** Lines of `name version sha256`; `#` begins a comment. */
export function readLock(board: Board): Locked[] {
  const file = lockFile(board)
  if (!existsSync(file)) throw new Error(`${file} is missing: make image-lock BOARD=${board.board}`)
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name, version, sha256] = line.split(' ')
      return { name: name!, version: version!, sha256: sha256! }
    })
}

/**
 * Where this machine gets Debian from: the first archive in its own apt sources that has the suite.
 * WATTLE_MIRROR names another (one with old versions, for instance).
 */
function archives(): { main: string; security: string } {
  const own = process.env['WATTLE_MIRROR']
  const folder = '/etc/apt/sources.list.d'
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder) ? readdirSync(folder).map((f) => join(folder, f)) : []),
  ]
  const text = files.filter((f) => existsSync(f)).map((f) => readFileSync(f, 'utf8'))
  const find = (suite: string): string | undefined => {
    for (const file of text) {
      const line = new RegExp(`^deb (?:\\[[^\\]]*\\] )?(\\S+) ${suite} `, 'm').exec(file)
      if (line) return line[1]
      for (const part of file.split(/\n\s*\n/)) {
        const uri = /^URIs:\s*(\S+)/m.exec(part)?.[1]
        if (uri && new RegExp(`^Suites:.*\\b${suite}(\\s|$)`, 'm').test(part)) return uri
      }
    }
    return undefined
  }
  return {
    main: own ?? find(SUITE) ?? 'http://deb.debian.org/debian',
    security: find(`${SUITE}-security`) ?? 'http://deb.debian.org/debian-security',
  }
}

/** Writes the private configuration and fetches the lists; returns the environment for apt's commands. */
function privateApt(board: Board): Record<string, string> {
  const root = resolve(`build/image/apt-${board.debian.arch}`)
  for (const part of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(root, part), { recursive: true })
  const { main, security } = archives()
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : ''
  writeFileSync(join(root, 'status'), '')
  writeFileSync(
    join(root, 'sources.list'),
    `deb ${signed}${main} ${SUITE} main non-free-firmware\ndeb ${signed}${security} ${SUITE}-security main non-free-firmware\n`,
  )
  writeFileSync(
    join(root, 'apt.conf'),
    `APT::Architecture "${board.debian.arch}";
APT::Architectures { "${board.debian.arch}"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::State "${root}";
Dir::State::Lists "${root}/lists";
Dir::State::status "${root}/status";
Dir::Cache "${root}/cache";
Dir::Etc::sourcelist "${root}/sources.list";
Dir::Etc::sourceparts "-";
`,
  )
  const env = { APT_CONFIG: join(root, 'apt.conf') }
  run('apt-get', ['update', '-qq'], { env })
  return env
}

const needed = (board: Board): string[] => [...Object.keys(board.packages), ...board.buildPackages]

/** Writes the lock anew from what the archive offers today. */
export function writeLock(board: Board): number {
  const env = privateApt(board)
  const names = needed(board).sort()
  const stanzas = run('apt-cache', ['show', '--no-all-versions', ...names], { env }).split(/\n\s*\n/)
  const lines = names.map((name) => {
    const text = stanzas.find((stanza) => stanza.startsWith(`Package: ${name}\n`))
    const field = (key: string): string => {
      const value = new RegExp(`^${key}: (.*)$`, 'm').exec(text ?? '')?.[1]
      if (value === undefined) throw new Error(`apt-cache show ${name} says no ${key}`)
      return value
    }
    return `${name} ${field('Version')} ${field('SHA256')}`
  })
  writeFileSync(
    lockFile(board),
    `# Debian ${SUITE}, ${board.debian.arch}: package, version, SHA-256 of the file. Made by make image-lock.\n${lines.join('\n')}\n`,
  )
  return lines.length
}

const pathOf = (p: Locked): string => join(CACHE, `${p.name}_${p.sha256.slice(0, 16)}.deb`)
const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

/** Fetches what is not there yet, and unpacks each package into a folder of its own; package: folder. */
export function unpack(board: Board, into: string): Map<string, string> {
  const lock = readLock(board)
  const names = new Set(lock.map((p) => p.name))
  for (const name of needed(board))
    if (!names.has(name))
      throw new Error(`${lockFile(board)} does not name ${name}: make image-lock BOARD=${board.board}`)
  const missing = lock.filter((p) => !existsSync(pathOf(p)))
  if (missing.length > 0) fetch(board, missing)
  const folders = new Map<string, string>()
  for (const p of lock) {
    const folder = join(into, p.name)
    const mark = join(into, `${p.name}.${p.sha256.slice(0, 16)}`)
    folders.set(p.name, folder)
    if (existsSync(mark)) continue
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    run('dpkg-deb', ['-x', pathOf(p), folder])
    writeFileSync(mark, '')
  }
  return folders
}

function fetch(board: Board, missing: readonly Locked[]): void {
  const env = privateApt(board)
  const folder = resolve(CACHE, 'new')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  try {
    run('apt-get', ['download', '-qq', ...missing.map((p) => `${p.name}=${p.version}`)], { env, cwd: folder })
  } catch (error) {
    throw new Error(
      `${(error as Error).message}\nA version that the archive has no more is in an archive of old ones (WATTLE_MIRROR=URL); make image-lock BOARD=${board.board} takes today's versions.`,
    )
  }
  for (const p of missing) {
    const found = readdirSync(folder).filter((file) => file.startsWith(`${p.name}_`))
    const file = found[0]
    if (file === undefined) throw new Error(`apt-get download did not bring ${p.name}`)
    const sum = sha256(join(folder, file))
    if (sum !== p.sha256) throw new Error(`${file}: expected SHA-256 ${p.sha256}, got ${sum}`)
    renameSync(join(folder, file), pathOf(p))
  }
}
