// The people around a device, put together: communities it was given, neighbours it keeps, what it does for
// them. Made once; serves whichever host and name the device has at the moment.

import type { Bytes } from '../../../base/bytes.ts'
import type { Signer } from '../../../crypto/native.ts'
import type { Hardware } from '../../../hw/hardware.ts'
import type { Connection } from '../../../net/api.ts'
import type { Host } from '../../../net/host.ts'
import type { Loop } from '../../../node/loop.ts'
import type { CommunityBook } from '../../../node/peers/community/book.ts'
import { COMMUNITIES_PROTOCOL } from '../../../wire/net/communities.ts'
import type { Rights } from '../../owning/rights.ts'
import type { DeviceDiscovery } from '../discovery.ts'
import { DeviceCommunities } from './communities.ts'
import { Helping } from './helping.ts'
import { Neighbours } from './neighbours.ts'

export interface NearOptions {
  hardware: Hardware
  loop: Loop
  /** The identity's signer; null while nobody owns the device. */
  signer: () => Signer | null
  rights: Rights
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
  #helping: Helping | null

  constructor(options: NearOptions) {
    const { hardware, loop, signer, rights, host, report } = options
    const { files, clock } = hardware
    this.#options = options
    this.#helping = null
    this.#communities = new DeviceCommunities({
      files,
      loop,
      isOwner: (key) => rights.standing(key) === 'owner',
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

  /** A host under the identity: what it answers for owners and neighbours. */
  serve(host: Host, signer: Signer): void {
    const { hardware, loop, rights } = this.#options
    const neighbour = (key: Bytes): boolean => this.#neighbours.has(key)
    host.handle(COMMUNITIES_PROTOCOL, (stream) => this.#communities.onStream(stream))
    this.#helping?.stop()
    this.#helping = new Helping({
      ...rights,
      host,
      loop,
      signer,
      wall: () => hardware.clock.wall(),
      neighbour,
      standing: (key) => (neighbour(key) ? 'owner' : rights.standing(key)),
    })
  }

  onDisconnect(connection: Connection): void {
    this.#helping?.onDisconnect(connection)
  }

  /** It listens. */
  start(): void {
    this.#communities.start()
    if (this.#options.signer()) this.#neighbours.start()
  }

  /** Another name follows. */
  pause(): void {
    this.#neighbours.stop()
    this.#helping?.stop()
    this.#helping = null
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
