// What is shipped: bytes of the bundle and the pages, and how long the program takes to its first line.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { report } from './report.ts'

const NODE18 = 'node_modules/node18-linux-x64/bin/node'

const sizes = JSON.parse(readFileSync('build/sizes.json', 'utf8')) as {
  wattle: { min: number; gzip: number }
  pages: Record<string, { gzip: number }>
}
report('dist/wattle', sizes.wattle.min / 1_000, 'kB')
report('dist/wattle, gzip', sizes.wattle.gzip / 1_000, 'kB')
for (const [name, page] of Object.entries(sizes.pages))
  report(`page ${name}, gzip`, page.gzip / 1_000, 'kB', 100)

function startMs(node: string, args: string[]): number {
  const times: number[] = []
  for (let i = 0; i < 9; i++) {
    const start = performance.now()
    spawnSync(node, args, { stdio: 'ignore' })
    times.push(performance.now() - start)
  }
  return times.sort((a, b) => a - b)[4]!
}

for (const [name, node] of [
  [`Node ${process.version}`, process.execPath],
  ['Node 18', NODE18],
] as const) {
  if (!existsSync(node)) continue
  const bare = startMs(node, ['-e', '0'])
  const whole = startMs(node, ['dist/wattle', '--version'])
  report(`${name}: start of wattle --version`, whole, 'ms')
  report(`${name}: of that, our own code`, whole - bare, 'ms')
}
