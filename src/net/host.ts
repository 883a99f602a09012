// The stream plane of one process identity: listens, dials, admits, knows the protocols, and keeps
// what connections and streams hold under the caps of base/limits.ts. One named timer ticks once a
// second while there is a connection.

import { type Bytes, equal } from '../base/bytes.ts'
import type { Counters } from '../base/counters.ts'
import { WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import type { Signer } from '../crypto/native.ts'
import type { Failure, Listener, Random, Sockets, TcpSocket } from '../hw/hardware.ts'
import type { Connection, NetCounter, StreamHandler, Timers } from './api.ts'
import { isRelayed } from './circuit/socket.ts'
import { Admission } from './link/admission.ts'
import { Link } from './link/connection.ts'
import { Shared } from './link/shared.ts'
import { Identity } from './noise/identity.ts'
import type { MuxedStream } from './yamux/stream.ts'

const TICK_MS = 1_000

export interface HostOptions {
  sockets: Sockets
  timers: Timers
  random: Random
  signer: Signer
  /** Program and version, told to others by identify. */
  agent: string
  /** Name of the timer, where one loop serves several hosts. */
  name?: string
}

interface Dial {
  readonly address: string
  readonly deadline: number
  readonly done: DialDone
}

/** Opens a byte pipe to the holder of `key`; for addresses that begin with `udp:` or `relay:`, given without it. */
export type DialPipe = (
  address: string,
  key: Bytes,
  done: (error: Failure, socket: TcpSocket | null) => void,
) => void

export type DialDone = (error: WattleError | null, connection: Connection | null) => void

export class Host {
  readonly agent: string
  readonly shared: Shared
  readonly counters: Counters<NetCounter>
  /** Both are set by the application. */
  onConnection: (connection: Connection) => void
  onDisconnect: (connection: Connection, error: WattleError | null) => void
  /** Set where there is a datagram plane. */
  dialPipe: DialPipe | null
  /** Set where relays of connections are known (circuit/client.ts). */
  dialCircuit: DialPipe | null
  readonly #options: HostOptions
  readonly #timer: string
  readonly #links: Set<Link>
  readonly #listeners: Set<Listener>
  readonly #onTick: () => void
  /** For every link once a second: an iterator would make an object for each. */
  readonly #tickLink: (link: Link) => void
  #tickAt: number
  readonly #dials: Set<Dial>
  readonly #admission: Admission
  #ticking: boolean
  #closed: boolean

  constructor(options: HostOptions) {
    this.agent = options.agent
    this.shared = new Shared(new Identity(options.signer, options.random), options.random, () =>
      options.timers.now(),
    )
    this.counters = this.shared.counters
    this.onConnection = () => {}
    this.onDisconnect = () => {}
    this.dialPipe = null
    this.dialCircuit = null
    this.#options = options
    this.#timer = options.name ?? 'net'
    this.#links = new Set()
    this.#listeners = new Set()
    this.#onTick = () => this.#tick()
    this.#tickLink = (link) => link.tick(this.#tickAt)
    this.#tickAt = 0
    this.#dials = new Set()
    this.#admission = new Admission(options.timers.now())
    this.#ticking = false
    this.#closed = false
    this.shared.unread.onOver = () => this.#relieveUnread()
    this.shared.unsent.onOver = () => this.#relieveUnsent()
  }

  /** Streams that others open for `protocol` go to `onStream`. */
  handle(protocol: string, onStream: StreamHandler): void {
    if (this.shared.protocols.size >= LIMITS.net.protocols && !this.shared.protocols.has(protocol))
      throw new RangeError(`more than ${LIMITS.net.protocols} protocols`)
    this.shared.protocols.set(protocol, onStream)
  }

  /** @param address `host:port`; port 0 takes any. */
  listen(address: string, done: (error: WattleError | null, listener: Listener | null) => void): void {
    if (this.#listeners.size >= LIMITS.net.listeners) {
      done(new WattleError('too-many-listeners', `at most ${LIMITS.net.listeners} addresses`), null)
      return
    }
    this.#options.sockets.listenTcp(
      address,
      (socket) => this.#onSocket(socket),
      (error, listener) => {
        if (!listener) {
          done(listenError(address, error), null)
          return
        }
        if (this.#closed) listener.close()
        else this.#listeners.add(listener)
        done(null, listener)
      },
    )
  }

  /** Addresses that are listened on, with their ports. */
  addresses(): string[] {
    return [...this.#listeners].map((listener) => listener.address)
  }

  /**
   * Connects and proves both sides. `done` is called once; connections of both directions are also
   * told to `onConnection`, after `done`.
   * @param expectedKey the Ed25519 key (32 bytes) that the other side must prove, or null for any.
   * @param from the local port of TCP, where it matters.
   */
  dial(address: string, expectedKey: Bytes | null, done: DialDone, from?: number): void {
    if (this.#closed || this.#dials.size >= LIMITS.net.dials || !this.#makeRoom()) {
      done(new WattleError('too-many-connections', 'no further connection can be opened now'), null)
      return
    }
    const dial: Dial = { address, deadline: this.#now() + LIMITS.net.handshakeMs, done }
    this.#dials.add(dial)
    this.#startTicking()
    const onSocket = (error: Failure, socket: TcpSocket | null): void => {
      if (!this.#dials.delete(dial)) socket?.destroy()
      else if (socket) {
        this.counters.add('dialled')
        this.#add(socket, expectedKey, done)
      } else {
        const why = error instanceof WattleError ? error.message : (error?.code ?? 'unknown')
        done(new WattleError('dial-failed', `${address} cannot be reached: ${why}`), null)
      }
    }
    const [, scheme, rest] = /^(udp|relay):(.*)$/.exec(address) ?? []
    const pipe = scheme === 'udp' ? this.dialPipe : this.dialCircuit
    if (scheme === undefined) this.#options.sockets.dialTcp(address, onSocket, from)
    else if (pipe && expectedKey) pipe(rest!, expectedKey, onSocket)
    else onSocket(new WattleError('no-way', `${scheme}: is not in use here`), null)
  }

  /** A connection that is there already and on which we speak first: one of TCP's simultaneous opens. */
  adopt(socket: TcpSocket, expectedKey: Bytes, done: DialDone): void {
    if (this.#closed || !this.#makeRoom()) {
      socket.destroy()
      done(new WattleError('too-many-connections', 'no further connection can be opened now'), null)
      return
    }
    this.counters.add('dialled')
    this.#add(socket, expectedKey, done)
  }

  /** A connection that came by another way than the listeners, over a byte pipe say. */
  accept(socket: TcpSocket): void {
    this.#onSocket(socket)
  }

  /** Every connection whose handshake is through. */
  connections(): Connection[] {
    return [...this.#links].filter((link) => link.phase === 'open')
  }

  /** The youngest open connection to the holder of `key`, or null. */
  find(key: Bytes): Connection | null {
    let found: Link | null = null
    for (const link of this.#links) if (link.phase === 'open' && equal(link.remoteKey, key)) found = link
    return found
  }

  /** Listens no more and closes everything in an orderly way. */
  close(): void {
    this.#closed = true
    for (const listener of this.#listeners) listener.close()
    this.#listeners.clear()
    for (const dial of this.#dials) this.#giveUp(dial, 'this host was closed')
    for (const link of this.#links) link.close()
  }

  // ── Admission ───────────────────────────────────────────────────────────────────────────────

  #now(): number {
    return this.#options.timers.now()
  }

  #onSocket(socket: TcpSocket): void {
    if (this.#closed || !this.#admission.admit(socket.remote, this.#now()) || !this.#makeRoom()) {
      this.counters.add('connectionsRefused')
      socket.destroy()
      return
    }
    this.counters.add('accepted')
    let oldest: Link | null = null
    let unfinished = 0
    for (const link of this.#links) {
      if (!link.inbound || !link.handshaking) continue
      unfinished++
      oldest ??= link
    }
    if (oldest && unfinished >= LIMITS.net.handshakesAtOnce) this.#evict(oldest)
    this.#add(socket, null, null)
  }

  /**
   * Below the cap, or by closing a connection that is not kept: one without streams first, then the one
   * silent longest. An open stream alone protects nobody: it costs a stranger nothing.
   */
  #makeRoom(): boolean {
    let live = this.#dials.size
    let victim: Link | null = null
    for (const link of this.#links) {
      if (link.phase === 'closing') continue
      live++
      if (link.keep || (link.phase !== 'open' && !link.inbound)) continue
      const busy = link.session.streams.size > 0
      if (busy && !link.inbound) continue
      const victimBusy = victim !== null && victim.session.streams.size > 0
      if (!victim || (victimBusy && !busy) || (victimBusy === busy && link.heard < victim.heard))
        victim = link
    }
    if (live < LIMITS.net.connections) return true
    if (!victim) return false
    this.#evict(victim)
    return true
  }

  #evict(link: Link): void {
    this.counters.add('connectionsEvicted')
    link.destroy(new WattleError('evicted', 'closed to make room for another connection'))
  }

  #add(socket: TcpSocket, expectedKey: Bytes | null, done: DialDone | null): void {
    let opened = false
    const link = new Link(isRelayed(socket.remote) ? this.shared.inner : this.shared, {
      socket,
      inbound: done === null,
      expectedKey,
      onOpen: (link) => {
        opened = true
        this.#probeTwins(link)
        done?.(null, link)
        if (link.phase === 'open') this.onConnection(link)
      },
      onClosed: (link, error) => {
        this.#links.delete(link)
        if (opened) this.onDisconnect(link, error)
        else done?.(error ?? new WattleError('connection-lost', 'closed during the handshake'), null)
      },
    })
    this.#links.add(link)
    this.#startTicking()
  }

  /** A peer that connects anew may have lost the old connection without our hearing of it. */
  #probeTwins(newcomer: Link): void {
    for (const link of this.#links)
      if (link !== newcomer && equal(link.remoteKey, newcomer.remoteKey)) link.probe()
  }

  #giveUp(dial: Dial, why: string): void {
    this.#dials.delete(dial)
    dial.done(new WattleError('dial-failed', `${dial.address} was not reached: ${why}`), null)
  }

  #startTicking(): void {
    if (this.#ticking) return
    this.#ticking = true
    this.#options.timers.after(this.#timer, TICK_MS, this.#onTick)
  }

  #tick(): void {
    const now = this.#now()
    this.#tickAt = now
    this.#links.forEach(this.#tickLink)
    for (const dial of this.#dials) if (now >= dial.deadline) this.#giveUp(dial, 'no answer in time')
    this.#ticking = false
    if (this.#links.size > 0 || this.#dials.size > 0) this.#startTicking()
  }

  // ── Memory ──────────────────────────────────────────────────────────────────────────────────

  /** Resets the stream that holds most unread bytes, or cuts the connection with the longest partial frame. */
  #relieveUnread(): void {
    let stream: MuxedStream | null = null
    let link: Link | null = null
    for (const each of this.#links) {
      if (each.held > (link?.held ?? 0)) link = each
      const candidate = each.session.largestUnread()
      if (candidate && candidate.held > (stream?.held ?? 0)) stream = candidate
    }
    this.counters.add('unreadResets')
    const error = new WattleError('unread-bytes', 'more unread bytes than this process keeps')
    if (stream && stream.held >= (link?.held ?? 0)) stream.fail(error)
    else link?.destroy(error)
  }

  #relieveUnsent(): void {
    let stream: MuxedStream | null = null
    for (const each of this.#links) {
      const candidate = each.session.largestUnsent()
      if (candidate && candidate.unsent.held > (stream?.unsent.held ?? 0)) stream = candidate
    }
    this.counters.add('slowReaders')
    stream?.fail(
      new WattleError('slow-reader', 'the other side reads too slowly for what this process keeps'),
    )
  }
}

function listenError(address: string, error: Failure): WattleError {
  const why = error?.code ?? 'unknown'
  const code = why === 'EADDRINUSE' ? 'port-in-use' : 'listen-failed'
  return new WattleError(code, `cannot listen on ${address}: ${why}`)
}
