// Packets of every hostile kind, made from a seed: what the soak test and the soak of bench-dht feed.
import { type Bytes, concat, utf8 } from '../../../src/base/bytes.ts'
import { encode, type Value } from './bencode.ts'
import { seeded } from './net.ts'

export interface Storm {
  /** The next packet; `host` and `port` are its claimed source. */
  next(): { bytes: Bytes; host: string; port: number; kind: string }
}

/** An endless row of packets from this seed. */
export function storm(seed: number): Storm {
  const random = seeded(seed)
  const bytes = (n: number): Bytes => {
    const out = new Uint8Array(n)
    random(out)
    return out
  }
  const four = new Uint8Array(4)
  const below = (n: number): number => {
    random(four)
    return (((four[0]! << 24) | (four[1]! << 16) | (four[2]! << 8) | four[3]!) >>> 0) % n
  }
  const query = (q: string, a: { [key: string]: Value }, extra: { [key: string]: Value } = {}): Bytes =>
    encode({ a: { id: bytes(20), ...a }, q, t: bytes(2), y: 'q', ...extra })
  const node = (): Bytes => concat(bytes(20), bytes(6))
  const kinds: [string, () => Bytes][] = [
    ['find', () => query('find_node', { target: bytes(20) })],
    ['both families', () => query('find_node', { target: bytes(20), want: ['n4', 'n6'] })],
    ['padded ping', () => query('ping', {}, { zz: bytes(1_000 + below(370)) })],
    ['read-only ping', () => query('ping', {}, { ro: 1 })],
    ['peers', () => query('get_peers', { info_hash: bytes(20) })],
    [
      'announce',
      () => query('announce_peer', { info_hash: bytes(20), port: below(70_000), token: bytes(8) }),
    ],
    ['get', () => query('get', { target: bytes(20) })],
    ['put', () => query('put', { v: bytes(990), token: bytes(8) })],
    ['large put', () => query('put', { v: bytes(1_300), token: bytes(8) })],
    [
      'signed put',
      () =>
        query('put', {
          v: bytes(900),
          token: bytes(8),
          k: bytes(32),
          sig: bytes(64),
          seq: below(1e9),
          salt: bytes(64),
        }),
    ],
    [
      'wrong types',
      () => query('put', { v: [1, 'a', { b: 2 }], token: 7, k: ['k'], sig: { s: 1 }, seq: 'x' }),
    ],
    [
      'answer',
      () =>
        encode({
          r: { id: bytes(20), nodes: concat(...Array.from({ length: 8 }, node)) },
          t: bytes(4),
          y: 'r',
        }),
    ],
    ['error', () => encode({ e: [201, 'no'], t: bytes(4), y: 'e' })],
    ['unknown method', () => query('vote', { target: bytes(20) })],
    ['garbage', () => bytes(below(1_400))],
    ['deep', () => utf8(`d1:a${'l'.repeat(below(1_300))}`)],
    [
      'mutated',
      () => {
        const out = query('get_peers', { info_hash: bytes(20), want: ['n4'] })
        for (let i = 0; i < 3; i++) out[below(out.length)] = below(256)
        return out.subarray(0, below(4) === 0 ? below(out.length) : out.length)
      },
    ],
  ]
  return {
    next: () => {
      const [kind, make] = kinds[below(kinds.length)]!
      const host = `127.${below(200)}.${below(256)}.${1 + below(254)}`
      return { kind, bytes: make(), host, port: 1 + below(65_535) }
    },
  }
}
