// One kind of board as data: firmware-image/boards/NAME.json. What differs between boards is there and
// nowhere else.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Machine } from '../single.ts'

export interface Board {
  readonly board: string
  readonly title: string
  readonly debian: {
    readonly arch: string
    readonly triplet: string
    /** The dynamic loader, as a path in the root. */
    readonly loader: string
  }
  /** Size of the boot partition and of each of the two root slots, MiB. */
  readonly bootMiB: number
  readonly slotMiB: number
  readonly kernel: {
    readonly version: string
    /** Paths inside the kernel package. */
    readonly file: string
    readonly deviceTrees: string
    readonly deviceTree: readonly string[]
    /** File in firmware-image/card that is added to each device tree. */
    readonly addition: string
  }
  /** How mksquashfs packs the root; LZ4 unless told: one slow core unpacks it at every start. */
  readonly squash?: readonly string[]
  /** The program as a single executable with its own Node, for that machine of scripts/single.ts; else a script. */
  readonly runtime?: { readonly executable: Machine['arch'] }
  /** Kernel modules that stage 1 loads, in this order; their dependencies come by themselves. */
  readonly stage1: { readonly modules: readonly string[] }
  /** Kernel modules in the root, loaded beside the runtime. */
  readonly modules: readonly string[]
  /** How native addons are compiled for the board. */
  readonly addons: {
    readonly compiler: string
    readonly compilerPackage: string
    readonly flags: readonly string[]
    /** Folders with headers: PACKAGE/path; `@node` is the npm package of the executable's Node. */
    readonly include: readonly string[]
  }
  /** Debian packages that are needed to build and not in the image. */
  readonly buildPackages: readonly string[]
  /** Debian package: the files of it that the root keeps. `*` is any text without a slash. */
  readonly packages: Readonly<Record<string, readonly string[]>>
}

const FOLDER = 'firmware-image/boards'

/** @throws Error for a board that there is none of. */
export function loadBoard(name: string | undefined): Board {
  const known = readdirSync(FOLDER).map((file) => file.replace(/\.json$/, ''))
  if (name === undefined || !known.includes(name) || !existsSync(`${FOLDER}/${name}.json`))
    throw new Error(`BOARD=${name ?? ''}: expected one of ${known.join(', ')}`)
  return JSON.parse(readFileSync(`${FOLDER}/${name}.json`, 'utf8')) as Board
}
