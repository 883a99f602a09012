// UPnP's Internet Gateway Device, as far as one port goes: the question on the network (SSDP, UPnP Device
// Architecture 1.1 section 1.3), what the router describes itself as, and the calls of WANIPConnection:1
// (UPnP Forum, 2001) that make and remove a mapping. Text in, text out. A router is believed about itself
// alone: an address that is not the one it answered from is never called.

import { type Bytes, text, utf8 } from '../../../base/bytes.ts'
import { LIMITS } from '../../../base/limits.ts'
import { ipBytes } from '../address.ts'
import { escapeXml, readXml } from './xml.ts'

export const SSDP_GROUP = '239.255.255.250'
export const SSDP_PORT = 1_900

/** What we look for, best first; the second number of each is its version. */
const SERVICES: readonly string[] = [
  'urn:schemas-upnp-org:service:WANIPConnection:2',
  'urn:schemas-upnp-org:service:WANIPConnection:1',
  'urn:schemas-upnp-org:service:WANPPPConnection:1',
]
const DEVICES: readonly string[] = [
  'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
]

/** Errors of AddPortMapping that another try can mend. */
export const UPNP_ERROR = { conflict: 718, samePorts: 724, permanentOnly: 725, noSuchEntry: 714 } as const

/** The questions; to the group, and to the router itself. */
export function searches(host: string): Bytes[] {
  return DEVICES.map((device) =>
    utf8(
      `M-SEARCH * HTTP/1.1\r\nHOST: ${host}:${SSDP_PORT}\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ${device}\r\n\r\n`,
    ),
  )
}

export interface Location {
  port: number
  path: string
}

/** Where the router that answered from `from` describes itself; null for anything else. */
export function readSearchAnswer(bytes: Bytes, from: string): Location | null {
  if (bytes.length > LIMITS.mapping.ssdpBytes) return null
  const lines = text(bytes).split(/\r?\n/)
  if (!/^HTTP\/1\.[01] 200\b/.test(lines[0] ?? '')) return null
  const value = (name: string): string =>
    lines
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim() ?? ''
  return DEVICES.includes(value('st')) ? localUrl(value('location'), from) : null
}

export interface Control extends Location {
  service: string
}

/** The service to call, out of a router's description; null where it has none. */
export function readDescription(xml: string, from: string, at: Location): Control | null {
  const leaves = readXml(xml)
  if (!leaves) return null
  const base = leaves.find((leaf) => leaf.path === 'root/URLBase')?.text
  const root = base ? localUrl(base, from) : at
  if (!root) return null
  for (const service of SERVICES) {
    const type = leaves.find((leaf) => leaf.name === 'serviceType' && leaf.text === service)
    const url = type && leaves.find((leaf) => leaf.parent === type.parent && leaf.name === 'controlURL')?.text
    const control = url ? localUrl(url, from, root) : null
    if (control) return { service, ...control }
  }
  return null
}

/** The body of a call. */
export function call(
  service: string,
  action: string,
  values: readonly (readonly [string, string])[],
): string {
  const inside = values.map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`).join('')
  return (
    '<?xml version="1.0"?>' +
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">' +
    `<s:Body><u:${action} xmlns:u="${service}">${inside}</u:${action}></s:Body></s:Envelope>`
  )
}

export interface Answer {
  /** The code of a UPnP error, or 0. */
  error: number
  /** Values by name. */
  values: ReadonlyMap<string, string>
}

/** What a call brought; null where the answer is none. */
export function readAnswer(xml: string, action: string): Answer | null {
  const leaves = readXml(xml)
  if (!leaves) return null
  const error = leaves.find(
    (leaf) => leaf.path.startsWith('Envelope/Body/Fault/') && leaf.name === 'errorCode',
  )
  if (error) return { error: Number(/^\d{3}$/.exec(error.text)?.[0] ?? 501), values: new Map() }
  const inside = `Envelope/Body/${action}Response`
  const own = leaves.filter((leaf) => leaf.path === inside || leaf.path.startsWith(`${inside}/`))
  return own.length > 0 ? { error: 0, values: new Map(own.map((leaf) => [leaf.name, leaf.text])) } : null
}

/** A URL, or a path below `root`, that leads to the router itself. */
function localUrl(url: string, from: string, root?: Location): Location | null {
  if (url.length > LIMITS.mapping.urlChars) return null
  const match = /^http:\/\/([0-9.]{7,15})(?::(\d{1,5}))?(\/[\x21-\x7e]*)?$/.exec(url)
  if (match) {
    const port = Number(match[2] ?? 80)
    return match[1] === from && ipBytes(from) && port > 0 && port < 65_536
      ? { port, path: match[3] ?? '/' }
      : null
  }
  if (!root || !/^[\x21-\x7e]+$/.test(url) || url.includes(':')) return null
  const folder = root.path.slice(0, root.path.lastIndexOf('/') + 1)
  return { port: root.port, path: url.startsWith('/') ? url : folder + url }
}
