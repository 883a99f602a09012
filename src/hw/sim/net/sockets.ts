// TCP and UDP of one machine on the simulated network: listening, dialling, datagrams with loss and
// jitter. Delays and failures come from network.ts, the bytes of a connection from tcp.ts.

import type { Bytes } from '../../../base/bytes.ts'
import { LIMITS } from '../../../base/limits.ts'
import type {
  Failure,
  Gateway,
  Group,
  Listener,
  NetworkAddress,
  Sockets,
  TcpSocket,
  UdpSocket,
} from '../../hardware.ts'
import type { Life } from '../scheduler.ts'
import {
  claimPort,
  failure,
  formatAddress,
  type GroupMember,
  type Holder,
  type Host,
  type Network,
  parseAddress,
} from './network.ts'
import { TcpLink } from './tcp.ts'

const DATAGRAM_BYTES = 65_507

interface TcpHolder extends Holder {
  onSocket: (socket: TcpSocket) => void
}

interface UdpHolder extends Holder {
  onDatagram: (bytes: Bytes, host: string, port: number) => void
}

export class SimSockets implements Sockets {
  readonly #network: Network
  readonly #host: Host
  readonly #life: Life
  /** Buffers of datagrams that have arrived, to be used again. */
  readonly #spare: Bytes[] = []

  constructor(network: Network, host: Host, life: Life) {
    this.#network = network
    this.#host = host
    this.#life = life
  }

