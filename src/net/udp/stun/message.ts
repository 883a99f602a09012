// STUN (RFC 8489), the part a Binding needs: header, XOR-MAPPED-ADDRESS and its older form, SOFTWARE,
// ERROR-CODE and FINGERPRINT. Credentials are not used: whoever asks us learns only its own address.
// Sans-I/O; the decoder gives null for what is no STUN and never throws.

import { type Bytes, concat, text, utf8 } from '../../../base/bytes.ts'
import { crc32 } from '../../../base/crc32.ts'
import { getU32, putU32 } from '../../../base/cursor.ts'
import { ipBytes, ipText, type Place } from '../address.ts'

const COOKIE = 0x2112_a442
/** XORed with the CRC, so that it differs from one in the payload (section 14.7). */
const FINGERPRINT_XOR = 0x5354_554e
const HEADER = 20
/** Transaction id: 12 bytes at 8. */
export const ID_BYTES = 12

/** Message types of the Binding method (section 5). */
export const STUN = { request: 0x0001, indication: 0x0011, success: 0x0101, error: 0x0111 } as const

const ATTRIBUTE = {
  mappedAddress: 0x0001,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  xorMappedAddress: 0x0020,
  software: 0x8022,
  /** RFC 5780 section 7.4. */
  otherAddress: 0x802c,
  fingerprint: 0x8028,
} as const

export interface StunMessage {
  type: number
  /** A view of 12 bytes. */
  id: Bytes
  /** The address that the server saw. */
  mapped: Place | null
  /** Another of the server's addresses that answers too. */
  other: Place | null
  software: string
  /** 0, or 300 to 699. */
  errorCode: number
  /** True where there was one and it fits; a wrong one makes the message null. */
  fingerprint: boolean
  /** Types that must be understood and are not. */
  unknown: number[]
}

/** A datagram that is STUN by its first bytes: two zero bits, the cookie, a length that fits. */
export function looksLikeStun(b: Bytes): boolean {
  return b.length >= HEADER && b[0]! < 4 && (b.length & 3) === 0 && getU32(b, 4) === COOKIE
}

/** Attributes known to be harmless without understanding: credentials and ICE's, of a Binding request. */
const TOLERATED: readonly number[] = [0x0006, 0x0008, 0x0014, 0x0015, 0x001c, 0x0024, 0x0025]

export function decodeStun(b: Bytes): StunMessage | null {
  if (!looksLikeStun(b) || ((b[2]! << 8) | b[3]!) !== b.length - HEADER) return null
  const message: StunMessage = {
    type: (b[0]! << 8) | b[1]!,
    id: b.subarray(8, HEADER),
    mapped: null,
    other: null,
    software: '',
    errorCode: 0,
    fingerprint: false,
    unknown: [],
  }
  let at = HEADER
  while (at < b.length) {
    const type = (b[at]! << 8) | b[at + 1]!
    const length = (b[at + 2]! << 8) | b[at + 3]!
    const from = at + 4
    if (message.fingerprint || length > b.length - from) return null
    const value = b.subarray(from, from + length)
    if (type === ATTRIBUTE.xorMappedAddress) message.mapped = addressOf(b, value, true)
    else if (type === ATTRIBUTE.mappedAddress) message.mapped ??= addressOf(b, value, false)
    else if (type === ATTRIBUTE.otherAddress) message.other = addressOf(b, value, false)
    else if (type === ATTRIBUTE.software) message.software = text(value)
    else if (type === ATTRIBUTE.errorCode && length >= 4)
      message.errorCode = (value[2]! & 7) * 100 + value[3]!
    else if (type === ATTRIBUTE.fingerprint) {
      if (length !== 4 || getU32(value, 0) !== fingerprintOf(b.subarray(0, at))) return null
      message.fingerprint = true
    } else if (type < 0x8000 && !TOLERATED.includes(type) && message.unknown.length < 8)
      message.unknown.push(type)
    at = from + ((length + 3) & ~3)
  }
  return message
}

