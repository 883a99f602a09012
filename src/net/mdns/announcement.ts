// What a Wattle says about itself on the local network (docs/wire/discovery.md): the TXT record of
// `_sovereign._tcp`, signed where the key is shown. The signature ties key, port, protocols, addresses and
// expiry together; it does not prove that the sender holds the key now: only a handshake does.

import { type Bytes, base64url, concat, equal, unbase64url, utf8 } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { hmac, type Signer, sha256, Verifier } from '../../crypto/native.ts'
import { addressBytes } from '../multiaddr.ts'
import { encodeTxt } from './dns.ts'

export const SOVEREIGN = '_sovereign._tcp'

/** Bits of `cap`. */
export const CAPABILITY = { meter: 1, dht: 2, relay: 4, rendezvous: 8, mailbox: 16, page: 32 } as const

export interface Announcement {
  /** Somebody owns it. */
  claimed: boolean
  /** Ed25519; null where the owner wants it hidden from strangers, or nobody owns it. */
  key: Bytes | null
  /** Eight bytes by which those who know the key recognise it; null with a key. */
  tag: Bytes | null
  /** Short names of protocols: `claim`, `channel`. */
  protocols: readonly string[]
  capabilities: number
  /** TCP port, as in SRV. */
  port: number
  /** 0 for none. */
  udpPort: number
  addresses: readonly string[]
  /** Seconds since 1970. */
  expires: number
}

const SIGNED = utf8('wattle/mdns/1\0')
const TAG_TEXT = utf8('wattle/tag/1\0')
export const TAG_BYTES = 8
/** How long one tag is used. */
const TAG_SECONDS = 900

/** By this those who know a key recognise its holder on the network, for a quarter of an hour. */
export function tagOf(key: Bytes, wallMs: number): Bytes {
  const period = Math.floor(wallMs / 1_000 / TAG_SECONDS)
  const at = new Uint8Array(8)
  new DataView(at.buffer).setBigUint64(0, BigInt(period))
  return hmac(sha256(concat(TAG_TEXT, key)), at).slice(0, TAG_BYTES)
}

/** Does this tag stand for the key now? A clock may be a quarter of an hour off. */
export function isTagOf(tag: Bytes, key: Bytes, wallMs: number): boolean {
  return [0, -1, 1].some((n) => equal(tag, tagOf(key, wallMs + n * TAG_SECONDS * 1_000)))
}

/** The TXT strings; signed when a key is shown. */
export function announce(a: Announcement, signer: Signer | null): string[] {
  const strings = [
    'txtvers=1',
    `st=${a.claimed ? 'c' : 'u'}`,
    ...(a.key ? [`pk=${base64url(a.key)}`] : []),
    ...(a.tag && !a.key ? [`tag=${base64url(a.tag)}`] : []),
    `pr=${a.protocols.join(',')}`,
    `cap=${a.capabilities.toString(16)}`,
    ...(a.udpPort > 0 ? [`u=${a.udpPort}`] : []),
    `a=${a.addresses.slice(0, LIMITS.mdns.addressesOfOne).join(',').slice(0, 250)}`,
    `exp=${a.expires}`,
  ]
  if (a.key && signer) strings.push(`sig=${base64url(signer.sign(signedText(a.port, strings)))}`)
  return strings
}

/**
 * What the strings say; null where they are no announcement, or where one with a key is not signed by
 * it, is over, or names addresses that are none.
 * @param port as in SRV
 */
export function readAnnouncement(
  strings: readonly string[],
  port: number,
  wallMs: number,
): Announcement | null {
  const of = (name: string): string | undefined =>
    strings.find((s) => s.startsWith(`${name}=`))?.slice(name.length + 1)
  if (strings[0] !== 'txtvers=1') return null
  const key = unbase64url(of('pk') ?? '')
  const tag = unbase64url(of('tag') ?? '')
  const expires = Number(of('exp'))
  const capabilities = Number.parseInt(of('cap') ?? '0', 16)
  const udpPort = Number(of('u') ?? 0)
  const addresses = (of('a') ?? '').split(',').filter((address) => address !== '')
  const protocols = (of('pr') ?? '').split(',').filter((name) => /^[a-z0-9-]{1,16}$/.test(name))
  if (!Number.isSafeInteger(expires) || !Number.isSafeInteger(capabilities)) return null
  if (!Number.isInteger(udpPort) || udpPort < 0 || udpPort > 65_535) return null
  if (addresses.length > LIMITS.mdns.addressesOfOne || !addresses.every((a) => addressBytes(a))) return null
  const claimed = of('st') === 'c'
  const common = { claimed, protocols, capabilities, port, udpPort, addresses, expires }
  if (of('pk') === undefined) return { ...common, key: null, tag: tag?.length === TAG_BYTES ? tag : null }
  const last = strings[strings.length - 1]!
  const signature = last.startsWith('sig=') ? unbase64url(last.slice(4)) : null
  if (key?.length !== 32 || signature?.length !== 64 || expires * 1_000 < wallMs) return null
  const good = Verifier.of(key)?.verify(signedText(port, strings.slice(0, -1)), signature)
  return good ? { ...common, key, tag: null } : null
}

function signedText(port: number, strings: readonly string[]): Bytes {
  return concat(SIGNED, Uint8Array.of(port >>> 8, port & 255), encodeTxt(strings))
}
