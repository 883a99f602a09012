// Raw P1 from a running device: the same bytes over TCP and over WebSocket, byte for byte, and no page of
// a browser may have them.

import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { WebSocket } from 'ws'
import { folder, needWattle, wattle } from '../run/wattle.ts'

needWattle()

t.test('TCP and WebSocket get the untouched stream', async (t) => {
  const home = folder(t)
  const config = join(home, 'config.json')
  writeFileSync(config, JSON.stringify({ raw: '127.0.0.1:0', 'raw-web': '127.0.0.1:0' }))
  const device = wattle(t, [
    'device',
    '--serial',
    'sim',
    '--listen',
    '127.0.0.1:0',
    '--state',
    join(home, 'state'),
    '--config',
    config,
  ])
  t.ok(await device.until(() => device.lines.some((l) => l.event === 'ready')))
  const address = (setting: string): string =>
    String(device.lines.find((l) => l.event === 'raw' && l['setting'] === setting)?.['address'])
  const [host, port] = address('raw').split(':')
  let tcp = ''
  let web = ''
  const socket = connect(Number(port), host!)
  socket.on('data', (data) => {
    tcp += data.toString('latin1')
  })
  const link = new WebSocket(`ws://${address('raw-web')}/`)
  link.on('message', (data: Buffer, binary: boolean) => {
    web += binary ? data.toString('latin1') : '?'
  })
  const whole = (text: string): string[] => text.match(/\/ISK[\s\S]*?\r\n![0-9A-F]{4}\r\n/g) ?? []
  t.ok(
    await device.until(() => whole(tcp).length >= 3 && whole(web).length >= 3),
    'three whole telegrams on both',
  )
  const both = whole(tcp).filter((telegram) => whole(web).includes(telegram))
  t.ok(both.length >= 2, 'the same ones')
  const refused = new WebSocket(`ws://${address('raw-web')}/`, { origin: 'http://elsewhere.example' })
  const status = await new Promise((resolve) => {
    refused.on('unexpected-response', (_request, response) => resolve(response.statusCode))
    refused.on('open', () => resolve('open'))
    refused.on('error', () => {})
  })
  t.equal(status, 403)
  socket.destroy()
  link.terminate()
})
