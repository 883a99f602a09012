// TCP and UDP of a Linux machine on node:net and node:dgram. All dialled connections read into one
// static buffer. Datagrams are sent from a scratch buffer, so that a caller may reuse its bytes.

import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type {
  Failure,
  Gateway,
  Group,
  Listener,
  NetworkAddress,
  Sockets,
  TcpSocket,
  UdpSocket,
} from '../hardware.ts'
import { formatAddress, LinuxTcp, parseAddress, plain } from './tcp.ts'

const DIAL_MS = 10_000
const READ_BYTES = 65_536
/** Datagrams that the kernel has not taken yet; what does not fit is lost, as datagrams may be. */
const SCRATCH_BYTES = 131_072
const LARGEST_DATAGRAM = 65_507
/** Flags of a route that is in use and leads through a router. */
const UP_AND_GATEWAY = 3
/** The kernel's own limit of hops, put back after a short one. */
const USUAL_HOPS = 64
/** Views of the scratch kept for sending, by the low bits of their length: datagrams have few lengths. */
const VIEWS = 128

export class LinuxSockets implements Sockets {
  readonly #readInto: Bytes = new Uint8Array(READ_BYTES)
  readonly #lend: boolean

  /** @param options `lend`: datagrams come as the Buffers they are, on which slice() does not copy. */
  constructor(options: { readonly lend?: boolean } = {}) {
    this.#lend = options.lend ?? false
  }

  listenTcp(
    address: string,
    onSocket: (socket: TcpSocket) => void,
    done: (error: Failure, listener: Listener | null) => void,
  ): void {
    const at = parseAddress(address)
    if (!at) {
      process.nextTick(done, badAddress(address), null)
      return
    }
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const tcp = new LinuxTcp(socket)
      socket.on('data', (data: Bytes) => tcp.events.onData(plain(data)))
      onSocket(tcp)
    })
    server.maxConnections = LIMITS.net.sockets
    server.once('error', (error) => done(error, null))
    server.listen({ host: at.host, port: at.port }, () => {
      server.removeAllListeners('error')
      // Out of descriptors: the connection is refused, we go on.
      server.on('error', () => {})
      const bound = server.address() as { address: string; port: number }
      done(null, { address: formatAddress(bound.address, bound.port), close: () => void server.close() })
    })
  }

  dialTcp(address: string, done: (error: Failure, socket: TcpSocket | null) => void, from = 0): void {
    const at = parseAddress(address)
    if (!at) {
      process.nextTick(done, badAddress(address), null)
      return
    }
    let tcp: LinuxTcp | null = null
    let view: Bytes = this.#readInto
    const onread = {
      buffer: this.#readInto,
      callback: (n: number, buffer: Bytes): boolean => {
        // What comes regularly mostly comes in pieces of one length.
        if (view.length !== n) view = buffer.subarray(0, n)
        tcp?.events.onData(view)
        return true
      },
    }
    const socket = new Socket({ allowHalfOpen: true, onread })
    let error: Failure = null
    const failed = (e: Error): void => {
      error = e
    }
    const gone = (): void => done(error ?? failureOf('ECONNRESET', address), null)
    socket.once('error', failed)
    socket.once('close', gone)
    socket.setTimeout(DIAL_MS, () => socket.destroy(failureOf('ETIMEDOUT', address)))
    const local = from > 0 ? { localPort: from } : {}
    socket.connect({ host: at.host, port: at.port, ...local }, () => {
      socket.removeListener('error', failed)
      socket.removeListener('close', gone)
      socket.setTimeout(0)
      tcp = new LinuxTcp(socket)
      done(null, tcp)
    })
  }

  networks(): NetworkAddress[] {
    return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
      addresses.map(({ address, family, cidr, internal }) => ({
        name,
        address,
        family: family === 'IPv6' ? 6 : 4,
        prefix: Number(cidr?.split('/')[1] ?? 0),
        loopback: internal,
      })),
    )
  }

  gateways(): Gateway[] {
    return defaultRoutes().flatMap(({ name, address }) => {
      const on = this.networks().find((n) => n.name === name && n.family === 4)
      return on ? [{ address, own: on.address }] : []
    })
  }

  joinGroup(
    group: Group,
    onDatagram: (bytes: Bytes, host: string, port: number) => void,
    done: (error: Failure, socket: UdpSocket | null) => void,
  ): void {
    const six = group.on.family === 6
    const zone = six ? `%${group.on.name}` : ''
    const socket = createSocket({
      type: six ? 'udp6' : 'udp4',
      reuseAddr: true,
      ...(six ? { ipv6Only: true } : {}),
      lookup: (host, _options, found) => found(null, host, group.on.family),
    })
    socket.once('error', (error) => {
      socket.close()
      process.nextTick(done, error, null)
    })
    socket.bind({ address: six ? '::' : '0.0.0.0', port: group.port }, () => {
      try {
        socket.addMembership(group.group, zoned(group))
        socket.setMulticastInterface(zoned(group))
        socket.setMulticastTTL(255)
        socket.setMulticastLoopback(true)
      } catch (error) {
        // The interface went away, or has no multicast.
        socket.emit('error', error)
        return
      }
      socket.removeAllListeners('error')
      socket.on('error', () => {})
      socket.on('message', (message: Bytes, from) =>
        onDatagram(this.#lend ? message : plain(message), from.address.split('%')[0]!, from.port),
      )
      done(null, new LinuxUdp(socket, zone))
    })
  }

  bindUdp(
    address: string,
    onDatagram: (bytes: Bytes, host: string, port: number) => void,
    done: (error: Failure, socket: UdpSocket | null) => void,
  ): void {
    const at = parseAddress(address)
    if (!at) {
      process.nextTick(done, badAddress(address), null)
      return
    }
    const family = at.host.includes(':') ? 6 : 4
    const socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      // Beside a socket of IPv4 on the same port.
      ...(family === 6 ? { ipv6Only: true } : {}),
      // Hosts are literal addresses: nothing to look up, and nothing to wait for.
      lookup: (host, _options, found) => found(null, host, family),
    })
    // With nothing to look up, a failed bind is reported inside the call.
    socket.once('error', (error) => process.nextTick(done, error, null))
    socket.bind({ address: at.host, port: at.port }, () => {
      socket.removeAllListeners('error')
      socket.on('error', () => {})
      socket.on('message', (message: Bytes, from) => {
        const host = from.address.startsWith('::ffff:') ? from.address.slice(7) : from.address
        onDatagram(this.#lend ? message : plain(message), host, from.port)
      })
      done(null, new LinuxUdp(socket))
    })
  }
}

