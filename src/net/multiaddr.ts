// Multiaddrs of the kinds we use: /ip4/…/tcp/… and /ip6/…/tcp/…, between bytes and `host:port`.
// https://github.com/multiformats/multiaddr, protocols.csv: ip4 = 4, tcp = 6, ip6 = 41.
// Names are never resolved here.

import { type Bytes, concat } from '../base/bytes.ts'

const IP4 = 4
const TCP = 6
const IP6 = 41

/** The 4 or 16 bytes of a literal address, or null. An IPv4 address in IPv6 clothes becomes IPv4. */
export function addressBytes(host: string): Bytes | null {
  if (!host.includes(':')) return ip4Bytes(host)
  const halves = host.split('%')[0]!.split('::')
  if (halves.length > 2) return null
  const head = words(halves[0]!)
  const tail = halves.length === 2 ? words(halves[1]!) : []
  if (!head || !tail || (halves.length === 1 ? head.length !== 8 : head.length + tail.length > 7)) return null
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
  const out = new Uint8Array(16)
  for (let i = 0; i < 8; i++) {
    out[2 * i] = all[i]! >> 8
    out[2 * i + 1] = all[i]!
  }
  const mapped = all.slice(0, 5).every((w) => w === 0) && all[5] === 0xffff
  return mapped ? out.slice(12) : out
}

function ip4Bytes(host: string): Bytes | null {
  const parts = host.split('.')
  const out = Uint8Array.from(parts, Number)
  return parts.length === 4 && parts.every((part, i) => String(out[i]) === part) ? out : null
}

function words(part: string): number[] | null {
  if (part === '') return []
  const out: number[] = []
  for (const word of part.split(':')) {
    if (word.includes('.')) {
      const v4 = ip4Bytes(word)
      if (!v4) return null
      out.push((v4[0]! << 8) | v4[1]!, (v4[2]! << 8) | v4[3]!)
    } else if (/^[0-9a-fA-F]{1,4}$/.test(word)) out.push(Number.parseInt(word, 16))
    else return null
  }
  return out.length <= 8 ? out : null
}

/** Bytes of the multiaddr of `host:port` (IPv6 as `[::1]:4001`), or null for a name or nonsense. */
export function multiaddrBytes(address: string): Bytes | null {
  const at = address.lastIndexOf(':')
  const ip = addressBytes(address.slice(0, Math.max(0, at)).replace(/^\[(.*)\]$/, '$1'))
  const port = Number(address.slice(at + 1))
  if (!ip || !Number.isInteger(port) || port < 0 || port > 65_535) return null
  return concat(Uint8Array.of(ip.length === 4 ? IP4 : IP6), ip, Uint8Array.of(TCP, port >> 8, port))
}

/** `host:port` of such a multiaddr, or null for any other kind. What follows the port is ignored. */
export function addressOf(bytes: Bytes): string | null {
  const n = bytes[0] === IP4 ? 4 : bytes[0] === IP6 ? 16 : 0
  if (n === 0 || bytes.length < n + 4 || bytes[n + 1] !== TCP) return null
  const port = (bytes[n + 2]! << 8) | bytes[n + 3]!
  if (n === 4) return `${bytes.subarray(1, 5).join('.')}:${port}`
  const parts: string[] = []
  for (let i = 1; i < 17; i += 2) parts.push(((bytes[i]! << 8) | bytes[i + 1]!).toString(16))
  return `[${parts.join(':')}]:${port}`
}
