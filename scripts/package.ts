// `make package`: dist/wattle-VERSION.tgz, what `npx wattle` runs. It is the one program and its papers:
// what it was bundled from is inside it, so nothing is installed along.
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Bundled, bundledPackages } from './image/bundled.ts'

const INTO = 'dist/npm'
const PAPERS = ['README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md']

const { name, version, description, license, engines, repository } = JSON.parse(
  readFileSync('package.json', 'utf8'),
) as Record<string, unknown>

rmSync(INTO, { recursive: true, force: true })
mkdirSync(INTO, { recursive: true })
copyFileSync('dist/wattle', join(INTO, 'wattle'))
for (const paper of PAPERS) copyFileSync(paper, join(INTO, paper))
writeFileSync(join(INTO, 'THIRD-PARTY.txt'), bundledPackages().map(papersOf).join('\n\n'))
writeFileSync(
  join(INTO, 'package.json'),
  `${JSON.stringify({ name, version, description, license, type: 'module', bin: { wattle: 'wattle' }, engines, repository }, null, 2)}\n`,
)
const [packed] = JSON.parse(
  execFileSync('npm', ['pack', `./${INTO}`, '--pack-destination', 'dist', '--json', '--ignore-scripts'], {
    encoding: 'utf8',
  }),
) as [{ filename: string; size: number }]
console.log(`dist/${packed.filename}: ${(packed.size / 1_000).toFixed(0)} kB`)

/** Name, version and licence texts of a package whose code is in the program. */
function papersOf({ name, version, licence, folder }: Bundled): string {
  const texts = existsSync(folder)
    ? readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
    : []
  const head = `## ${name} ${version} (${licence})`
  return [head, ...texts.map((file) => readFileSync(join(folder, file), 'utf8').trim())].join('\n\n')
}
