// The options about finding each other, the same for every party: `--lan on|off|lo` and
// `--bootstrap KEY@HOST:PORT[,…]`, `--relay KEY@HOST:PORT[,…]`, `--dht IP:PORT`,
// `--dht-bootstrap [KEY@]IP:PORT[,…]`, or the names of docs/discovery.md in a configuration file.

import { type DiscoverySettings, discoverySettings } from '../../node/peers/config.ts'
import type { Parsed } from '../cli.ts'

export const DISCOVERY_OPTIONS = {
  lan: { type: 'string' },
  bootstrap: { type: 'string' },
  dht: { type: 'string' },
  'dht-bootstrap': { type: 'string' },
  relay: { type: 'string' },
  'nat-mapping': { type: 'string' },
} as const

const OPTION_OF: Readonly<Record<string, string>> = {
  'local.mdns': 'lan',
  'bootstrap.keys': 'bootstrap',
  'dht.listen': 'dht',
  'dht.bootstrap': 'dht-bootstrap',
  'relay.keys': 'relay',
  'nat.mapping': 'nat-mapping',
}

/**
 * An option before the configuration, that before the environment (`WATTLE_LAN`), that before `fallback`.
 * @throws WattleError `bad-config`
 */
export function discoveryOf(
  given: Parsed,
  config: (name: string) => string | undefined,
  fallback: DiscoverySettings['mdns'],
): DiscoverySettings {
  const of = (name: string): string | undefined => {
    const option = OPTION_OF[name]
    const said = option === undefined ? undefined : given.text(option)
    const env = name === 'local.mdns' ? process.env['WATTLE_LAN'] : undefined
    return said ?? config(name) ?? env
  }
  return discoverySettings(of, fallback)
}

/** Is an address to listen on one that nobody else reaches? */
export function isLoopback(address: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost):\d*$/.test(address)
}
