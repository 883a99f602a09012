// The read-only root of a slot: named files out of Debian's packages, kernel modules, what stands in
// firmware-image/root, the program, the texts of every licence, and a list of it all. Whatever is not
// named is not there.

import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { ADDONS, addonPackage, buildAddons } from './addons.ts'
import type { Board } from './board.ts'
import { bundledPackages } from './bundled.ts'
import { trimIcu } from './icu.ts'
import { checkLibraries } from './libraries.ts'
import { installModules, type Modules } from './modules.ts'
import { writeManifest } from './sbom.ts'

/** Names that lead elsewhere. Debian signs the radio's rules twice; its kernels take the file of that name. */
const LINKS: Readonly<Record<string, string>> = {
  'etc/mtab': '/proc/mounts',
  'etc/resolv.conf': '/run/resolv.conf',
  'lib/firmware/regulatory.db': 'regulatory.db-debian',
  'lib/firmware/regulatory.db.p7s': 'regulatory.db.p7s-debian',
}
/** How the program is started, with the memory that a device may take. */
const SCRIPT = 'NODE_OPTIONS= exec /usr/bin/node --max-old-space-size=64 /usr/lib/wattle/wattle "$@"'
const EXECUTABLE = 'NODE_OPTIONS=--max-old-space-size=64 exec /usr/lib/wattle/wattle "$@"'
/** Places that exist empty, to be mounted on. */
const MOUNTS = ['boot', 'data', 'dev', 'proc', 'root', 'run', 'sys', 'tmp']

export interface RootParts {
  readonly board: Board
  /** Debian package: where it was unpacked. */
  readonly packages: ReadonlyMap<string, string>
  readonly modules: Modules
  readonly program: string
  /** Folder for what is only needed meanwhile. */
  readonly work: string
  /** base64url of the Ed25519 key whose updates the device takes; null: it takes none. */
  readonly releaseKey: string | null
  /** Goes to etc/wattle-release. */
  readonly release: Readonly<Record<string, unknown>>
}

/** Builds the tree anew in `root`. */
export function buildRoot(root: string, parts: RootParts): void {
  const { board, packages } = parts
  rmSync(root, { recursive: true, force: true })
  for (const place of [...MOUNTS, 'bin', 'sbin', 'etc', 'usr/lib/wattle', 'usr/share/licenses'])
    mkdirSync(join(root, place), { recursive: true })
  for (const [name, patterns] of Object.entries(board.packages)) {
    const from = packages.get(name)!
    for (const pattern of patterns) keep(from, pattern, root)
    licence(from, name, root)
  }
  // Commands by name: none that would let somebody in, none that nobody uses.
  const applets = JSON.parse(readFileSync('firmware-image/applets.json', 'utf8')) as { root: string[] }
  for (const applet of applets.root) symlinkSync('busybox', join(root, 'bin', applet))
  symlinkSync('/bin/busybox', join(root, 'sbin/init'))
  cpSync('firmware-image/root', root, { recursive: true })
  for (const file of readdirSync(join(root, 'usr/lib/wattle')))
    chmodSync(join(root, 'usr/lib/wattle', file), 0o755)
  const config = join(root, 'etc/wattle.json')
  const settings = JSON.parse(readFileSync(config, 'utf8')) as Record<string, string>
  const key = parts.releaseKey === null ? {} : { 'release-key': parts.releaseKey }
  writeFileSync(config, `${JSON.stringify({ ...settings, board: board.board, ...key }, null, 2)}\n`)
  for (const [name, target] of Object.entries(LINKS)) symlinkSync(target, join(root, name))
  installModules(
    parts.modules,
    parts.modules.closure([...board.stage1.modules, ...board.modules]),
    root,
    board.kernel.version,
  )
  writeFileSync(
    join(root, 'usr/lib/wattle/modules'),
    `${board.modules.filter((m) => !m.startsWith('ledtrig')).join(' ')}\n`,
  )
  copyFileSync(parts.program, join(root, 'usr/lib/wattle/wattle'))
  const starts = board.runtime ? EXECUTABLE : SCRIPT
  writeFileSync(join(root, 'usr/lib/wattle/runtime'), `#!/bin/sh\n${starts}\n`)
  for (const file of ['wattle', 'runtime']) chmodSync(join(root, 'usr/lib/wattle', file), 0o755)
  buildAddons(board, packages, root)
  npmLicences(root)
  copyFileSync('LICENSE', join(root, 'usr/share/licenses/wattle'))
  writeFileSync(join(root, 'etc/wattle-release'), `${JSON.stringify(parts.release)}\n`)
  writeManifest(root, parts)
  trimIcu(board, root, parts.work)
  checkLibraries(root, board)
  settle(root)
}

function keep(from: string, pattern: string, root: string): void {
  const found = globSync(pattern, { cwd: from })
  if (found.length === 0) throw new Error(`${from} has no ${pattern}`)
  for (const file of found) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    const path = join(from, file)
    if (lstatSync(path).isSymbolicLink()) symlinkSync(readlinkSync(path), join(root, file))
    else copyFileSync(path, join(root, file))
  }
}

function licence(from: string, name: string, root: string): void {
  const file = join(from, 'usr/share/doc', name, 'copyright')
  if (existsSync(file)) copyFileSync(file, join(root, 'usr/share/licenses', name))
  // A package may point to another one's folder of documents, which is in the image too.
  else if (!existsSync(join(from, 'usr/share/doc'))) throw new Error(`${name} has no licence text`)
}

/** Licence texts of what npm brought, one folder a package. */
function npmLicences(root: string): void {
  for (const { name, folder } of [...bundledPackages('firmware'), ...ADDONS.map(addonPackage)]) {
    const texts = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
    const into = join(root, 'usr/share/licenses/npm', name)
    mkdirSync(into, { recursive: true })
    for (const file of texts)
      if (statSync(join(folder, file)).isFile()) copyFileSync(join(folder, file), join(into, file))
    // Some packages name their licence in package.json alone.
    if (texts.length === 0) copyFileSync(join(folder, 'package.json'), join(into, 'package.json'))
  }
}

/** Permissions that do not depend on who builds: no setuid, nothing writable by others. */
function settle(root: string): void {
  chmodSync(root, 0o755)
  for (const file of readdirSync(root, { recursive: true }) as string[]) {
    const path = join(root, file)
    if (lstatSync(path).isSymbolicLink()) continue
    const mode = statSync(path).mode
    chmodSync(path, statSync(path).isDirectory() || (mode & 0o111) !== 0 ? 0o755 : 0o644)
  }
}
