// One conversation with one peer, kept up for ever: finds or dials a connection that proves the peer's
// key, opens the protocol, says the opening messages, hands messages on; when it breaks, tries again
// with back-off. One Link for each (peer, protocol); connections are shared through the host.

import type { Bytes } from '../base/bytes.ts'
import type { WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import type { Connection, Stream } from '../net/api.ts'
import { isRelayed } from '../net/circuit/socket.ts'
import type { Host } from '../net/host.ts'
import { Messages } from '../net/messages.ts'
import type { Loop } from './loop.ts'

export interface LinkOptions {
  host: Host
  loop: Loop
  /** The peer's Ed25519 key. */
  key: Bytes
  protocol: string
  /** `host:port` each, asked before every attempt. */
  addresses: () => readonly string[]
  /** How a dial to one of them ended. */
  onDial?: (address: string, error: WattleError | null) => void
  /** What to say first on each new stream. */
  opening: () => Bytes[]
  onMessage: (message: Bytes) => void
  /** The stream has room again. */
  onDrain?: () => void
  /** Up: the stream is open and the opening was said. Down: with the reason, where there is one. */
  onState: (up: boolean, error: WattleError | null) => void
}

/** Datagrams begin so much later than TCP, and a relay of connections so much later than those. */
const PIPE_STEP_MS = 150
const CIRCUIT_STEP_MS = 3_000
/** How long a relayed conversation goes on before a better way is tried, again and again. */
const BETTER_MS = 30_000
/** A conversation that lasted so long was one: the next attempt comes at once. */
const STEADY_MS = 2_000

/** Links of one process so far: two to one peer (its classes, its devices) must not share a timer. */
let made = 0

export class Link {
  readonly #options: LinkOptions
  readonly #timer: string
  #messages: Messages | null
  #running: boolean
  #attempt: number
  /** When the stream of now was opened. */
  #openedAt: number
  /** Marks callbacks of attempts that were given up. */
  #generation: number

  constructor(options: LinkOptions) {
    this.#options = options
    this.#timer = `link ${++made}`
    this.#messages = null
    this.#running = false
    this.#attempt = 0
    this.#openedAt = 0
    this.#generation = 0
  }

  get up(): boolean {
    return this.#messages !== null
  }

  /** The stream of now, or null while the link is down. */
  get stream(): Stream | null {
    return this.#messages?.stream ?? null
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#attempt = 0
    this.#try()
  }

  /** Tries at once, whatever the back-off says: the peer was just seen. */
  hurry(): void {
    if (!this.#running || this.#messages) return
    this.#attempt = 0
    this.#options.loop.after(this.#timer, 0, () => this.#try())
  }

  /** Ends the present stream, if there is one, and begins anew at once: there is something new to ask. */
  renew(): void {
    this.#generation++
    const messages = this.#messages
    this.#messages = null
    messages?.stream.reset()
    this.#running = true
    this.#attempt = 0
    this.#options.loop.after(this.#timer, 0, () => this.#try())
  }

  stop(): void {
    this.#running = false
    this.#generation++
    this.#options.loop.cancel(this.#timer)
    const messages = this.#messages
    this.#messages = null
    messages?.stream.end()
  }

  /** False while the link is down or full. */
  send(message: Bytes): boolean {
    return this.#messages?.send(message) ?? false
  }

  #try(): void {
    if (!this.#running || this.#messages) return
    const { host, key, addresses } = this.#options
    const generation = ++this.#generation
    const known = host.find(key)
    if (known) {
      this.#open(known, generation)
      return
    }
    const list = addresses()
    const address = list[this.#attempt % Math.max(1, list.length)]
    this.#race(address, generation)
  }

  /** The ways that there are, best first, each begun a moment after the one before it; the first that works counts. */
  #race(address: string | undefined, generation: number): void {
    const { host, loop, key, onDial } = this.#options
    const ways = [
      ...(address === undefined ? [] : [{ to: address, after: 0 }]),
      ...(host.dialPipe ? [{ to: 'udp:', after: PIPE_STEP_MS }] : []),
      ...(host.dialCircuit ? [{ to: 'relay:', after: CIRCUIT_STEP_MS }] : []),
    ]
    let next = 0
    let running = 0
    let won = false
    const begin = (): void => {
      const way = ways[next]
      if (!way || won || generation !== this.#generation) return
      next++
      running++
      const following = ways[next]
      if (following) loop.after(this.#timer, following.after, begin)
      host.dial(way.to, key, (error, connection) => {
        running--
        if (way.to === address) onDial?.(way.to, error)
        if (generation !== this.#generation) return
        if (won) connection?.close()
        else if (connection) {
          won = true
          loop.cancel(this.#timer)
          this.#open(connection, generation)
        } else if (next < ways.length) begin()
        else if (running === 0) this.#again(error)
      })
    }
    if (ways.length > 0) begin()
    else this.#again(null)
  }

  /** While relayed: the other ways, for ever. A new stream asks for what the old one had not brought. */
  #improve(relayed: Connection): void {
    const { host, loop, key, addresses } = this.#options
    loop.after(this.#timer, BETTER_MS, () => {
      if (this.#messages?.stream.connection !== relayed) return
      const list = addresses()
      const found = (connection: Connection | null): void => {
        if (this.#messages?.stream.connection !== relayed) return
        if (!connection) return this.#improve(relayed)
        this.renew()
        relayed.close()
      }
      const pipe = (): void => {
        if (!host.dialPipe) return found(null)
        return host.dial('udp:', key, (_, connection) => found(connection))
      }
      const address = list[this.#attempt++ % Math.max(1, list.length)]
      if (address === undefined) return pipe()
      return host.dial(address, key, (_, connection) => (connection ? found(connection) : pipe()))
    })
  }

  #open(connection: Connection, generation: number): void {
    const { protocol, opening, onMessage, onState } = this.#options
    connection.open(protocol, (error, stream) => {
      if (generation !== this.#generation) {
        stream?.reset()
        return
      }
      if (!stream) {
        this.#again(error)
        return
      }
      const messages = new Messages(stream, 'u32', {
        onMessage,
        onDrain: () => this.#options.onDrain?.(),
        onEnd: () => stream.end(),
        onClose: (why) => {
          if (this.#messages !== messages) return
          this.#messages = null
          // A conversation that is refused each time is not begun again four times a second.
          if (this.#options.loop.now() - this.#openedAt >= STEADY_MS) this.#attempt = 0
          onState(false, why)
          this.#again(why)
        },
      })
      this.#messages = messages
      this.#openedAt = this.#options.loop.now()
      for (const message of opening()) messages.send(message)
      onState(true, null)
      if (isRelayed(connection.remote)) this.#improve(connection)
    })
  }

  /** 0.25 s, doubling to LIMITS.node.backoffMs. */
  #again(error: WattleError | null): void {
    if (!this.#running) return
    if (error && !this.#messages) this.#options.onState(false, error)
    const wait = Math.min(LIMITS.node.backoffMs, 250 * 2 ** Math.min(this.#attempt, 10))
    this.#attempt++
    this.#options.loop.after(this.#timer, wait, () => this.#try())
  }
}
