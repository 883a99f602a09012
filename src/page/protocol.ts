// What the page and its server say to each other: JSON, one message in one WebSocket frame of `/live`.
// Used by both sides (the page in the browser, home, provider and the device). Types only; the checks
// of what a page sends are in ask.ts. All times are milliseconds since 1970 by the server's clock
// (`state.clock` tells it), power is in W, energy in Wh. Everything that a person or another party
// named (names, purposes, texts) is plain text and is only ever shown as text.

import type { MeterLed, StatusLed } from '../base/lights/leds.ts'
import type { DeskAsk, DeskProgress } from './desk/desk.ts'

/** How finely a provider may read; each class is a channel of its own. */
export type ResolutionClass = 'raw' | '15min' | 'day'
export const RESOLUTION_CLASSES: readonly ResolutionClass[] = ['raw', '15min', 'day']

/** One telegram's values. Null: the meter does not say. */
export interface PageReading {
  /** The telegram's own time; the points of `history` are by the same clock. */
  readonly at: number
  readonly powerInW: number
  readonly powerOutW: number
  /** The tariff in force, counted from 1. */
  readonly tariff: number | null
  /** Wh per tariff, first tariff first. */
  readonly energyIn: readonly number[]
  readonly energyOut: readonly number[]
  readonly phases: readonly PagePhase[]
  /** Cubic metres as the meter wrote them, with the gas meter's own time. */
  readonly gas: { readonly at: number; readonly m3: string } | null
  /** Water, warm water and heat, each with its own time; left out where the meter has none of them. */
  readonly others?: readonly PageOther[]
  /** Belgium: average W of the quarter-hour that runs, and the month's highest with its time. */
  readonly quarter?: PageQuarter
}

export interface PageOther {
  readonly kind: 'water' | 'warm-water' | 'heat'
  readonly at: number
  /** As the meter wrote it. */
  readonly value: string
  readonly unit: 'm3' | 'GJ' | 'kWh'
}

export interface PageQuarter {
  readonly nowW: number
  readonly peakW: number | null
  readonly peakAt: number | null
}

/**
 * One quarter-hour: its start (milliseconds since 1970), Wh taken and returned in it, dm³ of gas; null
 * where the meter does not say. Quarters without a row were not measured.
 */
export type QuarterRow = readonly [number, number | null, number | null, number | null]

export interface PagePhase {
  readonly powerInW: number | null
  readonly powerOutW: number | null
  /** V. */
  readonly voltage: number | null
  /** A. */
  readonly current: number | null
}

/** [ms, net W]; net is power taken from the grid, negative while returning. */
export type TracePoint = readonly [number, number]

export interface HomeState {
  readonly name: string
  readonly clock: number
  /** Where the provider's own page is (`http://127.0.0.1:8081/`), to be shown in a frame. */
  readonly providerPage: string | null
  /** How this person presses the button: Enter in the terminal of `wattle run`, or the real one. */
  readonly button: 'terminal' | 'device'
  readonly devices: readonly PageDevice[]
  readonly unclaimed: readonly UnclaimedDevice[]
  readonly providers: readonly PageProvider[]
  /** Only where the page itself is the home: in a phone, served by the device. */
  readonly phone?: PagePhone
}

export interface PagePhone {
  /** The device belongs to somebody whose key is not in this browser. */
  readonly stranger: boolean
  /** The browser keeps what we store. */
  readonly durable: boolean
}

export interface PageDevice {
  readonly id: string
  readonly name: string
  readonly address: string
  readonly link: 'online' | 'connecting' | 'offline'
  /** Does this home hold a key of the current epoch: yes, on its way, no longer. */
  readonly access: 'open' | 'waiting' | 'closed'
  /** When the newest one came here, by `clock`. */
  readonly lastTelegram: number | null
  /** The meter's model as it names itself. */
  readonly meter: string | null
  readonly grants: readonly PageGrant[]
  /** Length of the owner log, where the home tells it. */
  readonly log?: number
  /** What the device tells of itself, where it is asked. */
  readonly info?: DeviceInfo
  /** Where the link leads, in the words of the network (`192.168.1.5:80`). */
  readonly lights?: { readonly status: StatusLed | null; readonly meter: MeterLed | null }
  /** How this home reaches it, and where, in the words of the network. */
  readonly way?: { readonly kind: 'direct' | 'relayed'; readonly remote: string }
}

