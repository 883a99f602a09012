// Single executables: a bundle of ours inside Node, made by pkg (Node SEA). The Node comes from the npm
// package node-linux-<arch>, checked against package-lock.json; pkg would fetch it elsewhere, so its cache
// is filled first, in build/. Symbols are stripped before the bundle goes in (afterwards it would break
// the file), where a strip for that machine is at hand.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export interface Machine {
  arch: 'x64' | 'arm64'
  /** As in names of GNU tools and of qemu. */
  gnu: 'x86_64' | 'aarch64'
}

export const MACHINES: Readonly<Record<Machine['arch'], Machine>> = {
  x64: { arch: 'x64', gnu: 'x86_64' },
  arm64: { arch: 'arm64', gnu: 'aarch64' },
}

interface Locked {
  version: string
  integrity: string
}
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> }

export function run(command: string, args: readonly string[], env: Record<string, string> = {}): string {
  const result = spawnSync(command, [...args], { encoding: 'utf8', env: { ...process.env, ...env } })
  if (result.error || result.status !== 0)
    throw new Error(
      `${command} ${args.join(' ')}: ${result.error?.message ?? `exit ${result.status}\n${result.stdout}${result.stderr}`}`,
    )
  return result.stdout
}

export const works = (command: string): boolean =>
  !spawnSync(command, ['--version'], { stdio: 'ignore' }).error

/** Node for `arch`: the installed package, which npm has checked, or one that is fetched and checked here; its headers lie in include/node of `folder`. */
export function nodeFor(arch: string): { node: string; folder: string; version: string } {
  const name = `node-linux-${arch}`
  const locked = lock.packages[`node_modules/${name}`]
  if (!locked) throw new Error(`package-lock.json does not know ${name}`)
  const installed = `node_modules/${name}`
  if (existsSync(join(installed, 'bin/node')))
    return { node: join(installed, 'bin/node'), folder: installed, version: locked.version }
  const folder = `build/${name}-${locked.version}`
  const archive = join('build', `${name}-${locked.version}.tgz`)
  if (!existsSync(archive))
    run('npm', ['pack', `${name}@${locked.version}`, '--pack-destination', 'build', '--silent'])
  const sum = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`
  if (sum !== locked.integrity) {
    rmSync(archive)
    throw new Error(
      `${name}@${locked.version} is not what package-lock.json names: expected ${locked.integrity}, got ${sum}`,
    )
  }
  mkdirSync(folder, { recursive: true })
  run('tar', ['-xzf', archive, '-C', folder, '--strip-components=1', 'package/bin/node', 'package/include'])
  return { node: join(folder, 'bin/node'), folder, version: locked.version }
}

/** Puts a stripped Node where pkg looks for the one it downloaded. */
function seed({ arch, gnu }: Machine, home: string): string {
  const found = nodeFor(arch)
  const name = `node-v${found.version}-linux-${arch}`
  const cache = join(home, '.pkg-cache/sea')
  const node = join(cache, name, 'bin/node')
  mkdirSync(join(cache, name, 'bin'), { recursive: true })
  copyFileSync(found.node, node)
  chmodSync(node, 0o755)
  const strip = process.arch === arch ? 'strip' : `${gnu}-linux-gnu-strip`
  if (works(strip)) run(strip, [node])
  else console.log(`  ${arch}: no ${strip} on this machine, symbols stay in (20 MB more)`)
  for (const done of [`${name}.tar.gz`, `${name}.tar.gz.ok`, `${name}/bin/node.ok`])
    writeFileSync(join(cache, done), '')
  return `node${found.version}-linux-${arch}`
}

/** Makes `out` for each machine from a bundle, whose name ends in `.cjs`: pkg takes the kind of a file from it. */
export function single(bundle: string, outs: readonly (readonly [Machine, string])[]): void {
  const home = resolve('build/pkg-home')
  rmSync(home, { recursive: true, force: true })
  mkdirSync(home, { recursive: true })
  const own = nodeFor(process.arch).node
  const pkg = 'node_modules/@yao-pkg/pkg/lib-es5/bin.js'
  for (const [machine, out] of outs)
    run(own, [pkg, '--sea', '-t', seed(machine, home), '-o', out, bundle], { HOME: home })
  rmSync(home, { recursive: true, force: true })
}
