// Debian's Node has its language data in a library of 31 MB: every language and old code page there is.
// A device writes dates and sorts names for nobody, so what is not needed for root and English is taken
// out (icupkg of the same ICU), and the rest packed as a library of the same name again.

import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Board } from './board.ts'
import { run } from './tools.ts'

const LOCALES = new Set(['root', 'en', 'en_US', 'pool', 'res_index'])
/** Transliteration, numbers in words, breaking of lines and words, names in protocols nobody here speaks. */
const LEFT_OUT = /^(translit|rbnf|brkitr)\/|\.(spp|cfu)$/
/** windows-1252, which is what the web calls latin1; UTF-8 and UTF-16 need no table. */
const TABLES = /^ibm-5348_/

/** Whether an item of ICU's data stays. */
export function keeps(item: string): boolean {
  if (LEFT_OUT.test(item)) return false
  const [, stem, kind] = /([^/]+)\.(\w+)$/.exec(item) ?? []
  if (kind === 'cnv') return TABLES.test(item)
  return kind !== 'res' || !/^[a-z]{2,3}(_[A-Za-z0-9]*)*$/.test(stem!) || LOCALES.has(stem!)
}

/** Makes libicudata in `root` small, where there is one. `work` is there. */
export function trimIcu(board: Board, root: string, work: string): void {
  const folder = join(root, 'usr/lib', board.debian.triplet)
  const name = (existsSync(folder) ? readdirSync(folder) : []).find((file) =>
    /^libicudata\.so\.\d+$/.test(file),
  )
  if (name === undefined) return
  const version = name.replace('libicudata.so.', '')
  const library = realpathSync(join(folder, name))
  // What a file of data is called is the prefix of everything in it.
  const [all, data] = ['icu-all', 'icu'].map((place) => {
    mkdirSync(join(work, place), { recursive: true })
    return join(work, place, `icudt${version}l.dat`)
  }) as [string, string]
  writeFileSync(all, dataOf(library, `icudt${version}_dat`))
  const items = run('icupkg', ['-l', all]).trim().split('\n')
  writeFileSync(`${data}.txt`, `${items.filter((item) => !keeps(item)).join('\n')}\n`)
  run('icupkg', ['-r', `${data}.txt`, all, data])
  run(
    board.addons.compiler,
    [
      ...['-x', 'assembler', '-', '-shared', '-nostdlib', '-s', '-o', library],
      ...[`-Wl,-soname,${name}`, '-Wl,--build-id=none'],
    ],
    { input: source(`icudt${version}_dat`, resolve(data)) },
  )
}

function source(symbol: string, file: string): string {
  return `.section .rodata,"a",%progbits
.balign 16
.globl ${symbol}
.type ${symbol},%object
${symbol}:
.incbin "${file}"
.size ${symbol},.-${symbol}
.section .note.GNU-stack,"",%progbits
`
}

/** The bytes of one symbol in a section that is not moved: what readelf says of both. */
function dataOf(library: string, symbol: string): Uint8Array {
  const text = run('readelf', ['-W', '-S', '--dyn-syms', library])
  const hex = (of: string): number => Number.parseInt(of, 16)
  const found = new RegExp(
    `: ([0-9a-f]+) +(0x[0-9a-f]+|\\d+) OBJECT +GLOBAL +DEFAULT +(\\d+) ${symbol}\\b`,
  ).exec(text)
  const section =
    found && new RegExp(`\\[ *${found[3]}\\] \\S+ +PROGBITS +([0-9a-f]+) ([0-9a-f]+) `).exec(text)
  if (!found || !section) throw new Error(`${library} has no ${symbol}`)
  const at = hex(found[1]!) - hex(section[1]!) + hex(section[2]!)
  return readFileSync(library).subarray(at, at + Number(found[2]))
}
