// Builds the claim with one safeguard taken out, so that a test can show that its attack bites: it must
// succeed against the weakened build and fail against ours. Lives in the test tree alone; there is no
// switch in the source.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { build } from 'esbuild'
import type * as jws from '../../src/crypto/jws.ts'
import type * as native from '../../src/crypto/native.ts'
import type * as pake from '../../src/crypto/spake2plus.ts'
import type * as device from '../../src/ownership/claim-device.ts'
import type * as owner from '../../src/ownership/claim-owner.ts'
import type * as event from '../../src/ownership/event.ts'
import type * as log from '../../src/ownership/log.ts'
import type * as deviceKey from '../../src/ownership/owners/device-key.ts'

export type Parts = typeof device &
  typeof owner &
  typeof native &
  typeof pake &
  typeof jws &
  typeof log &
  typeof event &
  typeof deviceKey

const ENTRY = [
  'ownership/claim-device',
  'ownership/claim-owner',
  'crypto/native',
  'crypto/spake2plus',
  'crypto/jws',
  'ownership/log',
  'ownership/event',
  'ownership/owners/device-key',
]

export interface Weakness {
  /** Under src. */
  readonly file: string
  readonly from: string
  readonly to: string
}

/** Blanks and line ends do not count, so that formatting does not matter. */
function replaceOnce(source: string, { file, from, to }: Weakness): string {
  const places: number[] = []
  let dense = ''
  for (let i = 0; i < source.length; i++) {
    if (/\s/.test(source[i]!)) continue
    dense += source[i]
    places.push(i)
  }
  const wanted = from.replace(/\s/g, '')
  const at = dense.indexOf(wanted)
  if (at < 0 || dense.indexOf(wanted, at + 1) >= 0) throw new Error(`${file} has not once: ${from}`)
  return source.slice(0, places[at]) + to + source.slice(places[at + wanted.length - 1]! + 1)
}

/** The parts with these replacements made, each of which must fit exactly once. `noble`: the page's back-end. */
export async function weakened(weaknesses: readonly Weakness[], noble = false): Promise<Parts> {
  const fitted = new Set<Weakness>()
  const { outputFiles } = await build({
    stdin: {
      contents: ENTRY.map((m) => `export * from './src/${m}.ts'`).join('\n'),
      resolveDir: process.cwd(),
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    write: false,
    plugins: [
      {
        name: 'weaken',
        setup(b) {
          if (noble)
            b.onResolve({ filter: /\/native\.ts$/ }, () => ({ path: resolve('src/crypto/noble.ts') }))
          b.onLoad({ filter: /src\/.*\.ts$/ }, ({ path }) => {
            let contents = readFileSync(path, 'utf8')
            for (const w of weaknesses) {
              if (!path.endsWith(`/src/${w.file}`)) continue
              contents = replaceOnce(contents, w)
              fitted.add(w)
            }
            return { contents, loader: 'ts' }
          })
        },
      },
    ],
  })
  if (fitted.size !== weaknesses.length) throw new Error('a weakness did not fit any file')
  const code = Buffer.from(outputFiles[0]!.text).toString('base64')
  return (await import(`data:text/javascript;base64,${code}`)) as Parts
}
