// The datagram plane of a party with a stream plane: the same key, the settings of docs/discovery.md, and
// connections of the host over pipes. Only where relays are set; without them TCP does as well.

import { type Bytes, base64url } from '../../base/bytes.ts'
import type { Signer } from '../../crypto/native.ts'
import type { Hardware } from '../../hw/hardware.ts'
import type { Host } from '../../net/host.ts'
import { placeOf } from '../../net/udp/address.ts'
import type { Loop } from '../loop.ts'
import type { DiscoverySettings } from '../peers/config.ts'
import { Plane } from './plane.ts'

export interface AttachOptions {
  hardware: Pick<Hardware, 'sockets' | 'random'>
  loop: Loop
  host: Host
  signer: Signer
  settings: DiscoverySettings | null
  /** Port to be found at; 0 takes any. */
  port: number
  /** Loopback alone, for several parties on one computer. */
  loopback: boolean
  /** Sockets that a punch may open here. */
  punchSockets: number
  /** Whose share strangers cannot take. */
  knows?: (key: Bytes) => boolean
  report: (event: string, detail: Record<string, unknown>) => void
}

/** Null where no relay is set. What cannot be bound is reported, and TCP remains. */
export function attachPlane(options: AttachOptions): Plane | null {
  const { hardware, loop, host, signer, settings, port, loopback, report } = options
  if (!settings || settings.relays.length === 0) return null
  const plane = new Plane({
    loop,
    sockets: hardware.sockets,
    random: hardware.random,
    signer,
    punchSockets: options.punchSockets,
    ...(options.knows ? { knows: options.knows } : {}),
    mapping: settings.mapping && !loopback,
    report: (event, detail) => report(`datagrams-${event}`, detail),
  })
  plane.carry(host)
  const addresses = loopback ? [`127.0.0.1:${port}`] : [`0.0.0.0:${port}`, `[::]:${port}`]
  const bind = (i: number): void => {
    const address = addresses[i]
    if (address === undefined) return
    plane.start([address], (error) => {
      // IPv6 may be missing on a machine; IPv4 may not.
      if (error && i === 0) report('datagrams-failed', { address, why: error.message })
      bind(i + 1)
    })
  }
  bind(0)
  for (const { key, addresses: known } of settings.relays) {
    const place = known.map(placeOf).find((each) => each !== null)
    if (place) plane.useRelay(key, place, settings.invites.get(base64url(key)))
    else report('datagrams-failed', { address: known.join(' '), why: 'a relay needs a literal address' })
  }
  return plane
}
