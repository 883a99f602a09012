// A network in virtual time for DHT tests: nodes of the real engine, datagrams with delay and loss,
// seeded randomness. Nothing here touches a socket.

import { type Bytes, text } from '../../../src/base/bytes.ts'
import { Signer } from '../../../src/crypto/native.ts'
import { Secret } from '../../../src/crypto/secret.ts'
import { Dht } from '../../../src/dht/dht.ts'
import type { Family } from '../../../src/dht/krpc/address.ts'
import type { DhtOptions, Found, Wanted } from '../../../src/dht/options.ts'

/** Seeded bytes (mulberry32). */
export function seeded(seed: number): (into: Bytes) => void {
  let a = seed | 0
  const next = (): number => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  return (into) => {
    for (let i = 0; i < into.length; i++) into[i] = next()
  }
}

interface Datagram {
  at: number
  order: number
  to: string
  bytes: Bytes
  host: string
  port: number
}

export interface Member {
  readonly dht: Dht
  readonly host: string
  readonly port: number
  readonly address: string
  alive: boolean
  next: number
}

/** A datagram on its way, for tests that listen in. */
export interface Seen {
  readonly from: string
  readonly to: string
  readonly bytes: Bytes
}

export class Net {
  now: number
  readonly members: Map<string, Member>
  /** One way, in ms: half fixed, half random. */
  delay: number
  loss: number
  datagrams: number
  bytes: number
  onDatagram: ((seen: Seen) => void) | null
  /** Receivers that are no nodes: attackers and hand-made peers, by address. */
  readonly taps: Map<string, (bytes: Bytes, from: string) => void>
  /** Share of datagrams that are damaged on their way: bytes changed, cut or added. */
  damage: number
  /** Receives what is for nobody else: the crowd of the simulation. */
  onStray: ((bytes: Bytes, to: string, from: string) => void) | null
  readonly random: (into: Bytes) => void
  readonly #queue: Datagram[]
  #order: number
  readonly #one: Uint8Array

  constructor(seed: number) {
    this.now = 1_000
    this.members = new Map()
    this.delay = 20
    this.loss = 0
    this.datagrams = 0
    this.bytes = 0
    this.onDatagram = null
    this.taps = new Map()
    this.onStray = null
    this.damage = 0
    this.random = seeded(seed)
    this.#queue = []
    this.#order = 0
    this.#one = new Uint8Array(4)
  }

