// Raw bytes at the HTTP port: garbage, floods and slow senders are refused or cut, and the server goes on.

import { connect, type Socket } from 'node:net'
import t from 'tap'
import { text, utf8 } from '../../../src/base/bytes.ts'
import { LIMITS } from '../../../src/base/limits.ts'
import type { HttpHandlers, Listener } from '../../../src/hw/hardware.ts'
import { LinuxHttp } from '../../../src/hw/linux/http.ts'
import { Chance } from '../../../src/hw/sim/scheduler.ts'

const heard: string[] = []
const handlers: HttpHandlers = {
  onRequest: (request, answer) => {
    heard.push(`${request.method} ${request.url} ${text(request.body)}`)
    answer({ status: 200, headers: {}, body: utf8('hello') })
  },
  admit: () => 101,
  onSocket: () => {},
}

const serve = (): Promise<Listener> =>
  new Promise((done, failed) =>
    new LinuxHttp().serve('127.0.0.1:0', handlers, (error, listener) =>
      listener ? done(listener) : failed(error),
    ),
  )

function dial(listener: Listener): Socket {
  const socket = connect(Number(listener.address.split(':')[1]), '127.0.0.1')
  socket.on('error', () => {})
  return socket
}

/** Everything the server says to `bytes` until it closes, or until `ms` passed. */
function say(listener: Listener, bytes: string | Uint8Array, ms = 1_000): Promise<string> {
  return new Promise((done) => {
    let got = ''
    const socket = dial(listener)
    const timer = setTimeout(() => socket.destroy(), ms)
    socket.on('data', (data) => {
      got += data.toString('latin1')
    })
    socket.on('close', () => {
      clearTimeout(timer)
      done(got)
    })
    socket.write(bytes)
  })
}

t.test('what is no HTTP is refused, and the next one is served', async (t) => {
  const listener = await serve()
  t.teardown(() => listener.close())
  const chance = new Chance(1)
  const noise = new Uint8Array(2_000)
  chance.fill(noise)
  const bad: (string | Uint8Array)[] = [
    noise,
    'GET\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n',
    `GET / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`,
    'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n',
    'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n',
    'GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n',
    'GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
  ]
  for (const bytes of bad) t.match(await say(listener, bytes), /^(HTTP\/1\.1 4\d\d |$)/)
  t.same(heard, [])
  t.match(
    await say(listener, 'GET /ok HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'),
    /^HTTP\/1\.1 200 [\s\S]*hello$/,
  )
  t.same(heard.splice(0), ['GET /ok '])
})

t.test('a body over the cap, announced or not, is answered 413 and not read on', async (t) => {
  const listener = await serve()
  t.teardown(() => listener.close())
  const size = LIMITS.http.bodyBytes + 1
  const announced = `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${size}\r\n\r\n${'x'.repeat(size)}`
  t.match(await say(listener, announced), /^HTTP\/1\.1 413 /)
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
  const chunked = `POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(5)}0\r\n\r\n`
  t.match(await say(listener, chunked), /^HTTP\/1\.1 413 /)
  t.same(heard, [])
})

t.test('HEAD has no body', async (t) => {
  const listener = await serve()
  t.teardown(() => listener.close())
  const said = await say(listener, 'HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  t.match(said, /content-length: 5/i)
  t.notMatch(said, /hello/)
  heard.length = 0
})

t.test('connections over the cap are closed; the others go on', async (t) => {
  const listener = await serve()
  t.teardown(() => listener.close())
  const sockets: Socket[] = []
  let closed = 0
  for (let i = 0; i < LIMITS.http.connections + 8; i++) {
    const socket = dial(listener)
    socket.on('close', () => closed++)
    sockets.push(socket)
    await new Promise((done) => socket.on('connect', done))
  }
  for (let i = 0; i < 200 && closed < 8; i++) await new Promise((done) => setTimeout(done, 5))
  t.equal(closed, 8)
  sockets[0]!.write('GET /still HTTP/1.1\r\nhost: x\r\n\r\n')
  await new Promise((done) => sockets[0]!.once('data', done))
  t.same(heard.splice(0), ['GET /still '])
  for (const socket of sockets) socket.destroy()
})

t.test('a sender that leaves in the middle leaves nothing behind', async (t) => {
  const listener = await serve()
  t.teardown(() => listener.close())
  for (let i = 0; i < 100; i++) {
    const socket = dial(listener)
    await new Promise((done) => socket.on('connect', done))
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf')
    if (i % 2 === 0) socket.resetAndDestroy()
    else socket.destroy()
  }
  t.match(await say(listener, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'), /^HTTP\/1\.1 200 /)
  t.same(heard.splice(0), ['GET / '])
})
