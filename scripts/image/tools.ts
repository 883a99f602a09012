// Commands that the image is made with: where each comes from, and one way to run them.

import { spawnSync } from 'node:child_process'

/** Command: Debian package that has it. */
const NEEDED: Readonly<Record<string, string>> = {
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
  depmod: 'kmod',
  dtc: 'device-tree-compiler',
  genimage: 'genimage',
  icupkg: 'icu-devtools',
  lz4: 'lz4',
  mcopy: 'mtools',
  mksquashfs: 'squashfs-tools',
  'mkfs.fat': 'dosfstools',
  readelf: 'binutils',
  sfdisk: 'fdisk',
  xz: 'xz-utils',
}

const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`

export interface RunOptions {
  cwd?: string
  env?: Record<string, string>
  input?: string | Uint8Array
}

/**
 * Runs a command to its end and returns what it printed.
 * @throws Error with the command and all it said when it fails.
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): string {
  const { env, ...rest } = options
  const result = spawnSync(command, args, {
    ...rest,
    encoding: 'utf8',
    maxBuffer: 64 * 1_048_576,
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC', PATH, ...env },
  })
  if (result.error || result.status !== 0)
    throw new Error(
      `${command} ${args.join(' ')}: ${result.error?.message ?? `exit ${result.status}`}\n${result.stdout ?? ''}${result.stderr ?? ''}`,
    )
  return result.stdout
}

export function works(command: string): boolean {
  return (
    spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore', env: { ...process.env, PATH } })
      .status === 0
  )
}

/** Installs what is missing where we are root; else names it. `needed` is command: package. */
export function demand(needed: Readonly<Record<string, string>> = NEEDED): void {
  const missing = [
    ...new Set(
      Object.keys(needed)
        .filter((c) => !works(c))
        .map((c) => needed[c]!),
    ),
  ]
  if (missing.length === 0) return
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`
  if (process.getuid?.() !== 0)
    throw new Error(`these Debian packages are missing: ${missing.join(' ')}\n  sudo ${command}`)
  console.error(`installing ${missing.join(' ')}`)
  run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', 'update', '-qq'])
  run(
    'apt-get',
    ['-o', 'DPkg::Lock::Timeout=300', 'install', '-y', '-qq', '--no-install-recommends', ...missing],
    {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    },
  )
}
