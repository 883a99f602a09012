// Our stack as a process of its own for `make bench-net`: orders as NDJSON on standard input, one answer
// each on standard output. The same orders as test/peers/net/bench.mjs, which is js-libp2p.
import { randomFillSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { type Bytes, hex, unhex } from '../../../src/base/bytes.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import type { Sockets } from '../../../src/hw/hardware.ts'
import { LinuxClock } from '../../../src/hw/linux/clock.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'
import { LinuxTcp } from '../../../src/hw/linux/tcp.ts'
import type { Connection, Stream } from '../../../src/net/api.ts'
import { Host } from '../../../src/net/host.ts'
import { peerId } from '../../../src/net/noise/identity.ts'
import { serveIdentify } from '../../../src/net/services/identify.ts'
import { servePing } from '../../../src/net/services/ping.ts'
import { Loop } from '../../../src/node/loop.ts'

const SINK = '/bench/sink/1.0.0'
const random = (into: Bytes): void => void randomFillSync(into)

/** Dials from another loopback address each time: one source has a ration. */
class Many extends LinuxSockets {
  #next = 0

  override dialTcp(...[address, done]: Parameters<Sockets['dialTcp']>): void {
    const n = this.#next++
    const at = address.lastIndexOf(':')
    const socket = connect(
      {
        host: address.slice(0, at),
        port: Number(address.slice(at + 1)),
        localAddress: `127.1.${1 + (n >> 7)}.${1 + (n & 127)}`,
        allowHalfOpen: true,
      },
      () => {
        const tcp = new LinuxTcp(socket)
        socket.on('data', (data: Bytes) => tcp.events.onData(data))
        done(null, tcp)
      },
    )
    socket.once('error', (error) => done(error, null))
  }
}

const host = new Host({
  sockets: new Many(),
  timers: new Loop(new LinuxClock()),
  random,
  signer: new Signer(Secret.fresh(random)),
  agent: 'wattle/bench',
})
serveIdentify(host)
servePing(host)
host.handle(SINK, (stream) => {
  stream.events = { onData() {}, onDrain() {}, onEnd: () => stream.end(), onClose() {} }
})
const held: Connection[] = []

const dial = (address: string, key: string): Promise<Connection> =>
  new Promise((done, fail) =>
    host.dial(address, unhex(key), (error, connection) => (connection ? done(connection) : fail(error))),
  )

const open = (connection: Connection): Promise<Stream> =>
  new Promise((done, fail) => connection.open(SINK, (error, stream) => (stream ? done(stream) : fail(error))))

/** Resolves when the other side has read everything and ended. */
function send(stream: Stream, messages: number): Promise<void> {
  const message = new Uint8Array(1_024)
  random(message)
  let left = messages
  return new Promise((done, fail) => {
    const more = (): void => {
      while (left > 0) {
        left--
        if (!stream.write(message)) return
      }
      stream.end()
    }
    stream.events = {
      onData() {},
      onDrain: more,
      onEnd() {},
      onClose: (error) => (error ? fail(error) : done()),
    }
    more()
  })
}

async function report(): Promise<Record<string, number>> {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.()
    await new Promise((done) => setTimeout(done, 200))
  }
  const { user, system } = process.cpuUsage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  const anon = Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) * 1_024
  return { cpuUs: user + system, heap: heapUsed + arrayBuffers, anon }
}

async function obey(order: Record<string, unknown>): Promise<Record<string, unknown>> {
  const address = String(order['address'])
  const key = String(order['key'])
  const count = Number(order['count'])
  if (order['do'] === 'report') return report()
  if (order['do'] === 'cpu') {
    const { user, system } = process.cpuUsage()
    return { cpuUs: user + system }
  }
  if (order['do'] === 'listen')
    return new Promise((done) =>
      host.listen('127.0.0.1:0', (_error, listener) => {
        const own = host.shared.identity.publicKey
        done({ address: listener!.address, key: hex(own), id: peerId(own) })
      }),
    )
  if (order['do'] === 'dial') {
    for (let i = 0; i < count; i++) {
      const connection = await dial(address, key)
      if (order['hold']) held.push(connection)
      else connection.close()
    }
    return { dialled: count }
  }
  if (order['do'] === 'send') {
    const connection = held[0] ?? (await dial(address, key))
    if (!held[0]) held.push(connection)
    await send(await open(connection), count)
    return { sent: count }
  }
  return { error: `no such order: ${order['do']}` }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    obey(JSON.parse(line)).then(
      (answer) => console.log(JSON.stringify(answer)),
      (error) => console.log(JSON.stringify({ error: String(error) })),
    )
  })
  .on('close', () => process.exit(0))
