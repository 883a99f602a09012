// What `npx wattle` gets: the program and its papers, nothing to install along, and it starts from there.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { bundledPackages } from '../../scripts/image/bundled.ts'
import { needWattle } from '../run/wattle.ts'

needWattle()

t.test('the package for npx', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wattle-package-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const env = { ...process.env, npm_config_cache: join(folder, 'cache'), NODE_OPTIONS: '' }
  const said = execFileSync(process.execPath, ['--experimental-strip-types', 'scripts/package.ts'], {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [file] = /dist\/wattle-[\d.]+\.tgz/.exec(said) ?? ['none']
  execFileSync('tar', ['-xzf', file, '-C', folder])
  const inside = join(folder, 'package')
  t.same(readdirSync(inside).sort(), [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'THIRD-PARTY.txt',
    'package.json',
    'wattle',
  ])
  const about = JSON.parse(readFileSync(join(inside, 'package.json'), 'utf8')) as Record<string, unknown>
  t.same(
    Object.keys(about).filter((key) => /ependencies|scripts/.test(key)),
    [],
    'nothing is installed along, nothing runs at the installation',
  )
  const papers = readFileSync(join(inside, 'THIRD-PARTY.txt'), 'utf8')
  const bundled = bundledPackages()
  t.ok(bundled.length > 5)
  for (const { name, version } of bundled) t.ok(papers.includes(`## ${name} ${version} (`), name)
  t.match(papers, /Permission is hereby granted/)

  const out = execFileSync(
    'npx',
    ['--offline', '--yes', '--package', `./${file}`, '--', 'wattle', '--version'],
    {
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
  t.match(out, `wattle ${String(about['version'])} `)
})
