// The device on the network: one Host under the key of the moment, and what comes in on its streams. An
// unclaimed device shows itself under a key that it forgets at power-off, a claimed one under its
// identity; changing the name ends every connection of the old one. Nothing is decided here: messages go
// to claim.ts, consent.ts and publish/, which hold the rules.

import type { Bytes } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { Signer } from '../../crypto/native.ts'
import { Secret } from '../../crypto/secret.ts'
import type { Head } from '../../dht/overlay/head.ts'
import type { Failure, Hardware } from '../../hw/hardware.ts'
import type { Connection, Stream } from '../../net/api.ts'
import { isRelayed } from '../../net/circuit/socket.ts'
import { Host } from '../../net/host.ts'
import { Messages } from '../../net/messages.ts'
import { serveIdentify } from '../../net/services/identify.ts'
import { servePing } from '../../net/services/ping.ts'
import { attachCircuits, type Circuits } from '../../node/circuit/relays.ts'
import type { Subscriber } from '../../node/frames/subscriber.ts'
import type { Loop } from '../../node/loop.ts'
import { attachPlane } from '../../node/path/attach.ts'
import type { Plane } from '../../node/path/plane.ts'
import type { DiscoverySettings } from '../../node/peers/config.ts'
import type { Policy } from '../../ownership/policy/policy.ts'
import { choose } from '../../ownership/reputation/choose.ts'
import { UPDATE_PROTOCOL } from '../../wire/card/update.ts'
import { CHANNEL_PROTOCOL } from '../../wire/channel.ts'
import { CLAIM_PROTOCOL } from '../../wire/claim.ts'
import { CONSENT_PROTOCOL } from '../../wire/consent.ts'
import type { ClassId } from '../../wire/frame.ts'
import { PEERS_PROTOCOL } from '../../wire/net/peers.ts'
import { TUNNEL_PROTOCOL } from '../../wire/net/tunnel.ts'
import { DESK_PROTOCOL } from '../../wire/page.ts'
import type { Claim } from '../claim.ts'
import type { ConsentServer } from '../consent.ts'
import type { Subscribers } from '../publish/subscribers.ts'
import { DeviceDiscovery } from './discovery.ts'
import type { Standing } from './head.ts'
import { Near } from './near/near.ts'
import { DevicePeers } from './peers.ts'
import { DeviceRelay } from './relaying.ts'
import { DeviceTunnels, type TunnelPort } from './tunnels.ts'

export interface StreamsOptions {
  hardware: Hardware
  loop: Loop
  /** `host:port` to listen on. */
  listen: string
  /** The identity's signer; null while nobody owns the device. */
  signer: () => Signer | null
  claim: Claim
  consent: ConsentServer
  /** Takes streams of UPDATE_PROTOCOL; null where there is no card to update. */
  update: ((stream: Stream) => void) | null
  /** Takes streams of owners' homes that want to know how it is; null where no page is served. */
  desk: ((stream: Stream) => void) | null
  /** Null while nobody owns the device. */
  subscribers: () => Subscribers | null
  /** `wattle-ab12`. */
  name: string
  /** How it is found; null: by its address alone. */
  discovery: DiscoverySettings | null
  /** Keys of the owners now. */
  owners: () => readonly Bytes[]
  /** Texts of the card's lists of peers. */
  communities: () => readonly string[]
  /** Ports that owners reach from afar. */
  tunnel: () => readonly TunnelPort[]
  /** What the owners have decided in advance. */
  policy: () => Policy
  /** As in DeviceHeadOptions. */
  standing: () => Standing | null
  onRemembered: (head: Head) => void
  report: (event: string, detail?: Record<string, unknown>) => void
}

const RELISTEN_MS = 250
/** The result of the claim has this long to arrive before the device changes its name on the network. */
const FAREWELL_MS = 1_000
const TIMER = 'identity'
const SAVE_TIMER = 'opinions'
const SAVE_MS = 3_600_000
const CLASSES: readonly ClassId[] = [0, 1, 2]
/** Sockets that a hole punch may open on a small board. */
const PUNCH_SOCKETS = 128

export class DeviceStreams {
  readonly #options: StreamsOptions
  readonly #links: Map<number, Messages>
  #nextLink: number
  #host: Host
  #address: string
  /** Null while nobody owns the device. */
  #peers: DevicePeers | null
  #discovery: DeviceDiscovery | null
  /** UDP, where relays are set. */
  #plane: Plane | null
  /** Being called through relays of connections, where relays are set. */
  #circuits: Circuits | null
  /** Null while nobody owns the device. */
  #relay: DeviceRelay | null
  /** What the policy let be announced when discovery began. */
  #announced: string
  readonly #tunnels: DeviceTunnels
  readonly #near: Near

