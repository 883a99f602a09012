// The npm packages whose code is in the program, as the bundler saw it (build/firmware-inputs.json of scripts/build.ts).

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Bundled {
  readonly name: string
  readonly version: string
  readonly licence: string
  /** Folder of the package. */
  readonly folder: string
}

const INPUTS = 'build/firmware-inputs.json'

export function bundledPackages(): Bundled[] {
  if (!existsSync(INPUTS)) throw new Error(`${INPUTS} is missing: make build`)
  const inputs = JSON.parse(readFileSync(INPUTS, 'utf8')) as string[]
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
