// Found without being told where: a device and My Home as real processes, mDNS on loopback.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { folder, needWattle, wattle } from './wattle.ts'

needWattle()

t.test('home claims the device it sees on the network, by the code alone', async (t) => {
  const state = folder(t)
  const common = ['--lan', 'lo', '--listen', '127.0.0.1:0', '--state']
  const env = { WATTLE_CHILD: '1' }
  const device = wattle(t, ['device', '--serial', 'sim', ...common, join(state, 'device')], { env })
  t.ok(await device.event('ready'), device.words)
  const code = readFileSync(join(state, 'device', 'claim-code.txt'), 'utf8').trim()
  const home = wattle(t, ['home', 'serve', ...common, join(state, 'home')], { env })
  t.ok(await home.event('neighbour', { claimed: false }), home.words)
  device.write('{"do":"press"}\n')
  t.ok(await device.event('window', { open: true }))
  const claim = wattle(t, ['home', 'claim', code, '--state', join(state, 'home')])
  t.equal(await claim.ended, 0, claim.words)
  t.ok(await home.event('telegram'), 'its telegrams come')
  t.ok(await home.event('neighbour', { claimed: true }), 'and it is announced as claimed')
  const key = String((await home.event('peer'))!['peer'])
  device.kill('SIGTERM')
  t.ok(await home.until(() => home.all('home', 'lost').length > 0), `gone, and told so (${key})`)
})

t.test('where nothing is seen, the claim says what to do', async (t) => {
  const state = folder(t)
  const label = wattle(t, ['label', '--json'])
  t.equal(await label.ended, 0)
  const { code } = JSON.parse(label.plain[0] ?? JSON.stringify(label.lines[0])) as { code: string }
  const claim = wattle(t, ['home', 'claim', code, '--lan', 'off', '--state', join(state, 'home')])
  t.equal(await claim.ended, 1)
  t.match(claim.words, /--device HOST:PORT/)
})
