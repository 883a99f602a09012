// Which addresses may be talked to, and which share a subnet. A node on the open Internet must not
// be made to send to loopback, private or multicast addresses by lists of nodes that others send.

import type { Address } from './address.ts'

/** What a socket can reach: `loopback` everything but nonsense, `private` no loopback, `public` neither. */
export type Reach = 'loopback' | 'private' | 'public'

/** 0 never a peer, 1 loopback, 2 private or link-local, 3 public. */
export function scopeOf(a: Address): number {
  return a.family === 4 ? scope4(a.w0) : scope6(a)
}

function scope4(w: number): number {
  const first = w >>> 24
  if (first === 0 || first >= 224) return 0
  if (first === 127) return 1
  if (first === 10 || w >>> 20 === 0xac1 || w >>> 16 === 0xc0a8 || w >>> 16 === 0xa9fe) return 2
  if (w >>> 22 === 0x6440_0000 >>> 22) return 2 // 100.64/10, carrier NAT
  return 3
}

function scope6(a: Address): number {
  const w = a.w0
  if (w === 0 && a.w1 === 0) return a.w2 === 0 && a.w3 === 1 ? 1 : 0
  if (w >>> 24 === 0xff) return 0
  if (w >>> 22 === 0x3fa || w >>> 25 === 0x7e) return 2 // fe80::/10, fc00::/7
  return w >>> 29 === 1 ? 3 : 0 // 2000::/3
}

/** False for port 0 and for addresses that a socket of this reach must never send to. */
export function reachable(a: Address, reach: Reach): boolean {
  if (a.port === 0) return false
  const scope = scopeOf(a)
  if (scope === 0) return false
  return scope === 3 || reach === 'loopback' || (reach === 'private' && scope === 2)
}

/** Same /24 (IPv4) or /64 (IPv6). */
export function sameSubnet(a: Address, b: Address): boolean {
  if (a.family !== b.family) return false
  return a.family === 4 ? a.w0 >>> 8 === b.w0 >>> 8 : a.w0 === b.w0 && a.w1 === b.w1
}
