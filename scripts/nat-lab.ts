// `make nat-lab`: every cell of the matrix in network namespaces, one line each and the matrix at the
// end. Arguments are parts of cells' names. Skips with a notice where the kernel does not allow it.

import { mkdirSync } from 'node:fs'
import { build } from 'esbuild'
import { bundleOptions } from './bundle.ts'

const program = 'build/nat/party.mjs'
const lab = 'build/nat/run.mjs'
mkdirSync('build/nat', { recursive: true })
await build({
  ...bundleOptions,
  entryPoints: { party: 'test/nat/party.ts', run: 'test/nat/run.ts' },
  outdir: 'build/nat',
  outExtension: { '.js': '.mjs' },
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
})
process.argv = [process.argv[0]!, lab, program, ...process.argv.slice(2)]
await import(new URL(`../${lab}`, import.meta.url).href)
