// What the owner's page reads of its device: every telegram as it comes, and the quarter-hours with all
// that the device still has of them. Frames are opened here, with the owner's key in this phone.
// Quarter-hours are kept over a reload together with the place in their channel; telegrams are not.

import { type Bytes, base64url, unbase64url } from '../../../base/bytes.ts'
import { Follower } from '../../../channel/follower.ts'
import { decodePlaces, encodePlaces } from '../../../channel/place.ts'
import type { Verifier } from '../../../crypto/native.ts'
import { readSummary } from '../../../p1/aggregate.ts'
import { TelegramUnpacker } from '../../../p1/sequence.ts'
import { encodeWitness } from '../../../wire/channel.ts'
import { CLASS } from '../../../wire/frame.ts'
import { PAGE_STREAM, type PageStreamId } from '../../../wire/page.ts'
import type { PageDevice, PageReading, QuarterRow } from '../../protocol.ts'
import { PageReader } from '../../view/reading.ts'
import { type Box, type KeptDevice, load, store } from './box.ts'

export interface ChannelEvents {
  send(stream: PageStreamId, message: Bytes): boolean
  onReading(reading: PageReading): void
  onQuarters(rows: readonly QuarterRow[]): void
  onAccess(): void
  onGap(): void
}

export interface ChannelDevice {
  readonly key: Bytes
  readonly verifier: Verifier
  readonly box: Bytes
}

const QUARTERS = 'wattle.quarters'
/** A little over a year of quarter-hours. */
const MOST_QUARTERS = 96 * 400
const SAVE_MS = 1_000
const NONE: Bytes = new Uint8Array(0)

export class OwnChannels {
  readonly #box: Box
  readonly #kept: KeptDevice
  readonly #device: ChannelDevice
  readonly #events: ChannelEvents
  readonly #raw: Follower
  readonly #quarter: Follower
  readonly #unpacker: TelegramUnpacker = new TelegramUnpacker()
  readonly #reader: PageReader = new PageReader()
  readonly #rows: QuarterRow[]
  #newest: Bytes
  #timer: ReturnType<typeof setTimeout> | undefined
  /** When the newest telegram came to the device, by its clock. */
  wall: number

  constructor(box: Box, kept: KeptDevice, device: ChannelDevice, events: ChannelEvents) {
    this.#box = box
    this.#kept = kept
    this.#device = device
    this.#events = events
    this.#rows = readRows(load(QUARTERS), base64url(device.key))
    this.#newest = NONE
    this.#timer = undefined
    this.wall = 0
    this.#raw = this.#follower(CLASS.raw)
    this.#quarter = this.#follower(CLASS.quarter)
    const places = kept.place === null ? null : decodePlaces(unbase64url(kept.place) ?? NONE)
    const place = places?.find((p) => p.class === CLASS.quarter)
    if (place) this.#quarter.restore(place.state)
  }

  /** What the meter calls itself, or null before the first telegram. */
  get meter(): string | null {
    return this.wall === 0 ? null : this.#reader.meter
  }

  get rows(): readonly QuarterRow[] {
    return this.#rows
  }

  get access(): PageDevice['access'] {
    if (this.#raw.reader.open) return 'open'
    return this.#raw.access === 'ended' ? 'closed' : 'waiting'
  }

  /** The session is open. */
  onOpen(log: { seq: number; head: Bytes }): void {
    this.witness(log)
    this.#events.send(PAGE_STREAM.raw, this.#raw.subscribe())
    this.#events.send(PAGE_STREAM.quarter, this.#quarter.subscribe())
  }

  /** Shows the device the newest that we hold of it. */
  witness(log: { seq: number; head: Bytes }): void {
    const frames = this.#newest.length > 0 ? [this.#newest] : []
    this.#events.send(PAGE_STREAM.raw, encodeWitness({ logSeq: log.seq, logHead: log.head, frames }))
  }

  onGone(): void {
    this.#raw.onDisconnect()
    this.#quarter.onDisconnect()
  }

  onMessage(stream: PageStreamId, message: Bytes): void {
    const follower = stream === PAGE_STREAM.raw ? this.#raw : this.#quarter
    if (message.length === 0) follower.onDisconnect()
    else follower.onMessage(message)
  }

  /** Forgets what was read; the device was given up. */
  static forget(): void {
    store(QUARTERS, null)
  }

  #follower(cls: 0 | 1): Follower {
    const { verifier, box } = this.#device
    const { signer, exchange } = this.#box
    const raw = cls === CLASS.raw
    return new Follower({
      device: verifier,
      deviceBox: box,
      class: cls,
      own: { sign: signer.publicKey, exchange },
      events: {
        onPayload: (payload) =>
          raw
            ? this.#onTelegram(this.#unpacker.unpack(payload), this.#unpacker.wall)
            : this.#onSummary(payload),
        onGap: () => {
          if (raw) this.#unpacker.lost()
          this.#events.onGap()
        },
        onAccess: () => this.#events.onAccess(),
        onSealed: () => {},
        onGrant: (state) => {
          // The current telegram: there is a number to show at once.
          if (raw && state.length > 0) this.#onTelegram(this.#unpacker.join(state), 0)
        },
        onReject: () => {},
        onFrame: (frame) => {
          if (raw) this.#newest = frame.slice()
          else this.#saveSoon()
        },
      },
    })
  }

  #onTelegram(telegram: Bytes | null, wall: number): void {
    if (!telegram) return
    const reading = this.#reader.read(telegram, wall > 0 ? wall : Date.now())
    this.wall = wall > 0 ? wall : reading.at
    this.#events.onReading(reading)
  }

  #onSummary(payload: Bytes): void {
    const summary = readSummary(payload)
    if (summary?.kind !== 'quarter') return
    const { startMs, energyInDeltaWh, energyOutDeltaWh, gasDeltaDm3 } = summary
    const row: QuarterRow = [startMs, energyInDeltaWh, energyOutDeltaWh, gasDeltaDm3]
    const last = this.#rows[this.#rows.length - 1]
    if (last && startMs <= last[0]) return
    this.#rows.push(row)
    if (this.#rows.length > MOST_QUARTERS) this.#rows.shift()
    this.#saveSoon()
    this.#events.onQuarters([row])
  }

  #saveSoon(): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const state = this.#quarter.reader.state()
      // Rows first: a place without its rows would leave a hole for ever.
      const text = JSON.stringify({ device: base64url(this.#device.key), rows: this.#rows })
      if (!state || !store(QUARTERS, text)) return
      const place = { device: this.#device.key, class: CLASS.quarter, state, context: NONE }
      this.#kept.place = base64url(encodePlaces([place]))
      this.#box.save()
    }, SAVE_MS)
  }
}

function readRows(text: string | null, device: string): QuarterRow[] {
  try {
    const kept = JSON.parse(text ?? 'null') as { device: string; rows: QuarterRow[] } | null
    if (kept?.device !== device || !Array.isArray(kept.rows)) return []
    return kept.rows.filter((row) => Array.isArray(row) && row.length === 4 && row.every(numberOrNull))
  } catch {
    return []
  }
}

function numberOrNull(value: unknown): boolean {
  return value === null || typeof value === 'number'
}
