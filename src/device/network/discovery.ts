// The device makes itself found: announced on the local network, its contact registered with bootstrap
// peers. Unclaimed it shows a name and nothing that lasts; claimed its key, or, where the owner's policy
// hides it from strangers, a tag that only those who know the key recognise.

import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Signer } from '../../crypto/native.ts'
import type { Head } from '../../dht/overlay/head.ts'
import type { Hardware, Random } from '../../hw/hardware.ts'
import type { Host } from '../../net/host.ts'
import { type Announcement, CAPABILITY, tagOf } from '../../net/mdns/announcement.ts'
import { DhtLayer } from '../../node/dht/layer.ts'
import type { DhtSettings } from '../../node/dht/settings.ts'
import type { Loop } from '../../node/loop.ts'
import type { CommunityBook } from '../../node/peers/community/book.ts'
import type { DiscoverySettings } from '../../node/peers/config.ts'
import { Coordinator } from '../../node/peers/coordinator.ts'
import type { OnEvidence } from '../../node/peers/evidence.ts'
import type { ListedPeer } from '../../node/peers/list.ts'
import type { Policy } from '../../ownership/policy/policy.ts'
import { ORIGIN, type Origin } from '../../wire/net/communities.ts'
import { signContact } from '../../wire/net/contact.ts'
import { DeviceHead, type Standing } from './head.ts'

export interface DiscoveryOptions {
  hardware: Hardware
  loop: Loop
  settings: DiscoverySettings
  /** `wattle-ab12`. */
  name: string
  host: Host
  /** The identity's; null while nobody owns the device. */
  signer: Signer | null
  /** Lists of peers that it was given. */
  communities: CommunityBook
  /** `host:port` that is really listened on. */
  address: () => string
  /** The owners' policy: strangers on the local network may see the key; the DHT may hold addresses. */
  announce: () => Policy['announce']
  /** The best of these, so many at most. */
  choose: <T extends { readonly key: Bytes }>(peers: readonly T[], places: number) => T[]
  opinion?: (key: Bytes, now: number) => number
  onEvidence?: OnEvidence
  /** As in DeviceHeadOptions. */
  standing: () => Standing | null
  onRemembered: (head: Head) => void
}

const DHT_FILE = 'device.dht'
const NO_KEY: Bytes = new Uint8Array(32)

export class DeviceDiscovery {
  readonly coordinator: Coordinator
  readonly #options: DiscoveryOptions
  readonly #layer: DhtLayer | null
  readonly #head: DeviceHead | null

  constructor(options: DiscoveryOptions) {
    const { hardware, loop, settings, name, host, signer, opinion } = options
    const { sockets, random, clock } = hardware
    const { mdns, bootstrap } = settings
    this.#options = options
    const layer =
      settings.dht && signer && options.announce().dht ? this.#makeLayer(settings.dht, signer) : null
    this.#layer = layer
    this.#head = layer && this.#makeHead(layer, settings.dht!)
    this.coordinator = new Coordinator({
      loop,
      host,
      wall: () => clock.wall(),
      lan:
        mdns === 'off'
          ? null
          : {
              sockets,
              random,
              host: name,
              announcement: () => this.#announcement(),
              signer: () => (options.announce().lan ? signer : null),
              subtypes: ['_p1', ...(signer ? [] : ['_unclaimed'])],
              loopback: mdns === 'lo',
            },
      bootstrap:
        bootstrap.enabled && (bootstrap.peers.length > 0 || signer)
          ? {
              peers: () =>
                options.choose([...bootstrap.peers, ...this.#listed(ORIGIN.owner)], LIMITS.peers.bootstrap),
              fallback: () => this.#listed(ORIGIN.card),
              contact: () => this.contact(),
              timeoutMs: bootstrap.timeoutMs,
              ...(options.onEvidence ? { onEvidence: options.onEvidence } : {}),
              chance: () => chanceOf(random),
            }
          : null,
      ...(opinion ? { opinion } : {}),
      ...(layer ? { layers: [layer] } : {}),
      onReachable: () => {},
    })
  }

  start(): void {
    const { signer, hardware } = this.#options
    // A power cut may have left it behind a deletion.
    if (!signer) hardware.files.remove(DHT_FILE, () => {})
    this.coordinator.start()
    this.#head?.start()
  }

  stop(): void {
    this.#head?.stop()
    this.coordinator.stop()
  }

  /** Stops for good: nobody owns the device any more, and nobody is to learn whom it knew. */
  forget(): void {
    this.#head?.stop()
    this.#layer?.abandon()
    this.coordinator.stop()
    this.#options.hardware.files.remove(DHT_FILE, () => {})
  }

  /** Nobody's device knows nobody: its keys are thrown away anyhow. */
  #listed(origin: Origin): readonly ListedPeer[] {
    return this.#options.signer ? this.#options.communities.peers(origin) : []
  }

  #makeLayer(settings: DhtSettings, signer: Signer): DhtLayer {
    const { hardware, loop } = this.#options
    const { sockets, random, files } = hardware
    return new DhtLayer({
      machine: { loop, random, sockets },
      settings,
      signer,
      state: { files, name: DHT_FILE },
      onPeer: (key, addresses) => this.coordinator.heard('dht', key, addresses),
    })
  }

  #makeHead(layer: DhtLayer, { witness, storeTtl }: DhtSettings): DeviceHead {
    const { loop, standing, onRemembered } = this.#options
    return new DeviceHead({
      loop,
      layer,
      standing,
      addresses: () => this.#addresses(),
      onRemembered: witness ? onRemembered : null,
      storeTtl,
    })
  }

  #announcement(): Omit<Announcement, 'addresses' | 'expires'> {
    const { signer, hardware, announce } = this.#options
    const shown = signer !== null && announce().lan
    return {
      claimed: signer !== null,
      key: shown ? signer.publicKey : null,
      tag: signer && !shown ? tagOf(signer.publicKey, hardware.clock.wall()) : null,
      protocols: signer ? ['channel', 'consent', 'claim'] : ['claim'],
      capabilities: CAPABILITY.meter,
      port: portOf(this.#options.address()),
      udpPort: 0,
    }
  }

  /** Null while nobody owns the device: strangers' keys are worth no place. */
  contact(): Bytes | null {
    const { signer, hardware } = this.#options
    if (!signer) return null
    const wall = Math.floor(hardware.clock.wall())
    const addresses = this.#addresses().map((address) => `tcp:${address}`)
    const expires = wall + LIMITS.peers.contactMs
    return signContact({ key: signer.publicKey, datagramKey: NO_KEY, seq: wall, expires, addresses }, signer)
  }

  /** Where we listen: every address of this machine, where that is all of them. */
  #addresses(): string[] {
    const { address, hardware } = this.#options
    const port = portOf(address())
    const host = address().slice(0, address().lastIndexOf(':'))
    const all = host === '0.0.0.0' || host === '[::]'
    const own = hardware.sockets
      .networks()
      .filter((n) => !n.loopback && !n.address.startsWith('fe80:') && (host !== '0.0.0.0' || n.family === 4))
      .map((n) => (n.family === 6 ? `[${n.address}]:${port}` : `${n.address}:${port}`))
    const seen = this.coordinator.bootstrapState?.seen ?? []
    const outside = seen.map((s) => `${s.slice(0, s.lastIndexOf(':'))}:${port}`)
    return [...new Set([...(all ? own : [address()]), ...outside])].slice(0, LIMITS.peers.addressesOfOne)
  }
}

/** 0 to 1. */
function chanceOf(random: Random): number {
  const byte = new Uint8Array(1)
  random(byte)
  return byte[0]! / 255
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}
