// The layer check must bite: a scratch tree with one sin of each kind, and every one must be named.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'
import { checkLayers } from '../../scripts/layers.ts'

/** A tree with every folder of the table, and one file more. */
function tree(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'wattle-layers-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const all: Record<string, string> = {
    'base/bytes.ts': 'export const zero = 0',
    'crypto/native.ts': "import { zero } from '../base/bytes.ts'\nexport const key = zero",
    'p1/framer.ts': 'export const frame = 1',
    'channel/reader.ts': 'export const read = 1',
    'net/host.ts': 'export const host = 1',
    'hw/hardware.ts': 'export interface Clock { now(): number }',
    'hw/linux/clock.ts': "import 'node:fs'\nexport const now = 1",
    'hw/sim/world.ts': "import { frame } from '../../p1/framer.ts'\nexport const world = frame",
    'page/server.ts': 'export const serve = 1',
    'page/web/main.ts': "import { key } from '../../crypto/native.ts'\nexport const main = key",
    'device/meter.ts':
      "import type { Clock } from '../hw/hardware.ts'\nexport const meter = (c: Clock) => c.now()",
    'home/owner.ts': 'export const owner = 1',
    'home/history/sqlite.ts': "import 'node:fs'\nexport const rows = 1",
    'provider/provider.ts': 'export const provider = 1',
    'bin/wattle.ts':
      "import 'node:http'\nimport { now } from '../hw/linux/clock.ts'\nimport { pages } from 'wattle:page'\nexport const run = [now, pages]",
    ...files,
  }
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(join(root, 'src', dirname(name)), { recursive: true })
    writeFileSync(join(root, 'src', name), `${text}\n`)
  }
  symlinkSync(resolve('node_modules'), join(root, 'node_modules'))
  return root
}

t.test('a tree that keeps the table passes, and everything is inspected', async (t) => {
  const { files, problems } = await checkLayers(tree({}))
  t.same(problems, [])
  t.equal(files, 15)
})

const SINS: [string, string, string][] = [
  ['base/up.ts', "import { key } from '../crypto/native.ts'\nexport const a = key", 'base may import'],
  [
    'base/type.ts',
    "import type { Clock } from '../hw/hardware.ts'\nexport type A = Clock",
    'base may import',
  ],
  ['channel/p1.ts', "import { frame } from '../p1/framer.ts'\nexport const a = frame", 'channel may import'],
  ['p1/lib.ts', "import { key } from '../crypto/native.ts'\nexport const a = key", 'p1 may import'],
  ['net/sim.ts', "import { world } from '../hw/sim/world.ts'\nexport const a = world", 'net may import'],
  [
    'device/linux.ts',
    "import { now } from '../hw/linux/clock.ts'\nexport const a = now",
    'device may import',
  ],
  ['device/home.ts', "import { owner } from '../home/owner.ts'\nexport const a = owner", 'device may import'],
  [
    'home/p.ts',
    "import { provider } from '../provider/provider.ts'\nexport const a = provider",
    'home may import',
  ],
  [
    'provider/d.ts',
    "import { meter } from '../device/meter.ts'\nexport const a = meter",
    'provider may import',
  ],
  [
    'hw/linux/sim.ts',
    "import { world } from '../sim/world.ts'\nexport const a = world",
    'hw/linux may import',
  ],
  [
    'hw/linux/p1.ts',
    "import { frame } from '../../p1/framer.ts'\nexport const a = frame",
    'hw/linux may import',
  ],
  ['page/w.ts', "import { main } from './web/main.ts'\nexport const a = main", 'page may import'],
  [
    'page/web/d.ts',
    "import { meter } from '../../device/meter.ts'\nexport const a = meter",
    'page/web may import',
  ],
  ['bin/w.ts', "import { main } from '../page/web/main.ts'\nexport const a = main", 'bin may import'],
  [
    'net/fs.ts',
    "import { readFileSync } from 'node:fs'\nexport const a = readFileSync",
    'node: modules only',
  ],
  ['base/bare.ts', "import { readFileSync } from 'fs'\nexport const a = readFileSync", 'node: modules only'],
  ['home/net.ts', "import { connect } from 'node:net'\nexport const a = connect", 'node: modules only'],
  [
    'crypto/fs.ts',
    "import { readFileSync } from 'node:fs'\nexport const a = readFileSync",
    'crypto may import crypto',
  ],
  ['net/late.ts', "export const a = () => import('node:fs')", 'node: modules only'],
  ['net/ws.ts', "import { WebSocket } from 'ws'\nexport const a = WebSocket", 'ws may be imported from'],
  [
    'device/noble.ts',
    "import { x25519 } from '@noble/curves/ed25519.js'\nexport const a = x25519",
    '@noble/curves may be imported from',
  ],
  [
    'channel/types.ts',
    "import type { Stream } from '@libp2p/interface'\nexport type A = Stream",
    '@libp2p/interface may be imported from',
  ],
  ['bin/dev.ts', "import { build } from 'esbuild'\nexport const a = build", 'no row of the table names'],
  ['bin/gone.ts', "import { x } from './nowhere.ts'\nexport const a = x", 'leads nowhere'],
  ['device/page.ts', "import { pages } from 'wattle:page'\nexport const a = pages", 'only bin hands'],
  ['net/index.ts', 'export const a = 1', 'no barrels'],
  ['lib/new.ts', 'export const a = 1', 'no row of the table covers'],
  ['dht/timer.ts', 'export const a = () => setTimeout(() => {}, 1)', 'time and timers'],
  ['node/date.ts', 'export const a = () => new Date()', 'time and timers'],
  ['dht/dice.ts', 'export const a = Math.random()', 'chance'],
  ['wire/buffer.ts', "export const a = Buffer.from('x')", 'Node'],
]

t.test('every sin is named', async (t) => {
  const files = Object.fromEntries(SINS.map(([file, text]) => [file, text]))
  const { problems } = await checkLayers(
    tree({
      ...files,
      'dht/one.ts': "import type { Two } from './two.ts'\nexport type One = Two | 1",
      'dht/two.ts': "import type { One } from './one.ts'\nexport type Two = One | 2",
    }),
  )
  for (const [file, , says] of SINS)
    t.ok(
      problems.some((p) => p.startsWith(`src/${file}`) && p.includes(says)),
      `${file}: ${says}`,
    )
  t.ok(
    problems.some((p) => p.startsWith('src/dht/') && p.includes('no cycles')),
    'a cycle of types',
  )
  const sinners = new Set([...SINS.map(([file]) => `src/${file}`), 'src/dht/one.ts', 'src/dht/two.ts'])
  t.same(
    problems.filter((p) => !sinners.has(p.split(/[: ]/)[0]!)),
    [],
    'and nobody else',
  )
})

t.test('a word in a comment is no sin', async (t) => {
  const { problems } = await checkLayers(
    tree({ 'dht/words.ts': '// no setTimeout, no Math.random\n/* nor process.exit */\nexport const a = 1' }),
  )
  t.same(problems, [])
})