  /** 0 ≤ result < 1. */
  chance(): number {
    this.random(this.#one)
    return new DataView(this.#one.buffer).getUint32(0) / 2 ** 32
  }

  signer(): Signer {
    const seed = new Uint8Array(32)
    this.random(seed)
    return new Signer(new Secret(seed))
  }

  add(host: string, port: number, options: Partial<DhtOptions> = {}): Member {
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    const dht = new Dht({
      random: this.random,
      reach: 'loopback',
      ...options,
      send: (bytes, to, toPort) =>
        this.send(bytes, { host, port }, to.includes(':') ? `[${to}]:${toPort}` : `${to}:${toPort}`),
    })
    const member: Member = { dht, host, port, address, alive: true, next: this.now }
    this.members.set(address, member)
    return member
  }

  /** Puts a datagram on its way; anybody may claim any sender. */
  send(bytes: Bytes, from: { host: string; port: number }, to: string): void {
    this.datagrams++
    this.bytes += bytes.length
    this.onDatagram?.({ from: `${from.host}:${from.port}`, to, bytes })
    if (this.loss > 0 && this.chance() < this.loss) return
    const at = this.now + this.delay * (0.5 + 0.5 * this.chance())
    const sent =
      this.damage > 0 && this.chance() < this.damage ? this.#damaged(bytes) : Uint8Array.from(bytes)
    this.#push({ at, order: this.#order++, to, bytes: sent, ...from })
  }

  #damaged(bytes: Bytes): Bytes {
    const cut = this.chance()
    const out = new Uint8Array(
      cut < 0.1 ? Math.floor(bytes.length * this.chance()) : bytes.length + (cut > 0.95 ? 1 : 0),
    )
    out.set(bytes.subarray(0, out.length))
    for (let i = Math.ceil(4 * this.chance()); i > 0 && out.length > 0; i--)
      out[Math.floor(this.chance() * out.length)] = 256 * this.chance()
    return out
  }

  #push(d: Datagram): void {
    const q = this.#queue
    q.push(d)
    let i = q.length - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      if (!before(q[i]!, q[up]!)) break
      ;[q[i], q[up]] = [q[up]!, q[i]!]
      i = up
    }
  }

  #pop(): Datagram {
    const q = this.#queue
    const top = q[0]!
    const last = q.pop()!
    if (q.length > 0) {
      q[0] = last
      let i = 0
      for (;;) {
        let least = i
        for (const child of [2 * i + 1, 2 * i + 2])
          if (child < q.length && before(q[child]!, q[least]!)) least = child
        if (least === i) break
        ;[q[i], q[least]] = [q[least]!, q[i]!]
        i = least
      }
    }
    return top
  }

  /** Runs until `until` is true, or for at most `ms`; false where time ran out. */
  run(ms: number, until: () => boolean = () => false): boolean {
    const end = this.now + ms
    while (!until()) {
      let next = this.#queue[0]?.at ?? Number.POSITIVE_INFINITY
      let tick: Member | null = null
      for (const m of this.members.values())
        if (m.alive && m.next < next) {
          next = m.next
          tick = m
        }
      if (next > end) {
        this.now = end
        return false
      }
      this.now = Math.max(this.now, next)
      if (tick) {
        tick.next = Math.max(this.now + 1, tick.dht.tick(this.now))
        continue
      }
      const d = this.#pop()
      this.taps.get(d.to)?.(d.bytes, `${d.host}:${d.port}`)
      const to = this.members.get(d.to)
      if (!to && this.onStray) this.onStray(d.bytes, d.to, `${d.host}:${d.port}`)
      if (!to?.alive) continue
      to.dht.onDatagram(d.bytes, d.host, d.port, this.now)
      to.next = Math.max(this.now + 1, to.dht.tick(this.now))
    }
    return true
  }

  /** Sends one datagram from `host:port` and returns which answers came back there within a second. */
  say(from: string, to: string, bytes: Bytes): Bytes[] {
    const before = this.taps.get(from)
    const got: Bytes[] = []
    // Queries that it sends to us are not what came back.
    this.taps.set(from, (reply) => {
      if (!text(reply.subarray(reply.length - 7)).endsWith('1:y1:qe')) got.push(reply)
    })
    const [host, port] = from.split(':')
    this.send(bytes, { host: host!, port: Number(port) }, to)
    this.run(1_000)
    if (before) this.taps.set(from, before)
    else this.taps.delete(from)
    return got
  }

  /** Runs one operation of a member to its end. */
  ask(member: Member, wanted: Wanted, family: Family = 4): Found {
    let result: Found | null = null
    const done = (found: Found): void => {
      result = found
    }
    if (member.dht.start(wanted, family, this.now, done) < 0) throw new Error('no free lookup')
    member.next = this.now
    if (!this.run(60_000, () => result !== null)) throw new Error(`${wanted.kind} did not end in a minute`)
    return result!
  }

  /** `n` nodes on addresses of their own, joined through the first. */
  crowd(n: number, options: (i: number) => Partial<DhtOptions> = () => ({})): Member[] {
    const all: Member[] = []
    for (let i = 0; i < n; i++) {
      const member = this.add(`127.1.${i >> 8}.${i & 255}`, 6881, options(i))
      if (i > 0) member.dht.addBootstrap(all[0]!.address)
      all.push(member)
      this.run(30)
    }
    this.run(5_000, () => all.every((m, i) => i === 0 || m.dht.joined))
    this.run(5_000)
    return all
  }
}

function before(a: Datagram, b: Datagram): boolean {
  return a.at !== b.at ? a.at < b.at : a.order < b.order
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]!
}
