// docs/wire/sentences.md: every row names a test that is there, by file and, where it quotes one, by name.

import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'

const TABLE = 'docs/wire/sentences.md'

/** Titles of a test file's tests, or the names of a vector file's cases. */
function titles(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const quoted = file.endsWith('.json')
    ? text.matchAll(/"name": "((?:[^"\\]|\\.)*)"/g)
    : text.matchAll(/t\.test\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g)
  return [...quoted].map((m) => m[1] ?? m[2] ?? '')
}

interface Named {
  file: string
  names: string[]
}

/** The files of a cell, each with the names that are quoted behind it. */
function namedIn(cell: string): Named[] {
  const list: Named[] = []
  for (const [, file, name] of cell.matchAll(/`((?:test|docs)\/[\w./-]+)`|"([^"]+)"/g)) {
    if (file !== undefined) list.push({ file, names: [] })
    else if (name !== undefined) list.at(-1)?.names.push(name)
  }
  return list
}

t.test('every sentence has a test, and every test that is named is there', async (t) => {
  const rows = readFileSync(TABLE, 'utf8')
    .split('\n')
    .filter(
      (line) => line.startsWith('|') && !line.startsWith('|---') && !/^\| (sentence|fault) \|/.test(line),
    )
  t.ok(rows.length >= 40, `${rows.length} sentences`)
  let names = 0
  for (const row of rows) {
    const [, sentence = '', cell = ''] = row.split(/ ?(?<!\\)\| ?/)
    const named = namedIn(cell)
    t.ok(named.length > 0, `${sentence}: a test is named`)
    for (const { file, names: wanted } of named) {
      if (!existsSync(file)) {
        t.fail(`${sentence}: no ${file}`)
        continue
      }
      const there = titles(file)
      for (const name of wanted) {
        names++
        t.ok(
          there.some((title) => title.startsWith(name)),
          `${file} "${name}"`,
        )
      }
    }
  }
  t.ok(names >= 25, `${names} names looked up`)
})

t.test('a name that is not there is noticed', async (t) => {
  t.same(namedIn('`test/a.test.ts` "one", "two"; `docs/vectors/b.json` (c)'), [
    { file: 'test/a.test.ts', names: ['one', 'two'] },
    { file: 'docs/vectors/b.json', names: [] },
  ])
  const here = titles('test/docs/sentences.test.ts')
  t.ok(here.includes('every sentence has a test, and every test that is named is there'))
  t.notOk(here.some((title) => title.startsWith('every sentence has no test')))
})