export interface PageGrant {
  readonly id: string
  readonly provider: string
  readonly providerId: string
  readonly class: ResolutionClass
  readonly since: number
  readonly until: number | null
  readonly purpose: string
  readonly state: 'pending' | 'active' | 'ended'
  /** As the provider says; PageProvider.verified tells whether that was checked. */
  readonly domain?: string
  readonly reads?: { readonly last: number; readonly visits: number; readonly frames: number }
  /** When it ended, where it has. */
  readonly endedAt?: number
}

export interface UnclaimedDevice {
  readonly name: string
  readonly address: string
  /** Milliseconds that the claim window stays open, null while it is closed. */
  readonly window: number | null
  readonly led: StatusLed | null
}

export interface PageProvider {
  readonly id: string
  readonly name: string
  readonly domain: string
  /** The domain's own document names this provider's key. */
  readonly verified?: boolean
}

export interface Answer {
  readonly t: 'answer'
  /** Of the question; 0 where it carried none that can be read. */
  readonly id: number
  readonly ok: boolean
  /** Stable; the page has words for each AnswerCode and shows `text` for any other. */
  readonly code?: string
  readonly text?: string
  /** Of a DeskAsk: what its verb brings (desk/desk.ts). */
  readonly result?: unknown
}

/** Refusals that the page explains in the reader's language; the codes of WattleError among them. */
export type AnswerCode =
  // Of the page's server.
  | 'bad-shape'
  | 'busy'
  | 'not-here'
  | 'no-answer'
  // Of a claim.
  | 'bad-code'
  | 'wrong-code'
  | 'other-device'
  | 'window-closed'
  | 'too-many-tries'
  | 'already-claimed'
  | 'auth'
  | 'version'
  | 'malformed'
  | 'silent'
  | 'no-device'
  | 'unreachable'
  // Of a change.
  | 'device-offline'
  | 'log-mismatch'
  | 'storage'
  | 'not-kept'
  | 'not-allowed'
  | 'unknown-device'
  | 'unknown-provider'
  | 'unknown-grant'
  | 'bad-card'
  | 'unverified'
  | 'failed'

/** One line of the event log; `event` is stable, `text` says it in English. */
export interface PageEvent {
  readonly t: 'event'
  readonly at: number
  /** The device. */
  readonly who: string
  readonly event: string
  /** The provider that it concerns, where it concerns one. */
  readonly about?: string
  readonly text: string
}

export type HomeMessage =
  | { readonly t: 'state'; readonly state: HomeState }
  | { readonly t: 'reading'; readonly device: string; readonly reading: PageReading }
  | { readonly t: 'history'; readonly device: string; readonly points: readonly TracePoint[] }
  /** Quarter-hours, ascending: all that are kept, or those that are new (`more`). */
  | {
      readonly t: 'quarters'
      readonly device: string
      readonly rows: readonly QuarterRow[]
      readonly more: boolean
    }
  | Answer
  | PageEvent
  | DeskProgress

export interface ProviderState {
  readonly name: string
  readonly domain: string
  readonly clock: number
  readonly channels: readonly ProviderChannel[]
}

export interface ProviderChannel {
  readonly device: string
  /** What the provider calls it. */
  readonly name: string
  readonly class: ResolutionClass
  readonly state: 'waiting' | 'open' | 'closed'
  readonly since: number | null
  readonly until: number | null
  /** Frames opened. */
  readonly opened: number
  /** Frames received that cannot be opened. */
  readonly sealed: number
  readonly last: number | null
  readonly text: string
  /** As granted. */
  readonly purpose: string
  /** Frames that never came, newest first, at most LIMITS.page.gaps. */
  readonly gaps: readonly ProviderGap[]
}

/** From this frame to that one, both in words (`epoch/index`), and when it was noticed. */
export interface ProviderGap {
  readonly from: string
  readonly to: string
  readonly at: number
}

/** Where a frame lies in its channel. */
export interface FramePlace {
  readonly device: string
  readonly class: ResolutionClass
  readonly epoch: number
  readonly index: number
}

export type ProviderMessage =
  | { readonly t: 'state'; readonly state: ProviderState }
  | ({ readonly t: 'reading'; readonly reading: PageReading } & FramePlace)
  | ({ readonly t: 'sealed' } & FramePlace)
  | {
      readonly t: 'history'
      readonly device: string
      readonly class: ResolutionClass
      readonly points: readonly TracePoint[]
    }
  | Answer

