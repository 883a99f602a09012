// STUN Binding transactions (RFC 8489 section 6.2.1): which address do others see? A few at once, each
// repeated with doubling pauses, matched by transaction id and by the address that was asked.
// Sans-I/O: requests to send go out through a function, answers come in as decoded messages.

import { type Bytes, equal } from '../../../base/bytes.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { Random } from '../../../hw/hardware.ts'
import type { Place } from '../address.ts'
import { bindingRequest, ID_BYTES, STUN, type StunMessage } from './message.ts'

/** First pause, ms (section 6.2.1 has 500; a punch waits for this, and round trips are shorter now). */
const FIRST_MS = 250
const SENDS = 5

/** @param other another port of that server which answers as well, or 0 */
export type StunDone = (mapped: Place | null, other: number) => void

interface Transaction {
  readonly server: Place
  readonly request: Bytes
  readonly id: Bytes
  readonly done: StunDone
  sent: number
  at: number
}

export class StunClient {
  readonly #send: (bytes: Bytes, host: string, port: number) => void
  readonly #random: Random
  readonly #open: Transaction[]

  constructor(random: Random, send: (bytes: Bytes, host: string, port: number) => void) {
    this.#random = random
    this.#send = send
    this.#open = []
  }

  /** `done` is called once, with null when nobody answered. False: too many are under way. */
  ask(server: Place, now: number, done: StunDone): boolean {
    if (this.#open.length >= LIMITS.udp.stunAtOnce) return false
    const id = new Uint8Array(ID_BYTES)
    this.#random(id)
    const transaction: Transaction = { server, request: bindingRequest(id), id, done, sent: 0, at: now }
    this.#open.push(transaction)
    this.#repeat(transaction, now)
    return true
  }

  onMessage(message: StunMessage, host: string, port: number): void {
    if (message.type !== STUN.success && message.type !== STUN.error) return
    const i = this.#open.findIndex(
      (t) => t.server.port === port && t.server.host === host && equal(t.id, message.id),
    )
    if (i < 0) return
    const [transaction] = this.#open.splice(i, 1)
    // Another host is none of the server's business: it could make us ask anybody.
    transaction!.done(message.type === STUN.success ? message.mapped : null, message.other?.port ?? 0)
  }

  /** Repeats and gives up; when it wants to be called next. */
  tick(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (let i = this.#open.length - 1; i >= 0; i--) {
      const transaction = this.#open[i]!
      if (now >= transaction.at) {
        if (transaction.sent < SENDS) this.#repeat(transaction, now)
        else {
          this.#open.splice(i, 1)
          transaction.done(null, 0)
          continue
        }
      }
      next = Math.min(next, transaction.at)
    }
    return next
  }

  #repeat(transaction: Transaction, now: number): void {
    transaction.at = now + FIRST_MS * 2 ** transaction.sent++
    this.#send(transaction.request, transaction.server.host, transaction.server.port)
  }
}