/** A Binding request. @param id 12 bytes, unpredictable. */
export function bindingRequest(id: Bytes): Bytes {
  return finish(STUN.request, id, [])
}

/** The answer: the address that the request came from; `other`, where we answer as well. */
export function bindingSuccess(id: Bytes, from: Place, other: Place | null = null): Bytes {
  const seen = [ATTRIBUTE.xorMappedAddress, xorAddress(id, from)] as const
  return finish(STUN.success, id, other ? [seen, [ATTRIBUTE.otherAddress, plainAddress(other)]] : [seen])
}

/** Error 420: attributes that we would have to understand. */
export function bindingUnknown(id: Bytes, unknown: readonly number[]): Bytes {
  const types = new Uint8Array(2 * unknown.length)
  for (let i = 0; i < unknown.length; i++) {
    types[2 * i] = unknown[i]! >> 8
    types[2 * i + 1] = unknown[i]!
  }
  const code = new Uint8Array([0, 0, 4, 20, ...utf8('Unknown Attribute')])
  return finish(STUN.error, id, [
    [ATTRIBUTE.errorCode, code],
    [ATTRIBUTE.unknownAttributes, types],
  ])
}

function finish(type: number, id: Bytes, attributes: readonly (readonly [number, Bytes])[]): Bytes {
  let length = 8
  for (const [, value] of attributes) length += 4 + ((value.length + 3) & ~3)
  const out = new Uint8Array(HEADER + length)
  out[0] = type >> 8
  out[1] = type
  out[2] = length >> 8
  out[3] = length
  putU32(out, 4, COOKIE)
  out.set(id, 8)
  let at = HEADER
  const head = (kind: number, n: number): void => {
    out[at] = kind >> 8
    out[at + 1] = kind
    out[at + 2] = n >> 8
    out[at + 3] = n
  }
  for (const [kind, value] of attributes) {
    head(kind, value.length)
    out.set(value, at + 4)
    at += 4 + ((value.length + 3) & ~3)
  }
  head(ATTRIBUTE.fingerprint, 4)
  putU32(out, at + 4, fingerprintOf(out.subarray(0, at)))
  return out
}

function fingerprintOf(before: Bytes): number {
  return (crc32(before) ^ FINGERPRINT_XOR) >>> 0
}

/** Section 14.2: port and address XORed with the cookie and, for IPv6, the id. */
function xorAddress(id: Bytes, place: Place): Bytes {
  const ip = ipBytes(place.host) ?? new Uint8Array(4)
  const out = new Uint8Array(4 + ip.length)
  out[1] = ip.length === 4 ? 1 : 2
  const port = place.port ^ (COOKIE >>> 16)
  out[2] = port >> 8
  out[3] = port
  for (let i = 0; i < ip.length; i++) out[4 + i] = ip[i]! ^ maskAt(i, id)
  return out
}

function plainAddress({ host, port }: Place): Bytes {
  const ip = ipBytes(host) ?? new Uint8Array(4)
  return concat(Uint8Array.of(0, ip.length === 4 ? 1 : 2, port >> 8, port), ip)
}

function maskAt(i: number, id: Bytes): number {
  return i < 4 ? (COOKIE >>> (24 - 8 * i)) & 255 : id[i - 4]!
}

function addressOf(message: Bytes, value: Bytes, xored: boolean): Place | null {
  const n = value[1] === 1 ? 4 : value[1] === 2 ? 16 : 0
  if (n === 0 || value.length !== 4 + n) return null
  const id = message.subarray(8, HEADER)
  const ip = new Uint8Array(n)
  for (let i = 0; i < n; i++) ip[i] = value[4 + i]! ^ (xored ? maskAt(i, id) : 0)
  const port = ((value[2]! << 8) | value[3]!) ^ (xored ? COOKIE >>> 16 : 0)
  return { host: ipText(ip), port }
}
