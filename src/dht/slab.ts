// The one ArrayBuffer of a DHT instance and the plan that divides it. Everything that traffic can
// fill is a column in here; nothing else may grow. Sizes follow from `maxBytes` alone, so a node's
// memory is decided before its first datagram.

import { LIMITS } from '../base/limits.ts'

export class Slab {
  readonly buffer: ArrayBuffer
  #at: number

  constructor(bytes: number) {
    this.buffer = new ArrayBuffer(bytes)
    this.#at = 0
  }

  /** Bytes handed out so far. */
  get used(): number {
    return this.#at
  }

  #take(bytes: number, align: number): number {
    const at = Math.ceil(this.#at / align) * align
    if (at + bytes > this.buffer.byteLength)
      throw new RangeError(`slab: ${bytes} bytes at ${at} do not fit into ${this.buffer.byteLength}`)
    this.#at = at + bytes
    return at
  }

  u8(n: number): Uint8Array {
    return new Uint8Array(this.buffer, this.#take(n, 1), n)
  }

  u16(n: number): Uint16Array {
    return new Uint16Array(this.buffer, this.#take(2 * n, 2), n)
  }

  i32(n: number): Int32Array {
    return new Int32Array(this.buffer, this.#take(4 * n, 4), n)
  }

  u32(n: number): Uint32Array {
    return new Uint32Array(this.buffer, this.#take(4 * n, 4), n)
  }

  f32(n: number): Float32Array {
    return new Float32Array(this.buffer, this.#take(4 * n, 4), n)
  }

  f64(n: number): Float64Array {
    return new Float64Array(this.buffer, this.#take(8 * n, 8), n)
  }
}

/** How many records each region holds. */
export interface Plan {
  readonly maxBytes: number
  readonly nodes4: number
  readonly nodes6: number
  readonly transactions: number
  readonly lookups: number
  readonly topics: number
  readonly peers: number
  readonly sources: number
  readonly identities: number
  readonly items: number
  readonly blocks: number
}

/** Bytes of one record, with every column. A test compares them with what the slab hands out. */
export const RECORD = {
  node4: 48,
  node6: 60,
  transaction: 88,
  candidate: 96,
  topic: 32,
  peer: 32,
  source: 12,
  identity: 80,
  item: 52,
  block: 66,
} as const

/** Candidates of one lookup. */
export const CANDIDATES = 64
/** Bytes of an item's block. */
export const BLOCK = 64
/** Output buffer, parser, token secrets, counters, votes, bootstrap list, alignment. */
const FIXED = 8_192

/** Divides `maxBytes`; throws RangeError below LIMITS.dht.minBytes. */
export function plan(maxBytes: number): Plan {
  if (!Number.isInteger(maxBytes) || maxBytes < LIMITS.dht.minBytes || maxBytes > LIMITS.dht.mostBytes)
    throw new RangeError(
      `DHT memory: expected ${LIMITS.dht.minBytes} to ${LIMITS.dht.mostBytes} bytes, got ${maxBytes}`,
    )
  const share = maxBytes / LIMITS.dht.maxBytes
  const scale = (n: number, least: number, most: number) =>
    Math.min(most, Math.max(least, Math.floor(n * share)))
  const sizes = {
    nodes4: scale(512, 96, 4_096),
    nodes6: scale(256, 48, 2_048),
    transactions: scale(64, 32, 255),
    lookups: scale(6, 2, 16),
    topics: scale(256, 32, 16_384),
    peers: scale(2_048, 256, 65_000),
    sources: scale(512, 64, 4_096),
    identities: scale(256, 64, 4_096),
  }
  const left =
    maxBytes -
    FIXED -
    sizes.nodes4 * RECORD.node4 -
    sizes.nodes6 * RECORD.node6 -
    sizes.transactions * RECORD.transaction -
    sizes.lookups * CANDIDATES * RECORD.candidate -
    sizes.topics * RECORD.topic -
    sizes.peers * RECORD.peer -
    sizes.sources * RECORD.source -
    sizes.identities * RECORD.identity
  // One item for every four blocks: an average item of 200 to 250 bytes fills both alike.
  const items = Math.min(16_000, Math.floor(left / (RECORD.item + 4 * RECORD.block)))
  const blocks = Math.min(65_000, Math.floor((left - items * RECORD.item) / RECORD.block))
  return { maxBytes, ...sizes, items, blocks }
}
