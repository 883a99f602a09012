// Ports that are taken, readers that go away, a Node that is too old: each with words that say what to
// do, and nothing left behind.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { folder, NODE18, needWattle, type Running, said, wattle } from '../run/wattle.ts'

needWattle()

/** A port of 127.0.0.1 that somebody else listens on. */
async function taken(t: Test): Promise<string> {
  const server: Server = createServer((socket) => socket.destroy())
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('a port that is in use', async (t) => {
  const address = await taken(t)
  const free = '127.0.0.1:0'
  const state = folder(t)
  const cases: [string[], RegExp][] = [
    [['device', '--listen', address], /device --listen .*: this port is in use; stop the other program/],
    [['home', 'serve', '--listen', address], /home serve --listen .*: this port is in use/],
    [
      ['provider', 'follow', '--listen', address, '--page', free],
      /provider follow --listen .*: this port is in use/,
    ],
    [
      ['provider', 'follow', '--listen', free, '--page', address],
      /provider follow --page .*: this port is in use/,
    ],
  ]
  for (const [i, [args, says]] of cases.entries()) {
    const { code, words, out } = await said(t, [...args, '--state', join(state, String(i))])
    t.equal(code, 1, words)
    t.match(words, says)
    t.match(words, address, 'it names the address')
    t.notMatch(words, /\n +at /)
    t.notMatch(out, /"ready"/)
    t.notOk(existsSync(join(state, String(i), '.lock')), 'the state folder is given back')
  }
})

/** Reads what is printed until `event`, then goes away. */
async function leave(running: Running, event: string): Promise<void> {
  await running.event(event)
  running.child.stdout!.destroy()
}

t.test('whoever reads our output goes away: the end, without a word', async (t) => {
  const state = folder(t)
  const device = wattle(t, ['device', '--listen', '127.0.0.1:0', '--state', join(state, 'device')])
  await leave(device, 'telegram')
  t.equal(await device.ended, 0)
  t.notMatch(device.words, /EPIPE|Error/)

  const page = ['--page', '127.0.0.1:0']
  const run = wattle(t, ['run', '--headless', '--demo', ...page], { env: { TMPDIR: state } })
  await run.event('ready', { who: 'home' })
  await leave(run, 'telegram')
  t.equal(await run.ended, 0)
  t.notMatch(run.words, /EPIPE|Error/)
  t.ok(await gone(run), 'and everybody it had started ends too')
  t.same(readdirSync(state), ['device'], 'its own state is gone')
})

t.test('whoever started us is killed: nobody is left', async (t) => {
  const run = wattle(t, ['run', '--page', '127.0.0.1:0'], { env: { TMPDIR: folder(t) } })
  t.ok(await run.until(() => /Open.*http/.test(run.words)))
  run.kill('SIGKILL')
  await run.ended
  t.ok(await gone(run))
})

/** Waits for the whole process group to end. */
async function gone(run: Running): Promise<boolean> {
  for (let i = 0; i < 100 && run.leftBehind; i++) await new Promise((r) => setTimeout(r, 50))
  return !run.leftBehind
}

const skip = existsSync(NODE18) ? false : 'node18-linux-x64 is an optional package for x64'

t.test('an older Node', { skip }, async (t) => {
  const node = NODE18
  t.test('what needs a newer one says so', async (t) => {
    const state = folder(t)
    for (const args of [['home', 'serve'], ['provider', 'follow'], ['run']]) {
      const { code, words } = await said(t, args, { node, env: { XDG_STATE_HOME: state } })
      t.equal(code, 2, words)
      t.match(words, /wattle \w+ needs Node 22\.13 or newer; this is v18\.20\.4/)
    }
  })

  t.test('a device on it is claimed by a home on this one, and is read', async (t) => {
    const state = folder(t)
    const device = wattle(t, ['device', '--listen', '127.0.0.1:0', '--state', join(state, 'device')], {
      node,
    })
    const ready = await device.event('ready')
    t.match(ready, { node: /^v18\.20/, claimed: false })
    const address = String(ready!['address'])
    const home = wattle(t, [
      ...['home', 'serve', '--listen', '127.0.0.1:0', '--device', address],
      ...['--state', join(state, 'home')],
    ])
    t.ok(await home.event('ready'), home.words)
    const code = readFileSync(join(state, 'device', 'claim-code.txt'), 'utf8').split('\n')[0]!
    const at = ['--device', address, '--state', join(state, 'home')]
    const early = await said(t, ['home', 'claim', code, '--wait', '0', ...at])
    t.equal(early.code, 1)
    t.match(early.words, /press the button on the device first/)
    device.write('{"do":"press"}\n')
    const claim = await said(t, ['home', 'claim', code, ...at])
    t.equal(claim.code, 0, claim.words)
    t.ok(await device.event('claimed'))
    t.notOk(existsSync(join(state, 'device', 'claim-code.txt')), 'the code is gone with the claim')
    t.ok(await home.until(() => home.all('home', 'telegram').length >= 3), home.words)
    const sent = device.all('device', 'telegram').map((l) => l['at'])
    for (const line of home.all('home', 'telegram')) t.ok(sent.includes(line['at']), String(line['at']))
    for (const running of [home, device]) {
      running.kill('SIGTERM')
      t.equal(await running.ended, 0, running.words)
    }
  })
})
