// The button's driver for the board: onoff as one file, and the addon beneath it (epoll) compiled here
// for the board's processor and Node. A Node that does not take it (another major) finds out when it
// loads it, and the button is polled instead.

import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { buildSync } from 'esbuild'
import { nodeFor } from '../single.ts'
import type { Board } from './board.ts'
import { type Bundled, packageIn } from './bundled.ts'
import { run } from './tools.ts'

const FOLDER = 'firmware-image/addons/node_modules'

/** Packages whose code is in the result. */
export const ADDONS: readonly string[] = ['onoff', 'epoll', 'lodash.debounce', 'nan']

export function addonPackage(name: string): Bundled {
  return packageIn(join(FOLDER, name))
}

/** Puts node_modules/onoff beside the program in `root`. */
export function buildAddons(board: Board, packages: ReadonlyMap<string, string>, root: string): void {
  if (!existsSync(FOLDER)) throw new Error(`${FOLDER} is missing: make image installs it`)
  const into = join(root, 'usr/lib/wattle/node_modules/onoff')
  mkdirSync(into, { recursive: true })
  const include = board.addons.include.map((place) => {
    const [name, ...path] = place.split('/')
    const from = name === '@node' ? nodeFor(board.runtime!.executable).folder : packages.get(name!)
    if (from === undefined) throw new Error(`${board.board}: headers of ${name}, which is no package of it`)
    return `-I${resolve(from)}/${path.join('/')}`
  })
  run(board.addons.compiler, [
    ...board.addons.flags,
    ...['-O2', '-fPIC', '-shared', '-fno-exceptions', '-fno-rtti', '-s', '-w'],
    ...['-DNODE_GYP_MODULE_NAME=epoll', '-DBUILDING_NODE_EXTENSION'],
    // Nothing of this machine's paths, and the same build id, goes into the file.
    ...[`-ffile-prefix-map=${resolve('.')}=.`, '-Wl,--build-id=none'],
    ...[`-I${FOLDER}/nan`, ...include],
    join(FOLDER, 'epoll/src/epoll.cc'),
    ...['-o', join(into, 'epoll.node')],
  ])
  buildSync({
    entryPoints: [join(FOLDER, 'onoff/onoff.js')],
    bundle: true,
    platform: 'node',
    target: 'node18',
    format: 'cjs',
    minify: true,
    legalComments: 'none',
    outfile: join(into, 'index.js'),
    // `bindings` searches for the file; it lies here.
    alias: { bindings: resolve('firmware-image/addons/bindings.cjs') },
    external: ['./epoll.node'],
    logLevel: 'warning',
  })
}
