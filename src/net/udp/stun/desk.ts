// STUN on the socket of the datagram plane: answers Binding requests within a ration, and passes answers
// to our own questions on to the client. Whoever asks learns only its own address.

import type { Bytes } from '../../../base/bytes.ts'
import type { Counters } from '../../../base/counters.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { Random } from '../../../hw/hardware.ts'
import type { Place } from '../address.ts'
import type { DatagramCounter } from '../session/counters.ts'
import { StunClient, type StunDone } from './client.ts'
import { bindingSuccess, bindingUnknown, decodeStun, STUN } from './message.ts'

export interface StunDeskOptions {
  random: Random
  counters: Counters<DatagramCounter>
  send: (datagram: Bytes, host: string, port: number, via: number) => void
  now: number
}

export class StunDesk {
  readonly #options: StunDeskOptions
  readonly #client: StunClient
  /** Another port of ours that answers, as our clients reach it; 0: there is none. */
  other: number
  /** Answers left in this second. */
  #second: number
  #left: number

  constructor(options: StunDeskOptions) {
    this.#options = options
    this.other = 0
    this.#client = new StunClient(options.random, (bytes, host, port) => options.send(bytes, host, port, 0))
    this.#second = options.now
    this.#left = LIMITS.udp.stunPerSecond
  }

  /** Which address does `server` see? False: too many questions are under way. */
  ask(server: Place, now: number, done: StunDone): boolean {
    return this.#client.ask(server, now, done)
  }

  /** When it wants to be called next. */
  tick(now: number): number {
    return this.#client.tick(now)
  }

  /** On a machine with many addresses only the port is known; who asks takes no more from it. */
  #elsewhere(from: Place, via: number): Place | null {
    if (this.other === 0 || via !== 0) return null
    return { host: from.host.includes(':') ? '::' : '0.0.0.0', port: this.other }
  }

  /** A datagram that looks like STUN. */
  onDatagram(bytes: Bytes, from: Place, now: number, via: number): void {
    const { counters, send } = this.#options
    const message = decodeStun(bytes)
    if (!message) {
      counters.add('garbage')
      return
    }
    if (message.type !== STUN.request) {
      this.#client.onMessage(message, from.host, from.port)
      return
    }
    if (now - this.#second >= 1_000) {
      this.#second = now
      this.#left = LIMITS.udp.stunPerSecond
    }
    if (this.#left <= 0) {
      counters.add('stunDropped')
      return
    }
    this.#left--
    counters.add('stunAnswered')
    const answer =
      message.unknown.length > 0
        ? bindingUnknown(message.id, message.unknown)
        : bindingSuccess(message.id, from, this.#elsewhere(from, via))
    send(answer, from.host, from.port, via)
  }
}
