// From anywhere, as processes: the page of a device by its name, its WebSocket, its raw P1 port, and what
// is refused. js-libp2p takes device and mailbox for peers.

import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { WebSocket } from 'ws'
import { freeAddress } from '../../src/bin/run/ports.ts'
import { foreign } from '../net/help/party.ts'
import { folder, needWattle, said, wattle } from './wattle.ts'

needWattle()

t.test('a device of ours, reached through My Home', async (t) => {
  const state = folder(t)
  const env = { WATTLE_CHILD: '1' }
  const config = join(state, 'device.json')
  writeFileSync(config, JSON.stringify({ raw: '127.0.0.1:0' }))
  const common = ['--lan', 'off', '--state']
  const device = wattle(
    t,
    [
      'device',
      '--serial',
      'sim',
      '--listen',
      '127.0.0.1:0',
      '--page',
      '127.0.0.1:0',
      '--config',
      config,
      ...common,
      join(state, 'device'),
    ],
    { env },
  )
  const ready = await device.event('ready')
  t.ok(ready, device.words)
  const address = String(ready!['address'])
  const code = readFileSync(join(state, 'device', 'claim-code.txt'), 'utf8').split('\n')[0]!
  const folderOfHome = join(state, 'home')
  const home = wattle(
    t,
    [
      'home',
      'serve',
      '--listen',
      '127.0.0.1:0',
      '--gateway',
      '127.0.0.1:0',
      '--mailbox',
      '127.0.0.1:0',
      ...common,
      folderOfHome,
    ],
    { env },
  )
  const up = await home.event('ready')
  t.ok(up, home.words)
  device.write('{"do":"press"}\n')
  t.ok(await device.event('window', { open: true }))
  const claim = await said(t, ['home', 'claim', code, '--device', address, '--state', folderOfHome])
  t.equal(claim.code, 0, claim.words)
  const telegram = await home.event('telegram')
  const name = String(telegram!['device'])

  await t.test('its page', async (t) => {
    const asked = await fetch(`${up!['page']}p2p/${name}/some/path?x=1`, { redirect: 'manual' })
    t.equal(asked.status, 307)
    const port = String(up!['gateway']).split(':')[1]
    t.equal(asked.headers.get('location'), `http://${name}.localhost:${port}/some/path?x=1`)
    const nobody = await fetch(`${up!['page']}p2p/nobody/`, { redirect: 'manual' })
    t.equal(nobody.status, 404)
    // Not every resolver knows names below localhost, as browsers do.
    const host = `${name}.localhost:${port}`
    const page = await request(Number(port), `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    t.match(page, /^HTTP\/1\.1 200 /)
    t.match(page, /<html/)
    const socket = new WebSocket(`ws://127.0.0.1:${port}/live`, {
      headers: { host },
      origin: `http://${host}`,
    })
    const [message] = await once(socket, 'message')
    t.match(String(message), new RegExp(name), 'the look of the device')
    socket.close()
    const other = new WebSocket(`ws://127.0.0.1:${port}/live`, {
      headers: { host },
      origin: String(up!['page']).slice(0, -1),
    })
    const [error] = await once(other, 'error')
    t.match(String(error), /403/, 'no other origin, that of My Home included')
    const open = await said(t, ['home', 'open', name, '--state', folderOfHome])
    t.match(open.out, `http://${host}/`)
  })

  await t.test('raw P1', async (t) => {
    const local = await freeAddress('127.0.0.1:0')
    const port = local.split(':')[1]!
    const tunnel = wattle(t, ['tunnel', port, `${name}:raw`, '--state', folderOfHome], { env })
    t.ok(await tunnel.until(() => tunnel.lines.length > 0), tunnel.words)
    t.match(tunnel.lines[0], { device: name, target: 'raw', address: local })
    const meter = connect(Number(port), '127.0.0.1')
    let seen = ''
    meter.setEncoding('latin1').on('data', (bytes: string) => {
      seen += bytes
    })
    const whole = /\r\n![0-9A-F]{4}\r\n[\s\S]*\r\n![0-9A-F]{4}\r\n/
    t.ok(await until(async () => whole.test(seen)), `a whole telegram: ${seen.length} bytes came`)
    t.match(seen, /1-0:1\.7\.0\(/, 'telegrams of the meter')
    meter.destroy()
    tunnel.kill('SIGINT')
    t.equal(await tunnel.ended, 0)
    // My Home hears a moment later that nobody stays for it.
    t.ok(await until(() => refused(Number(port))), 'the listener went with the command')
    const closed = await said(t, ['tunnel', '0', `${name}:22`, '--state', folderOfHome])
    t.equal(closed.code, 1)
    t.match(closed.words, /does not carry this port/)
    for (const words of [['0'], ['0', name], ['x', `${name}:raw`], ['0', `${name}:0`]])
      t.equal((await said(t, ['tunnel', ...words])).code, 2, words.join(' '))
  })

  await t.test('js-libp2p takes it for a peer', async (t) => {
    const node = await foreign()
    t.teardown(() => node.stop())
    const connection = await node.dial(multiaddr(`/ip4/127.0.0.1/tcp/${address.split(':')[1]}`))
    t.ok((await node.services.ping.ping(connection.remotePeer)) >= 0)
    const about = await node.services.identify.identify(connection)
    t.equal(about.agentVersion, 'wattle-device')
    t.ok(about.protocols.includes('/wattle/tunnel/1.0.0') && about.protocols.includes('/ipfs/ping/1.0.0'))
    t.equal(about.peerId.toString(), connection.remotePeer.toString())
    const mailbox = await node.dial(multiaddr(`/ip4/127.0.0.1/tcp/${String(up!['mailbox']).split(':')[1]}`))
    t.ok((await node.services.ping.ping(mailbox.remotePeer)) >= 0)
    t.equal((await node.services.identify.identify(mailbox)).agentVersion, 'wattle-home')
  })
})

async function until(what: () => Promise<boolean>): Promise<boolean> {
  for (let i = 0; i < 100; i++) {
    if (await what()) return true
    await new Promise((done) => setTimeout(done, 100))
  }
  return false
}

/** Whether nobody listens there. */
function refused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
    socket.on('connect', () => {
      socket.destroy()
      resolve(false)
    })
  })
}

/** Everything that comes back on a connection of its own. */
function request(port: number, head: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let got = ''
    socket.setEncoding('utf8').on('data', (data: string) => {
      got += data
    })
    socket.on('error', reject).on('end', () => resolve(got))
    socket.write(head)
  })
}
