// The local network as a source of peers: mDNS on each interface, our announcement out, others' in. One
// timer. Interfaces come and go: they are looked at every few seconds. Says `peer` and `lost` once for
// each neighbour, whatever number of interfaces it is heard on, and `lost` only after a while of silence,
// so that a flapping link does not look like people leaving.

import { type Bytes, base64url, equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Signer } from '../../crypto/native.ts'
import type { NetworkAddress, Random, Sockets, UdpSocket } from '../../hw/hardware.ts'
import { type Announcement, announce, readAnnouncement, SOVEREIGN } from '../../net/mdns/announcement.ts'
import { Browser, type Found } from '../../net/mdns/browser.ts'
import { decodeDns, sameName } from '../../net/mdns/dns.ts'
import { P2pBrowser, p2pName, p2pService } from '../../net/mdns/p2p.ts'
import type { Service } from '../../net/mdns/records.ts'
import { Responder } from '../../net/mdns/responder.ts'
import type { Loop } from '../loop.ts'

/** Somebody on the local network: hearsay until a handshake proves the key. */
export interface Neighbour {
  /** By this it is told apart: `key:…`, `tag:…` or `name:…`. */
  readonly id: string
  /** Full mDNS name. */
  readonly name: string
  readonly claimed: boolean
  readonly key: Bytes | null
  readonly tag: Bytes | null
  /** `host:port` each, in the order to be tried. */
  readonly addresses: readonly string[]
  readonly udpPort: number
  readonly protocols: readonly string[]
  readonly capabilities: number
}

export interface LanOptions {
  loop: Loop
  sockets: Sockets
  random: Random
  /** First label of our name: `wattle-ab12`. */
  host: string
  /** What to announce now, without addresses; null: only listen. */
  announcement: () => Omit<Announcement, 'addresses' | 'expires'> | null
  /** Signs it, where it shows a key. */
  signer: () => Signer | null
  /** Milliseconds since 1970. */
  wall: () => number
  subtypes?: readonly string[]
  /** `lo` only, for tests and for `wattle run`; else every interface but that. */
  loopback?: boolean
  port?: number
  onPeer: (neighbour: Neighbour) => void
  onLost: (neighbour: Neighbour) => void
}

const GROUP = { 4: '224.0.0.251', 6: 'ff02::fb' } as const
const PORT = 5_353
const LOOK_MS = 10_000
/** An announcement is believed for this long, and made anew at half of it. */
const VALID_MS = 3_600_000
/** Between the last interface's `lost` and ours. */
const DEBOUNCE_MS = 500
const TIMER = 'lan'

interface Card {
  readonly on: NetworkAddress
  readonly group: string
  socket: UdpSocket | null
  responder: Responder | null
  browser: Browser | null
  p2p: P2pBrowser | null
}

interface Known {
  neighbour: Neighbour
  /** Interfaces on which it is heard, with the mDNS name there. */
  readonly heard: Map<Card, string>
  lostAt: number
  /** Known from libp2p's announcement only, which nobody has signed. */
  bare: boolean
}

export class Lan {
  readonly #options: LanOptions
  readonly #cards: Map<string, Card>
  readonly #known: Map<string, Known>
  readonly #chance: () => number
  readonly #p2pName: string
  #lookAt: number
  #announcedAt: number
  #running: boolean

