// A small file that is replaced as a whole: what it is, its version, its length and a CRC-32 around the
// content (docs/wire.md "Snapshot files"). An old or damaged one is told apart from none at all.

import { type Bytes, equal, utf8 } from './bytes.ts'
import { crc32 } from './crc32.ts'
import { Reader, Writer } from './cursor.ts'
import { EXIT, WattleError } from './errors.ts'

const MAGIC = utf8('WTLSNAP')
const FRAME_BYTES = 20

/** @param kind four letters that name the content. */
export function encodeSnapshot(kind: string, version: number, content: Bytes): Bytes {
  const w = new Writer(new Uint8Array(FRAME_BYTES + content.length))
  w.put(MAGIC).u8(version).put(utf8(kind)).u32(content.length).put(content)
  return w.u32(crc32(w.done())).bytes
}

/** The content as a view; throws `state-damaged` (exit 3) for anything but a whole snapshot of this kind and version. */
export function decodeSnapshot(file: string, kind: string, version: number, bytes: Bytes): Bytes {
  const fail = (what: string): never => {
    throw new WattleError(
      'state-damaged',
      `${file}: ${what}; restore it from a backup or move it away`,
      EXIT.stay,
    )
  }
  const r = new Reader(bytes)
  if (!equal(r.take(7), MAGIC)) return fail(`expected a snapshot, found ${bytes.length} bytes that are none`)
  const found = r.u8()
  if (!equal(r.take(4), utf8(kind))) return fail(`expected content "${kind}", found another`)
  if (found !== version)
    return fail(`expected version ${version}, found ${found}, written by another version of wattle`)
  const content = r.take(r.u32())
  const sum = r.u32()
  if (!r.done) return fail(`half written or cut off (${bytes.length} bytes)`)
  if (sum !== crc32(bytes.subarray(0, bytes.length - 4))) return fail('its checksum does not fit')
  return content
}
