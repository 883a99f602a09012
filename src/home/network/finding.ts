// How My Home finds its devices: the three layers of docs/discovery.md with its own settings. It announces
// nothing and registers nowhere; it looks.

import { type Bytes, base64url, equal } from '../../base/bytes.ts'
import type { Exchange } from '../../crypto/native.ts'
import type { Secret } from '../../crypto/secret.ts'
import { locatorOf } from '../../dht/overlay/head.ts'
import type { Hardware } from '../../hw/hardware.ts'
import type { Host } from '../../net/host.ts'
import { guestLayer } from '../../node/dht/layer.ts'
import type { Loop } from '../../node/loop.ts'
import type { DiscoverySettings } from '../../node/peers/config.ts'
import { Coordinator } from '../../node/peers/coordinator.ts'
import type { ListedPeer } from '../../node/peers/list.ts'
import type { Peer } from '../../node/peers/table.ts'
import { deviceName } from '../../ownership/label.ts'
import type { HomeStore } from '../store.ts'

export interface FindingOptions {
  hardware: Hardware
  loop: Loop
  host: Host
  settings: DiscoverySettings
  /** Bootstrap peers beside those of the settings. */
  listed: () => readonly ListedPeer[]
  store: HomeStore
  /** The owner's. */
  exchange: Exchange
  onReachable: (key: Bytes) => void
  report: (event: string, detail?: Record<string, unknown>) => void
}

export function homeCoordinator(options: FindingOptions): Coordinator {
  const { hardware, loop, host, settings, listed, store, exchange, onReachable, report } = options
  const { mdns, bootstrap, dht } = settings
  const { sockets, random, clock } = hardware
  const listen = { sockets, random, host: 'home', announcement: () => null, signer: () => null }
  const machine = { loop, random, sockets }
  const onPeer = (key: Bytes, at: readonly string[]): void => coordinator.heard('dht', key, at)
  /** Where the head record of a device of ours lies; null for any other. */
  const locator = (key: Bytes): Secret | null => {
    const device = store.devices.find((d) => equal(d.log.device, key))
    return device ? locatorOf(exchange, device.log.replaced?.box ?? device.box, key) : null
  }
  /** Somebody came, or is gone; what a layer hears again and again is told once. */
  const around = new Set<string>()
  const presence = (event: 'peer' | 'lost', peer: Peer): void => {
    const known = around.has(peer.id)
    if (event === 'peer' ? known : !known) return
    if (event === 'lost') around.delete(peer.id)
    else around.add(peer.id)
    report(event, { peer: peer.key ? base64url(peer.key) : peer.id, by: [...peer.sources] })
  }
  const coordinator: Coordinator = new Coordinator({
    layers: dht ? [guestLayer(machine, dht, { onPeer, locator })] : [],
    loop,
    host,
    wall: () => clock.wall(),
    lan: mdns === 'off' ? null : { ...listen, loopback: mdns === 'lo' },
    bootstrap: bootstrap.enabled
      ? {
          peers: () => [...bootstrap.peers, ...listed()],
          contact: () => null,
          timeoutMs: bootstrap.timeoutMs,
        }
      : null,
    onReachable,
    onPeer: (peer) => presence('peer', peer),
    onLost: (peer) => presence('lost', peer),
    onNeighbour: ({ name, claimed, addresses }) =>
      report('neighbour', { name, claimed, addresses: [...addresses] }),
  })
  return coordinator
}

/** Addresses of the unclaimed device of a label; a code without one fits where there is only one device. */
export function unclaimedAt(
  coordinator: Coordinator | null,
  discriminator: number | null,
): readonly string[] {
  const free = coordinator?.neighbours.filter((n) => !n.claimed) ?? []
  if (discriminator === null) return free.length === 1 ? free[0]!.addresses : []
  const name = `${deviceName(discriminator)}.`
  return free.find((n) => n.name.startsWith(name))?.addresses ?? []
}
