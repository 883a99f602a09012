// One DHT instance on real sockets: binds a socket for each family, calls the engine's tick, keeps its
// state in a file, and turns operations into promises. One loop timer; while nothing is under way it
// wakes once a second.

import type { Bytes } from '../base/bytes.ts'
import { WattleError } from '../base/errors.ts'
import { Dht } from '../dht/dht.ts'
import { Address, addressOf, type Family } from '../dht/krpc/address.ts'
import { type Reach, scopeOf } from '../dht/krpc/reach.ts'
import type { Contact, DhtOptions, Found, Wanted } from '../dht/options.ts'
import type { Files, Random, Sockets, UdpSocket } from '../hw/hardware.ts'
import type { Loop } from './loop.ts'

/** While queries are under way the engine is called this often, in ms. */
const BUSY_MS = 25
const IDLE_MS = 1_000
const SAVE_MS = 600_000
/** An operation waits at most so long for a free lookup. */
const QUEUE_MS = 30_000
const QUEUE = 32

export interface DhtRunnerOptions extends Omit<DhtOptions, 'random' | 'send' | 'reach'> {
  /** `host:port`, one for each family at most. */
  readonly listen: readonly string[]
  readonly bootstrap?: readonly { readonly address: string; readonly publicKey?: Bytes | null }[]
  readonly reach?: Reach
  /** Further addresses, `host:port`, that `reach` must allow when it is derived. */
  readonly alsoReach?: readonly string[]
  /** Where the table, and unless it says otherwise own items, are kept between runs. */
  readonly state?: { readonly files: Files; readonly name: string; readonly take?: 'all' | 'nodes' } | null
}

export interface DhtMachine {
  readonly loop: Loop
  readonly random: Random
  readonly sockets: Sockets
}

interface Waiting {
  readonly run: () => boolean
  readonly fail: (error: Error) => void
  readonly until: number
}

export class DhtRunner {
  readonly dht: Dht
  /** Milliseconds since 1970 as this machine believes. */
  readonly wall: () => number
  readonly #machine: DhtMachine
  readonly #options: DhtRunnerOptions
  readonly #timer: string
  readonly #onTimer: (now: number) => void
  readonly #queue: Waiting[]
  /** Ends everything that was begun and has not ended yet: nobody waits for ever for a stopped node. */
  readonly #open: Set<() => void>
  #socket4: UdpSocket | null
  #socket6: UdpSocket | null
  #quick: boolean
  #stopped: boolean

  /** @param timer a name of its own for each instance of the process. */
  constructor(machine: DhtMachine, options: DhtRunnerOptions, timer = 'dht') {
    this.wall = () => machine.loop.clock.wall()
    this.#machine = machine
    this.#options = options
    this.#timer = timer
    this.#onTimer = (now) => this.#tick(now)
    this.#queue = []
    this.#open = new Set()
    this.#socket4 = null
    this.#socket6 = null
    this.#quick = false
    this.#stopped = false
    this.dht = new Dht({
      ...options,
      reach: options.reach ?? reachOf(options),
      random: machine.random,
      send: (bytes, host, port) => this.#send(bytes, host, port),
    })
    for (const peer of options.bootstrap ?? []) this.dht.addBootstrap(peer.address, peer.publicKey ?? null)
  }

  /** Milliseconds of the loop's clock. */
  now(): number {
    return this.#machine.loop.now()
  }

  /** Addresses that are bound. */
  get addresses(): string[] {
    return [this.#socket4, this.#socket6].flatMap((s) => (s ? [s.address] : []))
  }

  /** Reads the state, binds, begins to join. Rejects where an address cannot be bound. */
  async start(): Promise<void> {
    const state = this.#options.state
    if (state) {
      const bytes = await new Promise<Bytes | null>((done) =>
        state.files.read(state.name, (error, found) => done(error ? null : found)),
      )
      if (this.#stopped) return
      if (bytes) this.dht.restore(bytes, state.take)
      this.#machine.loop.every(`${this.#timer} save`, SAVE_MS, () => {
        void this.save()
      })
    }
    for (const address of this.#options.listen) await this.#bind(address)
    if (this.#stopped) return
    this.#tick(this.#machine.loop.now())
  }

  #bind(address: string): Promise<void> {
    const six = address.startsWith('[')
    const onDatagram = (bytes: Bytes, host: string, port: number): void => {
      if (this.#stopped) return
      this.dht.onDatagram(bytes, host, port, this.#machine.loop.now())
      if (!this.#quick && this.dht.busy > 0) this.#soon()
    }
    return new Promise((done, fail) =>
      this.#machine.sockets.bindUdp(address, onDatagram, (error, socket) => {
        if (error || !socket) {
          const why = error?.code ?? 'no socket'
          fail(new WattleError('udp-bind', `expected to bind UDP ${address}, got ${why}`))
          return
        }
        if (this.#stopped) socket.close()
        else if (six) this.#socket6 = socket
        else this.#socket4 = socket
        done()
      }),
    )
  }

  #send(bytes: Bytes, host: string, port: number): void {
    const socket = host.includes(':') ? this.#socket6 : this.#socket4
    socket?.send(bytes, host, port)
  }

  #tick(now: number): void {
    if (this.#stopped) return
    const next = this.dht.tick(now)
    this.#serve(now)
    this.#quick = this.dht.busy > 0 || this.#queue.length > 0
    const wait = this.#quick ? BUSY_MS : IDLE_MS
    this.#machine.loop.after(this.#timer, Math.max(1, Math.min(wait, next - now)), this.#onTimer)
  }

  #soon(): void {
    this.#quick = true
    this.#machine.loop.after(this.#timer, BUSY_MS, this.#onTimer)
  }

  #serve(now: number): void {
    while (this.#queue.length > 0) {
      const first = this.#queue[0]!
      if (first.until > now) {
        if (!first.run()) return
      } else first.fail(new WattleError('dht-busy', 'no lookup became free in 30 s'))
      this.#queue.shift()
    }
  }

