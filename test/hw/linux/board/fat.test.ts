import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { text } from '../../../../src/base/bytes.ts'
import { FatFolder } from '../../../../src/hw/linux/board/boot.ts'
import { ScriptRadio } from '../../../../src/hw/linux/board/radio.ts'

function folderOf(t: { teardown: (run: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'wattle-fat-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const write = (fat: FatFolder, name: string, content: string | null): Promise<Error | null> =>
  new Promise((done) => fat.write(name, content, done))

t.test('small files on the FAT partition: read, replaced, removed, in turn', async (t) => {
  const folder = folderOf(t)
  const fat = new FatFolder(folder)
  t.equal(fat.read('wattle.txt'), null)
  t.notOk(fat.ready(), 'an empty folder: not mounted yet')
  let written = false
  fat.write('early.txt', 'x', () => {
    written = true
  })
  await new Promise((r) => setTimeout(r, 50))
  t.notOk(written)
  writeFileSync(join(folder, 'config.txt'), '')
  t.ok(fat.ready())
  await until(() => written)
  t.equal(text(fat.read('early.txt')!), 'x')
  const both = await Promise.all([write(fat, 'a.txt', 'one\r\n'), write(fat, 'a.txt', 'two\r\n')])
  t.same(both, [null, null])
  t.equal(text(fat.read('a.txt')!), 'two\r\n')
  t.equal(await write(fat, 'a.txt', null), null)
  t.equal(fat.read('a.txt'), null)
  t.equal(await write(fat, 'a.txt', null), null, 'gone is gone')
  writeFileSync(join(folder, 'big'), new Uint8Array(100_000))
  t.equal(fat.read('big')!.length, 65_536)
  rmSync(join(folder, 'big'))
  mkdirSync(join(folder, 'folder.txt'))
  writeFileSync(join(folder, 'folder.txt', 'x'), '')
  t.ok((await write(fat, 'folder.txt', 'x'))?.message, 'what cannot be written is told')
})

async function until(predicate: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !predicate(); i++) await new Promise((r) => setTimeout(r, 10))
  t.ok(predicate())
}

t.test(
  'the radio’s script: lines come out, the last word counts, the configuration is closed to others',
  async (t) => {
    const folder = folderOf(t)
    const script = join(folder, 'wifi')
    // Ends as wpa_supplicant does: when it is told to.
    writeFileSync(
      script,
      `#!/bin/sh\ntrap 'echo "$1 ends" >> ${folder}/log; exit 0' TERM\necho "$1 begins"\nwhile :; do sleep 0.05; done\n`,
    )
    chmodSync(script, 0o755)
    const run = join(folder, 'run')
    const radio = new ScriptRadio(script, run)
    t.teardown(() => radio.off())
    const lines: string[] = []
    radio.join('network={}\n', (line) => lines.push(`1 ${line}`))
    t.same(lines, [], 'nothing inside the call')
    await until(() => lines.length === 1)
    t.same(lines, ['1 join begins'])
    t.equal(readFileSync(join(run, 'wpa.conf'), 'utf8'), 'network={}\n')
    t.equal(statSync(join(run, 'wpa.conf')).mode & 0o777, 0o600)
    radio.access('mode=2\n', (line) => lines.push(`2 ${line}`))
    await until(() => lines.length === 2)
    t.same(lines, ['1 join begins', '2 access begins'])
    t.equal(readFileSync(join(folder, 'log'), 'utf8'), 'join ends\n', 'the one before has ended first')
    t.equal(readFileSync(join(run, 'wpa.conf'), 'utf8'), 'mode=2\n')
    radio.off()
    await until(() => readFileSync(join(folder, 'log'), 'utf8').includes('access ends'))
    t.equal(lines.length, 2, 'nothing after off')
  },
)

t.test('no script, no radio', async (t) => {
  const folder = folderOf(t)
  const radio = new ScriptRadio(join(folder, 'none'), join(folder, 'run'))
  const lines: string[] = []
  radio.join('', (line) => lines.push(line))
  await until(() => lines.length === 1)
  t.match(lines[0], /^no radio: .*ENOENT/)
  radio.off()
  t.ok(existsSync(join(folder, 'run', 'wpa.conf')))
})
