// Where one NAT takes a new port for every destination: that side opens many sockets, each of which
// makes a mapping towards the other's one address; the other side sends challenges to ports at random.
// With 256 mappings among 64,512 ports a thousand guesses find one in 98 of 100 cases (the birthday
// argument; section 3 of the notes). The socket that was found is kept, the others are closed.

import type { Bytes } from '../../../base/bytes.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { Random } from '../../../hw/hardware.ts'
import type { Place } from '../address.ts'
import { Path } from '../session/path.ts'
import type { Session } from '../session/session.ts'
import { OPENER_HOPS } from './hops.ts'

/** Ports that NATs give out. */
const LOWEST = 1_024
const PORTS = 64_512
/** Guesses go out in small groups, so that no queue on the way overflows. */
const GROUP_MS = 10

export interface GuessTools {
  /** Opens so many further sockets of IPv4; their numbers come one by one. */
  openSockets: (count: number, onOpen: (via: number) => void) => void
  /** Closes one of them. */
  closeSocket: (via: number) => void
  /** Sockets that this machine affords; at most LIMITS.udp.punchSockets are used. */
  sockets: number
}

export class Guess {
  readonly #tools: GuessTools
  readonly #random: Random
  readonly #session: Session
  readonly #target: Place
  /** The mapping of ours is the random one: we open sockets, the other side guesses. */
  readonly #opens: boolean
  readonly #vias: number[]
  readonly #two: Bytes
  #startAt: number
  #lastAt: number
  #sent: number
  #closed: boolean

  constructor(tools: GuessTools, random: Random, session: Session, target: Place, opens: boolean) {
    this.#tools = tools
    this.#random = random
    this.#session = session
    this.#target = target
    this.#opens = opens
    this.#vias = []
    this.#two = new Uint8Array(2)
    this.#startAt = Number.POSITIVE_INFINITY
    this.#lastAt = 0
    this.#sent = 0
    this.#closed = false
  }

  /** The sockets, each with a datagram that opens our NAT and goes no further. */
  open(now: number): void {
    if (!this.#opens) return
    const count = Math.min(this.#tools.sockets, LIMITS.udp.punchSockets)
    this.#tools.openSockets(count, (via) => {
      if (this.#closed || this.#session.closed) {
        this.#tools.closeSocket(via)
        return
      }
      this.#vias.push(via)
      const { host, port } = this.#target
      this.#session.ask(new Path({ host, port, via, carrier: null }), now, OPENER_HOPS)
    })
  }

  start(at: number): void {
    this.#startAt = at
    this.#lastAt = at
  }

  /** Guesses that are due; when the next are. */
  tick(now: number): number {
    if (this.#opens || this.#sent >= LIMITS.udp.guesses) return Number.POSITIVE_INFINITY
    if (now < this.#startAt) return this.#startAt
    const due = Math.min(50, Math.floor(((now - this.#lastAt) * LIMITS.udp.guessesPerSecond) / 1_000))
    if (due > 0) this.#lastAt = now
    for (let i = 0; i < due; i++) {
      this.#random(this.#two)
      const port = LOWEST + (((this.#two[0]! << 8) | this.#two[1]!) % PORTS)
      this.#session.ask(new Path({ host: this.#target.host, port, via: 0, carrier: null }), now)
      this.#sent++
    }
    return now + GROUP_MS
  }

  /** @param keep the socket that is in use now, or 0. */
  close(keep: number): void {
    this.#closed = true
    for (const via of this.#vias) if (via !== keep) this.#tools.closeSocket(via)
    this.#vias.length = 0
  }
}
