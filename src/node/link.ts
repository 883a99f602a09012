// One conversation with one peer, kept up for ever: finds or dials a connection that proves the peer's
// key, opens the protocol, says the opening messages, hands messages on; when it breaks, tries again
// with back-off. One Link for each (peer, protocol); connections are shared through the host.

import type { Bytes } from '../base/bytes.ts'
import type { WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import type { Connection } from '../net/api.ts'
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
  /** Up: the stream is open and the opening was said. Down: with the reason, where there is one. */
  onState: (up: boolean, error: WattleError | null) => void
}

/** Datagrams begin so much later than TCP. */
const PIPE_STEP_MS = 150

/** Links of one process so far: two to one peer (its classes, its devices) must not share a timer. */
let made = 0

export class Link {
  readonly #options: LinkOptions
  readonly #timer: string
  #messages: Messages | null
  #running: boolean
  #attempt: number
  /** Marks callbacks of attempts that were given up. */
  #generation: number

  constructor(options: LinkOptions) {
    this.#options = options
    this.#timer = `link ${++made}`
    this.#messages = null
    this.#running = false
    this.#attempt = 0
    this.#generation = 0
  }

  get up(): boolean {
    return this.#messages !== null
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
    if (address !== undefined || host.dialPipe) this.#race(address, generation)
    else this.#again(null)
  }

  /** An address by TCP and, a moment later, whatever way the datagram plane finds; the first one counts. */
  #race(address: string | undefined, generation: number): void {
    const { host, loop, key, onDial } = this.#options
    let running = 0
    let won = false
    let pipes = host.dialPipe !== null
    const dial = (to: string, told: boolean): void => {
      running++
      host.dial(to, key, (error, connection) => {
        running--
        if (told) onDial?.(to, error)
        if (generation !== this.#generation) return
        if (won) connection?.close()
        else if (connection) {
          won = true
          this.#open(connection, generation)
        } else if (pipes) dialPipe()
        else if (running === 0) this.#again(error)
      })
    }
    const dialPipe = (): void => {
      if (!pipes || won || generation !== this.#generation) return
      pipes = false
      dial('udp:', false)
    }
    if (address === undefined) {
      dialPipe()
      return
    }
    if (pipes) loop.after(this.#timer, PIPE_STEP_MS, dialPipe)
    dial(address, true)
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
        onDrain: () => {},
        onEnd: () => stream.end(),
        onClose: (why) => {
          if (this.#messages !== messages) return
          this.#messages = null
          onState(false, why)
          this.#again(why)
        },
      })
      this.#messages = messages
      for (const message of opening()) messages.send(message)
      this.#attempt = 0
      onState(true, null)
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
