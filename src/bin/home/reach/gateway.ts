// The gateway to devices' pages beside the page of My Home: where it listens, and where `/p2p/DEVICE/…` leads.

import type { Home } from '../../../home/home.ts'
import { Gateway } from '../../../home/network/gateway.ts'
import type { Tunnels } from '../../../home/network/tunnels.ts'
import type { Listener, Sockets } from '../../../hw/hardware.ts'
import type { Loop } from '../../../node/loop.ts'
import { emit, listenError, usage, wait } from '../../cli.ts'

/** What a gateway needs of a running home. */
export interface GatewayParts {
  home: Home
  tunnels: Tunnels
  sockets: Sockets
  loop: Loop
}

/** Where the page of the device is that `/p2p/DEVICE/…` names; null for any other path or device. */
export function devicePage(
  running: { home: Home; gateway: Gateway | null } | null,
  path: string,
): string | null {
  const match = /^\/p2p\/([A-Za-z0-9_-]{1,64})(?:\/(.*))?$/.exec(path)
  const device = match && running?.home.find(match[1]!)?.device
  const url = device && running?.gateway?.urlOf(device.name)
  return url ? `${url}${match[2] ?? ''}` : null
}

/**
 * Listens where `wish` says, or at the port behind the page's, or where that is taken at any.
 * @returns null where it is off
 */
export async function startGateway(
  { home, tunnels, sockets, loop }: GatewayParts,
  wish: string | undefined,
  beside: string,
): Promise<{ gateway: Gateway; address: string } | null> {
  if (wish === 'off') return null
  if (wish !== undefined && !/^(127\.\d+\.\d+\.\d+|\[::1\]):\d{1,5}$/.test(wish))
    throw usage(`--gateway ${wish}: expected 127.0.0.1:PORT, [::1]:PORT or off`)
  const devices = (): { key: Uint8Array; name: string }[] =>
    home.owned.map(({ key, device }) => ({ key, name: device.name }))
  const gateway = new Gateway({ sockets, loop, tunnels, devices })
  const at = beside.lastIndexOf(':')
  const next = Number(beside.slice(at + 1)) + 1
  const wanted = wish ?? `${beside.slice(0, at)}:${next <= 65_535 ? next : 0}`
  const listen = (address: string): Promise<Listener> => wait((done) => gateway.listen(address, done))
  const listener = await listen(wanted).catch((error: Error) => {
    if (wish !== undefined) throw listenError('home serve --gateway', wanted, error)
    emit('home', 'gateway', { taken: wanted })
    return listen(`${beside.slice(0, at)}:0`)
  })
  return { gateway, address: listener.address }
}
