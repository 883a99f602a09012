// A device's head record on the public Mainline DHT: the node there only reads (BEP-43), so that a
// household does not serve strangers. The record appears under a key that is blinded anew every day and
// for every reader, sealed and of one length (dht/overlay/head.ts); the secret behind it is what device and
// reader have in common anyway, their X25519 keys. Whoever is put out is published for no more.

import { type Bytes, equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Secret } from '../../crypto/secret.ts'
import type { Found } from '../../dht/options.ts'
import { type Head, openPublicHead, publicHead, publicPlace } from '../../dht/overlay/head.ts'
import type { Failure } from '../../hw/hardware.ts'
import { type DhtMachine, DhtRunner } from '../dht-runner.ts'

/** What a device publishes with. */
export interface Blind {
  readonly seed: Secret
  readonly publicKey: Bytes
  /** One for each reader. */
  readonly locators: readonly Secret[]
}

export interface PublicHeadsOptions {
  machine: DhtMachine
  /** `IP:PORT` where the network is entered. */
  peers: readonly string[]
  /** What we share with a device that is looked for; null where there is nothing. */
  locator: (device: Bytes) => Secret | null
  onPeer: (key: Bytes, addresses: readonly string[]) => void
}

const PERIOD_MS = 86_400_000
/** Low bits of a seq that are random: two records of one second differ in their nonce all the same. */
const RANDOM_BITS = 30

export class PublicHeads {
  readonly runner: DhtRunner
  readonly #options: PublicHeadsOptions
  readonly #looking: Bytes[]
  /** Targets that are kept alive. */
  #kept: Bytes[]
  #next: { blind: Blind; head: Head } | null
  #publishing: boolean
  #seq: bigint

  constructor(options: PublicHeadsOptions) {
    const { machine, peers } = options
    const six = peers.some((peer) => peer.startsWith('['))
    const four = peers.some((peer) => !peer.startsWith('['))
    this.#options = options
    this.#looking = []
    this.#kept = []
    this.#next = null
    this.#publishing = false
    this.#seq = 0n
    this.runner = new DhtRunner(
      machine,
      {
        listen: [...(four ? ['0.0.0.0:0'] : []), ...(six ? ['[::]:0'] : [])],
        bootstrap: peers.map((address) => ({ address })),
        maxBytes: LIMITS.dht.minBytes,
        readOnly: true,
      },
      'dht public',
    )
  }

  start(done: (error: Failure) => void): void {
    this.runner.start().then(() => done(null), done)
  }

  stop(): void {
    this.#next = null
    void this.runner.stop()
  }

  look(key: Bytes): void {
    const locator = this.#options.locator(key)
    if (!locator || this.#looking.length >= LIMITS.dht.looking) return
    if (this.#looking.some((other) => equal(other, key))) return
    this.#looking.push(key)
    void this.#find(key, locator)
      .catch(() => null)
      .then((head) => {
        this.#looking.splice(this.#looking.indexOf(key), 1)
        if (head) this.#options.onPeer(key, head.addresses)
      })
  }

  /** Today's record, or yesterday's: clocks differ, and midnight passes. */
  async #find(key: Bytes, locator: Secret): Promise<Head | null> {
    const today = Math.floor(this.runner.wall() / PERIOD_MS)
    for (const period of [today, today - 1]) {
      const place = publicPlace(key, locator, period)
      const found = place && (await this.runner.ask({ kind: 'get', ...place }))
      const head = found?.item ? openPublicHead(found.item, locator) : null
      if (head) return head
    }
    return null
  }

  /** Makes this the record for every reader, and forgets those of other readers and days. The latest wins. */
  publish(blind: Blind, head: Head): void {
    this.#next = { blind, head }
    if (!this.#publishing) void this.#publish()
  }

  async #publish(): Promise<void> {
    this.#publishing = true
    for (let job = this.#next; job; job = this.#next) {
      this.#next = null
      const period = Math.floor(this.runner.wall() / PERIOD_MS)
      const before = this.#kept
      this.#kept = []
      for (const locator of job.blind.locators.slice(0, LIMITS.dht.ownItems)) {
        const put = await this.#put({ ...job.blind, locator }, period, job.head)
        // Of before a restart, when this machine's clock was ahead: on from there, once.
        if (put.refusal === 302 && put.item?.publicKey) {
          const { target, publicKey } = put.item
          const found = await this.#ask({ kind: 'get', target, publicKey, foreign: true })
          if (found?.item && found.item.seq > this.#seq) this.#seq = found.item.seq
          await this.#put({ ...job.blind, locator }, period, job.head)
        }
      }
      for (const target of before)
        if (!this.#kept.some((kept) => equal(kept, target))) this.runner.dht.forget(target)
    }
    this.#publishing = false
  }

  async #put(
    keys: { seed: Secret; publicKey: Bytes; locator: Secret },
    period: number,
    head: Head,
  ): Promise<Pick<Found, 'refusal' | 'item'>> {
    const item = publicHead(keys, period, head, this.#nextSeq())
    if (!this.#kept.some((target) => equal(target, item.target))) this.#kept.push(item.target)
    return (await this.#ask({ kind: 'put', item, keep: true })) ?? { refusal: 0, item: null }
  }

  #ask(wanted: Parameters<DhtRunner['ask']>[0]): Promise<Found | null> {
    return this.runner.ask(wanted).catch(() => null)
  }

  #nextSeq(): bigint {
    const random = new Uint8Array(4)
    this.#options.machine.random(random)
    const low = new DataView(random.buffer).getUint32(0) >>> (32 - RANDOM_BITS)
    const seconds = BigInt(Math.max(0, Math.floor(this.runner.wall() / 1_000)))
    const seq = (seconds << BigInt(RANDOM_BITS)) | BigInt(low)
    this.#seq = seq > this.#seq ? seq : this.#seq + 1n + BigInt(low & 0xffff)
    return this.#seq
  }

  describe(): string {
    const { dht } = this.runner
    if (!dht.joined) return 'public network: nobody has answered yet (dht.public)'
    const stats = dht.stats(this.runner.now())
    return `public network: ${stats.good4 + stats.good6} nodes known, ${this.#kept.length} records kept alive`
  }
}
