// Makes dist/wattle-linux-x64 and dist/wattle-linux-arm64: single executables (scripts/single.ts). Each is
// started once; one for another machine needs qemu-user, else a notice says it was not.

import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { version } from './bundle.ts'
import { MACHINES, type Machine, run, single, works } from './single.ts'

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
copyFileSync('dist/wattle', 'build/wattle.cjs')
const outs = Object.values(MACHINES).map((m) => [m, `dist/wattle-linux-${m.arch}`] as const)
single('build/wattle.cjs', outs)
const sizes: Record<string, number> = {}
for (const [machine, out] of outs) {
  sizes[`wattle-linux-${machine.arch}`] = statSync(out).size
  const said = start(machine, resolve(out))
  if (said === null)
    console.log(
      `  ${machine.arch}: NOT STARTED, there is no qemu-${machine.gnu} with its C library on this machine`,
    )
  else if (!said.includes(version)) throw new Error(`${out} --version said: ${said}`)
  console.log(`${out}: ${(statSync(out).size / 1e6).toFixed(1)} MB${said ? `, says "${said.trim()}"` : ''}`)
}
const all = JSON.parse(readFileSync('build/sizes.json', 'utf8')) as Record<string, unknown>
writeFileSync('build/sizes.json', `${JSON.stringify({ ...all, ...sizes }, null, 2)}\n`)
