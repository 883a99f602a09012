// The datagram plane of one process on real sockets: sessions, messages, pipes, relay, punch and the
// ladder that keeps paths to peers, over one UDP socket of each family. One named timer.

import { type Bytes, base64url } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import type { Signer } from '../../crypto/native.ts'
import type { Failure, Random, Sockets, TcpSocket } from '../../hw/hardware.ts'
import type { Host } from '../../net/host.ts'
import { type Place, placeOf, placeText } from '../../net/udp/address.ts'
import { Datagrams } from '../../net/udp/datagrams.ts'
import { DirectMessages } from '../../net/udp/message/messages.ts'
import { Pipes } from '../../net/udp/pipe/pipes.ts'
import { Crossing } from '../../net/udp/punch/crossing.ts'
import { Puncher } from '../../net/udp/punch/puncher.ts'
import { RelayClient } from '../../net/udp/relay/client.ts'
import type { RelayRules } from '../../net/udp/relay/rules.ts'
import { RelayServer } from '../../net/udp/relay/server.ts'
import type { Session } from '../../net/udp/session/session.ts'
import { looksLikeStun } from '../../net/udp/stun/message.ts'
import type { Loop } from '../loop.ts'
import { Carriage } from './carriage.ts'
import { Ladder } from './ladder.ts'
import { Mapping } from './mapping.ts'
import { Observed } from './observed.ts'
import { PathSockets } from './sockets.ts'

export interface PlaneOptions {
  loop: Loop
  sockets: Sockets
  random: Random
  signer: Signer
  /** Who may have a session; everybody unless told. */
  allow?: (key: Bytes) => boolean
  /** Whose share strangers cannot take, beside those who are looked for; whom the relay serves as its own, unless told. */
  knows?: (key: Bytes) => boolean
  /** Set: this process relays for others. */
  relay?: RelayRules
  /** Sockets that a punch may open on this machine. */
  punchSockets?: number
  /** False switches the short-lived first datagram of a punch off (for the laboratory). */
  opener?: boolean
  /** Asks the router for our port. */
  mapping?: boolean
  /** Name of the timer, where one loop serves several planes. */
  name?: string
  report?: (event: string, detail: Record<string, unknown>) => void
}

/** A simultaneous open that was refused is tried again after so long, so often. */
const CROSS_MS = 250
const CROSS_TRIES = 12

type OtherHandler = (datagram: Bytes, host: string, port: number) => void

export class Plane {
  readonly datagrams: Datagrams
  readonly messages: DirectMessages
  readonly pipes: Pipes
  readonly relays: RelayClient
  readonly relay: RelayServer | null
  readonly puncher: Puncher
  readonly observed: Observed
  readonly ladder: Ladder
  readonly sockets: PathSockets
  readonly #options: PlaneOptions
  /** Our port at our router; null where that was not wanted. */
  mapping: Mapping | null
  readonly #loop: Loop
  readonly #timer: string
  readonly #onTimer: (now: number) => void
  #carriage: Carriage | null
  /** Who has what is neither STUN nor ours, by family: the DHT. */
  #others4: OtherHandler | null
  #others6: OtherHandler | null
  #closed: boolean
  /** The socket that answers STUN and nothing else; 0: there is none. */
  #second: number

