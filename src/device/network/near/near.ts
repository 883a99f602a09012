// The people around a device, put together: communities it was given, neighbours it keeps, whose contacts it
// tells to each other. Made once; serves whichever host and name the device has at the moment.

import type { Bytes } from '../../../base/bytes.ts'
import type { Signer } from '../../../crypto/native.ts'
import type { Hardware } from '../../../hw/hardware.ts'
import type { Host } from '../../../net/host.ts'
import type { Loop } from '../../../node/loop.ts'
import type { CommunityBook } from '../../../node/peers/community/book.ts'
import { serveRendezvous } from '../../../node/peers/service.ts'
import { COMMUNITIES_PROTOCOL } from '../../../wire/net/communities.ts'
import type { DeviceDiscovery } from '../discovery.ts'
import { DeviceCommunities } from './communities.ts'
import { Neighbours } from './neighbours.ts'

export interface NearOptions {
  hardware: Hardware
  loop: Loop
  /** The identity's signer; null while nobody owns the device. */
  signer: () => Signer | null
  isOwner: (key: Bytes) => boolean
  /** Texts of the card's lists of peers. */
  communities: () => readonly string[]
  host: () => Host
  discovery: () => DeviceDiscovery | null
  report: (event: string, detail?: Record<string, unknown>) => void
}

export class Near {
  readonly #options: NearOptions
  readonly #communities: DeviceCommunities
  readonly #neighbours: Neighbours
  /** Ends what is served to neighbours. */
  #unserve: () => void

  constructor(options: NearOptions) {
    const { hardware, loop, signer, isOwner, host, report } = options
    const { files, clock } = hardware
    this.#options = options
    this.#unserve = () => {}
    this.#communities = new DeviceCommunities({
      files,
      loop,
      isOwner,
      host,
      card: options.communities,
      neighbours: () => this.#neighbours.states(),
      onChange: () => options.discovery()?.coordinator.peersChanged(),
      report,
    })
    this.#neighbours = new Neighbours({
      files,
      loop,
      wall: () => clock.wall(),
      self: () => signer()?.publicKey ?? null,
      host,
      listed: () => this.book.neighbours,
      coordinator: () => options.discovery()?.coordinator ?? null,
      contact: () => options.discovery()?.contact() ?? null,
      report,
    })
  }

  get book(): CommunityBook {
    return this.#communities.book
  }

  isNeighbour(key: Bytes): boolean {
    return this.#neighbours.has(key)
  }

  /** A host under the identity: what it answers for owners, and where neighbours tell it where they are. */
  serve(host: Host): void {
    const { hardware, loop } = this.#options
    host.handle(COMMUNITIES_PROTOCOL, (stream) => this.#communities.onStream(stream))
    this.#unserve()
    const allow = (key: Bytes): boolean => this.#neighbours.has(key)
    this.#unserve = serveRendezvous({ host, loop, wall: () => hardware.clock.wall(), allow }).stop
  }

  /** It listens. */
  start(): void {
    this.#communities.start()
    if (this.#options.signer()) this.#neighbours.start()
  }

  /** Another name follows. */
  pause(): void {
    this.#neighbours.stop()
    this.#unserve()
  }

  /** Nobody owns the device any more. */
  forget(): void {
    this.#communities.forget()
    this.#neighbours.forget()
  }

  stop(): void {
    this.pause()
    this.#communities.stop()
  }
}
