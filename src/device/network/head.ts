// The device's head record in the overlay: where its newest frame and its owner log stand, and where it
// is. Read once after a start, before the first of our own is published: what the network remembers of us
// is a witness that this card is the newest one (DESIGN, "Power cuts and rollback"). Then kept up: within
// seconds after an epoch or an event of the log, and every ten minutes.

import { type Bytes, equal, hex } from '../../base/bytes.ts'
import type { Head } from '../../dht/overlay/head.ts'
import type { DhtLayer } from '../../node/dht/layer.ts'
import type { Loop } from '../../node/loop.ts'
import type { Channels } from '../publish/channels.ts'
import type { DeviceState } from '../state.ts'
import type { Judgement } from '../witness.ts'

export type Standing = Pick<Head, 'epoch' | 'index' | 'hash' | 'log'>

export interface DeviceHeadOptions {
  loop: Loop
  layer: DhtLayer
  /** Null while nobody owns the device. */
  standing: () => Standing | null
  /** `host:port` each. */
  addresses: () => readonly string[]
  /** Our own record of before this start, where it may count as a witness. */
  onRemembered: ((head: Head) => void) | null
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
  /** What was published last, but for the index, and when. */
  #published: string
  #at: number

  constructor(options: DeviceHeadOptions) {
    this.#options = options
    this.#read = false
    this.#reading = false
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
    const { layer, onRemembered } = this.#options
    if (this.#read) return this.#publish(now)
    if (this.#reading || !layer.runner.dht.joined) return
    this.#reading = true
    void layer.remembered().then((remembered) => {
      this.#reading = false
      this.#read = remembered !== null
      if (remembered?.head) onRemembered?.(remembered.head)
    })
  }

  #publish(now: number): void {
    const { layer, standing, addresses } = this.#options
    const stand = standing()
    if (!stand) return
    const where = addresses()
      .filter((a) => a.length <= MAX_ADDRESS)
      .slice(0, MAX_ADDRESSES)
    const what = `${stand.epoch} ${stand.log.seq} ${hex(stand.log.head)} ${where.join()}`
    if (what === this.#published && now < this.#at + PUBLISH_MS) return
    this.#published = what
    this.#at = now
    layer.publish({ ...stand, thing: NO_THING, addresses: where })
  }
}

/** Where we stand now; null while nobody owns the device. */
export function standing(channels: Channels | null, state: DeviceState): Standing | null {
  const { log } = state
  return channels && log && { ...channels.head(0), log: { seq: log.seq, head: state.headAt(log.seq) } }
}

/** As judgeWitness, on our own record of before this start: nobody else can have signed it. */
export function judgeHead(head: Head, channels: Channels, state: DeviceState): Judgement {
  const { log } = state
  // Our present epoch began with this start: whoever knows it, or a later one, knew another life of ours.
  const atLeast = head.epoch >= channels.next(0).epoch ? head.epoch : 0
  if (!log || head.log.seq > log.seq) return { verdict: 'log-behind', atLeast }
  if (!equal(head.log.head, state.headAt(head.log.seq))) return { verdict: 'log-fork', atLeast }
  return { verdict: atLeast > 0 ? 'epoch-behind' : 'confirmed', atLeast }
}
