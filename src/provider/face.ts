// A provider as people see it: its small page with one card and chart for each device it was granted.

import { type Bytes, base64url } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import type { Hardware } from '../hw/hardware.ts'
import type { Loop } from '../node/loop.ts'
import type {
  PageReading,
  ProviderChannel,
  ProviderGap,
  ProviderMessage,
  ProviderState,
} from '../page/protocol.ts'
import { PageReader } from '../page/view/reading.ts'
import { Trace } from '../page/view/trace.ts'
import { ENDING, type Ending } from '../wire/channel.ts'
import { CLASS_NAMES } from '../wire/frame.ts'
import type { Channel } from './store.ts'

interface Spot {
  readonly epoch: number
  readonly index: number
}

interface Seen {
  reader: PageReader
  trace: Trace
  opened: number
  sealed: number
  last: number | null
  access: string
  why: Ending | null
  since: number
  gaps: ProviderGap[]
}

export interface ProviderFaceOptions {
  hardware: Hardware
  loop: Loop
  name: string
  domain: string
  broadcast: (message: ProviderMessage) => void
}

const STATE_MS = 200

const WHY: Readonly<Record<number, string>> = {
  [ENDING.revoked]: 'the owner has ended this consent',
  [ENDING.expired]: 'the time of this consent is over',
  [ENDING.deleted]: 'the owner has given the device up',
  [ENDING.notReader]: 'the device does not know us as a reader',
}

export class ProviderFace {
  readonly #options: ProviderFaceOptions
  readonly #seen: Map<Channel, Seen>

  constructor(options: ProviderFaceOptions) {
    this.#options = options
    this.#seen = new Map()
  }

  onPage(tell: (message: ProviderMessage) => void): void {
    tell({ t: 'state', state: this.state() })
    for (const [channel, { trace }] of this.#seen)
      tell({
        t: 'history',
        device: base64url(channel.device),
        class: CLASS_NAMES[channel.class],
        points: trace.points(),
      })
  }

  onInvite(channel: Channel): void {
    this.#of(channel)
    this.#changed()
  }

  onForget(channel: Channel): void {
    this.#seen.delete(channel)
    this.#changed()
  }

  /** The reading of a telegram, or null for what is no telegram (summaries). */
  onTelegram(
    channel: Channel,
    telegram: Bytes,
    at: { epoch: number; index: number; wall: number },
  ): PageReading | null {
    const seen = this.#of(channel)
    seen.opened++
    if (channel.class !== 0) return null
    const reading = seen.reader.read(telegram, at.wall)
    seen.last = at.wall
    seen.trace.add(reading.at, reading.powerInW - reading.powerOutW)
    this.#options.broadcast({ t: 'reading', reading, ...placeOf(channel, at) })
    this.#changed()
    return reading
  }

  onSealed(channel: Channel, at: { epoch: number; index: number }): void {
    this.#of(channel).sealed++
    this.#options.broadcast({ t: 'sealed', ...placeOf(channel, at) })
    this.#changed()
  }

  /** Frames between these two never came. */
  onGap(channel: Channel, from: Spot, to: Spot): void {
    const { gaps } = this.#of(channel)
    const at = Math.floor(this.#options.hardware.clock.wall())
    gaps.unshift({ from: `${from.epoch}/${from.index}`, to: `${to.epoch}/${to.index}`, at })
    if (gaps.length > LIMITS.page.gaps) gaps.pop()
    this.#changed()
  }

  onAccess(channel: Channel, access: string, why: Ending | null): void {
    const seen = this.#of(channel)
    seen.access = access
    if (why !== null) seen.why = why
    if (access === 'open') seen.why = null
    this.#changed()
  }

  state(): ProviderState {
    const { name, domain, hardware } = this.#options
    return {
      name,
      domain,
      clock: Math.floor(hardware.clock.wall()),
      channels: [...this.#seen].map(([channel, seen]) => channelOf(channel, seen)),
    }
  }

  #changed(): void {
    const { loop, broadcast } = this.#options
    if (loop.left('page state') >= 0) return
    loop.after('page state', STATE_MS, () => broadcast({ t: 'state', state: this.state() }))
  }

  #of(channel: Channel): Seen {
    let seen = this.#seen.get(channel)
    if (!seen) {
      const since = Math.floor(this.#options.hardware.clock.wall())
      seen = {
        reader: new PageReader(),
        trace: new Trace(),
        opened: 0,
        sealed: 0,
        last: null,
        access: 'offline',
        why: null,
        since,
        gaps: [],
      }
      this.#seen.set(channel, seen)
    }
    return seen
  }
}

function placeOf(
  channel: Channel,
  at: { epoch: number; index: number },
): { device: string; class: ProviderChannel['class']; epoch: number; index: number } {
  return {
    device: base64url(channel.device),
    class: CLASS_NAMES[channel.class],
    epoch: at.epoch,
    index: at.index,
  }
}

function channelOf(channel: Channel, seen: Seen): ProviderChannel {
  const closed = seen.access === 'closed' || seen.access === 'ended'
  return {
    device: base64url(channel.device),
    name: channel.name,
    class: CLASS_NAMES[channel.class],
    state: closed ? 'closed' : seen.access === 'open' ? 'open' : 'waiting',
    since: seen.since,
    until: channel.until,
    opened: seen.opened,
    sealed: seen.sealed,
    last: seen.last,
    purpose: channel.purpose,
    gaps: seen.gaps,
    text: closed
      ? (WHY[seen.why ?? ENDING.revoked] ?? 'access has ended')
      : seen.access === 'open'
        ? ''
        : 'waiting for the device',
  }
}
