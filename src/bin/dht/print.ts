// What one operation of `wattle dht` found, as one JSON line and an exit code.

import { type Bytes, hex } from '../../base/bytes.ts'
import { EXIT, type ExitCode } from '../../base/errors.ts'
import { bytesOf } from '../../dht/objects.ts'
import type { Contact, Found } from '../../dht/options.ts'

function contact(c: Contact): object {
  return { id: hex(c.id), address: c.address, ...(c.publicKey ? { publicKey: hex(c.publicKey) } : {}) }
}

/** One JSON line; done when what was asked for was found or stored. */
export function print(found: Found): ExitCode {
  const item = found.item
  const content = item ? bytesOf(item.value) : null
  const text = content ? textOf(content) : null
  console.log(
    JSON.stringify({
      kind: found.kind,
      ...(item
        ? {
            target: hex(item.target),
            ...(found.kind === 'get' ? { value: hex(item.value), ...(text === null ? {} : { text }) } : {}),
            ...(item.publicKey
              ? { publicKey: hex(item.publicKey), seq: String(item.seq), signature: hex(item.signature!) }
              : {}),
          }
        : {}),
      ...(found.kind === 'peers' ? { peers: found.peers } : {}),
      ...(found.kind === 'put' || found.kind === 'announce'
        ? { stored: found.stored, refusal: found.refusal }
        : {}),
      nodes: found.nodes.map(contact),
      asked: found.asked,
      silent: found.silent,
      hops: found.hops,
      ms: round(found.ms),
    }),
  )
  const done =
    found.kind === 'find'
      ? found.nodes.length > 0
      : found.kind === 'peers'
        ? found.peers.length > 0
        : found.kind === 'get'
          ? item !== null
          : found.stored > 0
  return done ? EXIT.done : EXIT.failed
}

/** UTF-8 without control characters, for people; null for anything else. */
function textOf(content: Bytes): string | null {
  const text = new TextDecoder().decode(content)
  return /[\p{Cc}\ufffd]/u.test(text) ? null : text
}

export function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
