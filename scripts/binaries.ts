// Makes dist/wattle-linux-x64 and dist/wattle-linux-arm64: single executables (Node SEA through pkg).
// The Node inside each comes from the npm package node-linux-<arch>, checked against package-lock.json;
// pkg would fetch it elsewhere, so its cache is filled first, in build/. Symbols are stripped before
// the bundle goes in (afterwards it would break the file), where a strip for that machine is at hand.
// Each result is started once; one for another machine needs qemu-user, else a notice says it was not.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { version } from './bundle.ts'

interface Machine {
  arch: 'x64' | 'arm64'
  /** As in names of GNU tools and of qemu. */
  gnu: 'x86_64' | 'aarch64'
}

const MACHINES: readonly Machine[] = [
  { arch: 'x64', gnu: 'x86_64' },
  { arch: 'arm64', gnu: 'aarch64' },
]
const HOME = resolve('build/pkg-home')

interface Locked {
  version: string
  integrity: string
}
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> }

function run(command: string, args: string[], env: Record<string, string> = {}): string {
  const result = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } })
  if (result.error || result.status !== 0)
    throw new Error(
      `${command} ${args.join(' ')}: ${result.error?.message ?? `exit ${result.status}\n${result.stdout}${result.stderr}`}`,
    )
  return result.stdout
}

const works = (command: string): boolean => !spawnSync(command, ['--version'], { stdio: 'ignore' }).error

/** Node for `arch`: the installed package, which npm has checked, or one that is fetched and checked here. */
function nodeFor(arch: string): { node: string; version: string } {
  const name = `node-linux-${arch}`
  const locked = lock.packages[`node_modules/${name}`]
  if (!locked) throw new Error(`package-lock.json does not know ${name}`)
  const installed = `node_modules/${name}/bin/node`
  if (existsSync(installed)) return { node: installed, version: locked.version }
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
  run('tar', ['-xzf', archive, '-C', folder, '--strip-components=1', 'package/bin/node'])
  return { node: join(folder, 'bin/node'), version: locked.version }
}

/** Puts a stripped Node where pkg looks for the one it downloaded. */
function seed({ arch, gnu }: Machine): string {
  const found = nodeFor(arch)
  const name = `node-v${found.version}-linux-${arch}`
  const cache = join(HOME, '.pkg-cache/sea')
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

/** Starts the result, in an emulator where it is for another machine; null where there is none. */
function start({ arch, gnu }: Machine, file: string): string | null {
  if (process.arch === arch) return run(file, ['--version'])
  const emulator = [`qemu-${gnu}-static`, `qemu-${gnu}`].find(works)
  if (!emulator) return null
  // The emulator alone is not enough: the other machine's C library has to be here too.
  const root = `/usr/${gnu}-linux-gnu`
  return existsSync(root) ? run(emulator, ['-L', root, file, '--version']) : null
}

if (!existsSync('dist/wattle')) throw new Error('dist/wattle is missing: make build')
rmSync(HOME, { recursive: true, force: true })
mkdirSync(HOME, { recursive: true })
// pkg takes the kind of a file from its extension.
copyFileSync('dist/wattle', 'build/wattle.cjs')
const own = nodeFor(process.arch).node
const pkg = 'node_modules/@yao-pkg/pkg/lib-es5/bin.js'
const sizes: Record<string, number> = {}
for (const machine of MACHINES) {
  const target = seed(machine)
  const out = `dist/wattle-linux-${machine.arch}`
  run(own, [pkg, '--sea', '-t', target, '-o', out, 'build/wattle.cjs'], { HOME })
  sizes[`wattle-linux-${machine.arch}`] = statSync(out).size
  const said = start(machine, resolve(out))
  if (said === null)
    console.log(
      `  ${machine.arch}: NOT STARTED, there is no qemu-${machine.gnu} with its C library on this machine`,
    )
  else if (!said.includes(version)) throw new Error(`${out} --version said: ${said}`)
  console.log(`${out}: ${(statSync(out).size / 1e6).toFixed(1)} MB${said ? `, says "${said.trim()}"` : ''}`)
}
rmSync(HOME, { recursive: true, force: true })
const all = JSON.parse(readFileSync('build/sizes.json', 'utf8')) as Record<string, unknown>
writeFileSync('build/sizes.json', `${JSON.stringify({ ...all, ...sizes }, null, 2)}\n`)