/** Default routes through a router, in the order that the kernel prefers; proc(5), net/route. */
function defaultRoutes(): { name: string; address: string; metric: number }[] {
  let table = ''
  try {
    table = readFileSync('/proc/net/route', 'latin1')
  } catch {
    // No such table: nothing is known of routers.
  }
  return table
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(
      (f) =>
        f[1] === '00000000' &&
        f[7] === '00000000' &&
        (Number(`0x${f[3]}`) & UP_AND_GATEWAY) === UP_AND_GATEWAY,
    )
    .map((f) => ({
      name: f[0]!,
      // Little-endian on every machine that we run on.
      address: [6, 4, 2, 0].map((i) => Number.parseInt(f[2]!.slice(i, i + 2), 16)).join('.'),
      metric: Number(f[6]),
    }))
    .sort((a, b) => a.metric - b.metric)
}

/** Zone of a link-local or multicast IPv6 address: without it the kernel does not know the interface. */
function zoned(group: Group): string {
  return group.on.family === 6 ? `::%${group.on.name}` : group.on.address
}

class LinuxUdp implements UdpSocket {
  readonly address: string
  readonly #socket: DatagramSocket
  readonly #zone: string
  readonly #scratch: Bytes = new Uint8Array(SCRATCH_BYTES)
  readonly #views: Bytes[] = new Array<Bytes>(VIEWS).fill(new Uint8Array(0))
  #at = 0
  #open = true

  /** @param zone `%eth0` behind every link-local or multicast address, or empty */
  constructor(socket: DatagramSocket, zone = '') {
    this.#socket = socket
    this.#zone = zone
    const { address, port } = socket.address()
    this.address = formatAddress(address, port)
  }

  send(bytes: Bytes, host: string, port: number): void {
    if (!this.#open || bytes.length > LARGEST_DATAGRAM || port < 1 || port > 65_535) return
    if (this.#socket.getSendQueueCount() === 0) this.#at = 0
    if (this.#at + bytes.length > SCRATCH_BYTES) return
    this.#scratch.set(bytes, this.#at)
    // No callback: it would cost a tick object each; failures reach the socket's `error` listener.
    this.#socket.send(this.#view(bytes.length), port, /^f[ef]/i.test(host) ? host + this.#zone : host)
    this.#at += bytes.length
  }

  sendShort(bytes: Bytes, host: string, port: number, hops: number): void {
    // With others before it in the queue it would not leave while the limit holds.
    if (!this.#open || this.#socket.getSendQueueCount() > 0) return
    try {
      this.#socket.setTTL(hops)
    } catch {
      // Sent with the usual limit it would do harm; a lost datagram does none.
      return
    }
    this.send(bytes, host, port)
    this.#socket.setTTL(USUAL_HOPS)
  }

  /** What is about to be sent. Usually nothing waits, and a view of this length exists. */
  #view(length: number): Bytes {
    if (this.#at > 0) return this.#scratch.subarray(this.#at, this.#at + length)
    const known = this.#views[length % VIEWS]!
    if (known.length === length && length > 0) return known
    const view = this.#scratch.subarray(0, length)
    this.#views[length % VIEWS] = view
    return view
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#socket.close()
  }
}

function failureOf(code: string, what: string): Error & { code: string } {
  return Object.assign(new Error(`${code}: ${what}`), { code })
}

function badAddress(address: string): Error & { code: string } {
  return failureOf('ERR_INVALID_ARG_VALUE', `${address} is not host:port`)
}
