// The private overlay as one of the ways of finding each other (docs/discovery.md): the holder of a key
// is where its signed head record says. A device keeps its own record there; whoever wants the device
// looks it up. Hearsay like every other layer: a handshake proves the key.

import { type Bytes, equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { Signer } from '../../crypto/native.ts'
import { Secret } from '../../crypto/secret.ts'
import { bencodeBytes, bytesOf, signItem, targetOf } from '../../dht/objects.ts'
import { decodeHead, encodeHead, HEAD_SALT, type Head } from '../../dht/overlay/head.ts'
import type { Failure, Files } from '../../hw/hardware.ts'
import { type DhtMachine, DhtRunner } from '../dht-runner.ts'
import type { Layer } from '../peers/coordinator.ts'
import { PublicHeads } from './public.ts'
import type { DhtSettings } from './settings.ts'

export interface DhtLayerOptions {
  machine: DhtMachine
  settings: DhtSettings
  /** The key that this node is known by, and signs its own record with. */
  signer: Signer
  /** The table is kept here; our record is not, which only the network is to remember. */
  state: { files: Files; name: string } | null
  /** Somebody who was looked for is at these addresses, newest first; not proven. */
  onPeer: (key: Bytes, addresses: readonly string[]) => void
  /** What we share with a device that is looked for on the public network; null where there is nothing. */
  locator?: (device: Bytes) => Secret | null
}

/** The own record, as the network remembers it. */
export interface Remembered {
  /** Nodes that were asked and answered. */
  readonly nodes: number
  readonly head: Head | null
  /** When it was published, by our clock of then; ms since 1970. */
  readonly at: number
}

export class DhtLayer implements Layer {
  readonly name = 'dht'
  readonly runner: DhtRunner
  /** Null where the public network is not used. */
  readonly public: PublicHeads | null
  readonly #options: DhtLayerOptions
  /** Keys being looked for. */
  readonly #looking: Bytes[]
  #seq: bigint
  /** What is to be published once the one under way is done. */
  #next: Head | null
  #publishing: boolean
  #stored: number

  constructor(options: DhtLayerOptions) {
    const { machine, settings, signer, state } = options
    const { listen, bootstrap, overlay, k, alpha, storeTtl } = settings
    this.#options = options
    this.#looking = []
    this.#seq = 0n
    this.#next = null
    this.#publishing = false
    this.#stored = 0
    this.runner = new DhtRunner(
      machine,
      {
        listen,
        bootstrap,
        k,
        alpha,
        storeTtl,
        overlay: { name: overlay, signer },
        state: state && { ...state, take: 'nodes' },
      },
      'dht layer',
    )
    this.public =
      settings.public.length === 0
        ? null
        : new PublicHeads({
            machine,
            peers: settings.public,
            locator: options.locator ?? (() => null),
            onPeer: options.onPeer,
          })
  }

  start(done: (error: Failure) => void): void {
    this.public?.start((error) => {
      if (error) done(error)
    })
    this.runner.start().then(() => done(null), done)
  }

  stop(): void {
    this.#next = null
    this.public?.stop()
    void this.runner.stop()
  }

  /** As `stop`, with nothing left behind. */
  abandon(): void {
    const { state } = this.#options
    this.runner.abandon()
    this.stop()
    state?.files.remove(state.name, () => {})
  }

  look(key: Bytes): void {
    this.public?.look(key)
    if (this.#looking.length >= LIMITS.dht.looking || this.#looking.some((other) => equal(other, key))) return
    this.#looking.push(key)
    const wanted = { kind: 'get', target: targetOf(key, HEAD_SALT), salt: HEAD_SALT, publicKey: key } as const
    void this.runner
      .ask(wanted)
      .then((found) => headOf(found.item?.value))
      .catch(() => null)
      .then((head) => {
        this.#looking.splice(this.#looking.indexOf(key), 1)
        if (head) this.#options.onPeer(key, head.addresses)
      })
  }

  /** What the nodes of others remember of us; null where none could be asked. */
  async remembered(): Promise<Remembered | null> {
    const { publicKey } = this.#options.signer
    const target = targetOf(publicKey, HEAD_SALT)
    const found = await this.runner
      .ask({ kind: 'get', target, salt: HEAD_SALT, publicKey, foreign: true })
      .catch(() => null)
    if (!found || found.nodes.length === 0) return null
    if (found.item && found.item.seq >= this.#seq) this.#seq = found.item.seq
    return { nodes: found.nodes.length, head: headOf(found.item?.value), at: Number(found.item?.seq ?? 0n) }
  }

  /** Makes this our record, and keeps it alive in the network. The latest one asked for wins. */
  publish(head: Head): void {
    this.#next = head
    if (!this.#publishing) void this.#publish()
  }

  async #publish(): Promise<void> {
    this.#publishing = true
    let again = true
    for (let head = this.#next; head; head = this.#next) {
      this.#next = null
      const wall = BigInt(Math.max(0, Math.floor(this.runner.wall())))
      this.#seq = this.#seq >= wall ? this.#seq + 1n : wall
      const value = bencodeBytes(encodeHead(head))
      const item = signItem(this.#options.signer, value, { seq: this.#seq, salt: HEAD_SALT })
      const put = await this.runner.ask({ kind: 'put', item, keep: true }).catch(() => null)
      this.#stored = put?.stored ?? 0
      // The network knows a newer one of ours, of before a restart: on from there, once.
      if (again && put?.refusal === 302 && (await this.remembered())) this.#next ??= head
      again = false
    }
    this.#publishing = false
  }

  describe(): string {
    const { public: open } = this
    return open ? `${this.#describe()}; ${open.describe()}` : this.#describe()
  }

  #describe(): string {
    const { bootstrap } = this.#options.settings
    if (!this.runner.dht.joined)
      return bootstrap.length === 0
        ? 'alone: nobody has asked us yet, and no peer to ask is configured (dht.bootstrap)'
        : `none of ${bootstrap.length} peers of dht.bootstrap has answered; are they of the same overlay?`
    const stats = this.runner.dht.stats(this.runner.now())
    return `${stats.good4 + stats.good6} nodes known; our record is on ${this.#stored} of them`
  }
}

/** A node under a key of its own, forgotten at its end: for a home, whom nobody has to find. */
export function guestLayer(
  machine: DhtMachine,
  settings: DhtSettings,
  more: Pick<DhtLayerOptions, 'onPeer' | 'locator'>,
): DhtLayer {
  const signer = new Signer(Secret.fresh(machine.random))
  return new DhtLayer({ machine, settings, signer, state: null, ...more })
}

function headOf(value: Bytes | undefined): Head | null {
  const content = value ? bytesOf(value) : null
  return content && decodeHead(content)
}
