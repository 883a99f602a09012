// A TCP connection in memory: two endpoints, and for each direction a buffer that holds every byte
// from write to read, with marks for what was sent and what has arrived. So steady state copies once
// and allocates next to nothing. A full window makes the writer queue; a paused reader fills the window.
// The end of one side ends the other when it has sent its queue, unless its events take the end themselves.

import type { Bytes } from '../../../base/bytes.ts'
import type { Failure, TcpEvents, TcpSocket } from '../../hardware.ts'
import type { Life } from '../scheduler.ts'
import { failure, type Host, type Link, type Network } from './network.ts'

const UNHEARD: TcpEvents = { onData() {}, onDrain() {}, onClose() {} }

/** One direction. Counted from `head`: arrived <= sent <= total. */
class Pipe {
  buffer: Bytes = new Uint8Array(4_096)
  head = 0
  total = 0
  sent = 0
  arrived = 0
  /** Bytes that a partition holds back. */
  held = 0
  finSent = false
  finHeld = false
  finArrived = false
  /** The writer is gone altogether: its reader need not answer. */
  gone = false
  /** No piece overtakes another, whatever the latency does meanwhile. */
  lastAt = 0
  from!: Endpoint
  to!: Endpoint
  /** The last piece that was read: in steady state the next one lies at the same place. */
  #piece: Bytes = this.buffer.subarray(0, 0)

  push(bytes: Bytes): void {
    const need = this.total + bytes.length
    if (need > this.buffer.length) this.#grow(need)
    const size = this.buffer.length
    const at = (this.head + this.total) % size
    const first = Math.min(bytes.length, size - at)
    this.buffer.set(first === bytes.length ? bytes : bytes.subarray(0, first), at)
    if (first < bytes.length) this.buffer.set(bytes.subarray(first), 0)
    this.total = need
  }

  /** The next arrived bytes in one piece. */
  peek(max: number): Bytes {
    const n = Math.min(this.arrived, max, this.buffer.length - this.head)
    const known = this.#piece
    if (known.buffer !== this.buffer.buffer || known.byteOffset !== this.head || known.length !== n)
      this.#piece = this.buffer.subarray(this.head, this.head + n)
    return this.#piece
  }

  drop(n: number): void {
    this.total -= n
    this.head = this.total === 0 ? 0 : (this.head + n) % this.buffer.length
    this.sent -= n
    this.arrived -= n
  }

  #grow(need: number): void {
    let size = this.buffer.length
    while (size < need) size *= 2
    const bigger = new Uint8Array(size)
    const first = Math.min(this.total, this.buffer.length - this.head)
    bigger.set(this.buffer.subarray(this.head, this.head + first))
    bigger.set(this.buffer.subarray(0, this.total - first), first)
    this.buffer = bigger
    this.head = 0
  }
}

class Endpoint implements TcpSocket {
  readonly local: string
  readonly remote: string
  readonly host: Host
  readonly life: Life
  events: TcpEvents = UNHEARD
  readonly link: TcpLink
  readonly in: Pipe
  readonly out: Pipe
  closed = false
  #paused = false
  #ending = false
  #owesDrain = false
  #pumping = false
  #delivering = false
  #endTold = false

  constructor(link: TcpLink, side: Side, incoming: Pipe, outgoing: Pipe) {
    this.link = link
    this.host = side.host
    this.life = side.life
    this.local = side.local
    this.remote = side.remote
    this.in = incoming
    this.out = outgoing
    incoming.to = this
    outgoing.from = this
  }

