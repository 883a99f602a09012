// Garbage on every socket of a running device, provider and My Home: noise, connections that say
// nothing, huge headers, oversized WebSocket frames, a flood. They live, do not grow, and an honest
// claim, consent and telegram still get through afterwards.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { folder, needWattle, type Running, said, wattle } from '../run/wattle.ts'

const FULL = process.env['WATTLE_FULL'] !== undefined
/** Connections of each kind of garbage. */
const EACH = FULL ? 400 : 40
/** So little room for what is new that the figures show what is kept. */
const options = { flags: ['--max-semi-space-size=1', '--max-old-space-size=64'] }
/** What a process may hold more after the second round than after the first, bytes. */
const GROWTH = 8_000_000

needWattle()

const text = (s: string): Buffer => Buffer.from(s, 'latin1')
const noise = (n: number): Buffer => randomBytes(n)
/** `key`: of the page of a home, which takes nobody without it. */
const upgrade = (host: string, key = ''): Buffer =>
  text(
    `GET /live${key === '' ? '' : `?key=${key}`} HTTP/1.1\r\nHost: ${host}\r\nOrigin: http://${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
/** A masked frame of this opcode that claims `length` bytes and brings `body`. */
function frame(opcode: number, length: number, body: Buffer): Buffer {
  const head = Buffer.alloc(14)
  head[0] = 0x80 | opcode
  head[1] = 0x80 | 127
  head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, body])
}

const MULTISTREAM = text('\x13/multistream/1.0.0\n')

const ON_STREAMS: readonly (() => Buffer[])[] = [
  () => [noise(1 + Math.floor(Math.random() * 4_000))],
  () => [],
  () => [MULTISTREAM],
  () => [MULTISTREAM, text('\x07/noise\n'), noise(2_000)],
  () => [MULTISTREAM, text('\x07/noise\n'), Buffer.from([0xff, 0xff]), noise(40_000)],
  () => [text('\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f'), noise(100)],
  () => [MULTISTREAM, ...Array.from({ length: 200 }, () => text('\x03ls\n'))],
  () => [text('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  () => [noise(200_000)],
]

const ON_PAGES = (host: string, key = ''): readonly (() => Buffer[])[] => [
  () => [noise(3_000)],
  () => [],
  () => [text('GET / HT')],
  () => [text(`GET / HTTP/1.1\r\nHost: ${host}\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`)],
  () => [text(`GET /${'a'.repeat(50_000)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)],
  () => [text(`GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n`)],
  () => [text(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 999999999\r\n\r\n`), noise(200_000)],
  () => [
    text(`POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n`),
    noise(50_000),
  ],
  () => [upgrade(host, key), frame(1, 2 ** 40, noise(5_000))],
  () => [upgrade(host, key), frame(1, 70_000, Buffer.alloc(70_000, 0x61))],
  () => [upgrade(host, key), frame(2, 500, noise(500)), frame(9, 100, noise(100)), noise(500)],
  () => [upgrade(host, key), ...Array.from({ length: 100 }, () => frame(1, 8, text('{"do":1}')))],
  () => [upgrade('evil.example')],
  () => [Buffer.concat([upgrade(host, key), upgrade(host, key)])],
  () => [upgrade(host), frame(1, 8, text('{"do":1}'))],
  () => [upgrade(host, 'A'.repeat(22)), noise(500)],
]

/** Says all of it, slowly enough to be read, hangs for a moment, and goes away. */
function say(address: string, pieces: readonly Buffer[], hold: Set<Socket>): Promise<void> {
  const [host, port] = [
    address.slice(0, address.lastIndexOf(':')),
    Number(address.slice(address.lastIndexOf(':') + 1)),
  ]
  return new Promise((done) => {
    const socket = connect(port, host)
    const over = (): void => {
      hold.delete(socket)
      socket.destroy()
      done()
    }
    hold.add(socket)
    socket.on('error', over)
    socket.on('close', over)
    socket.on('data', () => {})
    socket.on('connect', () => {
      for (const piece of pieces) socket.write(piece)
      // Half open: nothing more from us, what they say is not awaited.
      if (pieces.length % 2 === 1) socket.end()
      setTimeout(over, 150)
    })
  })
}

async function bombard(address: string, kinds: readonly (() => Buffer[])[]): Promise<void> {
  const hold = new Set<Socket>()
  for (let i = 0; i < EACH; i++) {
    const kind = kinds[i % kinds.length]!
    const at = kinds.map((_, k) => say(address, kinds[(i + k) % kinds.length]!(), hold))
    await Promise.all(i % 4 === 0 ? at : [say(address, kind(), hold)])
  }
  for (const socket of hold) socket.destroy()
}

function residentOf({ child }: Running): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1_024
}

interface House {
  device: Running
  home: Running
  provider: Running
  state: string
  address: string
}

async function house(t: Test): Promise<House> {
  const state = folder(t)
  const free = '127.0.0.1:0'
  const device = wattle(t, ['device', '--listen', free, '--state', join(state, 'device')], options)
  const address = String((await device.event('ready'))!['address'])
  const follow = ['follow', '--listen', free, '--page', free, '--state', join(state, 'provider')]
  const provider = wattle(t, ['provider', ...follow], options)
  const ready = await provider.event('ready')
  const serve = ['serve', '--listen', free, '--device', address, '--state', join(state, 'home')]
  const home = wattle(t, ['home', ...serve, '--card', String(ready!['card'])], options)
  t.ok(await home.event('ready'), home.words)
  return { device, home, provider, state, address }
}

t.test('garbage on every socket', async (t) => {
  const { device, home, provider, state, address } = await house(t)
  const page = (of: Running): string =>
    new URL(String(of.lines.find((l) => l.event === 'ready')!['page'])).host
  const link = await said(t, ['home', 'link', '--state', join(state, 'home')])
  const key = link.out.trim().split('~')[1]!
  const everywhere = (): Promise<unknown> =>
    Promise.all([
      bombard(address, ON_STREAMS),
      bombard(String(provider.lines.find((l) => l.event === 'ready')!['address']), ON_STREAMS),
      bombard(page(home), ON_PAGES(page(home), key)),
      bombard(page(provider), ON_PAGES(page(provider))),
    ])
  const all = [device, home, provider]
  const telegrams = (): number => device.all('device', 'telegram').length
  await everywhere()
  const warm = all.map(residentOf)
  const had = telegrams()
  await everywhere()
  await device.until(() => telegrams() > had)
  for (const [i, who] of ['device', 'home', 'provider'].entries()) {
    const running = all[i]!
    t.notOk(running.over, `${who} lives: ${running.words}`)
    t.notMatch(running.words, /Error|\n +at /, `${who} has nothing to say about it`)
    const more = residentOf(running) - warm[i]!
    t.ok(
      more < GROWTH,
      `${who}: ${(residentOf(running) / 1e6).toFixed(0)} MB, ${(more / 1e6).toFixed(1)} MB more`,
    )
  }
  t.ok(telegrams() > had, 'telegrams are read all the time')

  t.test('on the standard input and the control socket too', async (t) => {
    device.write(`${noise(5_000).toString('latin1')}\n{"do":"dance"}\n[1]\nnull\n{"do":"hold","ms":"x"}\n`)
    const control = join(state, 'home', 'control.sock')
    for (const line of [
      noise(2_000),
      noise(200_000),
      text('{}\nnull\n{"do":7}\n{"do":"grant"}\n{"do":"claim"}\n'),
    ])
      await new Promise<void>((done) => {
        const socket = connect(control, () => socket.end(line))
        socket.on('error', () => done())
        socket.on('close', () => done())
        socket.resume()
      })
    t.notOk(device.over || home.over, 'both live')
  })

  t.test('and honest people get through', async (t) => {
    const at = ['--state', join(state, 'home')]
    const code = readFileSync(join(state, 'device', 'claim-code.txt'), 'utf8').split('\n')[0]!
    device.write('{"do":"press"}\n')
    await device.event('window')
    const claim = await said(t, ['home', 'claim', code, ...at])
    t.equal(claim.code, 0, claim.words)
    t.ok(await home.event('telegram'), 'the owner reads')
    const name = String(device.lines.find((l) => l.event === 'ready')!['name'])
    const card = String(provider.lines.find((l) => l.event === 'ready')!['card'])
    const grant = await said(t, ['home', 'grant', name, card, ...at])
    t.equal(grant.code, 0, grant.words)
    t.ok(await provider.event('reading'), 'and so does the provider')
    const document = await fetch(`http://${page(home)}/`)
    t.equal(document.status, 200, 'the page is served')
    // The device counts anew under its new name.
    await Promise.all(ON_STREAMS.map((kind) => say(address, kind(), new Set())))
    for (const running of all) {
      running.kill('SIGTERM')
      t.equal(await running.ended, 0, running.words)
    }
    const counted = (of: Running, what: 'net' | 'page'): Record<string, number> =>
      of.lines.find((l) => l.event === 'status')![what] as Record<string, number>
    for (const running of [device, provider]) {
      const net = counted(running, 'net')
      t.ok(net['accepted']! >= ON_STREAMS.length, JSON.stringify(net))
      t.ok((net['handshakeErrors'] ?? 0) > 0, 'noise in place of a handshake')
    }
    for (const running of [home, provider]) {
      const counters = counted(running, 'page')
      for (const name of ['host', 'shape', 'cut'])
        t.ok((counters[name] ?? 0) > 0, `${name}: ${JSON.stringify(counters)}`)
    }
    t.ok((counted(home, 'page')['key'] ?? 0) > 0, 'who has no key, or a wrong one, is counted')
  })
})
