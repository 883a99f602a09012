// Where we are: our own addresses, those under which others see us, and from two of those how our NAT
// maps. Others are STUN servers and peers with which we have a session; each says what it sees, and
// what several say is believed of their own path only.

import { LIMITS } from '../../base/limits.ts'
import type { Sockets } from '../../hw/hardware.ts'
import { type Place, placeOf, placeText, scopeOf } from '../../net/udp/address.ts'
import type { Datagrams } from '../../net/udp/datagrams.ts'
import { MAPPING, type Mapping, type Reachable } from '../../net/udp/punch/offer.ts'

/** What was seen is asked anew after this; sooner where the paths have changed. */
const AGAIN_MS = 60_000
const QUICK_MS = 2_000
const SERVERS = 4
/** What they say is kept, of two ports each. */
const MOST_SEEN = 8

interface Seen {
  readonly server: string
  place: Place
  at: number
}

export class Observed {
  readonly #plane: Datagrams
  readonly #sockets: Sockets
  readonly #bound: () => readonly string[]
  readonly #servers: Place[]
  readonly #seen: Seen[]
  #askedAt: number
  /** Where our router lets others in, as far as it was asked. */
  mapped: () => Place | null

  constructor(plane: Datagrams, sockets: Sockets, bound: () => readonly string[]) {
    this.#plane = plane
    this.#sockets = sockets
    this.#bound = bound
    this.#servers = []
    this.#seen = []
    this.#askedAt = Number.NEGATIVE_INFINITY
    this.mapped = () => null
  }

  /** Somebody who answers STUN: any relay, any peer of ours, any public server. */
  addServer(place: Place): void {
    if (this.#servers.some((known) => placeText(known) === placeText(place))) return
    if (this.#servers.length >= SERVERS) this.#servers.shift()
    this.#servers.push(place)
    this.#askedAt = Number.NEGATIVE_INFINITY
  }

  /** Our addresses may have changed: everybody is asked again. */
  renew(): void {
    this.#askedAt = Number.NEGATIVE_INFINITY
  }

  tick(now: number): number {
    const due = this.#askedAt + (this.#seen.length < this.#servers.length ? QUICK_MS : AGAIN_MS)
    if (this.#servers.length === 0) return Number.POSITIVE_INFINITY
    if (now < due) return due
    this.#askedAt = now
    for (const server of this.#servers) this.#ask(server, now)
    return now + QUICK_MS
  }

  /** One server; and, where it has one, its other port: from both we learn how our NAT maps. */
  #ask(server: Place, now: number): void {
    this.#plane.ask(server, now, (mapped, other) => {
      if (!mapped) return
      this.#note(placeText(server), mapped, now)
      const beside = { host: server.host, port: other }
      if (other > 0 && other !== server.port)
        this.#plane.ask(beside, now, (second) => {
          if (second) this.#note(placeText(beside), second, now)
        })
    })
  }

  /** As others see us, each place once. */
  get seen(): Place[] {
    const out: Place[] = []
    for (const { place } of this.#seen)
      if (!out.some((known) => placeText(known) === placeText(place))) out.push(place)
    return out
  }

  get mapping(): Mapping {
    const four = this.#seen.filter(({ place }) => !place.host.includes(':'))
    if (four.length < 2) return MAPPING.unknown
    const first = placeText(four[0]!.place)
    if (!four.every(({ place }) => placeText(place) === first)) return MAPPING.random
    // A NAT may map by the host alone: two ports of one show less than two hosts.
    const hosts = new Set(four.map(({ server }) => placeOf(server)?.host))
    return hosts.size > 1 ? MAPPING.steady : MAPPING.unknown
  }

  /** What we tell a peer about ourselves: where our router lets it in, seen addresses, then our own. */
  reachable = (): Reachable => {
    const mapped = this.mapped()
    const places = [...(mapped ? [mapped] : []), ...this.seen, ...this.#own()]
    const texts = places.map(placeText)
    const once = places.filter((place, i) => texts.indexOf(placeText(place)) === i)
    return { mapping: this.mapping, places: once.slice(0, LIMITS.udp.paths) }
  }

  /** Addresses of this machine at the ports we are bound to; loopback only where nothing else is bound. */
  #own(): Place[] {
    const out: Place[] = []
    for (const address of this.#bound()) {
      const bound = placeOf(address)
      if (!bound) continue
      if (bound.host !== '0.0.0.0' && bound.host !== '::') {
        out.push(bound)
        continue
      }
      const family = bound.host.includes(':') ? 6 : 4
      for (const network of this.#sockets.networks())
        if (network.family === family && !network.loopback && usable(network.address))
          out.push({ host: network.address, port: bound.port })
    }
    return out
  }

  #note(server: string, place: Place, now: number): void {
    const known = this.#seen.find((each) => each.server === server)
    if (known) {
      known.place = place
      known.at = now
    } else {
      if (this.#seen.length >= MOST_SEEN) this.#seen.shift()
      this.#seen.push({ server, place, at: now })
    }
  }
}

/** Link-local IPv6 addresses mean nothing without their interface. */
function usable(host: string): boolean {
  return scopeOf(host) >= 2 && !/^fe[89ab]/i.test(host)
}
