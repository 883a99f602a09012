// Each layer by itself brings a device and its owner together again after the device has moved to another
// port; with all three off, doctor and peers say so and what to do.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { folder, needWattle, type Running, said, wattle } from './wattle.ts'

needWattle()

/** What test/run/discovery and test/scenario/011 show as well. */
const full: false | string = process.env['WATTLE_FULL'] ? false : 'with WATTLE_FULL'

const env = { WATTLE_CHILD: '1' }

interface Pair {
  home: Running
  stateOfHome: string
  /** Starts the device anew, at another port; the one of before is gone. */
  move: () => Promise<Running>
}

/** A device and its My Home, claimed by address; both know nothing but the layer's options. */
async function pair(t: Test, options: readonly string[]): Promise<Pair> {
  const state = folder(t)
  const stateOfHome = join(state, 'home')
  const start = (): Running => {
    const args = ['--serial', 'sim', '--listen', '127.0.0.1:0', '--state', join(state, 'device'), ...options]
    return wattle(t, ['device', ...args], { env })
  }
  let device = start()
  const ready = await device.event('ready')
  t.ok(ready, device.words)
  const code = readFileSync(join(state, 'device', 'claim-code.txt'), 'utf8').split('\n')[0]!
  const home = wattle(t, ['home', 'serve', '--listen', '127.0.0.1:0', '--state', stateOfHome, ...options], {
    env,
  })
  t.ok(await home.event('ready'), home.words)
  device.write('{"do":"press"}\n')
  t.ok(await device.event('window', { open: true }))
  const args = ['home', 'claim', code, '--device', String(ready!['address']), '--state', stateOfHome]
  const claim = await said(t, args)
  t.equal(claim.code, 0, claim.words)
  t.ok(await home.event('telegram'))
  const move = async (): Promise<Running> => {
    const before = String(ready!['address'])
    device.kill('SIGTERM')
    await device.ended
    device = start()
    const again = await device.event('ready')
    t.not(again!['address'], before, 'it is somewhere else now')
    return device
  }
  return { home, stateOfHome, move }
}

async function meetsAgain(t: Test, { home, move }: Pair): Promise<void> {
  const device = await move()
  const from = home.lines.length
  t.ok(await home.event('telegram', {}, from), `${home.words}${device.words}`)
}

t.test('the local network alone', { skip: full }, async (t) => meetsAgain(t, await pair(t, ['--lan', 'lo'])))

t.test('a bootstrap peer alone', async (t) => {
  const args = ['peer', 'serve', '--listen', '127.0.0.1:0', '--relay', 'off', '--state', folder(t)]
  const peer = wattle(t, args, { env })
  const { bootstrap } = (await peer.event('ready'))!
  await meetsAgain(t, await pair(t, ['--lan', 'off', '--bootstrap', String(bootstrap)]))
})

t.test('the DHT alone', { skip: full }, async (t) => {
  const args = ['peer', 'serve', '--listen', '127.0.0.1:0', '--relay', 'off', '--rendezvous', 'off']
  const overlay = ['--overlay', 'wattle', '--dht-listen', '127.0.0.1:0', '--state', folder(t)]
  const peer = wattle(t, [...args, ...overlay], { env })
  const ready = (await peer.event('ready'))!
  const contact = `${ready['key']}@${(ready['dht'] as string[])[0]}`
  const options = ['--lan', 'off', '--dht', '127.0.0.1:0', '--dht-bootstrap', contact]
  const two = await pair(t, options)
  const policy = await said(t, ['home', 'policy', 'set', 'announce.dht=true', '--state', two.stateOfHome])
  t.equal(policy.code, 0, policy.words)
  await meetsAgain(t, two)
})

t.test('none of the three: doctor says what is missing, and peers where it was', async (t) => {
  const { stateOfHome, move, home } = await pair(t, ['--lan', 'off'])
  await move()
  await home.until(() => home.all('home', 'access').length > 1, 1_000)
  const doctor = await said(t, ['doctor', '--state', stateOfHome])
  t.equal(doctor.code, 1)
  t.match(doctor.out, /BAD +finding +no way of finding devices is switched on/)
  t.match(doctor.out, /--lan on/)
  t.match(doctor.out, /BAD +wattle-[0-9a-f]{4} +is not connected/)
  // Tried again and again: each address has its reason soon.
  let peers = await said(t, ['peers', '--state', stateOfHome])
  const reason = /because +127\.0\.0\.1:\d+ cannot be reached: \S/
  for (let i = 0; i < 20 && !reason.test(peers.out); i++)
    peers = await said(t, ['peers', '--state', stateOfHome])
  t.match(peers.out, reason, 'why not, for each address')
  t.match(peers.out, /local +switched off/)
  t.match(peers.out, /bootstrap +no bootstrap peer/)
})
