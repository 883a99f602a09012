// The name server of the device's own network (RFC 1035): every name leads to the portal, so that phones
// find it. A plain machine: a query in, an answer or nothing out. Answers one question of class IN;
// type A with our address, others with nothing in it; never more than it was asked (no amplifying: an
// answer is at most 16 bytes longer than its query).

import type { Bytes } from '../../base/bytes.ts'

const HEADER = 12
/** Longest query that is read: a name has at most 255 bytes. */
const QUERY_BYTES = 512
const TTL_S = 10

/** The answer to a datagram, or null for what is no query. */
export function answerDns(query: Bytes, address: readonly [number, number, number, number]): Bytes | null {
  if (query.length < HEADER + 5 || query.length > QUERY_BYTES) return null
  const flags = query[2]!
  // QR 0, opcode 0, one question and nothing else but perhaps EDNS, which is passed over.
  if ((flags & 0xf8) !== 0 || query[4] !== 0 || query[5] !== 1 || query[6] !== 0 || query[7] !== 0)
    return null
  let at = HEADER
  while (query[at] !== 0) {
    const length = query[at]
    if (length === undefined || length > 63) return null
    at += 1 + length
  }
  const end = at + 5
  if (end > query.length || end - HEADER > 260) return null
  const isA = query[at + 1] === 0 && query[at + 2] === 1
  if (query[at + 3] !== 0 || query[at + 4] !== 1) return null
  const out = new Uint8Array(end + (isA ? 16 : 0))
  out.set(query.subarray(0, end))
  // Answer, authoritative, recursion as asked and available; no error.
  out[2] = 0x84 | (flags & 1)
  out[3] = 0x80
  out.fill(0, 6, HEADER)
  if (!isA) return out
  out[7] = 1
  out.set([0xc0, HEADER, 0, 1, 0, 1, 0, 0, 0, TTL_S, 0, 4, ...address], end)
  return out
}
