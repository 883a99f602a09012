// Hosts of ours in memory and virtual time, and strangers who hold a bare socket.

import type { WattleError } from '../../../src/base/errors.ts'
import type { TcpSocket } from '../../../src/hw/hardware.ts'
import type { Connection, Stream, StreamEvents } from '../../../src/net/api.ts'
import { Host } from '../../../src/net/host.ts'
import { serveIdentify } from '../../../src/net/services/identify.ts'
import { servePing } from '../../../src/net/services/ping.ts'
import type { MemoryNet } from './memory.ts'
import { echo, random, signer } from './party.ts'

export const UNHEARD: StreamEvents = {
  onData: () => {},
  onDrain: () => {},
  onEnd: () => {},
  onClose: () => {},
}

export function host(net: MemoryNet, address?: string): Host {
  const host = new Host({
    sockets: net.sockets,
    timers: net.timers(),
    random,
    signer: signer(),
    agent: 'test',
    name: `net ${address ?? net.all.length}${Math.random()}`,
  })
  serveIdentify(host)
  servePing(host)
  host.handle('/echo', echo)
  if (address)
    host.listen(address, (error) => {
      if (error) throw error
    })
  net.settle()
  return host
}

export function dial(
  net: MemoryNet,
  from: Host,
  address: string,
  key: Uint8Array | null = null,
): Connection | WattleError {
  let out: Connection | WattleError | null = null
  from.dial(address, key, (error, connection) => {
    out = error ?? connection
  })
  net.settle()
  return out!
}

export function connected(net: MemoryNet, from: Host, address: string): Connection {
  const got = dial(net, from, address)
  if (got instanceof Error) throw got
  return got
}

export function open(net: MemoryNet, connection: Connection, protocol: string): Stream {
  let out: Stream | null = null
  let why: WattleError | null = null
  connection.open(protocol, (error, stream) => {
    out = stream
    why = error
  })
  net.settle()
  if (!out) throw why ?? new Error('no answer')
  return out
}

/** A bare socket to `address`, as a stranger holds it. */
export function stranger(
  net: MemoryNet,
  address: string,
): { socket: TcpSocket; got: () => number; gone: () => boolean } {
  let socket: TcpSocket | null = null
  let got = 0
  let gone = false
  net.sockets.dialTcp(address, (_, s) => {
    socket = s
    s!.events = {
      onData: (b) => {
        got += b.length
      },
      onDrain: () => {},
      onClose: () => {
        gone = true
      },
    }
  })
  net.settle()
  return { socket: socket!, got: () => got, gone: () => gone }
}
