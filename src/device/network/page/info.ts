// What a device tells an owner's page of itself (docs/wire/page.md, stream 0), put together from its parts.

import { base64url } from '../../../base/bytes.ts'
import type { PageAssets } from '../../../page/assets.ts'
import type { DeviceInfo, RawView } from '../../../page/protocol.ts'
import type { Claim } from '../../claim.ts'
import type { ConsentServer } from '../../consent.ts'
import type { Lights } from '../../lights.ts'
import type { Meter } from '../../meter.ts'
import type { Subscribers } from '../../publish/subscribers.ts'
import type { RawPort } from '../../raw/port.ts'
import type { DeviceState } from '../../state.ts'
import type { DeviceStreams } from '../streams.ts'

/** What the page is given to serve and to show. */
export interface PageSetting {
  assets: PageAssets
  /** `host:port` to serve it at. */
  address: string
  version: string
  board: string
  /** Bytes that were written to the card since the start; null where nobody counts. */
  written?: () => number | null
  /** Raw P1: the owner's switch, or an address of the configuration. */
  raw?: { port: RawPort; address: string; fixed: boolean }
}

/** The device behind the page. */
export interface PageParts {
  claim: Claim
  consent: ConsentServer
  streams: DeviceStreams
  state: DeviceState
  lights: Lights
  meter: Meter
  /** Null while nobody owns the device. */
  subscribers: Subscribers | null
}

export function infoOf(
  setting: PageSetting,
  parts: PageParts,
  now: { uptime: number; lights: NonNullable<DeviceInfo['lights']>; raw: RawView | null },
): DeviceInfo {
  const { streams, meter, subscribers, state } = parts
  const { good, bad } = meter.heard
  return {
    addresses: [streams.address],
    version: setting.version,
    board: setting.board,
    line: meter.line,
    good,
    bad,
    reading: subscribers?.count ?? 0,
    owners: state.log?.owners.map((owner) => base64url(owner.sign)) ?? [],
    uptime: now.uptime,
    reads: subscribers?.reads.list() ?? [],
    written: setting.written?.() ?? null,
    lights: now.lights,
    ...(now.raw ? { raw: now.raw } : {}),
  }
}

/** Where the configuration has switched it on. */
export function fixedRaw({ raw }: PageSetting): RawView | null {
  return raw ? { on: true, address: raw.address, clients: raw.port.clients, fixed: true } : null
}
