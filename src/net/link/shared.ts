// What all connections of one host share: identity, counters, the table of protocols, the accounts
// of waiting bytes, and two buffers in which frames are laid out and opened. The buffers are free to
// share because every call into net runs to its end before the next one begins.

import type { Bytes } from '../../base/bytes.ts'
import { Counters } from '../../base/counters.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Random } from '../../hw/hardware.ts'
import { NET_COUNTERS, type NetCounter, type StreamHandler } from '../api.ts'
import type { Identity } from '../noise/identity.ts'
import { Account } from '../queue.ts'

/** Length, header and tag around the bytes of one frame of ours. */
const AROUND = 2 + 12 + 16

export class Shared {
  readonly identity: Identity
  readonly random: Random
  readonly now: () => number
  readonly counters: Counters<NetCounter>
  readonly protocols: Map<string, StreamHandler>
  readonly unread: Account
  readonly unsent: Account
  /** Opened frames. */
  readonly inbox: Bytes
  /** Frames of ours, sealed where they stand. */
  readonly outbox: Bytes
  #inner: Shared | null

  /** @param outer what is shared with connections that this one's run inside of. */
  constructor(identity: Identity, random: Random, now: () => number, outer: Shared | null = null) {
    this.identity = identity
    this.random = random
    this.now = now
    this.counters = outer?.counters ?? new Counters(NET_COUNTERS)
    this.protocols = outer?.protocols ?? new Map()
    this.unread = outer?.unread ?? new Account(LIMITS.net.unreadBytes)
    this.unsent = outer?.unsent ?? new Account(LIMITS.net.unsentBytes)
    this.inbox = new Uint8Array(LIMITS.net.frameBytes)
    this.outbox = new Uint8Array(LIMITS.net.chunkBytes + AROUND)
    this.#inner = null
  }

  /** The same with other buffers, for connections that run inside of others: one layer deep, no more. */
  get inner(): Shared {
    this.#inner ??= new Shared(this.identity, this.random, this.now, this)
    return this.#inner
  }
}
