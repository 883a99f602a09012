// Builds dist/wattle: one file with everything in it, the page included, for any Node from 18.20 on.
// It runs wherever it is copied: a file without extension is CommonJS in most places and an ES module
// under a package.json that says "type": "module", so the bundle is a function that both can call.
// The source map stays in build/; sizes go to build/sizes.json. What the boards run is made beside it.

import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, build } from 'esbuild'
import {
  type BuiltAsset,
  buildPages,
  bundleOptions,
  inputs,
  pagePlugin,
  version,
  visitBytes,
} from './bundle.ts'

const HEAD = `#!/usr/bin/env node
(run=>typeof require==='function'?run(require,module,exports):import('node:module').then(m=>{const c={exports:{}};run(m.createRequire(process.argv[1]),c,c.exports)}))(function(require,module,exports){`
const TAIL = '})'
const FIRMWARE = 'build/wattle-firmware.cjs'

const pages = await buildPages()

async function bundle(minify: boolean): Promise<{ code: Uint8Array; map: Uint8Array }> {
  const options: BuildOptions = {
    ...bundleOptions,
    entryPoints: ['src/bin/wattle.ts'],
    inject: ['src/bin/setup/globals.ts'],
    format: 'cjs',
    target: 'node18',
    minify,
    sourcemap: 'external',
    sourcesContent: false,
    outfile: 'dist/wattle',
    banner: { js: HEAD },
    footer: { js: TAIL },
    plugins: [pagePlugin(pages)],
    logLevel: 'warning',
    metafile: true,
    write: false,
  }
  const { outputFiles, metafile } = await build(options)
  writeInputs('inputs', metafile!.inputs)
  const find = (end: string): Uint8Array => outputFiles!.find((f) => f.path.endsWith(end))!.contents
  return { code: find('/wattle'), map: find('.map') }
}

/** Whose code is inside: lists of contents and licences are made from it. */
function writeInputs(name: string, of: object): void {
  const all = [...new Set([...inputs, ...Object.keys(of)])].sort()
  writeFileSync(`build/${name}.json`, `${JSON.stringify(all, null, 1)}\n`)
}

/** What the boards run (src/bin/firmware), for scripts/image: the device and its page. */
async function firmware(): Promise<number> {
  const { metafile } = await build({
    ...bundleOptions,
    entryPoints: ['src/bin/firmware/wattle.ts'],
    inject: ['src/bin/setup/globals.ts'],
    format: 'cjs',
    target: 'node18',
    minify: true,
    outfile: FIRMWARE,
    plugins: [pagePlugin({ phone: pages['phone']! })],
    logLevel: 'warning',
    metafile: true,
  })
  writeInputs('firmware-inputs', metafile.inputs)
  return statSync(FIRMWARE).size
}

mkdirSync('build', { recursive: true })
const firmwareBytes = await firmware()
const plain = await bundle(false)
const small = await bundle(true)
mkdirSync('dist', { recursive: true })
writeFileSync('dist/wattle', small.code)
chmodSync('dist/wattle', 0o755)
writeFileSync('build/wattle.map', small.map)

const sizes = {
  version,
  wattle: { raw: plain.code.length, min: small.code.length, gzip: gzipSync(small.code, { level: 9 }).length },
  visits: visitBytes(pages),
  pages: Object.fromEntries(
    Object.entries(pages).map(([name, assets]) => {
      const files = Object.values(assets)
      const sum = (of: (file: BuiltAsset) => number): number => files.reduce((n, file) => n + of(file), 0)
      return [name, { min: sum((f) => f.bytes.length), gzip: sum((f) => f.gzip.length) }]
    }),
  ),
}
writeFileSync('build/sizes.json', `${JSON.stringify(sizes, null, 2)}\n`)
const kB = (n: number): string => `${(n / 1_000).toFixed(1)} kB`
console.log(
  `dist/wattle ${version}: ${kB(sizes.wattle.min)} (${kB(sizes.wattle.gzip)} gzip; ${kB(sizes.wattle.raw)} before minifying)`,
)
console.log(`  on a board: ${kB(firmwareBytes)}`)
for (const name of ['home', 'phone', 'phone/start', 'provider']) {
  const most = Math.max(
    ...Object.entries(sizes.visits).flatMap(([visit, n]) => (visit.startsWith(`${name} `) ? [n] : [])),
  )
  console.log(`  page ${name}: ${kB(most)} gzip at most`)
}
