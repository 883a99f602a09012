// The messages of libp2p's circuit relay v2, between bytes and objects: HopMessage, StopMessage, and the
// signed voucher that comes with a reservation.
// https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md, RFC/0002-signed-envelopes.md
// What cannot be read is null. Ids of keys other than Ed25519 are unknown here. Field 64 is ours.

import { type Bytes, concat, equal, utf8 } from '../../base/bytes.ts'
import type { Signer } from '../../crypto/native.ts'
import { multiaddrBytes } from '../multiaddr.ts'
import { peerIdBytes, publicKeyProto } from '../noise/identity.ts'
import { bytesField, FieldReader, numberField, varint } from '../protobuf.ts'

export const HOP = '/libp2p/circuit/relay/0.2.0/hop'
export const STOP = '/libp2p/circuit/relay/0.2.0/stop'

export const HOP_TYPE = { reserve: 0, connect: 1, status: 2 } as const
export const STOP_TYPE = { connect: 0, status: 1 } as const

export const STATUS = {
  ok: 100,
  refused: 200,
  limit: 201,
  denied: 202,
  failed: 203,
  absent: 204,
  malformed: 400,
  unexpected: 401,
} as const

const NONE: Bytes = new Uint8Array(0)
const KEY = 32
const DOMAIN = utf8('libp2p-relay-rsvp')
/** Multicodec of a voucher. */
const VOUCHER = Uint8Array.of(0x03, 0x02)
/** Multiaddr protocol p2p = 421 as a varint. */
const P2P = varint(421)
/** An invitation to the relay (docs/wire/datagrams.md, Relay); others pass over it. */
const INVITATION = 64

/** What a relay allows one connection; zeros: nothing is limited. */
export interface CircuitLimit {
  seconds: number
  bytes: number
}

export interface CircuitMessage {
  type: number
  /** The Ed25519 key of the peer that is named; empty where there is none. */
  peer: Bytes
  /** Seconds since 1970 until which a reservation holds; 0 without one. */
  expire: number
  limit: CircuitLimit
  status: number
  invitation: Bytes
}

/** @param kind in StopMessage limit and status have other numbers. */
export function readCircuit(bytes: Bytes, kind: 'hop' | 'stop'): CircuitMessage | null {
  const limitField = kind === 'hop' ? 4 : 3
  const out: CircuitMessage = {
    type: -1,
    peer: NONE,
    expire: 0,
    limit: { seconds: 0, bytes: 0 },
    status: 0,
    invitation: NONE,
  }
  const reader = new FieldReader(bytes)
  while (reader.next()) {
    const { field } = reader
    if (field === 1) out.type = reader.value
    else if (field === 2) out.peer = peerOf(reader.bytes)
    else if (field === 3 && kind === 'hop') out.expire = numberIn(reader.bytes, 1)
    else if (field === limitField)
      out.limit = { seconds: numberIn(reader.bytes, 1), bytes: numberIn(reader.bytes, 2) }
    else if (field === limitField + 1) out.status = reader.value
    else if (field === INVITATION) out.invitation = reader.bytes.slice()
  }
  return reader.ok && out.type >= 0 ? out : null
}

export function encodeReserve(invitation: Bytes): Bytes {
  return concat(
    numberField(1, HOP_TYPE.reserve),
    invitation.length > 0 ? bytesField(INVITATION, invitation) : NONE,
  )
}

/** CONNECT, of either protocol; `limit` only in `stop`. */
export function encodeConnect(kind: 'hop' | 'stop', peer: Bytes, limit: CircuitLimit | null): Bytes {
  const type = kind === 'hop' ? HOP_TYPE.connect : STOP_TYPE.connect
  return concat(
    numberField(1, type),
    bytesField(2, bytesField(1, peerIdBytes(peer))),
    kind === 'stop' ? limitField(3, limit) : NONE,
  )
}

export function encodeStopStatus(status: number): Bytes {
  return concat(numberField(1, STOP_TYPE.status), numberField(4, status))
}

/** @param reservation the encoded Reservation, where there is one. */
export function encodeHopStatus(status: number, limit: CircuitLimit | null, reservation: Bytes): Bytes {
  return concat(
    numberField(1, HOP_TYPE.status),
    reservation.length > 0 ? bytesField(3, reservation) : NONE,
    limitField(4, limit),
    numberField(5, status),
  )
}

/**
 * @param seconds since 1970
 * @param addresses `host:port` at which the relay is reached
 */
export function encodeReservation(
  relay: Signer,
  guest: Bytes,
  seconds: number,
  addresses: readonly string[],
): Bytes {
  const id = peerIdBytes(relay.publicKey)
  const ends = addresses.flatMap((address) => {
    const bytes = multiaddrBytes(address)
    return bytes ? [bytesField(2, concat(bytes, P2P, varint(id.length), id))] : []
  })
  return concat(numberField(1, seconds), ...ends, bytesField(3, voucher(relay, guest, seconds)))
}

function voucher(relay: Signer, guest: Bytes, seconds: number): Bytes {
  const payload = concat(
    bytesField(1, peerIdBytes(relay.publicKey)),
    bytesField(2, peerIdBytes(guest)),
    numberField(3, seconds),
  )
  const signed = concat(...[DOMAIN, VOUCHER, payload].flatMap((part) => [varint(part.length), part]))
  return concat(
    bytesField(1, publicKeyProto(relay.publicKey)),
    bytesField(2, VOUCHER),
    bytesField(3, payload),
    bytesField(5, relay.sign(signed)),
  )
}

function limitField(field: number, limit: CircuitLimit | null): Bytes {
  if (!limit) return NONE
  return bytesField(field, concat(numberField(1, limit.seconds), numberField(2, limit.bytes)))
}

/** The key in a Peer message, copied; empty for ids of other kinds. */
function peerOf(bytes: Bytes): Bytes {
  const reader = new FieldReader(bytes)
  let id = NONE
  while (reader.next()) if (reader.field === 1) id = reader.bytes
  const key = id.slice(-KEY)
  return reader.ok && key.length === KEY && equal(id, peerIdBytes(key)) ? key : NONE
}

function numberIn(bytes: Bytes, field: number): number {
  const reader = new FieldReader(bytes)
  let value = 0
  while (reader.next()) if (reader.field === field) value = reader.value
  return reader.ok ? value : 0
}
