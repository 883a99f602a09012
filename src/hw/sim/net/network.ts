// The simulated network: hosts with names and addresses, delays, loss, partitions, refusals. It
// carries nothing itself; tcp.ts, udp.ts and http.ts ask it who is where and whether they may.
// Addresses look real (10.77.0.n and fd77::n) and mean nothing outside one world.

import type { Bytes } from '../../../base/bytes.ts'
import type { Failure } from '../../hardware.ts'
import type { Chance, Life, Scheduler } from '../scheduler.ts'

/** Anything that holds a port until its life ends. */
export interface Holder {
  readonly life: Life
  readonly host: string
}

/** Who has joined a multicast group, told apart by `key`. */
export interface GroupMember {
  readonly life: Life
  readonly host: Host
  readonly key: string
  readonly onDatagram: (bytes: Bytes, host: string, port: number) => void
}

/** One network card with its ports. */
export class Host {
  readonly name: string
  readonly ip4: string
  readonly ip6: string
  readonly tcp: Map<number, Holder> = new Map()
  readonly udp: Map<number, Holder> = new Map()
  /** Dials to this host are refused, whatever listens. */
  refuse = false
  /** What this machine takes for its router; null: none. */
  router: Host | null = null
  /** The run of the machine that is on now; null while it is off. */
  life: Life | null = null
  #port = 49_151

  constructor(name: string, n: number) {
    this.name = name
    this.ip4 = `10.77.${n >> 8}.${n & 255}`
    this.ip6 = `fd77::${n.toString(16)}`
  }

  /** A port nobody holds, 49152–65535 in turn. */
  freePort(table: ReadonlyMap<number, Holder>): number {
    for (let i = 0; i < 16_384; i++) {
      this.#port = this.#port >= 65_535 ? 49_152 : this.#port + 1
      const holder = table.get(this.#port)
      if (!holder?.life.alive) return this.#port
    }
    throw new RangeError(`${this.name} has no free port`)
  }

  /** The address to show for a socket bound to `host`. */
  shown(host: string): string {
    return host === this.name || host === 'localhost' ? this.ip4 : host
  }

  owns(host: string): boolean {
    return (
      host === this.name ||
      host === this.ip4 ||
      host === this.ip6 ||
      ['0.0.0.0', '::', '127.0.0.1', '::1', 'localhost'].includes(host)
    )
  }
}

/** Anything between two hosts that the network may cut. */
export interface Link {
  readonly a: Host
  readonly b: Host
  /** Both ends see `code`. */
  reset(code: string): void
  /** A partition between its ends was healed, or an end was started anew. */
  retry(): void
  /** The process of `life` was killed: the kernel tells the other side. */
  killed(life: Life): void
}

export class Network {
  readonly scheduler: Scheduler
  readonly chance: Chance
  /** What is on the wire belongs to nobody's life. */
  readonly life: Life = { alive: true }
  /** One way, ms. */
  latencyMs = 1
  /** Seeded extra delay of a datagram, up to this many ms: reorders. */
  udpJitterMs = 0
  /** Share of datagrams lost, 0 to 1. */
  udpLoss = 0
  /** Largest piece handed over by one TCP event. */
  segmentBytes = 16_384
  /** Bytes in flight or unread on one direction before a writer has to wait. */
  windowBytes = 65_536
  /** How long a dial into nothing takes. */
  dialTimeoutMs = 10_000
  readonly links: Set<Link> = new Set()
  readonly members: Set<GroupMember> = new Set()
  readonly #hosts: Host[] = []
  readonly #cut: Set<string> = new Set()

  constructor(scheduler: Scheduler, chance: Chance) {
    this.scheduler = scheduler
    this.chance = chance
  }

  host(name: string): Host {
    const known = this.#hosts.find((h) => h.name === name)
    if (known) return known
    const host = new Host(name, this.#hosts.length + 1)
    this.#hosts.push(host)
    return host
  }

  /** Who answers to `address` as seen from `from`: an address, a machine's name or name.local. */
  find(from: Host, address: string): Host | null {
    if (address === '127.0.0.1' || address === '::1' || address === 'localhost') return from
    const name = address.endsWith('.local') ? address.slice(0, -6) : address
    return this.#hosts.find((h) => h.name === name || h.ip4 === address || h.ip6 === address) ?? null
  }

  /** From now on nothing passes between the two; what is connected hangs. */
  partition(a: string, b: string): void {
    this.#cut.add(pair(a, b))
  }

  heal(a: string, b: string): void {
    this.#cut.delete(pair(a, b))
    for (const link of [...this.links]) if (between(link, a, b)) link.retry()
  }

  reachable(a: Host, b: Host): boolean {
    return !this.#cut.has(pair(a.name, b.name))
  }

  /** Resets every connection between the two. */
  cut(a: string, b: string): void {
    for (const link of [...this.links]) if (between(link, a, b)) link.reset('ECONNRESET')
  }

  /** Who of `host` shares this port for a group: datagrams to the host itself reach it too. */
  memberAt(host: Host, port: number): GroupMember | undefined {
    for (const member of this.members)
      if (member.host === host && member.life.alive && member.key.includes(` ${port} `)) return member
    return undefined
  }

  /** Something about `host` changed: its links look again. */
  retry(host: Host): void {
    for (const link of [...this.links]) if (link.a === host || link.b === host) link.retry()
  }
}

function pair(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

function between(link: Link, a: string, b: string): boolean {
  return pair(link.a.name, link.b.name) === pair(a, b)
}

/** A failure as the operating system reports it. */
export function failure(code: string, what: string): NonNullable<Failure> {
  return Object.assign(new Error(`${code}: ${what}`), { code })
}

/** Host and port of `host:port` or `[host]:port`, or null. */
export function parseAddress(address: string): { host: string; port: number } | null {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(address)
  if (!match) return null
  const port = Number(match[3])
  return port > 65_535 ? null : { host: match[1] ?? (match[2] || '0.0.0.0'), port }
}

export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Claims a port for `holder`; the port, or the failure. */
export function claimPort(
  host: Host,
  table: Map<number, Holder>,
  address: string,
  life: Life,
): { holder: Holder; port: number; shown: string } | { error: NonNullable<Failure> } {
  const at = parseAddress(address)
  if (!at) return { error: failure('ERR_INVALID_ARG_VALUE', `${address} is not host:port`) }
  if (!host.owns(at.host)) return { error: failure('EADDRNOTAVAIL', `${at.host} is not ${host.name}`) }
  const port = at.port || host.freePort(table)
  if (table.get(port)?.life.alive) return { error: failure('EADDRINUSE', `port ${port} on ${host.name}`) }
  const holder = { life, host: at.host }
  table.set(port, holder)
  return { holder, port, shown: formatAddress(host.shown(at.host), port) }
}
