// Finding each other (docs/discovery.md): local network, bootstrap peers and the DHT start together, any
// one alone is enough, each feeds the one table of peers. Whoever wants a peer says so once (`want`) and
// is told when there is somewhere new to try (`onReachable`). Each layer can be switched off.

import { type Bytes, base64url } from '../../base/bytes.ts'
import type { Failure } from '../../hw/hardware.ts'
import type { Host } from '../../net/host.ts'
import { isTagOf } from '../../net/mdns/announcement.ts'
import type { Contact } from '../../wire/net/contact.ts'
import { Lan, type LanOptions, type Neighbour } from '../lan/lan.ts'
import type { Loop } from '../loop.ts'
import { Bootstrap, type BootstrapOptions, type BootstrapState } from './bootstrap.ts'
import { idOf, type Peer, PeerTable } from './table.ts'

/** Another way of finding peers: the DHT, Bluetooth. */
export interface Layer {
  readonly name: 'dht' | 'nearby'
  start(done: (error: Failure) => void): void
  stop(): void
  /** Looks for a key; addresses come through the coordinator's `heard`. */
  look(key: Bytes): void
  /** For a person: what it sees, or why it sees nothing. */
  describe(): string
}

export interface CoordinatorOptions {
  loop: Loop
  host: Host
  /** Milliseconds since 1970. */
  wall: () => number
  /** Null: switched off. */
  lan: Omit<LanOptions, 'loop' | 'wall' | 'onPeer' | 'onLost'> | null
  bootstrap: Pick<
    BootstrapOptions,
    'peers' | 'fallback' | 'contact' | 'timeoutMs' | 'onEvidence' | 'chance'
  > | null
  layers?: readonly Layer[]
  opinion?: (key: Bytes, now: number) => number
  onPeer?: (peer: Peer) => void
  onLost?: (peer: Peer) => void
  /** Somebody we want was seen somewhere new: try at once. */
  onReachable: (key: Bytes) => void
  /** An unclaimed device or another neighbour, as the local network shows it. */
  onNeighbour?: (neighbour: Neighbour) => void
}

/** A peer of ours that is not connected is asked for so soon again, twice as late each time, at most so late. */
const LOOK_FIRST_MS = 1_000
const LOOK_MOST_MS = 20_000
const LOOK_MS = 1_000
/** From so many proven peers on, bootstrap is needed for little. */
const FILLED = 8
const TIMER = 'coordinator'

interface Wanted {
  readonly key: Bytes
  lookAt: number
  wait: number
}

export class Coordinator {
  readonly table: PeerTable
  readonly #options: CoordinatorOptions
  readonly #lan: Lan | null
  readonly #bootstrap: Bootstrap | null
  readonly #wanted: Map<string, Wanted>
  /** What each layer says of itself. */
  readonly #troubles: Map<string, string>

