// What a person sets about the DHT (docs/dht.md, "In device, home and provider"): text in, settings out. It is off
// until an address to listen on or somebody to ask is given.

import { type Bytes, unbase64url } from '../../base/bytes.ts'
import { EXIT, WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import { addressOf } from '../../dht/krpc/address.ts'

export interface DhtSettings {
  /** `host:port`, one for each family at most. */
  readonly listen: readonly string[]
  /** Name of the private overlay. */
  readonly overlay: string
  /** Where the overlay is entered; a peer with a key is believed only under that key. */
  readonly bootstrap: readonly { readonly address: string; readonly publicKey: Bytes | null }[]
  readonly k: number
  readonly alpha: number
  /** Milliseconds. */
  readonly storeTtl: number
  /** Entry points of the public network; none: it is not used. */
  readonly public: readonly string[]
  /** A device may take its own record there for an outside witness. */
  readonly witness: boolean
}

export const DHT_SETTINGS: readonly string[] = [
  'dht.listen',
  'dht.overlay',
  'dht.bootstrap',
  'dht.k',
  'dht.alpha',
  'dht.storeTtl',
  'dht.witness',
  'dht.public',
]

/**
 * @param of a setting's text, undefined where it is not set
 * @returns null where the DHT is off
 * @throws WattleError `bad-config`
 */
export function dhtSettings(of: (name: string) => string | undefined): DhtSettings | null {
  const bad = (name: string, expected: string): WattleError =>
    new WattleError('bad-config', `${name}: expected ${expected}, found ${of(name)}`, EXIT.usage)
  const number = (name: string, standard: number, least: number, most: number): number => {
    const n = Number(of(name) ?? standard)
    if (!Number.isInteger(n) || n < least || n > most)
      throw bad(name, `a whole number from ${least} to ${most}`)
    return n
  }
  const bootstrap = words(of('dht.bootstrap')).map((word) => peerOf(word))
  if (bootstrap.length > LIMITS.dht.bootstrap || bootstrap.includes(null))
    throw bad('dht.bootstrap', `[KEY@]IP:PORT, at most ${LIMITS.dht.bootstrap}, with commas between`)
  const peers = bootstrap.filter((peer) => peer !== null)
  const listen = words(of('dht.listen'))
  if (listen.some((address) => !addressOf(address))) throw bad('dht.listen', 'IP:PORT[,[IP6]:PORT]')
  const settings = {
    overlay: of('dht.overlay') ?? 'wattle',
    k: number('dht.k', 8, 4, 16),
    alpha: number('dht.alpha', 4, 1, 16),
    storeTtl: 1_000 * number('dht.storeTtl', 7_200, 600, 604_800),
  }
  const witness = of('dht.witness') ?? 'on'
  if (witness !== 'on' && witness !== 'off') throw bad('dht.witness', 'on or off')
  const open = words(of('dht.public'))
  if (open.length > LIMITS.dht.bootstrap || open.some((address) => !addressOf(address)))
    throw bad('dht.public', `IP:PORT, at most ${LIMITS.dht.bootstrap}, with commas between`)
  if (listen.length + peers.length + open.length === 0) return null
  const six = peers.some((peer) => peer.address.startsWith('['))
  // Whoever can choose all the peers can choose what they remember: keys must be pinned.
  const pinned = peers.length > 0 && peers.every((peer) => peer.publicKey !== null)
  return {
    ...settings,
    listen: listen.length > 0 ? listen : ['0.0.0.0:0', ...(six ? ['[::]:0'] : [])],
    bootstrap: peers,
    public: open,
    witness: witness === 'on' && pinned,
  }
}

function words(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
}

/** `[KEY@]IP:PORT`, the key in base64url; null where it is something else. */
function peerOf(word: string): { address: string; publicKey: Bytes | null } | null {
  const at = word.indexOf('@')
  const address = word.slice(at + 1)
  const publicKey = at < 0 ? null : unbase64url(word.slice(0, at))
  if (!addressOf(address) || (at >= 0 && publicKey?.length !== 32)) return null
  return { address, publicKey }
}
