// Ports that are promised before anybody listens on them, and a member of the cast that cannot start.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { freeAddress } from '../../src/bin/run/ports.ts'
import { folder, needWattle, said } from './wattle.ts'

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1))

t.test('an address that will still be free when its owner comes', async (t) => {
  for (const host of ['127.0.0.1', '[::1]']) {
    const address = await freeAddress(`${host}:0`)
    t.ok(address.startsWith(`${host}:`), address)
    const port = portOf(address)
    t.ok(port >= 20_000 && port < 32_768, `${port} is not among those the system hands out`)
    t.equal(await freeAddress(address), address, 'a free port is kept')
  }
})

t.test('a port is free only when both TCP and UDP are', async (t) => {
  const socket = createSocket('udp4')
  socket.bind(portOf(await freeAddress('127.0.0.1:0')), '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  const heldUdp = `127.0.0.1:${socket.address().port}`
  t.not(await freeAddress(heldUdp), heldUdp)

  const server = createServer().listen(portOf(await freeAddress('127.0.0.1:0')), '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const heldTcp = `127.0.0.1:${(server.address() as AddressInfo).port}`
  t.not(await freeAddress(heldTcp), heldTcp)
})

needWattle()

t.test('whoever cannot start is named with its own last words', async (t) => {
  const state = folder(t)
  const script = join(folder(t), 'nothing.ndjson')
  writeFileSync(script, '{"do":"wait","ms":1}')
  const args = ['run', '--headless', '--script', script, '--state', state, '--page', '127.0.0.1:0']
  t.equal((await said(t, args)).code, 0)
  const { addresses } = JSON.parse(readFileSync(join(state, 'run.json'), 'utf8')) as {
    addresses: Record<string, string>
  }
  // Somebody else has the device's port when the household comes back to its state.
  const server = createServer().listen(portOf(addresses['device']!), '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { code, words } = await said(t, args)
  t.equal(code, 1)
  t.match(words, /device ended before it was ready \(exit code 1\): .*this port is in use/)
})