/** What a page asks of My Home. */
export type Ask = HomeAsk | DeskAsk

/** What it may ask of a device's page too, and a command of its home. */
export type HomeAsk = ClaimAsk | GrantAsk | RevokeAsk | DeleteAsk | IntroduceAsk | VerifyAsk

/**
 * About a provider's card (one line). `introduce`: it is one of those that may be let in; the answer's text
 * is its PageProvider.id. `verify`: does its domain name its key? ok, or `unverified`.
 */
export interface IntroduceAsk {
  readonly id: number
  readonly do: 'introduce'
  readonly card: string
}

export interface VerifyAsk {
  readonly id: number
  readonly do: 'verify'
  readonly card: string
}

export interface ClaimAsk {
  readonly id: number
  readonly do: 'claim'
  /** As typed or scanned; home reads it. */
  readonly code: string
  readonly address?: string
}

export interface GrantAsk {
  readonly id: number
  readonly do: 'grant'
  readonly device: string
  /** PageProvider.id. */
  readonly provider: string
  readonly class: ResolutionClass
  readonly until?: number
  readonly purpose: string
}

export interface RevokeAsk {
  readonly id: number
  readonly do: 'revoke'
  readonly device: string
  /** PageGrant.id. */
  readonly grant: string
}

export interface DeleteAsk {
  readonly id: number
  readonly do: 'delete'
  readonly device: string
}

// A device's own page: a page that is a My Home itself. What follows is all that the device tells it
// beside claim, channels and owner log (docs/wire/page.md).

/** Told to everybody who opens the page: what the lights and the label say anyway. */
export interface DeviceLook {
  readonly name: string
  readonly claimed: boolean
  readonly led: StatusLed | null
  readonly meterLed: MeterLed | null
  /** Milliseconds that the claim window stays open, null while it is closed. */
  readonly window: number | null
  /** The device's clock, milliseconds since 1970; may be wrong. */
  readonly clock: number
  /** Texts of the events by which its key was replaced, oldest first; left out where it never was. */
  readonly keys?: readonly string[]
}

export interface DeviceMessage {
  readonly t: 'look'
  readonly look: DeviceLook
}

/** Told to owners only, inside the session, every few seconds. */
export interface DeviceInfo {
  /** Where other programs of the owner reach the device, `host:port` each. */
  readonly addresses: readonly string[]
  readonly version: string
  /** Board or computer, in its own words. */
  readonly board: string
  /** The line to the meter, or null before it was opened. */
  readonly line: { readonly path: string; readonly up: boolean; readonly text: string } | null
  /** Telegrams since the start that fit their check sum, and those that did not. */
  readonly good: number
  readonly bad: number
  /** Who reads now, owners among them. */
  readonly reading: number
  /** base64url keys of the owners. */
  readonly owners: readonly string[]
  /** Milliseconds since the device started. */
  readonly uptime: number
  /** Since the start, for each consent that was used. */
  readonly reads: readonly PageReads[]
  /** Bytes written to the card since the start, where they are counted. */
  readonly written: number | null
  /** What its lights show. */
  readonly lights?: { readonly status: StatusLed | null; readonly meter: MeterLed | null }
  /** Raw P1 for other programs in the house, where the device can do that. */
  readonly raw?: RawView
}

export interface RawView {
  readonly on: boolean
  /** `host:port` where it listens; a host of zeros is every address of the device. */
  readonly address: string | null
  /** Programs that read now. */
  readonly clients: number
  /** Its configuration says so: no owner can change it. */
  readonly fixed: boolean
  /** Why it is not as it should be, in English. */
  readonly text?: string
}

export interface PageReads {
  /** PageGrant.id. */
  readonly grant: string
  /** When the newest frame went out, by the device's clock. */
  readonly last: number
  /** Times it came to read, and frames that it was sent, in the last seven days. */
  readonly visits: number
  readonly frames: number
}

/** What an owner's page may want of the device beside consent: that it blinks, or tells a provider of its grant. */
export type DeviceWish =
  | { readonly do: 'identify' }
  | { readonly do: 'raw'; readonly on: boolean }
  | ({ readonly do: 'invite' } & PageInvite)

export interface PageInvite {
  /** PageGrant.id. */
  readonly grant: string
  /** The provider's addresses, `host:port` each. */
  readonly to: readonly string[]
  /** Name or number under which the device goes in this network: as the page reached it. */
  readonly here: string
}
