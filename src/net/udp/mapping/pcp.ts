// Asking a router for a port, in its two binary forms, both on UDP port 5351: PCP (RFC 6887, MAP for
// IPv4) and its elder, NAT-PMP (RFC 6886). Bytes in, bytes out; null for whatever is neither.

import { type Bytes, equal } from '../../../base/bytes.ts'
import { Reader, Writer } from '../../../base/cursor.ts'
import { ipBytes, ipText } from '../address.ts'

export const PCP_PORT = 5_351
export const NONCE_BYTES = 12
export const PCP_REQUEST_BYTES = 60
/** PCP's result for a request of a version that the router does not speak; NAT-PMP's is the same. */
export const UNSUPPORTED_VERSION = 1

const MAP = 1
const RESPONSE = 0x80
const UDP = 17

export interface PcpAsk {
  /** Ours, on the router's side. */
  client: string
  nonce: Bytes
  internalPort: number
  /** What we had before, or would like. */
  externalPort: number
  /** Seconds; 0 takes the mapping back. */
  lifetime: number
}

/** RFC 6887 sections 7.1 and 11.1. */
export function pcpRequest(ask: PcpAsk): Bytes {
  const w = new Writer(new Uint8Array(PCP_REQUEST_BYTES))
  w.u8(2).u8(MAP).u16(0).u32(ask.lifetime).put(mapped(ask.client))
  w.put(ask.nonce).u8(UDP).u8(0).u16(0).u16(ask.internalPort).u16(ask.externalPort)
  return w.put(mapped('0.0.0.0')).done()
}

/** RFC 6886 section 3.3. */
export function natPmpRequest(ask: Pick<PcpAsk, 'internalPort' | 'externalPort' | 'lifetime'>): Bytes {
  const w = new Writer(new Uint8Array(12)).u8(0).u8(MAP).u16(0)
  return w.u16(ask.internalPort).u16(ask.externalPort).u32(ask.lifetime).done()
}

/** RFC 6886 section 3.2: the router's own address. */
export function natPmpAddressRequest(): Bytes {
  return new Uint8Array(2)
}

export type GatewayAnswer =
  | { kind: 'version' }
  | { kind: 'refused'; protocol: 'pcp' | 'nat-pmp'; result: number }
  | { kind: 'pcp'; nonce: Bytes; internalPort: number; externalPort: number; host: string; lifetime: number }
  | { kind: 'nat-pmp'; internalPort: number; externalPort: number; lifetime: number }
  | { kind: 'address'; host: string }

/** What a router says; fields behind those that the standards name are not looked at. */
export function decodeGateway(bytes: Bytes): GatewayAnswer | null {
  const r = new Reader(bytes)
  const version = r.u8()
  const op = r.u8()
  if (!r.ok || op < RESPONSE) return null
  if (version === 2) return decodePcp(r, op)
  return version === 0 ? decodeNatPmp(r, op) : null
}

function decodePcp(r: Reader, op: number): GatewayAnswer | null {
  r.u8()
  const result = r.u8()
  const lifetime = r.u32()
  r.u32()
  r.take(12)
  if (!r.ok) return null
  if (result === UNSUPPORTED_VERSION) return { kind: 'version' }
  if (result !== 0) return { kind: 'refused', protocol: 'pcp', result }
  const nonce = r.take(NONCE_BYTES).slice()
  const protocol = r.u8()
  r.take(3)
  const internalPort = r.u16()
  const externalPort = r.u16()
  const host = ipText(r.take(16))
  if (!r.ok || op !== RESPONSE + MAP || protocol !== UDP || externalPort === 0) return null
  return { kind: 'pcp', nonce, internalPort, externalPort, host, lifetime }
}

function decodeNatPmp(r: Reader, op: number): GatewayAnswer | null {
  const result = r.u16()
  r.u32()
  if (!r.ok) return null
  if (result === UNSUPPORTED_VERSION) return { kind: 'version' }
  if (result !== 0) return { kind: 'refused', protocol: 'nat-pmp', result }
  if (op === RESPONSE) {
    const host = ipText(r.take(4))
    return r.ok ? { kind: 'address', host } : null
  }
  const internalPort = r.u16()
  const externalPort = r.u16()
  const lifetime = r.u32()
  if (!r.ok || op !== RESPONSE + MAP || externalPort === 0) return null
  return { kind: 'nat-pmp', internalPort, externalPort, lifetime }
}

/** Whether a PCP answer belongs to this question (RFC 6887 section 11.4). */
export function answersTo(answer: { nonce: Bytes; internalPort: number }, ask: PcpAsk): boolean {
  return answer.internalPort === ask.internalPort && equal(answer.nonce, ask.nonce)
}

/** IPv4 as IPv6: ::ffff:a.b.c.d. */
function mapped(host: string): Bytes {
  const out = new Uint8Array(16)
  out[10] = 0xff
  out[11] = 0xff
  out.set(ipBytes(host) ?? new Uint8Array(4), 12)
  return out
}