  /** Resolves true once a node was found, false after `ms` without one. */
  joined(ms: number): Promise<boolean> {
    const end = this.#machine.loop.now() + ms
    return new Promise((done) => {
      const run = (): boolean => {
        if (this.dht.joined) {
          done(true)
          return true
        }
        return false
      }
      if (!run()) this.#enqueue({ run, fail: () => done(false), until: end })
    })
  }

  #enqueue(waiting: Waiting): void {
    if (this.#queue.length >= QUEUE) {
      waiting.fail(new WattleError('dht-busy', `at most ${QUEUE} operations may wait`))
      return
    }
    this.#queue.push(waiting)
    this.#soon()
  }

  /** Families that this operation runs in: those with a socket and somebody to ask. */
  #families(): Family[] {
    const stats = this.dht.stats(this.#machine.loop.now())
    const out: Family[] = []
    if (this.#socket4 && stats.good4 > 0) out.push(4)
    if (this.#socket6 && stats.good6 > 0) out.push(6)
    if (out.length === 0) out.push(this.#socket4 ? 4 : 6)
    return out
  }

  /** Runs one operation in every family that has nodes and joins the results. */
  async ask(wanted: Wanted, signal?: AbortSignal): Promise<Found> {
    const results = await Promise.all(this.#families().map((family) => this.#one(wanted, family, signal)))
    return results.reduce(merge)
  }

  #one(wanted: Wanted, family: Family, signal?: AbortSignal): Promise<Found> {
    return new Promise((done, fail) => {
      if (this.#stopped || signal?.aborted) {
        fail(stoppedError())
        return
      }
      let number = -1
      const onStop = (): void => {
        ended()
        if (number >= 0) this.dht.cancel(number)
        fail(stoppedError())
      }
      const ended = (): void => {
        this.#open.delete(onStop)
        signal?.removeEventListener('abort', onStop)
      }
      const run = (): boolean => {
        if (signal?.aborted) return true
        number = this.dht.start(wanted, family, this.#machine.loop.now(), (found) => {
          ended()
          done(found)
        })
        return number >= 0
      }
      this.#open.add(onStop)
      signal?.addEventListener('abort', onStop, { once: true })
      if (run()) this.#soon()
      else {
        const busy = (error: Error): void => {
          ended()
          fail(error)
        }
        this.#enqueue({ run, fail: busy, until: this.#machine.loop.now() + QUEUE_MS })
      }
    })
  }

  /** Round trip in ms, or -1. */
  async ping(address: string): Promise<number> {
    return (await this.#probe(address)).ms
  }

  /** Who answers at this address, in the overlay with the key it proved; null where nobody does. */
  async identify(address: string): Promise<Contact | null> {
    return (await this.#probe(address)).contact
  }

  #probe(address: string): Promise<{ ms: number; contact: Contact | null }> {
    return new Promise((done) => {
      const answered = (ms: number, contact: Contact | null): void => {
        this.#open.delete(onStop)
        done({ ms, contact })
      }
      const onStop = (): void => answered(-1, null)
      this.#open.add(onStop)
      if (this.#stopped || !this.dht.ping(address, this.#machine.loop.now(), answered)) onStop()
      else this.#soon()
    })
  }

  /** Writes the state; resolves when it is durable or could not be written. */
  save(): Promise<void> {
    const state = this.#options.state
    if (!state) return Promise.resolve()
    return new Promise((done) => state.files.replace(state.name, this.dht.save(), () => done()))
  }

  /** Closes the sockets and drops what is under way, at once; resolves when the state is saved. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.abandon()
    await this.save()
  }

  /** As `stop`, and nothing is saved. */
  abandon(): void {
    this.#stopped = true
    this.dht.stop()
    this.#machine.loop.cancel(this.#timer)
    this.#machine.loop.cancel(`${this.#timer} save`)
    this.#socket4?.close()
    this.#socket6?.close()
    this.#socket4 = null
    this.#socket6 = null
    for (const end of [...this.#open]) end()
    for (const waiting of this.#queue.splice(0)) waiting.fail(stoppedError())
  }
}

function stoppedError(): WattleError {
  return new WattleError('dht-stopped', 'the operation was stopped')
}

/**
 * A node bound to loopback, or sent there, talks to loopback; one in a private network, or the overlay,
 * to private addresses; a Mainline node of the open network to neither.
 */
function reachOf(options: DhtRunnerOptions): Reach {
  const scopes = [
    ...options.listen,
    ...(options.bootstrap ?? []).map((p) => p.address),
    ...(options.alsoReach ?? []),
  ].map((text) => scopeOf(addressOf(text) ?? NOWHERE))
  if (scopes.includes(1)) return 'loopback'
  return options.overlay || scopes.includes(2) ? 'private' : 'public'
}

const NOWHERE = new Address()

function merge(a: Found, b: Found): Found {
  const newer = !a.item || (b.item && b.item.seq > a.item.seq) ? b.item : a.item
  const nodes: Contact[] = [...a.nodes, ...b.nodes]
  return {
    ...a,
    nodes,
    peers: [...new Set([...a.peers, ...b.peers])],
    item: newer,
    stored: a.stored + b.stored,
    refusal: a.refusal || b.refusal,
    asked: a.asked + b.asked,
    silent: a.silent + b.silent,
    hops: Math.min(a.hops || b.hops, b.hops || a.hops),
    ms: Math.max(a.ms, b.ms),
  }
}