  constructor(options: PlaneOptions) {
    const { loop, random, report } = options
    this.#options = options
    this.mapping = null
    this.#loop = loop
    this.#timer = options.name ?? 'datagrams'
    this.#onTimer = (now) => this.#tick(now)
    this.#carriage = null
    this.#others4 = null
    this.#others6 = null
    this.#closed = false
    this.#second = 0
    this.sockets = new PathSockets(options.sockets, (bytes, host, port, via) => {
      if (via > 0 && via === this.#second && !looksLikeStun(bytes)) return
      this.datagrams.onDatagram(bytes, host, port, loop.now(), via)
      this.#stirred()
    })
    this.datagrams = new Datagrams({
      signer: options.signer,
      random,
      now: loop.now(),
      send: (bytes, host, port, via, hops) => this.sockets.send(bytes, host, port, via, hops),
      ...(options.allow ? { allow: options.allow } : {}),
      knows: (key) => this.ladder.wants(key) || (options.knows ?? options.relay?.mine)?.(key) === true,
      onOther: (bytes, host, port) =>
        (host.includes(':') ? this.#others6 : this.#others4)?.(bytes, host, port),
    })
    const plane = this.datagrams
    this.messages = new DirectMessages(plane)
    this.pipes = new Pipes(plane, () => loop.now())
    this.relays = new RelayClient(plane)
    this.relay = options.relay
      ? new RelayServer(plane, options.relay, () => loop.clock.wall(), this.relays)
      : null
    if (!this.relay) this.relays.takeForwards()
    this.observed = new Observed(plane, options.sockets, () => this.sockets.addresses)
    this.puncher = new Puncher(plane, {
      reachable: this.observed.reachable,
      openSockets: (count, onOpen) =>
        this.sockets.open(count, (via) => {
          onOpen(via)
          this.#stirred()
        }),
      closeSocket: (via) => this.sockets.closeOne(via),
      sockets: options.punchSockets ?? 128,
      opener: options.opener ?? true,
    })
    this.ladder = new Ladder({
      plane,
      relays: this.relays,
      puncher: this.puncher,
      observed: this.observed,
      carry: (session, place) => this.#carriage?.reach(session, place),
      report: (event, session, detail) =>
        report?.(event, { peer: base64url(session.key), path: session.best?.text ?? null, ...detail }),
    })
  }

  get key(): Bytes {
    return this.datagrams.identity.publicKey
  }

  /** Binds all addresses and begins. */
  start(listen: readonly string[], done: (error: Failure) => void): void {
    const next = (i: number): void => {
      const address = listen[i]
      if (address === undefined) {
        this.#tick(this.#loop.now())
        if (this.#options.mapping && !this.mapping) this.#map()
        if (this.relay) this.#answerBeside()
        done(null)
        return
      }
      this.sockets.bind(address, (error) => (error ? done(error) : next(i + 1)))
    }
    next(0)
  }

  /** Wants a session with the holder of `key` from now on; `places` are hints. */
  want(key: Bytes, places: readonly Place[]): Session | null {
    const session = this.ladder.want(key, places, this.#loop.now())
    this.#stirred()
    return session
  }

  /** A peer with a good address that relays for us, and tells us our own. */
  useRelay(key: Bytes, place: Place, invite: Bytes = new Uint8Array(0)): void {
    this.ladder.useRelay(key, place, invite, this.#loop.now())
    this.#stirred()
  }

  /** Sends a message that is acknowledged; waits for the session where there is none yet. */
  send(session: Session, message: Bytes, done: (error: WattleError | null) => void): void {
    this.messages.send(session, message, this.#loop.now(), done)
    this.#stirred()
  }

  /** As `send`, one datagram without an answer; false while the session is not up. */
  tell(session: Session, message: Bytes): boolean {
    return this.messages.tell(session, message, this.#loop.now())
  }

  /**
   * Connections of the stream plane come and go over pipes from now on, and datagrams over its streams
   * where UDP does not get through.
   */
  carry(host: Host): void {
    let crossings = 0
    const carriage = new Carriage(host, this.datagrams, {
      sockets: this.#options.sockets,
      stir: () => {
        this.datagrams.stirred = true
        this.#stirred()
        return this.#loop.now()
      },
      later: (run) => this.#loop.after(`${this.#timer} crossing ${crossings++ & 3}`, CROSS_MS, run),
    })
    this.#carriage = carriage
    const crossing = new Crossing(this.datagrams, {
      place: () => carriage.seen,
      prepare: () => this.ladder.carryRelays(),
      cross: (session, place, first) => carriage.cross(session, place, first, CROSS_TRIES),
    })
    this.ladder.cross = (session) => crossing.begin(session, this.#loop.now())
    this.pipes.onPipe = (pipe) => host.accept(pipe)
    // Both sides keep the path under a connection alive: either may be the one whose address changes.
    this.pipes.onCount = (session, pipes) => {
      session.busy = pipes > 0
    }
    host.dialPipe = (address, key, done) => this.#dialPipe(address, key, done)
  }

  /** Datagrams of one family that are neither STUN nor ours (shared.ts); null gives them up. False: somebody has them. */
  takeOthers(six: boolean, handler: OtherHandler | null): boolean {
    if (handler && (six ? this.#others6 : this.#others4)) return false
    if (six) this.#others6 = handler
    else this.#others4 = handler
    return true
  }

  close(): void {
    const now = this.#loop.now()
    for (const session of [...this.datagrams.sessions]) this.datagrams.close(session, now)
    this.#closed = true
    this.mapping?.close()
    this.#loop.cancel(this.#timer)
    this.sockets.close()
  }

  /** What is known of peers and paths, for people. */
  peers(): { key: Bytes; path: string | null; rtt: number; handshakes: number; paths: string[] }[] {
    return this.datagrams.sessions.map((session) => ({
      key: session.key,
      path: session.best?.text ?? null,
      rtt: Math.round(session.best?.rtt ?? 0),
      handshakes: session.handshakes,
      paths: session.paths.map((path) => `${path.text}${path.good ? '' : ' (no answer)'}`),
    }))
  }

  /** `address` is a place, or empty where the ladder knows better. */
  #dialPipe(address: string, key: Bytes, done: (error: Failure, socket: TcpSocket | null) => void): void {
    const place = placeOf(address)
    const session = this.want(key, place ? [place] : [])
    if (!session) {
      done(new WattleError('too-many-sessions', 'no further session can be opened now'), null)
      return
    }
    this.ladder.whenUp(session, (up) => {
      const pipe = up ? this.pipes.open(session) : null
      if (pipe) done(null, pipe)
      else done(new WattleError('no-path', 'the peer was not reached by datagrams'), null)
      this.#stirred()
    })
  }

  /** Who asks a relay for its address learns from two ports of it how its own NAT maps. */
  #answerBeside(): void {
    const bound = this.sockets.addresses.map(placeOf).find((place) => place?.host.includes('.'))
    if (!bound) return
    this.sockets.openBeside(bound.host, (via, port) => {
      this.#second = via
      this.datagrams.answerElsewhere(port)
    })
  }

  /** Our router is asked to let others in at our port. */
  #map(): void {
    const { sockets, random, report } = this.#options
    const bound = this.sockets.addresses.map(placeOf).find((place) => place?.host.includes('.'))
    if (!bound) return
    const name = `${this.#timer} mapping`
    const mapping = new Mapping({
      ...{ loop: this.#loop, sockets, random, name, port: bound.port },
      onChange: (mapped) => {
        report?.('mapping', { place: mapped ? placeText(mapped.place) : null, how: mapped?.how ?? null })
        if (mapped) this.ladder.hurry(this.#loop.now())
        this.#stirred()
      },
    })
    this.mapping = mapping
    this.observed.mapped = () => mapping.place
    mapping.start()
  }

  #tick(now: number): void {
    if (this.#closed) return
    let next = Math.min(this.datagrams.tick(now), this.ladder.tick(now), this.observed.tick(now))
    // What ladder and questions have begun is due already.
    if (this.datagrams.stirred) next = Math.min(next, this.datagrams.tick(now))
    this.#loop.at(this.#timer, Math.max(next, now + 1), this.#onTimer)
  }

  /** After anything that may want a tick sooner than was said. */
  #stirred(): void {
    if (this.#closed || !this.datagrams.stirred) return
    this.datagrams.stirred = false
    this.#loop.at(this.#timer, this.#loop.now(), this.#onTimer)
  }
}
