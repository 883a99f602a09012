import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { checkLinks } from '../../scripts/links.ts'

function tree(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'wattle-links-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  for (const [name, text] of Object.entries({ Makefile: 'run: x\ntest-full: y\n', ...files })) {
    mkdirSync(join(root, dirname(name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return root
}

t.test('what is there passes', async (t) => {
  const { documents, problems } = checkLinks(
    tree({
      'README.md':
        '# Hi\n[wire](docs/wire.md#two-words--more) [me](#hi) [web](https://example.org/x) `make run` `src/a.ts` `src/`\n```\nmake test-full\n```\n',
      'docs/wire.md': '## Two words & more\n[up](../README.md) `make` `dist/wattle` `[no](link)`\n',
      'src/a.ts': '// docs/wire.md says so\n',
    }),
  )
  t.same(problems, [])
  t.equal(documents, 2)
})

t.test('each broken promise is named', async (t) => {
  const { problems } = checkLinks(
    tree({
      'README.md':
        '[a](docs/none.md) [b](docs/wire.md#none) [c](#none) `src/none.ts` `make nothing`\n```sh\nmake never && make run\n```\n',
      'docs/wire.md': '# Wire\nmake sense of it\n',
      'src/a.ts': '// docs/none.md "Part"\n',
    }),
  )
  t.same(problems, [
    'README.md: docs/none.md does not exist',
    'README.md: docs/wire.md has no heading #none',
    'README.md: README.md has no heading #none',
    'README.md: `src/none.ts` does not exist',
    'README.md: there is no `make never`',
    'README.md: there is no `make nothing`',
    'src/a.ts: docs/none.md does not exist',
  ])
})
