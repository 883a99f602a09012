// The device's head record in the overlay: where its newest frame and its owner log stand, and where it
// is. Read once after a start, before the first of our own is published: what the network remembers of us
// is a witness that this card is the newest one (DESIGN, "Power cuts and rollback"). Then kept up: within
// seconds after an epoch or an event of the log, and every ten minutes.

import { type Bytes, equal, hex } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { Signer } from '../../crypto/native.ts'
import { type Head, locatorOf } from '../../dht/overlay/head.ts'
import type { DhtLayer, Remembered } from '../../node/dht/layer.ts'
import type { Blind } from '../../node/dht/public.ts'
import type { Loop } from '../../node/loop.ts'
import type { Channels } from '../publish/channels.ts'
import type { DeviceState } from '../state.ts'
import type { Judgement } from '../witness.ts'

export interface Standing extends Pick<Head, 'epoch' | 'index' | 'hash' | 'log'> {
  /** Confirmed telegram time since this start, UTC in ms; null before the first. */
  readonly time: number | null
  /** For the public network, where that is used. */
  readonly blind: () => Blind | null
}

export interface DeviceHeadOptions {
  loop: Loop
  layer: DhtLayer
  /** Null while nobody owns the device. */
  standing: () => Standing | null
  /** `host:port` each. */
  addresses: () => readonly string[]
  /** Our own record of before this start, where it may count as a witness. */
  onRemembered: ((head: Head) => void) | null
  /** How long the overlay keeps a record, in ms: an older one has been put again by somebody else. */
  storeTtl: number
}

const LOOK_MS = 3_000
const PUBLISH_MS = 600_000
const TIMER = 'dht head'
const MAX_ADDRESSES = 8
const MAX_ADDRESS = 64
const NO_THING: Bytes = new Uint8Array(32)

export class DeviceHead {
  readonly #options: DeviceHeadOptions
  /** What the network remembered is known; from then on it is told. */
  #read: boolean
  #reading: boolean
  /** Waits for a telegram to say how old it is. */
  #remembered: Remembered | null
  /** What was published last, but for the index, and when. */
  #published: string
  #at: number

  constructor(options: DeviceHeadOptions) {
    this.#options = options
    // Where it is no witness, there is nothing to be read first.
    this.#read = options.onRemembered === null
    this.#reading = false
    this.#remembered = null
    this.#published = ''
    this.#at = 0
  }

  start(): void {
    this.#options.loop.every(TIMER, LOOK_MS, (now) => this.#look(now))
  }

  stop(): void {
    this.#reading = true
    this.#options.loop.cancel(TIMER)
  }

  #look(now: number): void {
    if (!this.#read && !this.#reading && this.#options.layer.runner.dht.joined) this.#recall()
    this.#judge()
    this.#publish(now)
  }

  /**
   * While the network still has our newest record, nobody can make it show an older one. Once it has
   * forgotten, whoever kept an old one can put it again: so an old one is no witness. What time it is, only
   * telegrams may say.
   */
  #judge(): void {
    const { standing, onRemembered, storeTtl } = this.#options
    const time = standing()?.time ?? null
    const remembered = this.#remembered
    if (!remembered || time === null) return
    this.#remembered = null
    if (remembered.head && remembered.at >= time - storeTtl) onRemembered?.(remembered.head)
  }

  #recall(): void {
    this.#reading = true
    void this.#options.layer.remembered().then((remembered) => {
      this.#reading = false
      this.#read = remembered !== null
      this.#remembered = remembered
    })
  }

  #publish(now: number): void {
    const { layer, standing, addresses } = this.#options
    const stand = standing()
    if (!stand) return
    const where = addresses()
      .filter((a) => a.length <= MAX_ADDRESS)
      .slice(0, MAX_ADDRESSES)
    const overlay = this.#read && layer.runner.dht.joined
    const open = layer.public?.runner.dht.joined ? layer.public : null
    const what = `${overlay} ${open !== null} ${stand.epoch} ${stand.log.seq} ${hex(stand.log.head)} ${where.join()}`
    if (!overlay && !open) return
    if (what === this.#published && now < this.#at + PUBLISH_MS) return
    this.#published = what
    this.#at = now
    const { epoch, index, hash, log, blind } = stand
    const head = { epoch, index, hash, log, thing: NO_THING, addresses: where }
    if (overlay) layer.publish(head)
    const keys = open && blind()
    if (keys) open.publish(keys, head)
  }
}

/** Where we stand now; null while nobody owns the device. */
export function standing(
  channels: Channels | null,
  state: DeviceState,
  time: number | null,
): Standing | null {
  const { log } = state
  if (!channels || !log) return null
  const at = { seq: log.seq, head: state.headAt(log.seq) }
  return { ...channels.head(0), log: at, time, blind: () => blindOf(state) }
}

/** One locator for each owner, and for each reader who has access, each once. */
function blindOf({ identity, exchange, log }: DeviceState): Blind | null {
  if (!identity || !exchange || !log) return null
  const { publicKey } = new Signer(identity.seed)
  const boxes = new Map([...log.owners, ...log.readers].map(({ box }) => [hex(box), box]))
  const locators = [...boxes.values()].flatMap((box) => locatorOf(exchange, box, publicKey) ?? [])
  return { seed: identity.seed, publicKey, locators }
}

/** As judgeWitness, on our own record of before this start: nobody else can have signed it. */
export function judgeHead(head: Head, channels: Channels, state: DeviceState): Judgement {
  const { log } = state
  // Our present epoch began with this start: whoever knows it, or a later one, knew another life of ours.
  const ahead = head.epoch - channels.next(0).epoch
  const clone = ahead > LIMITS.channel.epochJump
  const atLeast = ahead >= 0 && !clone ? head.epoch : 0
  if (!log || head.log.seq > log.seq) return { verdict: 'log-behind', atLeast }
  if (!equal(head.log.head, state.headAt(head.log.seq))) return { verdict: 'log-fork', atLeast }
  return { verdict: clone ? 'clone' : atLeast > 0 ? 'epoch-behind' : 'confirmed', atLeast }
}
