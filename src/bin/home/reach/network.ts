// `network` over the control socket of My Home: what `wattle peers` and `wattle doctor` show of it.

import { base64url, equal } from '../../../base/bytes.ts'
import { pathTo } from '../../../node/path/sight.ts'
import type { HomeCommand } from '../command.ts'

export interface NetworkPeer {
  key: string | null
  /** What a person calls it, where it is a device of ours. */
  name: string | null
  sources: readonly string[]
  addresses: readonly string[]
  proven: boolean
  ours: boolean
  /** `host:port` in use now; null: not connected. */
  path: string | null
  /** What kind of path it is, and why there is no better one; for people. */
  way: string
  why: string | null
}

export interface NetworkReport {
  /** Each layer in words. */
  layers: Readonly<Record<string, string>>
  /** The port at our router, or why there is none; null where no router is asked. */
  router: string | null
  peers: readonly NetworkPeer[]
  unclaimed: readonly { name: string; addresses: readonly string[] }[]
}

export const NETWORK_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'network',
    request: () => ({ do: 'network' }),
    act: ({ home }, _, answer) => {
      const { coordinator, host, plane } = home
      const ways = {
        host,
        plane,
        failed: coordinator?.table.failed ?? null,
        relays: home.circuits?.known ?? 0,
        now: host.shared.now(),
      }
      const nameOf = (key: string): string | null =>
        home.owned.find((o) => base64url(o.key) === key)?.device.name ?? null
      const peers = (coordinator?.table.peers ?? []).map((p) => {
        const key = p.key && base64url(p.key)
        const owned = home.owned.find((o) => p.key !== null && equal(o.key, p.key))
        const known =
          owned && coordinator ? coordinator.addressesOf(owned.key, owned.device.addresses) : p.addresses
        const sight = p.key && pathTo(p.key, { ...ways, addresses: known })
        return {
          key,
          name: key && nameOf(key),
          sources: p.sources,
          addresses: known,
          proven: p.proven,
          ours: p.pinned,
          path: sight?.path ?? null,
          way: sight?.way ?? 'not connected',
          why: sight?.why ?? null,
        }
      })
      const unclaimed = (coordinator?.neighbours ?? [])
        .filter((n) => !n.claimed)
        .map(({ name, addresses }) => ({ name, addresses }))
      const router = plane?.mapping?.text ?? null
      const report: NetworkReport = { layers: coordinator?.describe() ?? {}, router, peers, unclaimed }
      answer({ ok: true, result: report })
    },
  },
]
