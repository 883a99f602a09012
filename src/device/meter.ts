// The first story of the device, top to bottom: serial byte → ring → telegram → reading (LEDs and
// aggregates) → payload → sealed frame → card and subscribers → peers. Each step is one call into an
// engine; nothing here decides anything. Runs for every byte of every telegram, so it keeps no garbage.

import type { Bytes } from '../base/bytes.ts'
import { LIMITS } from '../base/limits.ts'
import type { Serial, SerialEvents, SerialLine, SerialState } from '../hw/hardware.ts'
import type { Loop } from '../node/loop.ts'
import { Aggregator } from '../p1/aggregate.ts'
import type { EncryptedFramer } from '../p1/frame/encrypted.ts'
import { type Frame, type FramerEvents, REASONS, type Reason } from '../p1/frame/frame.ts'
import { Framer } from '../p1/frame/framer.ts'
import { Reading } from '../p1/reading.ts'
import { TelegramPacker } from '../p1/sequence.ts'
import { Telegram } from '../p1/telegram.ts'
import { CLASS, type ClassId } from '../wire/frame.ts'
import type { Lights } from './lights.ts'
import type { Channels } from './publish/channels.ts'

export interface MeterOptions {
  loop: Loop
  lights: Lights
  wall: () => number
  /** Makes the framer: another one where the meter encrypts. */
  framer?: (events: FramerEvents) => Framer | EncryptedFramer
  /** A telegram, and its time: NaN where it has none, or no CRC that fits. Who may read is settled before it is sealed. */
  onMeterTime: (utcMs: number) => void
  /** A period of a class of summaries began so long ago; `Infinity`: none runs now. */
  onPeriod: (cls: ClassId, agoMs: number) => void
  onReading: (reading: Reading, telegram: Telegram) => void
  report: (event: string, detail?: Record<string, unknown>) => void
  /** This task ran, once a second. */
  onTick?: (now: number) => void
}

/** A DSMR 5 meter sends every second, older ones every ten. */
const SILENT_MS = 60_000
const TELL_MS = 60_000
/** Telegrams over which the share of bad ones is judged. */
const JUDGED = 20

export class Meter implements SerialEvents {
  readonly #options: MeterOptions
  readonly #framer: Framer | EncryptedFramer
  readonly #telegram: Telegram
  readonly #reading: Reading
  readonly #packer: TelegramPacker
  readonly #quarter: Aggregator
  readonly #day: Aggregator
  /** Telegrams that came while keys were being changed; they are sealed under the new ones. */
  readonly #held: { bytes: Bytes; length: number; wall: number }[]
  #heldCount: number
  /** A period was closed and its summary waits to be sealed. */
  #quarterDue: boolean
  #dayDue: boolean
  /** Start of the period that was last told of. */
  #quarterStart: number
  #dayStart: number
  #channels: Channels | null
  #line: SerialLine | null
  #lastAt: number
  #good: number
  #bad: number
  #toldAt: number
  #state: SerialState | null

