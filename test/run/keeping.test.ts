// What My Home keeps, with real processes: history, /metrics, a backup, and the same home on a new computer.

import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { folder, needWattle, type Running, wattle } from './wattle.ts'

needWattle()

const env = { WATTLE_CHILD: '1' }

async function result(run: Running): Promise<unknown> {
  const code = await run.ended
  if (code !== 0) throw new Error(`exit ${String(code)}: ${run.words}`)
  const said = run.plain[0] ?? run.lines[0]
  return typeof said === 'string' ? JSON.parse(said) : said
}

t.test('history, metrics, backup, restore', async (t) => {
  const state = folder(t)
  const at = (name: string): string[] => ['--state', join(state, name)]
  const device = wattle(t, ['device', '--serial', 'sim', '--listen', '127.0.0.1:0', ...at('device')], { env })
  const ready = await device.event('ready')
  const code = readFileSync(join(state, 'device', 'claim-code.txt'), 'utf8').trim()
  const serve = ['home', 'serve', '--listen', '127.0.0.1:0', '--metrics', '127.0.0.1:0']
  const home = wattle(t, [...serve, ...at('home')], { env })
  const metrics = await home.event('metrics')
  t.ok(await home.event('ready'), home.words)
  device.write('{"do":"press"}\n')
  await device.event('window', { open: true })
  await result(wattle(t, ['home', 'claim', code, '--device', String(ready!['address']), ...at('home')]))
  t.ok(await home.event('telegram'))

  const text = await (await fetch(`http://${String(metrics!['address'])}/metrics`)).text()
  t.match(text, /wattle_power_in_watts\{device="wattle-[0-9a-f]{4}"\} \d+/)
  t.equal((await fetch(`http://${String(metrics!['address'])}/other`)).status, 404)

  const [name] = (await result(wattle(t, ['home', 'devices', ...at('home')]))) as { name: string }[]
  const history = async (where: string): Promise<unknown[]> =>
    (await result(wattle(t, ['home', 'history', name!.name, '--step', 'minute', ...at(where)]))) as unknown[]
  t.ok((await history('home')).length >= 1)
  const bad = wattle(t, ['home', 'history', name!.name, '--zone', 'Nowhere', ...at('home')])
  t.equal(await bad.ended, 2)
  t.match(bad.words, /Europe\/Amsterdam/)

  const secret = join(state, 'passphrase')
  writeFileSync(secret, 'a passphrase of some length\n', { mode: 0o600 })
  const file = join(state, 'home.backup')
  const made = (await result(
    wattle(t, ['home', 'backup', file, '--passphrase-file', secret, ...at('home')]),
  )) as { bytes: number }
  t.equal(statSync(file).size, made.bytes)
  t.equal(statSync(file).mode & 0o777, 0o600)
  const again = wattle(t, ['home', 'backup', file, '--passphrase-file', secret, ...at('home')])
  t.equal(await again.ended, 1, 'a backup does not take the place of another')
  writeFileSync(join(state, 'short'), 'short\n')
  const short = wattle(t, [
    'home',
    'backup',
    join(state, 'b'),
    '--passphrase-file',
    join(state, 'short'),
    ...at('home'),
  ])
  t.equal(await short.ended, 2)

  home.kill('SIGTERM')
  await home.ended
  const wrong = wattle(t, ['home', 'restore', file, '--passphrase-file', join(state, 'short'), ...at('new')])
  t.equal(await wrong.ended, 1)
  t.notOk(existsSync(join(state, 'new')), 'and leaves nothing')
  await result(wattle(t, ['home', 'restore', file, '--passphrase-file', secret, ...at('new')]))
  const over = wattle(t, ['home', 'restore', file, '--passphrase-file', secret, ...at('new')])
  t.equal(await over.ended, 1, 'not over a home')
  const moved = wattle(t, [...serve, ...at('new')], { env })
  t.ok(await moved.event('telegram'), 'the new computer reads the device')
  t.ok((await history('new')).length >= 1, 'and has the history')
})
