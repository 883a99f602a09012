// Every program and library in a root finds the libraries that it names.

import { closeSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Board } from './board.ts'
import { run } from './tools.ts'

/** @throws Error naming the first library that is missing, and who wants it. */
export function checkLibraries(root: string, board: Board): void {
  const files = (readdirSync(root, { recursive: true }) as string[]).filter((f) => isElf(join(root, f)))
  const there = new Set((readdirSync(root, { recursive: true }) as string[]).map((f) => basename(f)))
  for (const file of files) {
    if (file.endsWith('.ko')) continue
    const text = run('readelf', ['-dl', join(root, file)])
    for (const [, name] of text.matchAll(/\(NEEDED\).*\[(.*)\]/g))
      if (!there.has(name!))
        throw new Error(`${file} needs ${name}, which is in no package of ${board.board}`)
    const loader = /interpreter: \/(\S+)\]/.exec(text)?.[1]
    if (loader !== undefined && loader !== board.debian.loader)
      throw new Error(`${file} wants the loader ${loader}`)
  }
}

function isElf(path: string): boolean {
  if (!lstatSync(path).isFile()) return false
  const head = new Uint8Array(4)
  const file = openSync(path, 'r')
  readSync(file, head, 0, 4, 0)
  closeSync(file)
  return head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46
}
