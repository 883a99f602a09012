// The overlay as a service of js-libp2p 3: ContentRouting, PeerRouting, PeerDiscovery, Startable. It
// needs the contract package only; PeerId and Multiaddr objects are made by functions it is given.
// Mapping (docs/dht.md, "In a libp2p node"): Ed25519 PeerId -> key -> node id; a peer's addresses are its
// signed item with salt `addr`; a provider is a peer announced under a hash of the CID's multihash.

import {
  contentRoutingSymbol,
  NotFoundError,
  type PeerId,
  type PeerInfo,
  type Provider,
  peerDiscoverySymbol,
  peerRoutingSymbol,
  type RoutingOptions,
  type Startable,
  serviceCapabilities,
  TypedEventEmitter,
} from '@libp2p/interface'
import { type Bytes, concat, equal, hex, text, utf8 } from '../base/bytes.ts'
import { type Signer, sha1, sha256 } from '../crypto/native.ts'
import { bencodeBytes, bytesOf, plainItem, signItem, targetOf } from '../dht/objects.ts'
import type { Contact } from '../dht/options.ts'
import { idOfKey } from '../dht/overlay/proof.ts'
import type { DhtRunner } from './dht-runner.ts'
import type { Loop } from './loop.ts'

const NAME = 'wattle-dht'
const ADDRESSES = utf8('addr')
/** Keys that `put` and `get` take: this, then 32 bytes of key and a salt, or the 20 bytes of a target. */
const KEY_PREFIX: Bytes = utf8('/wattle/')
const REPROVIDE_MS = 1_200_000
const PUBLISH_MS = 1_800_000
const MAX_PROVIDED = 64
const MAX_ADDRESSES = 16
/** Protobuf and multihash head of an Ed25519 PeerId. */
const ED25519_HEAD = Uint8Array.from([0, 0x24, 8, 1, 0x12, 0x20])

type Multiaddr = PeerInfo['multiaddrs'][number]
interface Cid {
  readonly multihash: { readonly bytes: Uint8Array }
}

export interface DhtRoutingOptions {
  /** An overlay runner; started and stopped with the libp2p node. */
  readonly runner: DhtRunner
  readonly loop: Loop
  /** The same key as the runner's overlay and the libp2p node's PeerId. */
  readonly signer: Signer
  /** A PeerId of 32 bytes of Ed25519 public key. */
  readonly peerId: (publicKey: Bytes) => PeerId
  readonly multiaddr: (text: string) => Multiaddr
}

/** What the service takes of libp2p's components. */
export interface DhtRoutingComponents {
  readonly addressManager: { getAddresses(): Multiaddr[] }
}

/** A service factory for libp2p's `services`. */
export function dhtRouting(options: DhtRoutingOptions): (components: DhtRoutingComponents) => DhtRouting {
  return (components) => new DhtRouting(options, components)
}

interface PeerEvents {
  peer: CustomEvent<PeerInfo>
}

export class DhtRouting extends TypedEventEmitter<PeerEvents> implements Startable {
  readonly #options: DhtRoutingOptions
  readonly #components: DhtRoutingComponents
  /** Topics of provided CIDs, by hex. */
  readonly #provided: Map<string, Bytes>
  #published: boolean

  constructor(options: DhtRoutingOptions, components: DhtRoutingComponents) {
    super()
    this.#options = options
    this.#components = components
    this.#provided = new Map()
    this.#published = false
    // Symbol properties: libp2p looks for them on every service.
    Object.defineProperties(this, {
      [Symbol.toStringTag]: { value: '@wattle/dht' },
      [serviceCapabilities]: {
        value: ['@libp2p/content-routing', '@libp2p/peer-routing', '@libp2p/peer-discovery'],
      },
      [contentRoutingSymbol]: { value: this },
      [peerRoutingSymbol]: { value: this },
      [peerDiscoverySymbol]: { value: this },
    })
  }

