// What a person sets about finding each other: the same names in a configuration file and on the command
// line (docs/discovery.md). Text in, settings out; a bad one says what was expected.

import { type Bytes, base64url, unbase64url } from '../../base/bytes.ts'
import { EXIT, WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import { INVITE_BYTES } from '../../net/udp/relay/rules.ts'
import { DHT_SETTINGS, type DhtSettings, dhtSettings } from '../dht/settings.ts'
import type { ListedPeer } from './list.ts'

export interface DiscoverySettings {
  /** `lo`: on loopback only, for several parties on one computer. */
  mdns: 'on' | 'off' | 'lo'
  bootstrap: {
    enabled: boolean
    peers: readonly ListedPeer[]
    timeoutMs: number
  }
  /** Null: off. */
  dht: DhtSettings | null
  /** Peers that relay datagrams for us; with one, the datagram plane is in use. */
  relays: readonly ListedPeer[]
  /** What an owner of a relay gave us for it, by the relay's key in base64url. */
  invites: ReadonlyMap<string, Bytes>
  /** The router is asked to let others in at our UDP port. */
  mapping: boolean
}

export const DISCOVERY_SETTINGS: readonly string[] = [
  'local.mdns',
  'bootstrap.enabled',
  'bootstrap.keys',
  'bootstrap.timeout',
  ...DHT_SETTINGS,
  'relay.keys',
  'relay.invites',
  'nat.mapping',
]

const TIMEOUT_MS = 10_000

/**
 * @param of a setting's text, undefined where it is not set
 * @param fallback for `local.mdns`
 * @throws WattleError `bad-config`
 */
export function discoverySettings(
  of: (name: string) => string | undefined,
  fallback: DiscoverySettings['mdns'],
): DiscoverySettings {
  const bad = (name: string, expected: string): WattleError =>
    new WattleError('bad-config', `${name}: expected ${expected}, found ${of(name)}`, EXIT.usage)
  const mdns = of('local.mdns') ?? fallback
  if (mdns !== 'on' && mdns !== 'off' && mdns !== 'lo') throw bad('local.mdns', 'on, off or lo')
  const enabled = of('bootstrap.enabled') ?? 'on'
  if (enabled !== 'on' && enabled !== 'off') throw bad('bootstrap.enabled', 'on or off')
  const timeout = Number(of('bootstrap.timeout') ?? TIMEOUT_MS)
  if (!(timeout >= 100 && timeout <= 120_000))
    throw bad('bootstrap.timeout', 'milliseconds from 100 to 120000')
  const peers = bootstrapPeers(of('bootstrap.keys') ?? '')
  if (!peers)
    throw bad('bootstrap.keys', `KEY@HOST:PORT, at most ${LIMITS.peers.bootstrap}, with commas between`)
  const relays = bootstrapPeers(of('relay.keys') ?? '')
  if (!relays)
    throw bad('relay.keys', `KEY@HOST:PORT, at most ${LIMITS.peers.bootstrap}, with commas between`)
  const mapping = of('nat.mapping') ?? 'on'
  if (mapping !== 'on' && mapping !== 'off') throw bad('nat.mapping', 'on or off')
  const invites = invitations(of('relay.invites') ?? '')
  if (!invites) throw bad('relay.invites', 'RELAYKEY=INVITATION, with commas between')
  return {
    mdns,
    bootstrap: { enabled: enabled === 'on', peers, timeoutMs: timeout },
    dht: dhtSettings(of),
    relays,
    invites,
    mapping: mapping === 'on',
  }
}

/** `KEY@HOST:PORT` each; one key may have several addresses. Null where one of them is none. */
export function bootstrapPeers(text: string): ListedPeer[] | null {
  const peers = new Map<string, { key: Bytes; addresses: string[] }>()
  for (const word of text
    .split(',')
    .map((w) => w.trim())
    .filter((w) => w !== '')) {
    const match = /^([\w-]{43})@(\S+:\d{1,5})$/.exec(word)
    const key = match && unbase64url(match[1]!)
    if (key?.length !== 32) return null
    const name = base64url(key)
    const peer = peers.get(name) ?? { key, addresses: [] }
    peer.addresses.push(match![2]!)
    peers.set(name, peer)
  }
  return peers.size > LIMITS.peers.bootstrap ? null : [...peers.values()]
}

/** `RELAYKEY=INVITATION` each, as `wattle home invite` prints them; null where one of them is none. */
function invitations(text: string): Map<string, Bytes> | null {
  const invites = new Map<string, Bytes>()
  for (const word of text.split(',').flatMap((w) => w.trim() || [])) {
    const [, key, invite] = /^([\w-]{43})=([\w-]+)$/.exec(word) ?? []
    const bytes = invite === undefined ? null : unbase64url(invite)
    if (key === undefined || !bytes || bytes.length !== INVITE_BYTES) return null
    invites.set(key, bytes)
  }
  return invites.size > LIMITS.peers.bootstrap ? null : invites
}