  constructor(options: LanOptions) {
    this.#options = options
    this.#cards = new Map()
    this.#known = new Map()
    const word = new Uint8Array(4)
    this.#chance = () => {
      options.random(word)
      return (((word[0]! << 16) | (word[1]! << 8) | word[2]!) >>> 0) / 0x1000000
    }
    this.#p2pName = p2pName(this.#chance)
    this.#lookAt = 0
    this.#announcedAt = 0
    this.#running = false
  }

  get neighbours(): Neighbour[] {
    return [...this.#known.values()].map((k) => k.neighbour)
  }

  /** Interfaces that take part, for a person. */
  get interfaces(): string[] {
    return [...this.#cards.values()].filter((c) => c.socket).map((c) => `${c.on.name} ${c.on.address}`)
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#announcedAt = this.#options.loop.now()
    this.#look(this.#options.loop.now())
    this.#schedule()
  }

  /** Says goodbye on every interface. */
  stop(): void {
    this.#running = false
    this.#options.loop.cancel(TIMER)
    for (const card of this.#cards.values()) this.#closeCard(card)
    this.#cards.clear()
    this.#known.clear()
  }

  /** What we announce has changed. */
  refresh(): void {
    if (!this.#running) return
    const now = this.#options.loop.now()
    this.#announcedAt = now
    for (const card of this.#cards.values()) {
      const services = this.#services(card.on)
      if (card.responder) card.responder.update(services, now)
      else if (services.length > 0 && card.socket) this.#respond(card, services, now)
    }
    this.#schedule()
  }

  #tick(now: number): void {
    if (now >= this.#lookAt) this.#look(now)
    if (now - this.#announcedAt >= VALID_MS / 2) this.refresh()
    for (const card of this.#cards.values()) {
      card.responder?.tick(now)
      card.browser?.tick(now)
      card.p2p?.tick(now)
    }
    for (const [id, known] of this.#known)
      if (known.heard.size === 0 && now >= known.lostAt) {
        this.#known.delete(id)
        this.#options.onLost(known.neighbour)
      }
    this.#schedule()
  }

  #schedule(): void {
    if (!this.#running) return
    let at = Math.min(this.#lookAt, this.#announcedAt + VALID_MS / 2)
    for (const { responder, browser, p2p } of this.#cards.values())
      at = Math.min(at, responder?.next() ?? at, browser?.next() ?? at, p2p?.next() ?? at)
    for (const known of this.#known.values()) if (known.heard.size === 0) at = Math.min(at, known.lostAt)
    this.#options.loop.at(TIMER, at, (now) => this.#tick(now))
  }

  // Interfaces

  #look(now: number): void {
    this.#lookAt = now + LOOK_MS
    const { sockets, loopback = false } = this.#options
    const wanted = new Map<string, NetworkAddress>()
    for (const on of sockets.networks()) {
      // One group of a family on an interface is enough. IPv6 on loopback has no multicast.
      const key = `${on.name} ${on.family}`
      if (on.loopback !== loopback || wanted.has(key) || (loopback && on.family === 6)) continue
      if (wanted.size < LIMITS.mdns.interfaces) wanted.set(key, on)
    }
    for (const [key, card] of this.#cards) {
      if (wanted.get(key)?.address === card.on.address) continue
      this.#cards.delete(key)
      this.#closeCard(card)
    }
    for (const [key, on] of wanted) if (!this.#cards.has(key)) this.#openCard(key, on)
  }

  #openCard(key: string, on: NetworkAddress): void {
    const { sockets, loop, port = PORT } = this.#options
    const card: Card = {
      on,
      group: GROUP[on.family],
      socket: null,
      responder: null,
      browser: null,
      p2p: null,
    }
    this.#cards.set(key, card)
    const onDatagram = (bytes: Bytes, host: string, from: number): void => {
      const message = bytes.length <= LIMITS.mdns.takenBytes ? decodeDns(bytes) : null
      if (!message || !this.#running) return
      // Answers from elsewhere than the group's port are not of this protocol (RFC 6762 section 6).
      if (message.response && from !== port) return
      const now = loop.now()
      card.responder?.onMessage(message, { host, port: from === port ? PORT : from }, now)
      card.browser?.onMessage(message, now)
      card.p2p?.onMessage(message, now)
      this.#schedule()
    }
    sockets.joinGroup({ group: card.group, port, on }, onDatagram, (error, socket) => {
      if (!socket || this.#cards.get(key) !== card) {
        socket?.close()
        if (error && this.#cards.get(key) === card) this.#cards.delete(key)
        return
      }
      const now = loop.now()
      card.socket = socket
      const services = this.#services(on)
      if (services.length > 0) this.#respond(card, services, now)
      const common = {
        chance: this.#chance,
        send: (message: Uint8Array) => socket.send(message, card.group, port),
        onLost: (name: string) => this.#onLost(card, name),
      }
      const onFound = (found: Found): void => this.#onFound(card, found)
      card.browser = new Browser({ ...common, type: SOVEREIGN, onFound }, now)
      const onP2p = (name: string, key: Bytes, at: readonly string[]): void =>
        this.#onP2p(card, name, key, at)
      card.p2p = new P2pBrowser({ ...common, onFound: onP2p }, now)
      this.#schedule()
    })
  }

  #closeCard(card: Card): void {
    card.responder?.stop()
    card.socket?.close()
    card.socket = null
    for (const known of this.#known.values()) if (known.heard.has(card)) this.#unheard(known, card)
  }

  // What we say

  #respond(card: Card, services: readonly Service[], now: number): void {
    const { host, port = PORT } = this.#options
    const addresses = this.#addressesOf(card.on)
    card.responder = new Responder(
      {
        host,
        addresses,
        services,
        chance: this.#chance,
        send: (message, to) => card.socket?.send(message, to?.host ?? card.group, to?.port ?? port),
      },
      now,
    )
  }

  #addressesOf(on: NetworkAddress): string[] {
    return this.#options.sockets
      .networks()
      .filter((n) => n.name === on.name && (!n.loopback || n.family === 4))
      .map((n) => n.address)
      .slice(0, LIMITS.mdns.addressesOfOne)
  }

  #services(on: NetworkAddress): Service[] {
    const { announcement, signer, host, wall, subtypes = [] } = this.#options
    const a = announcement()
    if (!a) return []
    const expires = Math.floor((wall() + VALID_MS) / 1_000)
    const txt = announce({ ...a, addresses: this.#addressesOf(on), expires }, signer())
    const own: Service = { type: SOVEREIGN, instance: host, subtypes, port: a.port, txt }
    return a.key ? [own, p2pService(this.#p2pName, a.key, this.#addressesOf(on), a.port)] : [own]
  }

  // What we hear

  #onFound(card: Card, found: Found): void {
    const { wall, signer, onPeer } = this.#options
    const a = readAnnouncement(found.txt, found.port, wall())
    const own = signer()?.publicKey
    if (!a || (a.key && own && equal(a.key, own))) return
    if (card.responder && sameName(found.host) === sameName(card.responder.hostName)) return
    const id = a.key ? `key:${base64url(a.key)}` : a.tag ? `tag:${base64url(a.tag)}` : `name:${found.name}`
    // Where they say they are and where mDNS says so: an address of one's own network first.
    const hosts = [...new Set([...found.addresses, ...a.addresses])]
    const addresses = hosts.map((h) => (h.includes(':') ? `[${h}]:${found.port}` : `${h}:${found.port}`))
    const { claimed, key, tag, udpPort, protocols, capabilities } = a
    const neighbour = { id, name: found.name, claimed, key, tag, addresses, udpPort, protocols, capabilities }
    // The same name under another identity: the old one is gone.
    for (const other of this.#known.values())
      if (other.neighbour.id !== id && other.heard.get(card) === found.name) this.#unheard(other, card)
    const same = this.#known.get(id)
    const known = same?.bare ? undefined : same
    if (!same && this.#known.size >= LIMITS.mdns.instances) return
    const before = known && JSON.stringify([known.neighbour.addresses, known.neighbour.protocols])
    const entry = known ?? { neighbour, heard: new Map(), lostAt: 0, bare: false }
    entry.neighbour = neighbour
    entry.heard.set(card, found.name)
    this.#known.set(id, entry)
    if (before !== JSON.stringify([addresses, protocols])) onPeer(neighbour)
  }

  /** libp2p's announcement: whoever is known from a signed one stays as it is. */
  #onP2p(card: Card, name: string, key: Bytes, addresses: readonly string[]): void {
    const { signer, onPeer } = this.#options
    const own = signer()?.publicKey
    const id = `key:${base64url(key)}`
    const known = this.#known.get(id)
    if ((own && equal(key, own)) || (known && !known.bare)) return
    if (!known && this.#known.size >= LIMITS.mdns.instances) return
    const common = { claimed: true, tag: null, udpPort: 0, protocols: [], capabilities: 0 }
    const entry = known ?? {
      neighbour: { ...common, id, name, key, addresses },
      heard: new Map(),
      lostAt: 0,
      bare: true,
    }
    const before = known?.neighbour.addresses.join()
    entry.neighbour = { ...common, id, name, key, addresses }
    entry.heard.set(card, name)
    this.#known.set(id, entry)
    if (before !== addresses.join()) onPeer(entry.neighbour)
  }

  #onLost(card: Card, name: string): void {
    for (const known of this.#known.values()) if (known.heard.get(card) === name) this.#unheard(known, card)
  }

  #unheard(known: Known, card: Card): void {
    known.heard.delete(card)
    known.lostAt = this.#options.loop.now() + DEBOUNCE_MS
  }
}