  async start(): Promise<void> {
    const { runner, loop } = this.#options
    await runner.start()
    loop.every(`${NAME} reprovide`, REPROVIDE_MS, () => void this.#reprovide())
    loop.every(`${NAME} publish`, PUBLISH_MS, () => {
      void this.publish().catch(() => {})
    })
    loop.every(`${NAME} discover`, 5_000, () => this.#discover())
  }

  /** Publishes our addresses once others can be found; called by libp2p after start. */
  async afterStart(): Promise<void> {
    if (!(await this.#options.runner.joined(2_000))) return
    await this.publish().catch(() => {})
    this.#discover()
  }

  async stop(): Promise<void> {
    const { runner, loop } = this.#options
    for (const name of ['reprovide', 'publish', 'discover']) loop.cancel(`${NAME} ${name}`)
    await runner.stop()
  }

  /** Puts our signed list of addresses; the item is republished hourly by the engine. */
  async publish(): Promise<void> {
    const lines: string[] = []
    let length = 0
    for (const address of this.#components.addressManager.getAddresses().slice(0, MAX_ADDRESSES)) {
      const line = String(address)
      if (length + line.length > 900) break
      length += line.length + 1
      lines.push(line)
    }
    this.#published = true
    await this.#putOwn(ADDRESSES, utf8(lines.join('\n')), true)
  }

  async #putOwn(salt: Bytes, value: Bytes, keep: boolean, signal?: AbortSignal): Promise<void> {
    const { runner, signer } = this.#options
    const target = targetOf(signer.publicKey, salt)
    const old = await runner.ask({ kind: 'get', target, salt, publicKey: signer.publicKey }, signal)
    const now = BigInt(Math.max(0, Math.floor(runner.wall())))
    const seq = old.item && old.item.seq >= now ? old.item.seq + 1n : now
    await runner.ask(
      { kind: 'put', item: signItem(signer, bencodeBytes(value), { seq, salt }), keep },
      signal,
    )
  }

  /** Contacts of our neighbourhood become known to libp2p; our addresses once somebody can hold them. */
  #discover(): void {
    const { runner, loop, peerId } = this.#options
    if (runner.dht.joined && !this.#published) void this.publish().catch(() => {})
    for (const family of [4, 6] as const)
      for (const contact of runner.dht.closest(runner.dht.id, family, loop.now()))
        if (contact.publicKey)
          this.safeDispatchEvent('peer', { detail: { id: peerId(contact.publicKey), multiaddrs: [] } })
  }

  async #reprovide(): Promise<void> {
    for (const topic of [...this.#provided.values()])
      await this.#options.runner.ask({ kind: 'announce', target: topic, port: 0 }).catch(() => null)
  }

  /** PeerRouting: the addresses that this peer signed. */
  async findPeer(peerId: PeerId, options: RoutingOptions = {}): Promise<PeerInfo> {
    const key = keyOf(peerId)
    if (!key || options.useNetwork === false) throw new NotFoundError(`${NAME}: no such peer here`)
    return { id: peerId, multiaddrs: await this.#addresses(key, options.signal) }
  }

  async #addresses(key: Bytes, signal?: AbortSignal): Promise<Multiaddr[]> {
    const target = targetOf(key, ADDRESSES)
    const wanted = { kind: 'get', target, salt: ADDRESSES, publicKey: key } as const
    const found = await this.#options.runner.ask(wanted, signal)
    const content = found.item ? bytesOf(found.item.value) : null
    if (!content) throw new NotFoundError(`${NAME}: the peer published no addresses`)
    return text(content)
      .split('\n')
      .slice(0, MAX_ADDRESSES)
      .flatMap((line) => {
        try {
          return [this.#options.multiaddr(line)]
        } catch {
          return []
        }
      })
  }

  /** PeerRouting: proven nodes nearest to a key; libp2p asks for their addresses itself. */
  async *getClosestPeers(key: Uint8Array, options: RoutingOptions = {}): AsyncIterable<PeerInfo> {
    if (options.useNetwork === false) return
    const ed25519 = key.length === 38 && equal(key.subarray(0, 6), ED25519_HEAD)
    const target = ed25519 ? idOfKey(key.subarray(6)) : sha256(key).slice(0, 20)
    const found = await this.#options.runner.ask({ kind: 'find', target }, options.signal)
    for (const node of found.nodes)
      if (node.publicKey) yield { id: this.#options.peerId(node.publicKey), multiaddrs: [] }
  }

  /** ContentRouting: announces us under the CID and keeps doing so. */
  async provide(cid: Cid, options: RoutingOptions = {}): Promise<void> {
    const topic = topicOf(cid)
    if (this.#provided.size < MAX_PROVIDED) this.#provided.set(hex(topic), topic)
    if (options.useNetwork === false) return
    await this.#options.runner.ask({ kind: 'announce', target: topic, port: 0 }, options.signal)
  }

  async cancelReprovide(cid: Cid): Promise<void> {
    this.#provided.delete(hex(topicOf(cid)))
  }

  /** ContentRouting: announced peers that prove a key when asked for it. */
  async *findProviders(cid: Cid, options: RoutingOptions = {}): AsyncIterable<Provider> {
    if (options.useNetwork === false) return
    const { runner, peerId } = this.#options
    const found = await runner.ask({ kind: 'peers', target: topicOf(cid) }, options.signal)
    for (const address of found.peers) {
      if (options.signal?.aborted) return
      const contact: Contact | null = await runner.identify(address)
      if (!contact?.publicKey) continue
      const multiaddrs = await this.#addresses(contact.publicKey, options.signal).catch(() => [])
      yield { id: peerId(contact.publicKey), multiaddrs, routing: NAME }
    }
  }

  /** ContentRouting: keys that this DHT cannot hold, or that are not ours, are passed over in silence. */
  async put(key: Uint8Array, value: Uint8Array, options: RoutingOptions = {}): Promise<void> {
    const place = placeOf(key)
    if (!place || options.useNetwork === false) return
    if (place.publicKey) {
      if (!equal(place.publicKey, this.#options.signer.publicKey)) return
      await this.#putOwn(place.salt, value, false, options.signal)
      return
    }
    const item = plainItem(bencodeBytes(value))
    if (equal(item.target, place.target))
      await this.#options.runner.ask({ kind: 'put', item }, options.signal)
  }

  /** ContentRouting: the value under a key of ours; NotFoundError for any other and for what is not there. */
  async get(key: Uint8Array, options: RoutingOptions = {}): Promise<Uint8Array> {
    const place = placeOf(key)
    if (!place || options.useNetwork === false) throw new NotFoundError(`${NAME}: no key of this DHT`)
    const { publicKey, salt, target } = place
    const wanted = { kind: 'get', target, salt, ...(publicKey ? { publicKey } : {}) } as const
    const found = await this.#options.runner.ask(wanted, options.signal)
    const content = found.item ? bytesOf(found.item.value) : null
    if (!content) throw new NotFoundError(`${NAME}: nothing is stored under this key`)
    return content
  }
}

function keyOf(peerId: PeerId): Bytes | null {
  return peerId.type === 'Ed25519' ? peerId.publicKey.raw : null
}

function topicOf(cid: Cid): Bytes {
  return sha1(utf8('wattle cid'), cid.multihash.bytes)
}

/** What a routing key names, or null. */
function placeOf(key: Uint8Array): { target: Bytes; publicKey: Bytes | null; salt: Bytes } | null {
  const n = KEY_PREFIX.length
  if (key.length < n + 20 || !equal(key.subarray(0, n), KEY_PREFIX)) return null
  const rest = key.subarray(n)
  if (rest.length === 20) return { target: rest.slice(), publicKey: null, salt: utf8('') }
  if (rest.length < 32 || rest.length > 96) return null
  const publicKey = rest.slice(0, 32)
  const salt = rest.slice(32)
  return { target: targetOf(publicKey, salt), publicKey, salt }
}

/** The routing key of an item of `publicKey` with a salt, or of an immutable value. */
export function routingKey(publicKey: Bytes, salt: Bytes): Bytes {
  return concat(KEY_PREFIX, publicKey, salt)
}

/** The routing key of an immutable value. */
export function contentKey(value: Bytes): Bytes {
  return concat(KEY_PREFIX, sha1(bencodeBytes(value)))
}
