// The state that the panels are told, put together from what the phone knows of its device.

import { type Card, readCard } from '../../../ownership/card.ts'
import type { ReaderEntry } from '../../../ownership/event.ts'
import type { DeviceInfo, DeviceLook, HomeState, PageDevice, PageGrant, PagePhone } from '../../protocol.ts'
import { grantView, keyOf } from '../../view/grants.ts'
import type { OwnChannels } from './channels.ts'

export interface OwnView {
  readonly look: DeviceLook
  readonly name: string
  readonly readers: readonly ReaderEntry[]
  readonly ended: readonly PageGrant[]
  readonly channels: OwnChannels
  readonly session: 'open' | 'gone' | 'refused'
  /** The WebSocket is there. */
  readonly up: boolean
  readonly last: number | null
  readonly info: DeviceInfo | null
  readonly now: number
}

export function deviceView(view: OwnView): PageDevice {
  const { look, name, channels, session, info, now } = view
  const reads = new Map(info?.reads.map((r) => [r.grant, r]))
  return {
    id: name,
    name,
    address: location.host,
    link: session === 'open' ? 'online' : view.up ? 'connecting' : 'offline',
    access: session === 'refused' ? 'closed' : channels.access,
    lastTelegram: view.last,
    meter: channels.meter,
    grants: [...view.readers.map((r) => grantView(r, reads, now)), ...view.ended],
    lights: { status: look.led, meter: look.meterLed },
    ...(info ? { info } : {}),
  }
}

export function stateView(o: {
  look: DeviceLook
  device: PageDevice | null
  cards: readonly Card[]
  now: number
  phone: PagePhone
}): HomeState {
  const { look, device, cards, now, phone } = o
  return {
    name: look.name,
    clock: now,
    providerPage: null,
    button: 'device',
    devices: device ? [device] : [],
    unclaimed: look.claimed
      ? []
      : [{ name: look.name, address: location.host, window: look.window, led: look.led }],
    providers: cards.map((card) => ({ id: keyOf(card), name: card.name, domain: card.domain })),
    phone,
  }
}

/** Those of the kept lines that are cards. */
export function cardsOf(lines: readonly string[]): Card[] {
  return lines.map((line) => readCard(line)).filter((card) => card !== null)
}