  listenTcp(
    address: string,
    onSocket: (socket: TcpSocket) => void,
    done: (error: Failure, listener: Listener | null) => void,
  ): void {
    const claim = claimPort(this.#host, this.#host.tcp, address, this.#life)
    if ('error' in claim) {
      this.#soon(0, done, claim.error, null)
      return
    }
    Object.assign(claim.holder, { onSocket })
    const close = (): void => {
      if (this.#host.tcp.get(claim.port) === claim.holder) this.#host.tcp.delete(claim.port)
    }
    this.#soon(0, done, null, { address: claim.shown, close })
  }

  dialTcp(address: string, done: (error: Failure, socket: TcpSocket | null) => void): void {
    const network = this.#network
    const fail = (ms: number, code: string): void => this.#soon(ms, done, failure(code, address), null)
    const at = parseAddress(address)
    const host = at && network.find(this.#host, at.host)
    if (!at) fail(0, 'ERR_INVALID_ARG_VALUE')
    else if (!host) fail(network.latencyMs, 'ENOTFOUND')
    else
      network.scheduler.after(
        network.latencyMs,
        this.#life,
        () => {
          const holder = host.tcp.get(at.port) as TcpHolder | undefined
          if (!host.life?.alive || !network.reachable(this.#host, host))
            fail(network.dialTimeoutMs, 'ETIMEDOUT')
          else if (host.refuse || !holder?.life.alive || !holder.onSocket)
            fail(network.latencyMs, 'ECONNREFUSED')
          else if (connections(network, holder.life) >= LIMITS.net.sockets)
            fail(network.latencyMs, 'ECONNRESET')
          else this.#connect(holder, host, at, done)
        },
        null,
        null,
      )
  }

  #connect(
    holder: TcpHolder,
    host: Host,
    at: { host: string; port: number },
    done: (error: Failure, socket: TcpSocket | null) => void,
  ): void {
    const local = formatAddress(this.#host.ip4, this.#host.freePort(this.#host.tcp))
    const remote = formatAddress(at.host, at.port)
    const link = new TcpLink(
      this.#network,
      { host: this.#host, life: this.#life, local, remote },
      { host, life: holder.life, local: remote, remote: local },
    )
    this.#soon(this.#network.latencyMs, done, null, link.left)
    holder.onSocket(link.right)
  }

  bindUdp(
    address: string,
    onDatagram: (bytes: Bytes, host: string, port: number) => void,
    done: (error: Failure, socket: UdpSocket | null) => void,
  ): void {
    const claim = claimPort(this.#host, this.#host.udp, address, this.#life)
    if ('error' in claim) {
      this.#soon(0, done, claim.error, null)
      return
    }
    Object.assign(claim.holder, { onDatagram })
    const { port, holder } = claim
    const close = (): void => {
      if (this.#host.udp.get(port) === holder) this.#host.udp.delete(port)
    }
    const send = (bytes: Bytes, host: string, to: number): void => {
      if (this.#host.udp.get(port) === holder) this.#send(bytes, port, host, to)
    }
    this.#soon(0, done, null, { address: claim.shown, send, sendShort: () => {}, close })
  }

  gateways(): Gateway[] {
    const router = this.#host.router
    return router ? [{ address: router.ip4, own: this.#host.ip4 }] : []
  }

  networks(): NetworkAddress[] {
    const { ip4, ip6 } = this.#host
    return [
      { name: 'lo', address: '127.0.0.1', family: 4, prefix: 8, loopback: true },
      { name: 'sim0', address: ip4, family: 4, prefix: 16, loopback: false },
      { name: 'sim0', address: ip6, family: 6, prefix: 64, loopback: false },
    ]
  }

  joinGroup(
    group: Group,
    onDatagram: (bytes: Bytes, host: string, port: number) => void,
    done: (error: Failure, socket: UdpSocket | null) => void,
  ): void {
    const network = this.#network
    const { on, port } = group
    const member: GroupMember = { host: this.#host, life: this.#life, key: groupKey(group), onDatagram }
    if (!this.networks().some((n) => n.address === on.address))
      return this.#soon(0, done, failure('ENODEV', on.address), null)
    network.members.add(member)
    const close = (): void => {
      network.members.delete(member)
    }
    const send = (bytes: Bytes, host: string, to: number): void => {
      if (!network.members.has(member) || !this.#life.alive) return
      if (host !== group.group || to !== port) return this.#send(bytes, port, host, to)
      for (const other of network.members)
        if (other.key === member.key && (!on.loopback || other.host === this.#host))
          this.#deliver(bytes, other, on.address, port)
    }
    this.#soon(0, done, null, { address: formatAddress(on.address, port), send, sendShort: () => {}, close })
  }

  #deliver(bytes: Bytes, to: GroupMember, source: string, port: number): void {
    const network = this.#network
    if (network.chance.hit(network.udpLoss)) return
    const copy = bytes.slice()
    network.scheduler.after(
      network.latencyMs + network.chance.below(network.udpJitterMs + 1),
      network.life,
      () => {
        if (to.life.alive && network.members.has(to) && network.reachable(this.#host, to.host))
          to.onDatagram(copy, source, port)
      },
      null,
      null,
    )
  }

  #send(bytes: Bytes, from: number, address: string, port: number): void {
    const network = this.#network
    const host = network.find(this.#host, address)
    if (!host || bytes.length > DATAGRAM_BYTES || network.chance.hit(network.udpLoss)) return
    let copy = this.#spare.pop()
    if (!copy || copy.length < bytes.length) copy = new Uint8Array(Math.max(2_048, bytes.length))
    copy.set(bytes)
    const n = bytes.length
    const buffer = copy
    const source = address.includes(':') ? this.#host.ip6 : host === this.#host ? address : this.#host.ip4
    const delay = network.latencyMs + network.chance.below(network.udpJitterMs + 1)
    network.scheduler.after(
      delay,
      network.life,
      () => {
        const holder = (host.udp.get(port) ?? network.memberAt(host, port)) as UdpHolder | undefined
        if (holder?.life.alive && holder.onDatagram && network.reachable(this.#host, host))
          holder.onDatagram(buffer.subarray(0, n), source, from)
        if (this.#spare.length < 16) this.#spare.push(buffer)
      },
      null,
      null,
    )
  }

  #soon<T>(ms: number, done: (error: Failure, value: T) => void, error: Failure, value: T): void {
    this.#network.scheduler.after(ms, this.#life, done, error, value)
  }
}

/** Groups of one interface are apart from those of another. */
function groupKey({ group, port, on }: Group): string {
  return `${group} ${port} ${on.loopback ? 'lo' : 'sim0'}`
}

/** Connections that `life` accepted and that are still open. */
function connections(network: Network, life: Life): number {
  let n = 0
  for (const link of network.links)
    if (link instanceof TcpLink && link.right.life === life && !link.right.closed) n++
  return n
}
