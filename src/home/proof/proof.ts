// What `wattle home grants` and `wattle home export` say of one device (docs/proof.md): the owner's events
// say what was agreed, the device's entries which keys were handed out; what could be read is computed from
// the latter. The export carries both as they were signed, so that anybody can do the sum again.

import { base64url, text, unbase64url } from '../../base/bytes.ts'
import type { AccessBook, Span } from '../../channel/proof.ts'
import { ENDING, type Ending } from '../../wire/channel.ts'
import type { OwnedDevice } from '../store.ts'
import type { DeviceAccess } from './access.ts'

export interface PlaceReport {
  epoch: number
  index: number
  /** Milliseconds since 1970, by the device's clock. */
  at: number
  /** SHA-256 of the owner's event that did it, base64url; null where none did. */
  event: string | null
}

export interface ConsentReport {
  device: string
  /** Grant id, base64url. */
  id: string
  provider: string
  domain: string
  /** Ed25519, base64url. */
  key: string
  class: string
  purpose: string
  since: number
  until: number
  /** waiting: agreed, and no key handed out yet · open · paused · ended. */
  state: 'waiting' | 'open' | 'paused' | 'ended'
  why: string | null
  /** Which frames its keys open: from `from` on, up to but without `to`. */
  read: { from: PlaceReport; to: PlaceReport | null; differs: boolean }[]
  /** The newest frame that went out to it, as the device says, since the device's start; null where it does not say. */
  delivered: { epoch: number; index: number; at: number } | null
}

const WHY: Readonly<Partial<Record<Ending, string>>> = {
  [ENDING.revoked]: 'revoked',
  [ENDING.expired]: 'expired',
  [ENDING.deleted]: 'deleted',
  [ENDING.paused]: 'paused',
}

/** Every consent that the device's owner log ever had, oldest first. */
export function consentsOf(device: OwnedDevice, access: DeviceAccess): ConsentReport[] {
  return device.events.flatMap((jws) => {
    const event = payloadOf(jws)
    const grantId = event?.['type'] === 'AUTHORIZED' ? unbase64url(String(event['grant'])) : null
    if (!event || !grantId) return []
    const spans = access.book.spans(grantId)
    const went = access.delivered.find((d) => base64url(d.grantId) === event['grant'])
    return [
      {
        device: device.name,
        id: String(event['grant']),
        provider: String(event['name']),
        domain: String(event['domain']),
        key: String(event['sign']),
        class: String(event['class']),
        purpose: String(event['purpose']),
        since: Number(event['since']),
        until: Number(event['until']),
        ...stateOf(device, grantId, spans, access.book),
        read: spans.map((span) => ({
          from: placeOf(span.from, span.fromAt, span.fromEvent),
          to: span.to && placeOf(span.to, span.toAt ?? 0, span.toEvent),
          differs: span.to !== null && span.differs,
        })),
        delivered: went ? { epoch: went.epoch, index: went.index, at: went.at } : null,
      },
    ]
  })
}

/** All of it, as it was signed, and the sum. */
export function exportOf(device: OwnedDevice, access: DeviceAccess): Record<string, unknown> {
  return {
    v: 1,
    device: {
      name: device.name,
      key: base64url(device.key),
      box: base64url(device.box),
      certificate: base64url(device.certificate),
      /** All that it had, the first one above; the events say how each followed the one before. */
      keys: device.log.keys.map(base64url),
      owners: device.owners.owners.map((o) => ({ sign: base64url(o.sign), box: base64url(o.box) })),
    },
    consents: consentsOf(device, access),
    /** Texts of the owner log, oldest first. */
    events: device.events,
    /** Entries of the device's log of keys, with their numbers. */
    entries: access.book.entries.map((e) => ({ number: e.number, entry: base64url(e.bytes) })),
    /** Entries that did not follow the one before: 0 unless the device was rolled back. */
    branches: access.branches,
  }
}

function stateOf(
  device: OwnedDevice,
  grantId: Uint8Array,
  spans: readonly Span[],
  book: AccessBook,
): Pick<ConsentReport, 'state' | 'why'> {
  const last = spans.at(-1)
  const taken = book.of(grantId, 3)?.text
  const over = taken?.kind === 3 && taken.why !== ENDING.paused ? taken.why : null
  if (over !== null) return { state: 'ended', why: WHY[over as Ending] ?? 'ended' }
  // What the owner has ended is over also where the device has not said so yet.
  if (!device.log.reader(grantId)) return { state: 'ended', why: device.log.deleted ? 'deleted' : 'revoked' }
  if (device.log.paused(grantId)) return { state: 'paused', why: 'paused' }
  return { state: last?.to === null ? 'open' : 'waiting', why: null }
}

function placeOf(place: { epoch: number; index: number }, at: number, event: Uint8Array | null): PlaceReport {
  return { epoch: place.epoch, index: place.index, at, event: event && base64url(event) }
}

/** What an event says; its signatures were verified when it was taken. */
function payloadOf(jws: string): Record<string, unknown> | null {
  try {
    const outer = JSON.parse(jws) as { payload?: unknown }
    const payload = typeof outer.payload === 'string' ? unbase64url(outer.payload) : null
    const value: unknown = payload && JSON.parse(text(payload))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