  write(bytes: Bytes): void {
    if (this.closed || this.#ending || bytes.length === 0) return
    this.out.push(bytes)
    this.#owesDrain = true
    this.pumpSoon(0)
  }

  queued(): number {
    return this.closed ? 0 : this.out.total - this.out.sent
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.link.network.scheduler.after(0, this.life, deliver, this, null)
  }

  end(): void {
    if (this.closed || this.#ending) return
    this.#ending = true
    this.pumpSoon(0)
  }

  destroy(): void {
    if (this.closed) return
    this.out.total = this.out.sent
    this.out.gone = true
    this.#sendFin()
    this.close(null)
  }

  /** Reports the end once, later. */
  close(error: Failure): void {
    if (this.closed) return
    this.closed = true
    this.link.network.scheduler.after(0, this.life, closing, this, error)
    if (this.link.over()) this.link.network.links.delete(this.link)
  }

  pumpSoon(ms: number): void {
    if (ms === 0) {
      if (this.#pumping) return
      this.#pumping = true
    }
    this.link.network.scheduler.after(ms, this.life, pump, this, null)
  }

  /** Sends what the window lets through, then the end if that is due. */
  pump(): void {
    this.#pumping = false
    const { network } = this.link
    const out = this.out
    if (this.closed || !network.reachable(this.host, out.to.host)) return
    for (;;) {
      const n = Math.min(out.total - out.sent, network.windowBytes - out.sent, network.segmentBytes)
      if (n <= 0) break
      out.sent += n
      network.scheduler.after(this.#delay(), network.life, arrive, out, n)
    }
    if (out.sent < out.total) return
    if (this.#ending && !out.finSent) this.#sendFin()
    if (this.#owesDrain) {
      this.#owesDrain = false
      if (!this.#ending) this.events.onDrain()
    }
    this.closeIfDone()
  }

  deliver(): void {
    const pipe = this.in
    if (this.closed || !this.life.alive) {
      if (pipe.arrived > 0 && this.host.life?.alive) pipe.from.refused()
      return
    }
    // A reader that resumes inside its own onData must not be called inside itself.
    if (this.#delivering) return
    this.#delivering = true
    while (pipe.arrived > 0 && !this.#paused && !this.closed) {
      const piece = pipe.peek(this.link.network.segmentBytes)
      this.events.onData(piece)
      pipe.drop(piece.length)
      if (pipe.from.queued() > 0) pipe.from.pumpSoon(this.link.network.latencyMs)
    }
    this.#delivering = false
    if (this.closed || this.#paused || !pipe.finArrived || pipe.arrived > 0) return
    if (pipe.gone) this.close(null)
    else {
      if (!this.#endTold) {
        this.#endTold = true
        if (this.events.onEnd) this.events.onEnd()
        else this.end()
      }
      this.closeIfDone()
    }
  }

  closeIfDone(): void {
    if (this.in.finArrived && this.in.arrived === 0 && this.out.finSent) this.close(null)
  }

  /** The other side knows nothing of this connection any more. */
  refused(): void {
    const { network } = this.link
    network.scheduler.after(network.latencyMs, this.life, reset, this, null)
  }

  #sendFin(): void {
    this.out.finSent = true
    const { network } = this.link
    network.scheduler.after(this.#delay(), network.life, arriveFin, this.out, null)
  }

  #delay(): number {
    const { network } = this.link
    const now = network.scheduler.now()
    this.out.lastAt = Math.max(this.out.lastAt, now + network.latencyMs)
    return this.out.lastAt - now
  }
}

export interface Side {
  readonly host: Host
  readonly life: Life
  readonly local: string
  readonly remote: string
}

/** A connection as the network sees it; `left` dialled `right`. */
export class TcpLink implements Link {
  readonly network: Network
  readonly a: Host
  readonly b: Host
  readonly left: Endpoint
  readonly right: Endpoint

  constructor(network: Network, left: Side, right: Side) {
    this.network = network
    this.a = left.host
    this.b = right.host
    const there = new Pipe()
    const back = new Pipe()
    this.left = new Endpoint(this, left, back, there)
    this.right = new Endpoint(this, right, there, back)
    network.links.add(this)
  }

  /** Both ends have closed or died. */
  over(): boolean {
    return this.#dead(this.left) && this.#dead(this.right)
  }

  reset(code: string): void {
    for (const end of [this.left, this.right])
      this.network.scheduler.after(0, end.life, reset, end, code === 'ECONNRESET' ? null : code)
  }

  /** The process of `life` was killed: the kernel tells the other side. */
  killed(life: Life): void {
    if (this.left.life === life) this.right.refused()
    if (this.right.life === life) this.left.refused()
  }

  retry(): void {
    for (const end of [this.left, this.right]) {
      const pipe = end.out
      if (pipe.held > 0) {
        const n = pipe.held
        pipe.held = 0
        this.network.scheduler.after(this.network.latencyMs, this.network.life, arrive, pipe, n)
      }
      if (pipe.finHeld) {
        pipe.finHeld = false
        this.network.scheduler.after(this.network.latencyMs, this.network.life, arriveFin, pipe, null)
      }
      if (end.life.alive && !end.closed) end.pumpSoon(0)
      this.network.scheduler.after(0, this.network.life, deliver, end, null)
    }
  }

  #dead(end: Endpoint): boolean {
    return end.closed || !end.life.alive
  }
}

function pump(end: Endpoint): void {
  end.pump()
}

function deliver(end: Endpoint): void {
  end.deliver()
}

function closing(end: Endpoint, error: Failure): void {
  end.events.onClose(error)
  end.events = UNHEARD
}

function reset(end: Endpoint, code: string | null): void {
  end.close(failure(code ?? 'ECONNRESET', end.remote))
}

function arrive(pipe: Pipe, n: number): void {
  if (!pipe.from.link.network.reachable(pipe.from.host, pipe.to.host)) {
    pipe.held += n
    return
  }
  pipe.arrived += n
  pipe.to.deliver()
}

function arriveFin(pipe: Pipe): void {
  if (!pipe.from.link.network.reachable(pipe.from.host, pipe.to.host)) {
    pipe.finHeld = true
    return
  }
  pipe.finArrived = true
  pipe.to.deliver()
}
