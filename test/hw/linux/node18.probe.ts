// Run on Node 18 by node18.test.ts: everything of hw/linux once, over loopback and a temporary folder.
// Prints one word a step.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { text, utf8 } from '../../../src/base/bytes.ts'
import type { Failure, Listener, TcpSocket } from '../../../src/hw/hardware.ts'
import { LinuxClock, linuxRandom } from '../../../src/hw/linux/clock.ts'
import { type LinuxFiles, openFolder } from '../../../src/hw/linux/files.ts'
import { LinuxHttp } from '../../../src/hw/linux/http.ts'
import { lockFolder } from '../../../src/hw/linux/lock.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'
import { Journal } from '../../../src/node/journal.ts'
import { Loop } from '../../../src/node/loop.ts'

const wait = <T>(ask: (done: (error: Failure, value: T | null) => void) => void): Promise<T> =>
  new Promise((good, bad) => {
    ask((error, value) => (value === null ? bad(error) : good(value)))
  })

const durable = (ask: (done: (error: Failure) => void) => void): Promise<void> =>
  new Promise((good, bad) => {
    ask((error) => (error ? bad(error) : good()))
  })

async function main(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'wattle-18-'))
  const folder = join(root, 'state')
  const files = await wait<LinuxFiles>((done) => openFolder(folder, done))
  const release = lockFolder(folder)
  const place = { files, random: linuxRandom, name: 'journal' }
  const first = await wait<Journal>((done) => Journal.open(place, () => {}, done))
  await durable((done) => first.append(1, utf8('one'), done))
  await durable((done) => first.rewrite([{ type: 2, payload: utf8('two') }], done))
  await durable((done) => first.append(3, utf8('three'), done))
  first.close()
  const records: string[] = []
  const second = await wait<Journal>((done) =>
    Journal.open(place, (n, bytes) => records.push(`${n} ${text(bytes)}`), done),
  )
  second.close()
  release()
  rmSync(root, { recursive: true })
  console.log(`journal ${records.join()}`)

  const clock = new LinuxClock()
  await new Promise<void>((done) => new Loop(clock).after('once', 5, () => done()))
  console.log('loop')

  const sockets = new LinuxSockets()
  const listener = await wait<Listener>((done) =>
    sockets.listenTcp(
      '127.0.0.1:0',
      (socket) => {
        socket.events = { onData: (b) => socket.write(b), onDrain() {}, onClose() {} }
      },
      done,
    ),
  )
  const socket = await wait<TcpSocket>((done) => sockets.dialTcp(listener.address, done))
  const echo = await new Promise<string>((done) => {
    socket.events = { onData: (b) => done(text(b)), onDrain() {}, onClose() {} }
    socket.write(utf8('hello'))
  })
  socket.destroy()
  listener.close()
  console.log(`tcp ${echo}`)

  const datagram = await new Promise<string>((done, bad) => {
    sockets.bindUdp(
      '127.0.0.1:0',
      (b, host) => done(`${text(b)} ${host}`),
      (error, udp) => {
        if (!udp) bad(error)
        else udp.send(utf8('datagram'), '127.0.0.1', Number(udp.address.split(':')[1]))
        setTimeout(() => udp?.close(), 200)
      },
    )
  })
  console.log(`udp ${datagram}`)

  const http = await wait<Listener>((done) =>
    new LinuxHttp().serve(
      '127.0.0.1:0',
      {
        onRequest: (_request, answer) => answer({ status: 200, headers: {}, body: utf8('page') }),
        admit: () => 101,
        onSocket: (link) => {
          link.onMessage = (message) => link.send(message)
        },
      },
      done,
    ),
  )
  const body = await (await fetch(`http://${http.address}/`)).text()
  const message = await new Promise<string>((done) => {
    const ws = new WebSocket(`ws://${http.address}/`)
    ws.on('open', () => ws.send('live'))
    ws.on('message', (data: Buffer) => {
      done(data.toString())
      ws.close()
    })
  })
  http.close()
  console.log(`http ${body} ${message}`)
  clock.stop()
  process.exit(0)
}

void main()
