// One way to a peer: an address through one of our sockets, or a carrier (a circuit of a relay). A path
// is good once a challenge sent on it was answered; only good ones carry anything else. Lower ranks are
// better. What is asked when is the session's business; here is what one path remembers.

import { type Bytes, concat, utf8 } from '../../../base/bytes.ts'
import { ipBytes, type Place, scopeOf } from '../address.ts'

/** Carries datagrams without a socket of its own. */
export interface Carrier {
  readonly rank: number
  /** Names it in cookies: who it is that must receive the answer. */
  readonly source: Bytes
  readonly text: string
  /** It goes through somebody else; nothing that is relayed goes through it again. */
  readonly relayed: boolean
  /** Through a relay of strangers, within limits. */
  readonly limited?: boolean
  /** The other side's address under which we see it, where the carrier is a connection of its own. */
  readonly seen: Place | null
  carry(datagram: Bytes, now: number): void
}

export const RANK = { local: 0, six: 1, direct: 2, stream: 6, relayed: 8 } as const

/** Where a datagram came from; one object serves all. */
export interface Origin {
  host: string
  port: number
  /** 0: the main socket of that family; more: a further one, as the owner numbers them. */
  via: number
  carrier: Carrier | null
}

export class Path implements Origin {
  readonly host: string
  readonly port: number
  readonly via: number
  readonly carrier: Carrier | null
  readonly rank: number
  /** What the last challenge said; null when it was answered. */
  token: Bytes | null
  good: boolean
  /** Challenges since the last answer, and when the last one left. */
  asks: number
  askedAt: number
  /** Round trip in ms; 0 while it is not known. */
  rtt: number
  /** Last authentic datagram, last one that was the newest of all. */
  heard: number
  newest: number
  /** Last datagram of ours; the first since we heard, or 0. */
  sent: number
  owed: number
  /** First messages of the handshake under way, and when the next one is due. */
  inits: number
  initAt: number

  constructor(origin: Origin) {
    this.host = origin.host
    this.port = origin.port
    this.via = origin.via
    this.carrier = origin.carrier
    this.rank = origin.carrier ? origin.carrier.rank : rankOf(origin.host)
    this.token = null
    this.good = false
    this.asks = 0
    this.askedAt = Number.NEGATIVE_INFINITY
    this.rtt = 0
    this.heard = Number.NEGATIVE_INFINITY
    this.newest = Number.NEGATIVE_INFINITY
    this.sent = Number.NEGATIVE_INFINITY
    this.owed = 0
    this.inits = 0
    this.initAt = 0
  }

  is(origin: Origin): boolean {
    return (
      this.port === origin.port &&
      this.host === origin.host &&
      this.via === origin.via &&
      this.carrier === origin.carrier
    )
  }

  /** For people. */
  get text(): string {
    if (this.carrier) return this.carrier.text
    return this.host.includes(':') ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`
  }
}

function rankOf(host: string): number {
  if (scopeOf(host) < 3) return RANK.local
  return host.includes(':') ? RANK.six : RANK.direct
}

/** What a cookie is bound to. */
export function sourceOf(origin: Origin): Bytes {
  if (origin.carrier) return origin.carrier.source
  const ip = ipBytes(origin.host) ?? utf8(origin.host)
  return concat(ip, Uint8Array.of(origin.port >> 8, origin.port & 255))
}
