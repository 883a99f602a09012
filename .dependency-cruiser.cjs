// The table of STYLE "Folders and who may import whom", as rules for dependency-cruiser; `make layers`
// runs it (scripts/layers.ts, docs/decisions/0001-layers.md). Change the table there and here together.

const below = ['base', 'crypto', 'wire', 'p1', 'channel', 'dht', 'ownership', 'wot', 'net', 'node', 'page']
const HARDWARE = 'hw/hardware.ts'

/** Folder: what it may import besides itself. A name with `.ts` is one file. */
const layers = {
  base: [],
  crypto: ['base'],
  wire: ['base', 'crypto'],
  p1: ['base'],
  channel: ['base', 'crypto', 'wire'],
  dht: ['base', 'crypto', 'wire'],
  ownership: ['base', 'crypto', 'wire'],
  wot: ['base', 'crypto', 'wire'],
  net: ['base', 'crypto', 'wire', HARDWARE],
  node: ['base', 'crypto', 'wire', 'dht', 'net', HARDWARE],
  'hw/hardware.ts': ['base'],
  'hw/linux': ['base', HARDWARE],
  'hw/sim': ['base', 'p1', HARDWARE],
  'page/web': ['base', 'crypto', 'wire', 'p1', 'channel', 'ownership', 'page'],
  page: ['base', 'crypto', 'wire', 'p1', 'channel', 'ownership', HARDWARE],
  device: [...below, HARDWARE],
  home: [...below, HARDWARE],
  provider: [...below, HARDWARE],
  bin: [...below, 'hw', 'device', 'home', 'provider'],
}

/** npm package: the folders that may import it. */
const packages = {
  '@libp2p/interface': ['net', 'node'],
  '@noble/ciphers': ['crypto'],
  '@noble/curves': ['crypto'],
  '@noble/ed25519': ['crypto'],
  '@noble/hashes': ['crypto'],
  onoff: ['hw/linux'],
  serialport: ['hw/linux'],
  uint8arraylist: ['net'],
  uqr: ['page/web', 'bin'],
  mqtt: ['home'],
  ws: ['hw/linux'],
}

/** Folders that may import node: modules; the second list only these modules. */
const nodeAnywhere = ['bin', 'hw/linux', 'home/sinks', 'home/history', 'provider/sinks', 'provider/history']
const nodeSome = { crypto: ['crypto'] }

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
/** A folder, or a single file. */
const inside = (name) => `${escape(name)}${name.endsWith('.ts') ? '$' : '/'}`
const anyOf = (names) => `(${names.map(inside).join('|')})`

const layerRules = Object.entries(layers).map(([folder, allowed]) => {
  // A row for a part of a folder takes that part out of the folder's own row.
  const parts = Object.keys(layers).filter((other) => other.startsWith(`${folder}/`))
  const from = { path: `^src/${inside(folder)}` }
  if (parts.length > 0) from.pathNot = `^src/${anyOf(parts)}`
  const own = parts.length > 0 ? `(?!${anyOf(parts)})${inside(folder)}` : inside(folder)
  const open = allowed.map((name) => (name === 'page' ? '(?!page/web/)page/' : inside(name)))
  return {
    name: `layer-${folder}`,
    severity: 'error',
    comment: `${folder} may import ${allowed.join(', ') || 'nothing'}`,
    from,
    to: { path: '^src/', pathNot: `^src/(${[own, ...open].join('|')})` },
  }
})

const packageRules = Object.entries(packages).map(([name, folders]) => ({
  name: `package-${name}`,
  severity: 'error',
  comment: `${name} may be imported from ${folders.join(', ')}`,
  from: { path: '^src/', pathNot: `^src/${anyOf(folders)}` },
  to: { path: `(^|node_modules/)${escape(name)}(/|$)`, dependencyTypesNot: ['core', 'local'] },
}))

module.exports = {
  layers,
  packages,
  forbidden: [
    ...layerRules,
    ...packageRules,
    {
      name: 'unlisted-package',
      severity: 'error',
      comment: 'an npm package that no row of the table names',
      from: { path: '^src/' },
      to: {
        path: '.',
        pathNot: [
          '^src/',
          // The page, put in by the build: src/bin/setup/bundled.d.ts.
          '^wattle:page$',
          ...Object.keys(packages).map((name) => `(^|node_modules/)${escape(name)}(/|$)`),
        ],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'node-modules-of-node',
      severity: 'error',
      comment: `node: modules only in ${nodeAnywhere.join(', ')}, and node:crypto in crypto`,
      from: { path: '^src/', pathNot: `^src/${anyOf([...nodeAnywhere, ...Object.keys(nodeSome)])}` },
      to: { dependencyTypes: ['core'] },
    },
    ...Object.entries(nodeSome).map(([folder, modules]) => ({
      name: `node-${folder}`,
      severity: 'error',
      comment: `of node: modules, ${folder} may import ${modules.join(', ')}`,
      from: { path: `^src/${inside(folder)}` },
      to: { dependencyTypes: ['core'], pathNot: `^(node:)?(${modules.join('|')})$` },
    })),
    {
      name: 'page-virtual',
      severity: 'error',
      comment: 'only bin hands the built page in',
      from: { path: '^src/', pathNot: '^src/bin/' },
      to: { path: '^wattle:page$' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'no cycles, not even of types',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'no-barrels',
      severity: 'error',
      comment: 'import the file you mean',
      from: { path: '^src/' },
      to: { path: '/index\\.ts$' },
    },
    {
      name: 'no-missing',
      severity: 'error',
      comment: 'the import leads nowhere',
      from: { path: '^src/' },
      to: { couldNotResolve: true, pathNot: '^wattle:page$' },
    },
  ],
}
