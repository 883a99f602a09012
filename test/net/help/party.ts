// Parties for the tests of net: a host of ours on real sockets, and a js-libp2p 3 node as the
// foreign one. Random and timers are the process's own; tests with virtual time are elsewhere.
import { randomFillSync } from 'node:crypto'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { type Identify, identify } from '@libp2p/identify'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p, type Libp2p } from 'libp2p'
import { WattleError } from '../../../src/base/errors.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { LinuxSockets } from '../../../src/hw/linux/sockets.ts'
import type { Connection, Stream, StreamHandler, Timers } from '../../../src/net/api.ts'
import { Host } from '../../../src/net/host.ts'
import { serveIdentify } from '../../../src/net/services/identify.ts'
import { servePing } from '../../../src/net/services/ping.ts'

export const random = (into: Uint8Array): void => void randomFillSync(into)

export function signer(): Signer {
  const seed = new Uint8Array(32)
  random(seed)
  return new Signer(new Secret(seed))
}

export function realTimers(): Timers {
  const running = new Map<string, NodeJS.Timeout>()
  return {
    now: () => performance.now(),
    after: (name, ms, run) => {
      clearTimeout(running.get(name))
      running.set(
        name,
        setTimeout(() => run(performance.now()), ms),
      )
    },
    cancel: (name) => clearTimeout(running.get(name)),
  }
}

/** Writes back what comes; waits when the other side does not read. */
export const echo: StreamHandler = (stream) => {
  stream.events = {
    onData: (bytes) => {
      if (!stream.write(bytes)) stream.pause()
    },
    onDrain: () => stream.resume(),
    onEnd: () => stream.end(),
    onClose: () => {},
  }
}

export function ours(): Host {
  const host = new Host({
    sockets: new LinuxSockets(),
    timers: realTimers(),
    random,
    signer: signer(),
    agent: 'wattle/test',
  })
  serveIdentify(host)
  servePing(host)
  host.handle('/echo/1.0.0', echo)
  return host
}

export function listening(host: Host): Promise<string> {
  return new Promise((resolve, reject) => {
    host.listen('127.0.0.1:0', (error, listener) => (listener ? resolve(listener.address) : reject(error)))
  })
}

export function dialled(host: Host, address: string, key: Uint8Array | null = null): Promise<Connection> {
  return new Promise((resolve, reject) => {
    host.dial(address, key, (error, connection) => (connection ? resolve(connection) : reject(error)))
  })
}

export function opened(connection: Connection, protocol: string): Promise<Stream> {
  return new Promise((resolve, reject) => {
    connection.open(protocol, (error, stream) => (stream ? resolve(stream) : reject(error)))
  })
}

/** Sends `bytes` and ends; resolves with what came back when the stream closed in an orderly way. */
export function roundTrip(stream: Stream, bytes: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const back = new Uint8Array(bytes.length)
    let sent = 0
    let got = 0
    const more = (): void => {
      while (sent < bytes.length) {
        const part = bytes.subarray(sent, sent + 10_000)
        sent += part.length
        if (!stream.write(part)) break
      }
      if (sent === bytes.length) stream.end()
    }
    stream.events = {
      onData: (data) => {
        if (got + data.length > back.length) reject(new WattleError('test', 'more came back than was sent'))
        else back.set(data, got)
        got += data.length
      },
      onDrain: more,
      onEnd: () => {},
      onClose: (error) => (error ? reject(error) : resolve(back.subarray(0, got))),
    }
    more()
  })
}

export type Foreign = Libp2p<{ identify: Identify; ping: Ping }>

export async function foreign(listen = false): Promise<Foreign> {
  return createLibp2p({
    addresses: { listen: listen ? ['/ip4/127.0.0.1/tcp/0'] : [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), ping: ping() },
    connectionGater: { denyDialMultiaddr: () => false },
  })
}

/** `host:port` of the first address of a foreign node. */
export function addressOf(node: Foreign): string {
  const [, , host, , port] = node.getMultiaddrs()[0]!.toString().split('/')
  return `${host}:${port}`
}
