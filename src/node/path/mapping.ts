// Our UDP port at our router (net/udp/mapping) on real sockets: one socket towards the router, one TCP
// connection at a time, a timer. Looks every while whether the router is still the same one. A router is
// an untrusted machine like any other: its answers have a size and a time, and nothing is called that it
// names but itself.

import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Gateway, Random, Sockets, TcpSocket, UdpSocket } from '../../hw/hardware.ts'
import type { Place } from '../../net/udp/address.ts'
import { type HttpReply, ReplyReader } from '../../net/udp/mapping/http.ts'
import { type Mapped, Mapper } from '../../net/udp/mapping/mapper.ts'
import type { Loop } from '../loop.ts'

const LOOK_MS = 30_000
/** Given to a router that has to be told by TCP that a mapping is over. */
const FAREWELL_MS = 1_000
const NONE: Bytes = new Uint8Array(0)

export interface MappingOptions {
  loop: Loop
  sockets: Sockets
  random: Random
  /** Name of the timers. */
  name: string
  /** The port that we are bound to. */
  port: number
  onChange: (mapped: Mapped | null) => void
}

export class Mapping {
  readonly #options: MappingOptions
  #gateway: Gateway | null
  #socket: UdpSocket | null
  #mapper: Mapper | null
  #tcp: TcpSocket | null
  #exchange: number
  #lookAt: number
  #closed: boolean

  constructor(options: MappingOptions) {
    this.#options = options
    this.#gateway = null
    this.#socket = null
    this.#mapper = null
    this.#tcp = null
    this.#exchange = 0
    this.#lookAt = 0
    this.#closed = false
  }

  /** Under which others reach us through the router. */
  get place(): Place | null {
    return this.#mapper?.mapped?.place ?? null
  }

  /** For people: how the port is mapped, or why it is not. */
  get text(): string {
    const mapped = this.#mapper?.mapped
    if (mapped) return `${mapped.place.host}:${mapped.place.port} (${mapped.how})`
    return this.#mapper?.why ?? 'there is no router'
  }

  start(): void {
    this.#tick(this.#options.loop.now())
  }

  /** Takes the mapping back. */
  close(): void {
    this.#closed = true
    this.#options.loop.cancel(this.#options.name)
    this.#drop()
  }

  #tick(now: number): void {
    if (this.#closed) return
    if (now >= this.#lookAt) this.#look(now)
    const next = this.#mapper?.tick(now) ?? this.#lookAt
    const at = Math.max(now + 1, Math.min(this.#lookAt, next))
    this.#options.loop.at(this.#options.name, at, (later) => this.#tick(later))
  }

  #look(now: number): void {
    this.#lookAt = now + LOOK_MS
    const gateway = this.#options.sockets.gateways()[0] ?? null
    const known = this.#gateway
    if (gateway?.address === known?.address && gateway?.own === known?.own) return
    const had = this.place
    this.#drop()
    this.#gateway = gateway
    if (had) this.#options.onChange(null)
    if (gateway) this.#open(gateway)
  }

  #open(gateway: Gateway): void {
    const { sockets, loop, random, port, onChange } = this.#options
    const onDatagram = (bytes: Bytes, host: string, from: number): void => {
      if (this.#gateway !== gateway) return
      this.#mapper?.onDatagram(bytes, host, from, loop.now())
      this.#tick(loop.now())
    }
    sockets.bindUdp(`${gateway.own}:0`, onDatagram, (_error, socket) => {
      if (!socket || this.#closed || this.#gateway !== gateway) {
        socket?.close()
        // Asked for anew at the next look.
        if (!socket && this.#gateway === gateway) this.#gateway = null
        return
      }
      this.#socket = socket
      this.#mapper = new Mapper(
        {
          random,
          gateway: gateway.address,
          client: gateway.own,
          port,
          send: (bytes, host, to) => socket.send(bytes, host, to),
          ask: (exchange, to, request) => this.#ask(exchange, `${gateway.address}:${to}`, request),
          onChange,
        },
        loop.now(),
      )
      this.#tick(loop.now())
    })
  }

  /** The old router's mapping goes, and everything that was under way with it. */
  #drop(): void {
    this.#hangUp()
    this.#mapper?.release()
    this.#mapper = null
    this.#gateway = null
    this.#socket?.close()
    this.#socket = null
  }

  // One exchange by TCP

  #ask(exchange: number, address: string, request: Bytes): void {
    const { sockets, loop, name } = this.#options
    this.#hangUp()
    const own = ++this.#exchange
    const reader = new ReplyReader()
    const farewell = this.#closed
    const finish = (reply: HttpReply | null): void => {
      if (this.#exchange !== own) return
      this.#hangUp()
      if (this.#closed) return
      this.#mapper?.onReply(exchange, reply, loop.now())
      this.#tick(loop.now())
    }
    sockets.dialTcp(address, (_error, socket) => {
      if (!socket || this.#exchange !== own) {
        socket?.destroy()
        finish(null)
        return
      }
      this.#tcp = socket
      socket.events = {
        onData: (bytes) => {
          const reply = reader.push(bytes, false)
          if (reply || reader.bad) finish(reply)
        },
        onDrain: () => {},
        onClose: () => finish(reader.push(NONE, true)),
      }
      socket.write(request)
    })
    const wait = farewell ? FAREWELL_MS : LIMITS.mapping.exchangeMs
    loop.after(`${name} exchange`, wait, () => finish(null))
  }

  #hangUp(): void {
    this.#exchange++
    this.#options.loop.cancel(`${this.#options.name} exchange`)
    this.#tcp?.destroy()
    this.#tcp = null
  }
}
