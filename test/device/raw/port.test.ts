import { connect, type Socket } from 'node:net'
import t from 'tap'
import { LIMITS } from '../../../src/base/limits.ts'
import { RawPort, tapped } from '../../../src/device/raw/port.ts'
import type { Serial, SerialEvents, SerialState, WebSocketLink } from '../../../src/hw/hardware.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'
import { simMeter } from '../../../src/hw/sim/meter.ts'

interface Open {
  port: RawPort
  address: string
  said: string[]
}

function open(): Promise<Open> {
  const said: string[] = []
  const port = new RawPort({ report: (event) => said.push(event) })
  return new Promise((resolve, reject) =>
    port.open(new LinuxSockets(), '127.0.0.1:0', (error, address) =>
      error || address === null ? reject(error) : resolve({ port, address, said }),
    ),
  )
}

function client(address: string): Promise<{ socket: Socket; got: Buffer[] }> {
  const [host, number] = address.split(':') as [string, string]
  return new Promise((resolve) => {
    const socket = connect(Number(number), host, () => resolve({ socket, got }))
    const got: Buffer[] = []
    socket.on('error', () => {})
    socket.on('data', (data) => got.push(data))
  })
}

async function until(fits: () => boolean): Promise<void> {
  const end = Date.now() + 5_000
  while (!fits()) {
    if (Date.now() > end) throw new Error(`waited in vain: ${fits}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const meter = simMeter('nl50', 1)
const START = Date.UTC(2026, 10, 20, 10)

/** Sends `n` telegrams in pieces as a serial port gives them. */
async function send(port: RawPort, n: number): Promise<Buffer> {
  const all: Uint8Array[] = []
  const piece = new Uint8Array(64)
  for (let i = 0; i < n; i++) {
    const telegram = meter.telegramAt(START + 1000 * i)
    all.push(telegram)
    for (let at = 0; at < telegram.length; at += 64) {
      const part = telegram.subarray(at, at + 64)
      piece.set(part)
      port.onBytes(piece.subarray(0, part.length))
      piece.fill(0)
    }
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return Buffer.concat(all)
}

t.test('ten clients get the same bytes, an eleventh is turned away', async (t) => {
  const { port, address, said } = await open()
  t.equal(port.address, address, 'told to whoever carries it elsewhere')
  const clients = await Promise.all(Array.from({ length: 10 }, () => client(address)))
  await until(() => port.clients === 10)
  const late = await client(address)
  await new Promise((resolve) => late.socket.once('close', resolve))
  t.equal(said.filter((s) => s === 'full').length, 1)
  const sent = await send(port, 100)
  for (const { got } of clients) await until(() => got.reduce((n, b) => n + b.length, 0) === sent.length)
  for (const { got } of clients) t.equal(Buffer.compare(Buffer.concat(got), sent), 0)
  clients[0]!.socket.write('what a client says does not matter')
  clients[0]!.socket.destroy()
  await until(() => port.clients === 9)
  port.close()
  for (const { socket } of clients) socket.destroy()
})

t.test('who stops reading is cut off; the others lose nothing, memory stays flat', async (t) => {
  const { port, address, said } = await open()
  const good = await client(address)
  const slow = await client(address)
  slow.socket.pause()
  await until(() => port.clients === 2)
  let sent = 0
  const cut = new Promise((resolve) => slow.socket.once('close', resolve))
  for (let round = 0; port.clients === 2 && round < 400; round++) {
    sent += (await send(port, 50)).length
    await until(() => good.got.reduce((n, b) => n + b.length, 0) === sent)
  }
  t.equal(port.clients, 1)
  t.ok(said.includes('slow'))
  slow.socket.resume()
  await cut
  sent += (await send(port, 10)).length
  await until(() => good.got.reduce((n, b) => n + b.length, 0) === sent)
  t.ok(sent > 0)
  port.close()
  good.socket.destroy()
})

t.test('WebSocket links: the same, in messages of their own memory', async (t) => {
  const said: string[] = []
  const port = new RawPort({ report: (event) => said.push(event) })
  const make = (queued: () => number): { link: WebSocketLink; got: Uint8Array[]; closed: () => boolean } => {
    const got: Uint8Array[] = []
    let closed = false
    const link = {
      request: { method: 'GET', url: '/p1', headers: {}, body: new Uint8Array(0), remote: '127.0.0.1:1' },
      onMessage: () => {},
      onClose: () => {},
      send: (message: string | Uint8Array) => got.push(message as Uint8Array),
      queued,
      close: () => {
        closed = true
      },
    } as unknown as WebSocketLink
    return { link, got, closed: () => closed }
  }
  const links = Array.from({ length: 10 }, (_, n) => make(() => (n === 3 ? LIMITS.p1.rawQueuedBytes + 1 : 0)))
  for (const { link } of links) {
    t.equal(port.admit(link.request), 101)
    port.onLink(link)
  }
  const { request } = links[0]!.link
  t.equal(port.admit(request), 503)
  t.equal(
    port.admit({ ...request, headers: { origin: 'http://elsewhere.example' } }),
    403,
    'no page reads along',
  )
  const extra = make(() => 0)
  port.onLink(extra.link)
  t.ok(extra.closed())
  const sent = await send(port, 3)
  t.equal(Buffer.compare(Buffer.concat(links[0]!.got), sent), 0)
  t.ok(links[3]!.closed())
  t.equal(links[3]!.got.length, 1)
  t.equal(port.clients, 9)
  links[0]!.link.onClose()
  t.equal(port.clients, 8)
  port.close()
  t.ok(links[5]!.closed())
})

t.test('a tapped line shows every byte before its reader has it', async (t) => {
  let line: SerialEvents | null = null
  const serial: Serial = {
    open: (_spec, events) => {
      line = events
      return { hint: () => {}, close: () => {} }
    },
  }
  const shown: string[] = []
  const ring = new Uint8Array(8)
  const states: SerialState[] = []
  const lineOf = tapped(serial, (bytes) => shown.push(`tap ${Buffer.from(bytes).toString()}`)).open('x', {
    buffer: () => ring.subarray(2),
    onBytes: (n) => shown.push(`read ${Buffer.from(ring.subarray(2, 2 + n)).toString()}`),
    onState: (state) => states.push(state),
  })
  const events = line as unknown as SerialEvents
  events.buffer().set(Buffer.from('abc'))
  events.onBytes(3)
  events.onState({ kind: 'up', path: 'x', baud: 9_600 })
  t.strictSame(shown, ['tap abc', 'read abc'])
  t.equal(states.length, 1)
  lineOf.close()
})
