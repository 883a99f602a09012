// libp2p's own way of meeting on the local network, beside ours: `_p2p._udp.local`, an instance with a
// random name and its multiaddrs in TXT (https://github.com/libp2p/specs/blob/master/discovery/mdns.md).
// Nothing of it is signed and the name means nothing: what is found is hearsay until a handshake proves
// the key. Only keys that are in their peer id (Ed25519) are of use here.

import { type Bytes, equal } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import { addressBytes } from '../multiaddr.ts'
import { keyOfPeerId, peerId } from '../noise/identity.ts'
import { type DnsMessage, type DnsRecord, decodeTxt, emptyMessage, encodeDns, sameName, TYPE } from './dns.ts'
import { LOCAL, type Service } from './records.ts'

export const P2P = '_p2p._udp'
const NAME = `${P2P}.${LOCAL}`
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567'
/** Letters of an instance's name; the specification wants at least 32. */
const NAME_CHARS = 32
const ADDRESSES = 4

/** A name for one run, which says nothing. @param chance a number from 0 to below 1 */
export function p2pName(chance: () => number): string {
  let out = ''
  for (let i = 0; i < NAME_CHARS; i++) out += LETTERS[Math.floor(chance() * 32)]!
  return out
}

/** What we announce: so many literal addresses of ours with one TCP port. */
export function p2pService(name: string, key: Bytes, hosts: readonly string[], port: number): Service {
  const id = peerId(key)
  // Link-local IPv6 addresses mean nothing without an interface.
  const txt = hosts
    .filter((host) => !/^fe[89ab]/i.test(host))
    .slice(0, ADDRESSES)
    .map((host) => `dnsaddr=/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/tcp/${port}/p2p/${id}`)
  return { type: P2P, instance: name, subtypes: [], port, txt }
}

/** Whom the strings name and where, `host:port` each; null where they are no such thing. */
export function readP2p(strings: readonly string[]): { key: Bytes; addresses: string[] } | null {
  let key: Bytes | null = null
  const addresses: string[] = []
  for (const string of strings) {
    const match =
      /^dnsaddr=\/ip([46])\/([0-9a-fA-F.:]{2,45})\/tcp\/(\d{1,5})\/p2p\/([1-9A-HJ-NP-Za-km-z]{52})$/.exec(
        string,
      )
    const [, family, host = '', port = '', id = ''] = match ?? []
    const said = match && keyOfPeerId(id)
    if (!said || addressBytes(host)?.length !== (family === '4' ? 4 : 16)) continue
    if (key && !equal(key, said)) return null
    key = said
    const address = family === '6' ? `[${host}]:${port}` : `${host}:${port}`
    if (Number(port) > 0 && Number(port) < 65_536 && !addresses.includes(address)) addresses.push(address)
  }
  return key && addresses.length > 0
    ? { key, addresses: addresses.slice(0, LIMITS.mdns.addressesOfOne) }
    : null
}

export interface P2pBrowserOptions {
  chance: () => number
  send: (message: Uint8Array) => void
  /** New, or with other content than before. */
  onFound: (name: string, key: Bytes, addresses: readonly string[]) => void
  onLost: (name: string) => void
}

interface Instance {
  readonly name: string
  ends: number
  /** What was told last. */
  told: string
}

const SECOND = 1_000
const LONGEST_MS = 3_600_000
/** A goodbye takes effect a second later (RFC 6762 section 10.1). */
const GOODBYE_MS = 1_000
/** Somebody who promised little is asked before it is over, but not more often than this. */
const LEAST_MS = 30_000

/** Who else announces itself so on this interface. A plain machine. */
export class P2pBrowser {
  readonly #options: P2pBrowserOptions
  readonly #instances: Map<string, Instance>
  #askAt: number
  #askedAt: number
  #interval: number

  constructor(options: P2pBrowserOptions, now: number) {
    this.#options = options
    this.#instances = new Map()
    this.#askAt = now + 20 + options.chance() * 100
    this.#askedAt = now
    this.#interval = SECOND
  }

  get size(): number {
    return this.#instances.size
  }

  next(): number {
    let next = Math.min(this.#askAt, this.#refreshAt())
    for (const { ends } of this.#instances.values()) next = Math.min(next, ends)
    return next
  }

  tick(now: number): void {
    for (const [key, instance] of this.#instances)
      if (now >= instance.ends) {
        this.#instances.delete(key)
        this.#options.onLost(instance.name)
      }
    if (now < this.#askAt && now < this.#refreshAt()) return
    this.#askedAt = now
    if (now >= this.#askAt) {
      this.#askAt = now + this.#interval
      this.#interval = Math.min(LONGEST_MS, this.#interval * 2)
    }
    // Alone in its message: js-libp2p looks at the first question, and at no known answers.
    const message: DnsMessage = emptyMessage(false)
    message.questions = [{ name: NAME, type: TYPE.PTR, unicast: false }]
    const bytes = encodeDns(message)
    if (bytes) this.#options.send(bytes)
  }

  onMessage(message: DnsMessage, now: number): void {
    if (!message.response) return
    const records = [...message.answers, ...message.additionals]
    for (const r of records)
      if (r.type === TYPE.PTR && sameName(r.name) === sameName(NAME)) this.#onPtr(r, records, now)
  }

  /** js-libp2p has a TXT record for each address, others one with all of them. */
  #onPtr(r: DnsRecord, records: readonly DnsRecord[], now: number): void {
    const key = sameName(r.target)
    const known = this.#instances.get(key)
    if (r.ttl === 0) {
      if (known) known.ends = Math.min(known.ends, now + GOODBYE_MS)
      return
    }
    const ends = now + Math.min(r.ttl, LIMITS.mdns.ttlSeconds) * SECOND
    if (known) known.ends = ends
    const strings = records
      .filter((t) => t.type === TYPE.TXT && t.ttl > 0 && sameName(t.name) === key)
      .flatMap((t) => (t.data.length <= LIMITS.mdns.p2pTxtBytes ? (decodeTxt(t.data) ?? []) : []))
    const found = readP2p(strings.slice(0, 2 * LIMITS.mdns.addressesOfOne))
    if (!found || (!known && this.#instances.size >= LIMITS.mdns.instances)) return
    const instance = known ?? { name: r.target, ends, told: '' }
    this.#instances.set(key, instance)
    const told = `${peerId(found.key)} ${found.addresses.join()}`
    if (told === instance.told) return
    instance.told = told
    this.#options.onFound(instance.name, found.key, found.addresses)
  }

  /** When the first of them has lived for four fifths of its promise; then all are asked at once. */
  #refreshAt(): number {
    let first = Number.POSITIVE_INFINITY
    for (const { ends } of this.#instances.values()) first = Math.min(first, ends)
    if (first === Number.POSITIVE_INFINITY) return first
    return Math.max(this.#askedAt + LEAST_MS, first - (first - this.#askedAt) / 5)
  }
}
