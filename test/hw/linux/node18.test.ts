// hw/linux, the journal and the loop on the device's own Node.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import t from 'tap'

const NODE18 = resolve('node_modules/node18-linux-x64/bin/node')

t.test(
  'everything of hw/linux works on Node 18',
  { skip: existsSync(NODE18) ? false : 'node18-linux-x64 is an optional package for x64' },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'wattle-probe-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const probe = join(folder, 'probe.cjs')
    await build({
      entryPoints: ['test/hw/linux/node18.probe.ts'],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node18',
      outfile: probe,
      logLevel: 'warning',
    })
    const { stdout, stderr, status } = spawnSync('env', ['-u', 'NODE_OPTIONS', NODE18, probe], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    // Node 18 says once that its fetch, which the probe uses, is new.
    t.equal(stderr.replace(/^.*(ExperimentalWarning: The Fetch API|node --trace-warnings).*\n/gm, ''), '')
    t.equal(status, 0)
    t.same(stdout.trim().split('\n'), [
      'journal 2 two,3 three',
      'loop',
      'tcp hello',
      'udp datagram 127.0.0.1',
      'http page live',
    ])
  },
)
