// The shipped bundle as a device on Node 18, the device's own: it starts, reads its simulated meter,
// hears its button, keeps its folder to itself, and survives being killed.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'

const NODE18 = resolve('node_modules/node18-linux-x64/bin/node')
const WATTLE = resolve('dist/wattle')

interface Running {
  readonly events: { event: string; [detail: string]: unknown }[]
  readonly words: () => string
  readonly child: ChildProcess
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>
  until(event: string, count?: number): Promise<boolean>
}

/** Starts a device without the options that a test runner has put into the environment for its own Node. */
function device(t: Test, state: string): Running {
  const args = ['-u', 'NODE_OPTIONS', NODE18, WATTLE, 'device', '--serial', 'sim', '--button', 'sim']
  const child = spawn('env', [...args, '--listen', '127.0.0.1:0', '--state', state], { stdio: 'pipe' })
  t.teardown(() => child.kill('SIGKILL'))
  const events: Running['events'] = []
  let words = ''
  let rest = ''
  child.stdout.on('data', (data: Buffer) => {
    const lines = (rest + data.toString()).split('\n')
    rest = lines.pop()!
    for (const line of lines) events.push(JSON.parse(line) as Running['events'][number])
  })
  child.stderr.on('data', (data: Buffer) => {
    words += data.toString()
  })
  let over = false
  const ended = new Promise<number | string | null>((done) =>
    child.on('exit', (code, signal) => {
      over = true
      done(code ?? signal)
    }),
  )
  return {
    events,
    words: () => words,
    child,
    ended,
    until: async (event, count = 1) => {
      const enough = (): boolean => events.filter((e) => e.event === event).length >= count
      for (let i = 0; i < 1_500 && !over && !enough(); i++) await new Promise((r) => setTimeout(r, 10))
      return enough()
    },
  }
}

const skip = !existsSync(WATTLE)
  ? 'dist/wattle is missing: make build'
  : !existsSync(NODE18)
    ? 'node18-linux-x64 is an optional package for x64'
    : false

t.test('a device on Node 18', { skip }, async (t) => {
  const state = mkdtempSync(join(tmpdir(), 'wattle-device-'))
  t.teardown(() => rmSync(state, { recursive: true, force: true }))
  const first = device(t, state)
  t.ok(await first.until('ready'), first.words())
  t.match(
    first.events.find((e) => e.event === 'ready'),
    { claimed: false, node: /^v18\.20\./ },
  )
  t.ok(await first.until('telegram', 2), 'telegrams come in')
  first.child.stdin!.write('nonsense\n{"do":"press"}\n')
  t.ok(await first.until('window'), 'the button opens the window')

  const second = device(t, state)
  t.equal(await second.ended, 1, 'a second one on the same folder is refused')
  t.match(second.words(), /in use/)

  first.child.kill('SIGKILL')
  await first.ended
  const third = device(t, state)
  t.ok(await third.until('telegram'), 'a killed one starts again on its folder')
  third.child.kill('SIGTERM')
  t.equal(await third.ended, 0, 'it ends well when asked to')
})