  constructor(options: MeterOptions) {
    this.#options = options
    const framer = options.framer ?? ((events) => new Framer(events))
    this.#framer = framer({
      onTelegram: (frame, now) => this.#onTelegram(frame, now),
      onReject: (reason) => this.#onReject(reason),
      onWrongSpeed: () => this.#line?.hint('wrong'),
      onSealed: (now) => this.#tell('sealed', 'this meter encrypts, and no key is set', now),
      onBinary: (now) => this.#tell('binary', 'this meter speaks binary DLMS, which is not supported', now),
    })
    this.#telegram = new Telegram()
    this.#reading = new Reading()
    this.#packer = new TelegramPacker()
    this.#quarter = new Aggregator(1)
    this.#day = new Aggregator(2)
    this.#held = Array.from({ length: LIMITS.channel.heldTelegrams }, () => ({
      bytes: new Uint8Array(LIMITS.p1.telegramBytes),
      length: 0,
      wall: 0,
    }))
    this.#heldCount = 0
    this.#quarterDue = false
    this.#dayDue = false
    this.#quarterStart = Number.NaN
    this.#dayStart = Number.NaN
    this.#channels = null
    this.#line = null
    this.#lastAt = options.loop.now()
    this.#good = 0
    this.#bad = 0
    this.#toldAt = Number.NEGATIVE_INFINITY
    this.#state = null
  }

  /** Telegrams since the start: taken, and refused. */
  get heard(): { good: number; bad: number } {
    const { counters } = this.#framer
    let bad = 0
    for (const reason of REASONS) bad += counters.get(reason)
    return { good: counters.get('telegrams'), bad }
  }

  /** The line to the meter as it was last told, or null before. */
  get line(): { path: string; up: boolean; text: string } | null {
    const state = this.#state
    if (!state) return null
    const text = state.kind === 'up' ? `${state.baud}` : state.text
    return { path: state.path, up: state.kind === 'up', text }
  }

  get counters(): Framer['counters'] {
    return this.#framer.counters
  }

  open(serial: Serial, spec: string): void {
    this.#line = serial.open(spec, this)
    this.#options.loop.every('meter', 1_000, (now) => this.#tick(now))
  }

  close(): void {
    this.#options.loop.cancel('meter')
    this.#line?.close()
  }

  // 1. Serial byte → ring

  buffer(): Bytes {
    return this.#framer.room()
  }

  onBytes(n: number): void {
    this.#framer.onBytes(n, this.#options.loop.now())
  }

  onState(state: SerialState): void {
    this.#framer.reset()
    this.#state = state
    if (state.kind === 'up') this.#options.report('serial', { up: true, path: state.path, baud: state.baud })
    else
      this.#options.report('serial', { up: false, path: state.path, reason: state.reason, text: state.text })
  }

  // 2. Ring → telegram (the framer has verified its CRC) → reading

  #onTelegram(frame: Frame, now: number): void {
    const { wall, lights, onReading, onMeterTime } = this.#options
    const received = wall()
    this.#lastAt = now
    this.#good++
    this.#line?.hint('good')
    this.#telegram.readFrame(frame)
    this.#reading.read(this.#telegram, received)
    this.#reading.verified = frame.verified
    this.#reading.encrypted = frame.encrypted
    this.#reading.authenticated = frame.authenticated
    this.#reading.duplicate = frame.duplicate
    lights.telegram()
    onReading(this.#reading, this.#telegram)
    onMeterTime(this.#reading.verified ? this.#reading.meterTimeMs : Number.NaN)
    if (this.#quarter.add(this.#reading)) this.#quarterDue = true
    if (this.#day.add(this.#reading)) this.#dayDue = true
    this.#publish(frame.bytes(), received)
  }

  // 3. Telegram → payload → sealed frames of `raw`; reading → summaries of `15min` and `day`

  #publish(telegram: Bytes, wall: number): void {
    const channels = this.#channels
    if (!channels) return
    if (channels.rotating) {
      this.#hold(telegram, wall)
      return
    }
    this.#releaseHeld(channels)
    channels.publisher(CLASS.raw).publish(this.#packer.pack(telegram, wall))
    this.#publishDue(channels)
  }

  #publishDue(channels: Channels): void {
    if (this.#quarterDue) channels.publisher(CLASS.quarter).publish(this.#quarter.summary)
    if (this.#dayDue) channels.publisher(CLASS.day).publish(this.#day.summary)
    this.#quarterDue = false
    this.#dayDue = false
    const quarter = this.#quarter.start
    if (!Object.is(quarter, this.#quarterStart)) this.#tellPeriod(CLASS.quarter, this.#quarter)
    this.#quarterStart = quarter
    const day = this.#day.start
    if (!Object.is(day, this.#dayStart)) this.#tellPeriod(CLASS.day, this.#day)
    this.#dayStart = day
  }

  #tellPeriod(cls: ClassId, { start, last }: Aggregator): void {
    this.#options.onPeriod(cls, Number.isNaN(start) ? Number.POSITIVE_INFINITY : Math.max(0, last - start))
  }

  /** True while a summary will be sealed that begins before now. */
  periodRuns(cls: ClassId): boolean {
    if (cls === CLASS.quarter) return this.#quarterDue || !Number.isNaN(this.#quarter.start)
    return cls === CLASS.day && (this.#dayDue || !Number.isNaN(this.#day.start))
  }

  // 4. From here on Channels carries the frame: onto the card, and to every subscriber

  /** There is an owner, and epochs are open: from now on telegrams are sealed. */
  attach(channels: Channels): void {
    this.#channels = channels
    this.#packer.restart()
  }

  detach(): void {
    this.#channels = null
    this.#heldCount = 0
  }

  /** A new epoch was opened: what comes next must stand by itself. */
  onEpoch(cls: ClassId): void {
    if (cls === CLASS.raw) this.#packer.restart()
  }

  /** What somebody who joins `raw` now must be given. */
  currentState(cls: ClassId): Bytes {
    return cls === CLASS.raw ? this.#packer.join() : new Uint8Array(0)
  }

  /** Keys have changed: the telegrams that waited go out first. */
  onRotated(): void {
    if (this.#channels && !this.#channels.rotating) this.#releaseHeld(this.#channels)
  }

  #hold(telegram: Bytes, wall: number): void {
    if (this.#heldCount === this.#held.length) {
      this.#options.report('meter', {
        what: 'lost',
        text: 'keys took too long to change: a telegram was not kept',
      })
      return
    }
    const held = this.#held[this.#heldCount++]!
    held.bytes.set(telegram)
    held.length = telegram.length
    held.wall = wall
  }

  #releaseHeld(channels: Channels): void {
    for (let i = 0; i < this.#heldCount; i++) {
      const { bytes, length, wall } = this.#held[i]!
      channels.publisher(CLASS.raw).publish(this.#packer.pack(bytes.subarray(0, length), wall))
    }
    this.#heldCount = 0
    this.#publishDue(channels)
  }

  // What a person sees of all this: two blinks, and at most a line a minute

  #tell(what: string, text: string, now: number): void {
    if (now - this.#toldAt < TELL_MS) return
    this.#toldAt = now
    this.#options.report('meter', { what, text })
  }

  #onReject(reason: Reason): void {
    this.#bad++
    if (this.#good + this.#bad < JUDGED) return
    const bad = this.#bad * 10 > this.#good + this.#bad
    if (bad) this.#options.report('meter', { what: 'bad', reason, good: this.#good, bad: this.#bad })
    this.#options.lights.set({ meterBad: bad })
    this.#good = 0
    this.#bad = 0
  }

  #tick(now: number): void {
    this.#framer.tick(now)
    this.#options.onTick?.(now)
    const silent = now - this.#lastAt > SILENT_MS
    if (silent) this.#options.lights.set({ meterSilent: true })
  }
}
