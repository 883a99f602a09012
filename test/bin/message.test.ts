// `wattle message` as a user has it: two processes, and a third that relays between two that know only
// each other's key.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

interface Run {
  child: ChildProcess
  lines: Record<string, unknown>[]
  errors: string
  code: number | null
}

const folder = mkdtempSync(join(tmpdir(), 'wattle-message-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

function run(name: string, ...args: string[]): Run {
  const node = process.env['WATTLE_NODE'] ?? process.execPath
  const child = spawn(node, ['dist/wattle', 'message', ...args, '--state', join(folder, name)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const out: Run = { child, lines: [], errors: '', code: null }
  let rest = ''
  child.stdout!.on('data', (data: Buffer) => {
    const parts = (rest + data.toString()).split('\n')
    rest = parts.pop()!
    for (const line of parts) out.lines.push(JSON.parse(line) as Record<string, unknown>)
  })
  child.stderr!.on('data', (data: Buffer) => {
    out.errors += data.toString()
  })
  child.on('exit', (code) => {
    out.code = code
  })
  t.teardown(() => child.kill('SIGKILL'))
  return out
}

async function until(done: () => boolean, ms = 15_000): Promise<boolean> {
  const end = Date.now() + ms
  while (!done() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20))
  return done()
}

const of = (run: Run, event: string): Record<string, unknown>[] =>
  run.lines.filter((l) => l['event'] === event)
const address = (run: Run): string =>
  `${of(run, 'ready')[0]!['key']}@${(of(run, 'ready')[0]!['listen'] as string[])[0]}`

t.test('from one process to another, acknowledged and not', async (t) => {
  const watch = run('watch', 'watch', '--listen', '127.0.0.1:0')
  t.ok(await until(() => of(watch, 'ready').length > 0))
  const send = run('send', 'send', address(watch), 'hello', '--listen', '127.0.0.1:0')
  t.ok(await until(() => send.code !== null))
  t.equal(send.code, 0, send.errors)
  t.equal(of(send, 'delivered').length, 1)
  t.ok(await until(() => of(watch, 'message').length === 1))
  const [got] = of(watch, 'message')
  t.equal(got!['text'], 'hello')
  t.equal(got!['acknowledged'], true)
  t.equal(got!['from'], of(send, 'ready')[0]!['key'])
  const once = run('send', 'send', address(watch), 'once', '--no-ack', '--listen', '127.0.0.1:0')
  t.ok(await until(() => once.code !== null && of(watch, 'message').length === 2))
  t.equal(once.code, 0)
  t.equal(of(watch, 'message')[1]!['acknowledged'], false)
  t.equal(of(watch, 'message')[1]!['from'], got!['from'], 'the key stays from run to run')
})

t.test('through a relay, to a key alone', async (t) => {
  const relay = run('relay', 'watch', '--serve', '--listen', '127.0.0.1:0')
  t.ok(await until(() => of(relay, 'ready').length > 0))
  const watch = run('watch2', 'watch', '--listen', '127.0.0.1:0', '--relay', address(relay))
  t.ok(await until(() => of(watch, 'session').length > 0), 'it knows its relay')
  const key = of(watch, 'ready')[0]!['key'] as string
  const send = run('send2', 'send', key, 'by relay', '--listen', '127.0.0.1:0', '--relay', address(relay))
  t.ok(await until(() => send.code !== null))
  t.equal(send.code, 0, send.errors)
  t.ok(await until(() => of(watch, 'message').length === 1))
  t.equal(of(watch, 'message')[0]!['text'], 'by relay')
})

t.test('what is wrong is said', async (t) => {
  const nobody = run(
    'send3',
    'send',
    `${'A'.repeat(43)}@127.0.0.1:9`,
    'x',
    '--wait',
    '1',
    '--listen',
    '127.0.0.1:0',
  )
  const bad = run('send4', 'send', 'not-a-key', 'x')
  const verb = run('send5', 'shout')
  t.ok(await until(() => nobody.code !== null && bad.code !== null && verb.code !== null))
  t.same([nobody.code, bad.code, verb.code], [1, 2, 2])
  t.match(nobody.errors, /nobody answered/)
  t.match(bad.errors, /expected KEY@HOST:PORT/)
})