  constructor(options: CoordinatorOptions) {
    const { loop, host, wall, lan, bootstrap, opinion } = options
    this.#options = options
    this.#wanted = new Map()
    this.#troubles = new Map()
    this.table = new PeerTable(
      { onPeer: (peer) => this.#onPeer(peer), onLost: (peer) => options.onLost?.(peer) },
      opinion,
    )
    this.#lan =
      lan &&
      new Lan({
        ...lan,
        loop,
        wall,
        onPeer: (n) => this.#onNeighbour(n),
        onLost: (n) => this.table.withdraw('local', this.#idOf(n)),
      })
    this.#bootstrap =
      bootstrap &&
      new Bootstrap({
        ...bootstrap,
        host,
        loop,
        wall,
        filled: () => this.table.peers.filter((p) => p.proven).length >= FILLED,
        onContact: (contact) => this.#onContact(contact),
        onState: () => {},
      })
  }

  start(): void {
    const { loop, layers = [] } = this.#options
    this.#lan?.start()
    this.#bootstrap?.start()
    for (const layer of layers)
      layer.start((error) => {
        if (error) this.#troubles.set(layer.name, error.message)
      })
    loop.every(TIMER, LOOK_MS, (now) => this.#look(now))
  }

  stop(): void {
    const { loop, layers = [] } = this.#options
    loop.cancel(TIMER)
    this.#lan?.stop()
    this.#bootstrap?.stop()
    for (const layer of layers) layer.stop()
  }

  /** A peer of ours: looked for until it is found, and again when it is gone. */
  want(key: Bytes): void {
    const name = base64url(key)
    if (this.#wanted.has(name)) return
    const now = this.#options.loop.now()
    this.#wanted.set(name, { key: key.slice(), lookAt: now + LOOK_FIRST_MS, wait: LOOK_FIRST_MS })
    this.table.pin(key)
    this.#bootstrap?.want(key)
    for (const layer of this.#options.layers ?? []) layer.look(key)
    // Hidden neighbours that we now recognise.
    for (const neighbour of this.#lan?.neighbours ?? []) this.#onNeighbour(neighbour)
  }

  unwant(key: Bytes): void {
    this.#wanted.delete(base64url(key))
    this.#bootstrap?.unwant(key)
    this.table.unpin(key)
  }

  /** Where to try a key now, best first; `known` are addresses from elsewhere, tried after local ones. */
  addressesOf(key: Bytes, known: readonly string[] = []): string[] {
    const now = this.#options.loop.now()
    const found = this.table.addressesOf(key, now)
    return [...new Set([...found, ...known.filter((a) => !this.table.failed.has(a, now)), ...known])]
  }

  /** A layer heard where a key is. */
  heard(source: 'dht' | 'nearby', key: Bytes, addresses: readonly string[]): void {
    this.table.offer(source, { id: idOf(key), key, addresses }, this.#options.loop.now())
  }

  /** A neighbour told where somebody is; the contact's signature is good. */
  introduced(contact: Contact): void {
    this.#onContact(contact)
  }

  worked(key: Bytes, address: string): void {
    this.table.worked(key, address)
  }

  didNotWork(address: string, why?: string): void {
    this.table.didNotWork(address, this.#options.loop.now(), why)
  }

  /** What we announce, or where we are, has changed. */
  refresh(): void {
    this.#lan?.refresh()
    this.#bootstrap?.refresh()
  }

  /** There are other bootstrap peers than before. */
  peersChanged(): void {
    this.#bootstrap?.peersChanged()
  }

  /** Unclaimed devices and others around, for a person who looks for one. */
  get neighbours(): Neighbour[] {
    return this.#lan?.neighbours ?? []
  }

  get bootstrapState(): BootstrapState | null {
    return this.#bootstrap?.state ?? null
  }

  /** Each layer in words: what it sees, or why it sees nothing. */
  describe(): Record<string, string> {
    const { layers = [] } = this.#options
    const count = (source: string): number =>
      this.table.peers.filter((p) => p.sources.some((s) => s === source)).length
    const lan = this.#lan
    const out: Record<string, string> = {
      local: lan
        ? lan.interfaces.length > 0
          ? `${count('local')} seen on ${lan.interfaces.join(', ')}`
          : 'no network interface can be used for mDNS; is the cable plugged in or the Wi-Fi up?'
        : 'switched off (local.mdns)',
      bootstrap: this.#bootstrap
        ? this.#describeBootstrap(this.#bootstrap.state)
        : 'switched off (bootstrap.enabled)',
    }
    for (const layer of layers) out[layer.name] = this.#troubles.get(layer.name) ?? layer.describe()
    return out
  }

  #describeBootstrap({ connected, failures, seen }: BootstrapState): string {
    if (connected.length > 0)
      return `${connected.length} connected; we are seen as ${seen.join(', ') || 'nothing yet'}`
    const texts = Object.values(failures)
    if (texts.length === 0) return 'no bootstrap peer is configured or has answered yet'
    return `none of ${texts.length} bootstrap peers answered: ${texts.slice(0, 3).join('; ')}`
  }

  #onPeer(peer: Peer): void {
    this.#options.onPeer?.(peer)
    if (peer.key && this.#wanted.has(base64url(peer.key))) this.#options.onReachable(peer.key)
  }

  #onNeighbour(neighbour: Neighbour): void {
    const { key, addresses } = neighbour
    this.#options.onNeighbour?.(neighbour)
    const known = key ?? this.#recognise(neighbour)
    const id = this.#idOf(neighbour)
    this.table.offer('local', { id, key: known, addresses }, this.#options.loop.now())
  }

  /** One of ours whose key is hidden from strangers. */
  #recognise({ tag }: Neighbour): Bytes | null {
    if (!tag) return null
    const wall = this.#options.wall()
    for (const { key } of this.#wanted.values()) if (isTagOf(tag, key, wall)) return key
    return null
  }

  #idOf(neighbour: Neighbour): string {
    const key = neighbour.key ?? this.#recognise(neighbour)
    return key ? idOf(key) : neighbour.id
  }

  #onContact(contact: Contact): void {
    const addresses = contact.addresses.filter((a) => a.startsWith('tcp:')).map((a) => a.slice(4))
    this.table.offer(
      'bootstrap',
      { id: idOf(contact.key), key: contact.key, addresses },
      this.#options.loop.now(),
    )
  }

  /** Those we want and have lost, or never had: asked for again, soon at first. */
  #look(now: number): void {
    const { host, layers = [] } = this.#options
    for (const wanted of this.#wanted.values()) {
      if (host.find(wanted.key)) {
        wanted.wait = LOOK_FIRST_MS
        wanted.lookAt = now + LOOK_FIRST_MS
      } else if (now >= wanted.lookAt) {
        wanted.lookAt = now + wanted.wait
        wanted.wait = Math.min(LOOK_MOST_MS, wanted.wait * 2)
        this.#bootstrap?.hurry(wanted.key)
        for (const layer of layers) layer.look(wanted.key)
      }
    }
  }
}
