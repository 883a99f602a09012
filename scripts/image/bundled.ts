// The npm packages whose code is in the program, as the bundler saw it (scripts/build.ts).

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Bundled {
  readonly name: string
  readonly version: string
  readonly licence: string
  /** Folder of the package. */
  readonly folder: string
}

const INPUTS = { wattle: 'build/inputs.json', firmware: 'build/firmware-inputs.json' } as const

/** Of dist/wattle, or of what the boards run. */
export function bundledPackages(program: keyof typeof INPUTS = 'wattle'): Bundled[] {
  const list = INPUTS[program]
  if (!existsSync(list)) throw new Error(`${list} is missing: make build`)
  const inputs = JSON.parse(readFileSync(list, 'utf8')) as string[]
  const names = new Set<string>()
  for (const input of inputs) {
    const found = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)
    if (found) names.add(found[1]!)
  }
  return [...names].sort().map((name) => packageIn(join('node_modules', name)))
}

/** What a package says of itself. */
export function packageIn(folder: string): Bundled {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    version: string
    name: string
    license?: string
  }
  return { name, version, licence: license ?? 'NOASSERTION', folder }
}
