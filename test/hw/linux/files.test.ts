// What only a real file system can show: modes, what a crash leaves, one process per folder.

import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { utf8 } from '../../../src/base/bytes.ts'
import { type LinuxFiles, openFolder } from '../../../src/hw/linux/files.ts'
import { lockFolder } from '../../../src/hw/linux/lock.ts'

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'wattle-files-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const open = (path: string): Promise<LinuxFiles> =>
  new Promise((done, failed) => openFolder(path, (error, files) => (files ? done(files) : failed(error))))

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8)

t.test('the folder is 0700 and its files 0600, whatever the umask and whatever was there', async (t) => {
  const path = join(folder(t), 'a/b/state')
  const umask = process.umask(0)
  t.teardown(() => process.umask(umask))
  const files = await open(path)
  t.equal(mode(path), '700')
  await new Promise<void>((done) => files.replace('policy', utf8('x'), () => done()))
  await new Promise<void>((done) =>
    files.open('journal', (_e, file) => {
      file!.close()
      done()
    }),
  )
  t.equal(mode(join(path, 'policy')), '600')
  t.equal(mode(join(path, 'journal')), '600')
  await open(path)
  t.equal(mode(path), '700')
})

t.test('a folder that is there: closed if it is empty, refused if others could read it', async (t) => {
  const path = folder(t)
  chmodSync(path, 0o755)
  await open(path)
  t.equal(mode(path), '700', 'an empty one is closed')
  writeFileSync(join(path, 'something'), '')
  chmodSync(path, 0o755)
  const error = await new Promise<unknown>((done) => openFolder(path, (e) => done(e)))
  t.match(error, { code: 'state-open', exit: 3, message: /mode 755/ })
  t.equal(mode(path), '755', 'and left as it was')
})

t.test('a temporary file that a crash left is neither listed nor in the way', async (t) => {
  const path = folder(t)
  const files = await open(path)
  writeFileSync(join(path, '.policy.new'), 'half a fi')
  t.same(await new Promise((done) => files.list((_e, names) => done(names))), [])
  await new Promise<void>((done) => files.replace('policy', utf8('whole'), () => done()))
  t.same(readdirSync(path), ['policy'])
  t.equal(readFileSync(join(path, 'policy'), 'utf8'), 'whole')
})

t.test('a folder that cannot be is an answer', async (t) => {
  const path = join(folder(t), 'file')
  writeFileSync(path, '')
  for (const bad of [path, join(path, 'below')]) {
    const error = await new Promise<{ code?: string | undefined } | null>((done) =>
      openFolder(bad, (e) => done(e)),
    )
    t.match(error?.code, /^(EEXIST|ENOTDIR)$/)
  }
  const gone = await open(join(folder(t), 'gone'))
  rmSync(gone.folder, { recursive: true })
  t.equal(await new Promise((done) => gone.replace('x', utf8('x'), (e) => done(e?.code))), 'ENOENT')
  t.equal(await new Promise((done) => gone.list((e) => done(e?.code))), 'ENOENT')
})

t.test('one process a folder; a lock whose holder died does not count', async (t) => {
  const path = folder(t)
  const release = lockFolder(path)
  t.throws(() => lockFolder(path), { code: 'state-in-use', message: new RegExp(`process ${process.pid}`) })
  release()
  lockFolder(path)()
  t.notOk(existsSync(join(path, '.lock')))

  const holder = spawn('sleep', ['30'])
  t.teardown(() => holder.kill('SIGKILL'))
  const stat = readFileSync(`/proc/${holder.pid}/stat`, 'latin1')
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  writeFileSync(join(path, '.lock'), `${holder.pid} ${started}\n`)
  t.throws(() => lockFolder(path), { code: 'state-in-use' })
  writeFileSync(join(path, '.lock'), `${holder.pid} 1\n`)
  lockFolder(path)()
  writeFileSync(join(path, '.lock'), `${holder.pid} ${started}\n`)
  holder.kill('SIGKILL')
  await new Promise((done) => holder.on('exit', done))
  lockFolder(path)()
  for (const rubbish of ['', 'x', '999999999 1\n']) {
    writeFileSync(join(path, '.lock'), rubbish)
    lockFolder(path)()
  }
  t.notOk(existsSync(join(path, '.lock')))
})
