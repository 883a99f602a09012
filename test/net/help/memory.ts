// Sockets and time for deterministic tests: nothing happens between two calls of `settle` or `pass`,
// and the same seed gives the same run. Bytes are copied when written and handed over in pieces that
// `cut` chooses; a paused or stalled socket lets what is written to it wait, as a full TCP window does.

import type { Failure, Sockets, TcpEvents, TcpSocket } from '../../../src/hw/hardware.ts'
import type { Timers } from '../../../src/net/api.ts'

const NO_EVENTS: TcpEvents = { onData: () => {}, onDrain: () => {}, onClose: () => {} }

export class MemorySocket implements TcpSocket {
  readonly remote: string
  readonly local: string
  events: TcpEvents
  peer: MemorySocket | null
  paused: boolean
  /** The network between the two is down: written bytes wait. */
  stalled: boolean
  /** Everything that was written to the other side, for tests that look at the wire. */
  written: number
  readonly #net: MemoryNet
  #waiting: Uint8Array[]
  #queued: number
  #ending: boolean
  closed: boolean

  constructor(net: MemoryNet, local: string, remote: string) {
    this.remote = remote
    this.local = local
    this.events = NO_EVENTS
    this.peer = null
    this.paused = false
    this.stalled = false
    this.written = 0
    this.#net = net
    this.#waiting = []
    this.#queued = 0
    this.#ending = false
    this.closed = false
  }

  write(bytes: Uint8Array): void {
    if (this.closed || this.#ending) return
    this.#waiting.push(bytes.slice())
    this.#queued += bytes.length
    this.written += bytes.length
  }

  queued(): number {
    return this.#queued
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  end(): void {
    this.#ending = true
  }

  destroy(): void {
    this.#waiting = []
    this.#queued = 0
    this.#ending = true
    this.#net.later(() => this.#close(null))
  }

  /** Moves what can be moved; true when something was. */
  step(): boolean {
    const peer = this.peer
    if (this.closed || !peer || this.stalled || peer.paused) return false
    if (this.#waiting.length > 0) {
      const bytes = this.#waiting.shift()!
      const n = Math.max(1, Math.min(bytes.length, this.#net.cut(bytes.length)))
      if (n < bytes.length) this.#waiting.unshift(bytes.subarray(n))
      this.#queued -= n
      if (!peer.closed) peer.events.onData(bytes.slice(0, n))
      if (this.#queued === 0 && !this.closed) this.events.onDrain()
      return true
    }
    if (this.#ending) {
      this.#close(null)
      return true
    }
    return false
  }

  #close(error: Failure): void {
    if (this.closed) return
    this.closed = true
    this.events.onClose(error)
    this.peer?.end()
  }
}

export class MemoryNet {
  readonly sockets: Sockets
  readonly all: MemorySocket[]
  cut: (length: number) => number
  now: number
  #later: (() => void)[]
  readonly #listeners: Map<string, (socket: TcpSocket) => void>
  readonly #timers: Map<string, { at: number; run: (now: number) => void }>
  #port: number
  /** Where dialled sockets seem to come from. */
  source: string

  constructor() {
    this.all = []
    this.cut = (length) => length
    this.now = 0
    this.#later = []
    this.#listeners = new Map()
    this.#timers = new Map()
    this.#port = 10_000
    this.source = '10.0.0.1'
    this.sockets = {
      listenTcp: (address, onSocket, done) => {
        if (this.#listeners.has(address)) {
          this.later(() => done(Object.assign(new Error('in use'), { code: 'EADDRINUSE' }), null))
          return
        }
        this.#listeners.set(address, onSocket)
        this.later(() => done(null, { address, close: () => this.#listeners.delete(address) }))
      },
      dialTcp: (address, done) => {
        const onSocket = this.#listeners.get(address)
        if (!onSocket) {
          if (address !== 'nowhere:1')
            this.later(() => done(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }), null))
          return
        }
        const [a, b] = this.pair(`${this.source}:${this.#port++}`, address)
        this.later(() => onSocket(b))
        this.later(() => done(null, a))
      },
      bindUdp: () => {
        throw new Error('no datagrams here')
      },
      networks: () => [],
      gateways: () => [],
      joinGroup: () => {
        throw new Error('no groups here')
      },
    }
  }

  timers(): Timers {
    return {
      now: () => this.now,
      after: (name, ms, run) => void this.#timers.set(name, { at: this.now + ms, run }),
      cancel: (name) => void this.#timers.delete(name),
    }
  }

  later(run: () => void): void {
    this.#later.push(run)
  }

  pair(a = 'a:1', b = 'b:1'): [MemorySocket, MemorySocket] {
    const one = new MemorySocket(this, a, b)
    const two = new MemorySocket(this, b, a)
    one.peer = two
    two.peer = one
    this.all.push(one, two)
    return [one, two]
  }

  /** Runs until nothing moves any more. */
  settle(): void {
    for (let round = 0; round < 1_000_000; round++) {
      const later = this.#later
      this.#later = []
      for (const run of later) run()
      let moved = later.length > 0
      for (let i = 0; i < this.all.length; i++) if (this.all[i]!.step()) moved = true
      if (!moved) return
    }
    throw new Error('it does not come to rest')
  }

  /** Lets `ms` pass, timer by timer. */
  pass(ms: number): void {
    const end = this.now + ms
    this.settle()
    for (;;) {
      let next: string | null = null
      for (const [name, timer] of this.#timers)
        if (timer.at <= end && (next === null || timer.at < this.#timers.get(next)!.at)) next = name
      if (next === null) break
      const timer = this.#timers.get(next)!
      this.#timers.delete(next)
      this.now = timer.at
      timer.run(this.now)
      this.settle()
    }
    this.now = end
  }
}

/** mulberry32: small, seeded, good enough to cut bytes at random. */
export function seeded(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
