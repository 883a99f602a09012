// What one machine announces: a host with addresses and services on it, as DNS-SD records (RFC 6763
// sections 4 to 9). Built once for each change; the responder only looks them up.

import { type Bytes, compare, equal, utf8 } from '../../base/bytes.ts'
import { addressBytes } from '../multiaddr.ts'
import { type DnsRecord, encodeTxt, labelOf, sameName, TYPE } from './dns.ts'

export interface Service {
  /** `_sovereign._tcp`. */
  type: string
  /** What a person sees; any text, becomes one label. */
  instance: string
  /** `_p1` …: found under `_p1._sub._sovereign._tcp.local` too. */
  subtypes: readonly string[]
  port: number
  /** `key=value` each. */
  txt: readonly string[]
}

/**
 * Seconds. RFC 6762 section 10 recommends 120 for a host's records, since addresses change; ours are
 * announced anew when they do, and every listener would ask again twice in those 120 seconds.
 */
export const HOST_TTL = 900
const OTHER_TTL = 4_500
export const LOCAL = 'local'
const META: string = `_services._dns-sd._udp.${LOCAL}`
const NONE: Bytes = new Uint8Array(0)

/** A record with what its type needs. */
export function record(name: string, type: number, ttl: number, more: Partial<DnsRecord> = {}): DnsRecord {
  return { name, type, flush: false, ttl, target: '', port: 0, data: NONE, ...more }
}

export function hostName(label: string): string {
  return `${label}.${LOCAL}`
}

export function instanceName(service: Service): string {
  return `${labelOf(service.instance)}.${service.type}.${LOCAL}`
}

/** A and AAAA of a host; addresses that are neither are left out. */
export function hostRecords(host: string, addresses: readonly string[]): DnsRecord[] {
  const out: DnsRecord[] = []
  for (const address of addresses) {
    const data = addressBytes(address)
    const type = data?.length === 4 ? TYPE.A : TYPE.AAAA
    if (data) out.push(record(host, type, HOST_TTL, { data, flush: true }))
  }
  return out
}

/** SRV and TXT, ours alone; PTRs, shared with everybody who has such a service. */
export function serviceRecords(service: Service, host: string): { own: DnsRecord[]; shared: DnsRecord[] } {
  const name = instanceName(service)
  const type = `${service.type}.${LOCAL}`
  const own = [
    record(name, TYPE.SRV, HOST_TTL, { target: host, port: service.port, flush: true }),
    record(name, TYPE.TXT, OTHER_TTL, { data: encodeTxt(service.txt), flush: true }),
  ]
  // The service's own name last: of several PTRs in a message js-libp2p looks at the last.
  const shared = [
    record(META, TYPE.PTR, OTHER_TTL, { target: type }),
    ...service.subtypes.map((sub) => record(`${sub}._sub.${type}`, TYPE.PTR, OTHER_TTL, { target: name })),
    record(type, TYPE.PTR, OTHER_TTL, { target: name }),
  ]
  return { own, shared }
}

/** "These types and no others are here" (RFC 6762 section 6.1). */
export function nsec(name: string, types: readonly number[]): DnsRecord {
  const bits = new Uint8Array(2 + 32)
  let last = 0
  for (const type of types) {
    bits[2 + (type >> 3)]! |= 0x80 >> (type & 7)
    last = Math.max(last, type >> 3)
  }
  bits[1] = last + 1
  return record(name, TYPE.NSEC, HOST_TTL, { target: name, data: bits.subarray(0, 3 + last), flush: true })
}

/** Same name, type and content; what tells a known answer, and a conflict from an echo of ourselves. */
export function sameRecord(a: DnsRecord, b: DnsRecord): boolean {
  return a.type === b.type && sameName(a.name) === sameName(b.name) && sameData(a, b)
}

function sameData(a: DnsRecord, b: DnsRecord): boolean {
  if (a.port !== b.port || sameName(a.target) !== sameName(b.target)) return false
  return equal(a.data, b.data)
}

/** Order of RFC 6762 section 8.2: class (there is one), type, then the raw data. */
export function compareRecords(a: DnsRecord, b: DnsRecord): number {
  if (a.type !== b.type) return a.type - b.type
  return compare(rawData(a), rawData(b))
}

function rawData(r: DnsRecord): Bytes {
  if (r.type !== TYPE.SRV && r.type !== TYPE.PTR) return r.data
  const target = utf8(sameName(r.target))
  const out = new Uint8Array(6 + target.length)
  out[4] = r.port >>> 8
  out[5] = r.port
  out.set(target, 6)
  return r.type === TYPE.SRV ? out : target
}

/** Text of 4 or 16 bytes; IPv6 without the longest run of zeros, as RFC 5952 wants it. */
export function addressText(bytes: Bytes): string {
  if (bytes.length === 4) return bytes.join('.')
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16))
  let best = { at: -1, n: 1 }
  for (let i = 0; i < 8; i++) {
    let n = 0
    while (words[i + n] === '0') n++
    if (n > best.n) best = { at: i, n }
  }
  if (best.at < 0) return words.join(':')
  return `${words.slice(0, best.at).join(':')}::${words.slice(best.at + best.n).join(':')}`
}
