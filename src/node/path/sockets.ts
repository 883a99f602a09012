// The UDP sockets of the datagram plane: one for each family, which everything shares, and for a short
// time further ones that a hole punch tries ports with. Numbers name them: 0 the main one of the
// address's family, from 1 on the others.

import type { Bytes } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Failure, Sockets, UdpSocket } from '../../hw/hardware.ts'

export type OnDatagram = (bytes: Bytes, host: string, port: number, via: number) => void

export class PathSockets {
  readonly #sockets: Sockets
  readonly #onDatagram: OnDatagram
  #main4: UdpSocket | null
  #main6: UdpSocket | null
  readonly #further: Map<number, UdpSocket>
  #opening: number
  #next: number
  #closed: boolean

  constructor(sockets: Sockets, onDatagram: OnDatagram) {
    this.#sockets = sockets
    this.#onDatagram = onDatagram
    this.#main4 = null
    this.#main6 = null
    this.#further = new Map()
    this.#opening = 0
    this.#next = 1
    this.#closed = false
  }

  /** Addresses that are bound, IPv4 first. */
  get addresses(): string[] {
    return [this.#main4, this.#main6].flatMap((socket) => (socket ? [socket.address] : []))
  }

  /** `host:port` or `[host]:port`; one of each family. */
  bind(address: string, done: (error: Failure) => void): void {
    const six = address.startsWith('[')
    const onDatagram = (bytes: Bytes, host: string, port: number): void => {
      if (!this.#closed) this.#onDatagram(bytes, host, port, 0)
    }
    this.#sockets.bindUdp(address, onDatagram, (error, socket) => {
      if (!socket) {
        const why = error?.code ?? 'no socket'
        const code = why === 'EADDRINUSE' ? 'port-in-use' : 'udp-bind'
        done(new WattleError(code, `UDP ${address} cannot be used: ${why}`))
        return
      }
      if (this.#closed) socket.close()
      else if (six) this.#main6 = socket
      else this.#main4 = socket
      done(null)
    })
  }

  /** @param hops 0: as many as usual. */
  send(bytes: Bytes, host: string, port: number, via: number, hops: number): void {
    const six = host.includes(':')
    const socket = via > 0 ? this.#further.get(via) : six ? this.#main6 : this.#main4
    if (hops > 0) socket?.sendShort(bytes, host, port, hops)
    else socket?.send(bytes, host, port)
  }

  /** So many IPv4 sockets on ports of the system's choice, as many as the cap still allows. */
  open(count: number, onOpen: (via: number) => void): void {
    const room = 2 * LIMITS.udp.punchSockets - this.#further.size - this.#opening
    for (let i = 0; i < Math.min(count, room); i++) {
      const via = this.#next++
      this.#opening++
      const onDatagram = (bytes: Bytes, host: string, port: number): void => {
        if (!this.#closed) this.#onDatagram(bytes, host, port, via)
      }
      this.#sockets.bindUdp('0.0.0.0:0', onDatagram, (_error, socket) => {
        this.#opening--
        if (!socket) return
        if (this.#closed) socket.close()
        else {
          this.#further.set(via, socket)
          onOpen(via)
        }
      })
    }
  }

  /** One more socket on any port of a host, to stay. `done` has its number and port, or 0 and 0. */
  openBeside(host: string, done: (via: number, port: number) => void): void {
    const via = this.#next++
    const onDatagram = (bytes: Bytes, from: string, port: number): void => {
      if (!this.#closed) this.#onDatagram(bytes, from, port, via)
    }
    this.#sockets.bindUdp(`${host}:0`, onDatagram, (_error, socket) => {
      if (!socket || this.#closed) {
        socket?.close()
        done(0, 0)
        return
      }
      this.#further.set(via, socket)
      done(via, Number(socket.address.slice(socket.address.lastIndexOf(':') + 1)))
    })
  }

  closeOne(via: number): void {
    this.#further.get(via)?.close()
    this.#further.delete(via)
  }

  /** Further sockets that are open. */
  get further(): number {
    return this.#further.size
  }

  close(): void {
    this.#closed = true
    this.#main4?.close()
    this.#main6?.close()
    for (const socket of this.#further.values()) socket.close()
    this.#further.clear()
  }
}
