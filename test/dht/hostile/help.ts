import { type Bytes, utf8 } from '../../../src/base/bytes.ts'
import type { DhtOptions } from '../../../src/dht/options.ts'
import { encode, message, type Value } from '../help/bencode.ts'
import { type Member, Net } from '../help/net.ts'

export const ID: Bytes = utf8('abcdefghij0123456789')

export function query(q: string, a: { [key: string]: Value }, extra: { [key: string]: Value } = {}): Bytes {
  return encode({ a: { id: ID, ...a }, q, t: 'aa', y: 'q', ...extra })
}

/** One node, no neighbours. */
export function lone(options: Partial<DhtOptions> = {}): { net: Net; node: Member } {
  const net = new Net(77)
  const node = net.add('127.0.0.1', 6881, { strictLocal: true, ...options })
  net.run(100)
  return { net, node }
}

/** Answers every query sent to `address` as a node with this id; `change` may spoil the answer. */
export function puppet(
  net: Net,
  address: string,
  id: Bytes,
  change: (r: { [key: string]: Value }, q: string) => { [key: string]: Value } | null = (r) => r,
): void {
  const [host, port] = address.split(':')
  net.taps.set(address, (bytes, from) => {
    const m = message(bytes)
    if (m.y !== 'q') return
    const r = change({ id, nodes: '', token: 'tttttttt' }, m.q)
    if (r) net.send(encode({ r, t: m.t, y: 'r' }), { host: host!, port: Number(port) }, from)
  })
}
