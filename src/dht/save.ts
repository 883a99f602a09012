// Table and own items as one file: magic, version, network tag, id, nodes, items, SHA-256 of it all.
// What is read back is unverified: nodes are pinged before anything rests on them, items are put again.
// A damaged, foreign or newer file is ignored.

import { type Bytes, concat, equal, utf8 } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { sha1, sha256, Verifier } from '../crypto/native.ts'
import type { Core } from './core.ts'
import { compactBytes } from './krpc/address.ts'
import { reachable } from './krpc/reach.ts'
import { ID_BYTES, idBytes, idOf, loadId } from './math/id.ts'
import { itemAt, keepItem, signedText, storable, targetOf } from './objects.ts'
import type { Put } from './options.ts'
import { OWN } from './store/items.ts'
import type { Table } from './table/table.ts'

const MAGIC = utf8('WDHT')
const VERSION = 1
const NO_TAG = new Uint8Array(8)
const DIGEST = 32
/** An own item in the file: key, signature, seq, salt, value, lengths. */
const ITEM_MOST = 32 + 64 + 8 + 1 + 64 + 2 + 1_000 + 1

export function writeState(core: Core): Bytes {
  const own = [...core.items.flags.keys()].filter((i) => (core.items.flags[i]! & OWN) !== 0)
  const most =
    64 + core.table4.count * (ID_BYTES + 6) + core.table6.count * (ID_BYTES + 18) + own.length * ITEM_MOST
  const w = new Writer(new Uint8Array(most))
  w.put(MAGIC).u8(VERSION)
  w.put(core.prover ? core.prover.tag : NO_TAG).put(idBytes(core.self))
  for (const table of [core.table4, core.table6]) {
    w.u16(table.count)
    for (let i = 0; i < table.count; i++) {
      w.put(idBytes(table.ids, 5 * i))
      const length = compactBytes(table.family)
      const compact = new Uint8Array(length)
      table.address(i, core.a).store(compact, 0)
      w.put(compact)
    }
  }
  w.u8(own.length)
  for (const slot of own) {
    const item = itemAt(core, slot)
    w.u8(item.publicKey ? 1 : 0)
    if (item.publicKey) w.put(item.publicKey).put(item.signature!)
    w.u32(Number(item.seq >> 32n))
      .u32(Number(item.seq & 0xffff_ffffn))
      .u8(item.salt.length)
      .put(item.salt)
      .block(item.value)
  }
  const body = w.done()
  return concat(body, sha256(body))
}

export function readState(core: Core, bytes: Bytes, what: 'all' | 'nodes'): boolean {
  if (bytes.length < MAGIC.length + DIGEST) return false
  const body = bytes.subarray(0, bytes.length - DIGEST)
  if (!equal(sha256(body), bytes.subarray(body.length))) return false
  const r = new Reader(body)
  if (!equal(r.take(4), MAGIC) || r.u8() !== VERSION) return false
  if (!equal(r.take(8), core.prover ? core.prover.tag : NO_TAG)) return false
  const id = r.take(ID_BYTES)
  const nodes: { table: Table; id: Bytes; compact: Bytes }[] = []
  for (const table of [core.table4, core.table6]) {
    const count = r.u16()
    for (let i = 0; i < count && r.ok; i++)
      nodes.push({ table, id: r.take(ID_BYTES), compact: r.take(compactBytes(table.family)) })
  }
  const items: (Put | null)[] = []
  for (let n = r.u8(); n > 0 && r.ok; n--) items.push(readItem(r))
  // All or nothing.
  if (!r.done) return false
  // Mainline keeps its place in the network; in the overlay the key decides.
  if (!core.prover && !core.options.id) loadId(core.self, 0, id, 0)
  for (const node of nodes) {
    loadId(core.other, 0, node.id, 0)
    core.a.load(node.compact, 0, node.table.family)
    if (reachable(core.a, core.reach)) node.table.restore(core.other, 0, core.a)
  }
  for (const item of what === 'all' ? items : [])
    if (item && keepItem(core, item, true)) core.items.due(core.items.find(idOf(item.target), 0))
  return true
}

function readItem(r: Reader): Put | null {
  const mutable = r.u8() === 1
  const publicKey = mutable ? r.take(32).slice() : null
  const signature = mutable ? r.take(64).slice() : null
  const seq = (BigInt(r.u32()) << 32n) | BigInt(r.u32())
  const salt = r.take(r.u8()).slice()
  const value = r.block(1_000).slice()
  if (!r.ok || !storable(value) || salt.length > 64) return null
  if (publicKey && !Verifier.of(publicKey)?.verify(signedText(value, seq, salt), signature!)) return null
  const target = publicKey ? targetOf(publicKey, salt) : sha1(value)
  return { target, value, publicKey, signature, seq, salt }
}