  constructor(options: StreamsOptions) {
    this.#options = options
    this.#links = new Map()
    this.#nextLink = 1
    this.#address = options.listen
    this.#peers = null
    this.#discovery = null
    this.#plane = null
    this.#circuits = null
    this.#relay = null
    this.#announced = ''
    this.#near = new Near({
      ...options,
      isOwner: (key) => options.claim.entitled(key, 0)?.owner === true,
      host: () => this.#host,
      discovery: () => this.#discovery,
    })
    this.#tunnels = new DeviceTunnels({
      ...options,
      sockets: options.hardware.sockets,
      isOwner: (key) => options.claim.entitled(key, 0)?.owner === true,
      ports: options.tunnel,
    })
    this.#host = this.#makeHost()
  }

  /** `host:port` that is really listened on. */
  get address(): string {
    return this.#address
  }

  get host(): Host {
    return this.#host
  }

  /** What the device thinks of others; null while nobody owns it. */
  get peers(): DevicePeers | null {
    return this.#peers
  }

  listen(done: (error: Failure) => void): void {
    this.#host.listen(this.#address, (error, listener) => {
      if (listener) {
        this.#address = listener.address
        this.#makeFound()
        this.#makePlane()
        this.#near.start()
      }
      done(error)
    })
  }

  get discovery(): DeviceDiscovery | null {
    return this.#discovery
  }

  /** A device that nobody owns has no name that it could be called by from afar. */
  #makePlane(): void {
    const { hardware, loop, discovery: settings, report } = this.#options
    const signer = this.#options.signer()
    this.#plane?.close()
    this.#plane = null
    this.#circuits?.close()
    this.#circuits = null
    if (!signer) return
    const discovery = settings && { ...settings, relays: this.#best(settings.relays, LIMITS.circuit.relays) }
    const onEvidence = this.#peers?.onEvidence
    const heard = onEvidence ? { onEvidence } : {}
    this.#circuits = attachCircuits({
      ...this.#options,
      ...heard,
      discovery,
      host: this.#host,
      reserve: true,
    })
    const port = Number(this.#address.slice(this.#address.lastIndexOf(':') + 1))
    const loopback = /^127\.|^\[::1\]/.test(this.#address)
    const common = { hardware, loop, host: this.#host, signer, settings, port, loopback, report }
    const { claim } = this.#options
    const knows = (key: Bytes): boolean => CLASSES.some((cls) => claim.entitled(key, cls) !== null)
    this.#plane = attachPlane({ ...common, punchSockets: PUNCH_SOCKETS, knows })
  }

  #makeFound(): void {
    const { hardware, loop, name, discovery: settings, signer, standing, onRemembered } = this.#options
    if (signer()) this.#discovery?.stop()
    else this.#discovery?.forget()
    this.#discovery = null
    if (!settings) return
    const found = new DeviceDiscovery({
      hardware,
      loop,
      settings,
      name,
      host: this.#host,
      signer: signer(),
      communities: this.#near.book,
      address: () => this.#address,
      announce: () => this.#options.policy().announce,
      choose: (peers, places) => this.#best(peers, places),
      standing,
      onRemembered,
      ...(this.#peers ? { opinion: this.#peers.opinion, onEvidence: this.#peers.onEvidence } : {}),
    })
    this.#discovery = found
    this.#announced = JSON.stringify(this.#options.policy().announce)
    found.start()
  }

  /** Other owners, readers or another policy. */
  onRules(): void {
    this.#relay?.recheck()
    if (this.#discovery && this.#announced !== JSON.stringify(this.#options.policy().announce))
      this.#makeFound()
  }

  /** So many of these, those we think best of first. */
  #best<T extends { readonly key: Bytes }>(peers: readonly T[], places: number): T[] {
    const opinion = this.#peers?.opinion ?? (() => 0)
    return choose(peers, opinion, { places, now: this.#options.hardware.clock.wall() })
  }

  /** Before listening: the state says otherwise than at construction. */
  remake(): void {
    this.#host = this.#makeHost()
  }

  /** Another key soon, the same address: what is on its way out still goes under the old name. */
  changeNameSoon(): void {
    this.#options.loop.after(TIMER, FAREWELL_MS, () => this.#changeName())
  }

  close(): void {
    this.#options.loop.cancel(TIMER)
    this.#near.stop()
    this.#discovery?.stop()
    this.#tunnels.close()
    this.#plane?.close()
    this.#circuits?.close()
    this.#host.close()
    this.#dropPeers()
  }

  // Links of the claim

  /** One message of the claim. */
  send(link: number, message: Bytes): void {
    this.#links.get(link)?.send(message)
  }

  end(link: number): void {
    this.#links.get(link)?.stream.end()
  }

  /** Everybody who has the claim open. */
  openLinks(): number[] {
    return [...this.#links.keys()]
  }

  #makeHost(): Host {
    const { hardware, loop, consent, update, desk } = this.#options
    const { sockets, random } = hardware
    const identity = this.#options.signer()
    const signer = identity ?? new Signer(Secret.fresh(random))
    const host = new Host({ sockets, timers: loop, random, signer, agent: 'wattle-device' })
    serveIdentify(host)
    servePing(host)
    host.handle(CLAIM_PROTOCOL, (stream) => this.#onClaim(stream))
    if (identity) {
      host.handle(CHANNEL_PROTOCOL, (stream) => this.onChannel(stream))
      host.handle(CONSENT_PROTOCOL, (stream) => consent.onStream(stream))
      host.handle(TUNNEL_PROTOCOL, (stream) => this.#tunnels.onStream(stream))
      if (update) host.handle(UPDATE_PROTOCOL, update)
      if (desk) host.handle(DESK_PROTOCOL, desk)
      this.#watchPeers(host, identity)
    }
    return host
  }

  #watchPeers(host: Host, signer: Signer): void {
    const { hardware, loop, claim, report } = this.#options
    const { files, clock } = hardware
    const isOwner = (key: Bytes): boolean => claim.entitled(key, 0)?.owner === true
    const peers = new DevicePeers({ files, clock, signer, isOwner })
    this.#peers = peers
    peers.load(report)
    host.onConnection = (connection) => peers.onConnection(connection)
    this.#near.serve(host)
    const relay = new DeviceRelay({
      host,
      loop,
      signer,
      policy: this.#options.policy,
      owners: this.#options.owners,
      // An owner has named its neighbours.
      standing: (key) => (this.#near.isNeighbour(key) ? 'owner' : claim.standingOf(key)),
      opinion: peers.opinion,
      wall: () => clock.wall(),
    })
    this.#relay?.stop()
    this.#relay = relay
    host.onDisconnect = (connection, error) => {
      peers.onDisconnect(connection, error, relayOf(connection, host))
      relay.onDisconnect(connection)
    }
    host.handle(PEERS_PROTOCOL, (stream) => peers.onStream(stream))
    loop.every(SAVE_TIMER, SAVE_MS, () => peers.save())
  }

  #dropPeers(): void {
    this.#relay?.stop()
    this.#relay = null
    this.#options.loop.cancel(SAVE_TIMER)
    this.#peers?.save()
    this.#peers = null
  }

  #changeName(): void {
    const { loop, report, signer } = this.#options
    loop.cancel(TIMER)
    this.#near.pause()
    this.#tunnels.close()
    this.#plane?.close()
    this.#plane = null
    this.#circuits?.close()
    this.#circuits = null
    this.#host.close()
    const before = this.#peers
    this.#dropPeers()
    this.#host = this.#makeHost()
    if (!this.#peers) {
      before?.forget()
      this.#near.forget()
    }
    const again = (): void =>
      this.listen((error) => {
        if (error) loop.after(TIMER, RELISTEN_MS, again)
        else report('listening', { address: this.#address, claimed: signer() !== null })
      })
    again()
  }

  #onClaim(stream: Stream): void {
    const { claim, loop } = this.#options
    if (this.#links.size >= LIMITS.ownership.links) {
      stream.reset()
      return
    }
    const link = this.#nextLink++
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => claim.onLinkMessage(link, message),
      onDrain: () => {},
      onEnd: () => stream.end(),
      onClose: () => {
        this.#links.delete(link)
        claim.onLinkClosed(link)
        // The new owner has its answer: no need to wait any longer.
        if (loop.left(TIMER) > 0 && this.#links.size === 0) this.#changeName()
      },
    })
    this.#links.set(link, messages)
    claim.onLink(link)
  }

  /** A reader's stream, over whichever connection proved its key. */
  onChannel(stream: Stream, kind: 'stream' | 'page' = 'stream'): void {
    const { subscribers } = this.#options
    let subscriber: Subscriber | null = null
    const reader = stream.connection.remoteKey
    const messages = new Messages(stream, 'u32', {
      onMessage: (message) => {
        const all = subscribers()
        if (!subscriber && all) subscriber = all.onMessage(message, reader, outlet)
        else if (message[0] === 2) all?.onMessage(message, reader, outlet)
        else stream.reset()
      },
      onDrain: () => subscriber?.onDrain(),
      onEnd: () => stream.end(),
      onClose: () => {
        if (subscriber) subscribers()?.onClose(subscriber)
      },
    })
    const outlet = {
      stream,
      page: kind === 'page',
      send: (message: Bytes) => messages.send(message),
      close: () => stream.end(),
    }
  }
}

/** The relay that a connection runs through; null where it runs through none. */
function relayOf({ remote }: Connection, host: Host): Bytes | null {
  if (!isRelayed(remote)) return null
  const address = remote.slice(remote.indexOf(':') + 1)
  return host.connections().find((each) => each.remote === address)?.remoteKey ?? null
}
