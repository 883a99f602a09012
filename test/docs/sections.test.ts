// Comments that name a section of a document (docs/wire.md "Section") lead to a heading there.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

/** A document and the section names behind it: a path, then `"A", "B" and "C"`, over comment lines too. */
const CITED = /(docs\/[\w./-]+\.md)((?:,? (?:and )?"[^"\n]+")+)/g

function cited(file: string): { document: string; section: string }[] {
  const text = readFileSync(file, 'utf8').replace(/\n\s*(?:\/\/|\*) ?/g, ' ')
  return [...text.matchAll(CITED)].flatMap(([, document, names]) =>
    [...names!.matchAll(/"([^"]+)"/g)].map(([, section]) => ({ document: document!, section: section! })),
  )
}

function headings(document: string): string[] {
  if (!existsSync(document)) return []
  const text = readFileSync(document, 'utf8').replace(/^```[\s\S]*?^```/gm, '')
  return [...text.matchAll(/^#+ (?:[\d.]+ )?(.*)$/gm)].map((m) => m[1]!.trim())
}

t.test('every section that a comment names is there', async (t) => {
  let seen = 0
  for (const file of readdirSync('src', { recursive: true }) as string[]) {
    if (!file.endsWith('.ts')) continue
    for (const { document, section } of cited(join('src', file))) {
      seen++
      const known = headings(document)
      t.ok(
        known.some((h) => h === section || h.endsWith(` ${section}`)),
        `${file}: ${document} "${section}"`,
      )
    }
  }
  t.ok(seen >= 20, `${seen} citations looked at`)
})
