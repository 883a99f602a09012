// A backup of a home: every file of its state folder in one encrypted file (docs/wire/backup.md). The
// passphrase is stretched by scrypt; the content is compressed, cut into pieces, and each piece sealed
// under its number and whether it is the last, so that a backup that was cut off or changed is none.
// Brought back as a whole or not at all.

import { type Bytes, concat, text, utf8 } from '../base/bytes.ts'
import { Reader, Writer } from '../base/cursor.ts'
import { WattleError } from '../base/errors.ts'
import { LIMITS } from '../base/limits.ts'
import { open, scrypt, seal, sha256 } from '../crypto/native.ts'

/** One file of the state folder. */
export interface BackedFile {
  name: string
  bytes: Bytes
}

/** `zlib`'s functions, handed in by who may import node's modules. */
export interface Packing {
  pack(bytes: Bytes): Bytes
  /** @throws for what it did not pack, or more than `most` bytes */
  unpack(bytes: Bytes, most: number): Bytes
}

const MAGIC = utf8('WTLBACK\x01')
const SALT_BYTES = 16
/** scrypt: 128 MiB and about half a second. */
const LOG_N = 17
const BLOCK = 8
const HEAD_BYTES = MAGIC.length + SALT_BYTES + 2
const PIECE = 1_048_576
const TAG = 16
export const PASSPHRASE_LEAST = 10

/** @param salt 16 fresh random bytes */
export function encodeBackup(
  files: readonly BackedFile[],
  o: { passphrase: string; salt: Bytes; packing: Packing },
): Bytes {
  const names = files.map((f) => utf8(f.name))
  const w = new Writer(
    new Uint8Array(2 + files.reduce((sum, f, i) => sum + 8 + names[i]!.length + f.bytes.length, 0)),
  )
  for (const [i, file] of files.entries()) w.block(names[i]!).u48(file.bytes.length).put(file.bytes)
  w.u16(0)
  const packed = o.packing.pack(w.bytes)
  const head = new Writer(new Uint8Array(HEAD_BYTES)).put(MAGIC).put(o.salt).u8(LOG_N).u8(BLOCK).bytes
  const key = keyOf(o.passphrase, head)
  const pieces: Bytes[] = [head]
  for (let at = 0, n = 0; at < packed.length || n === 0; at += PIECE, n++) {
    const last = at + PIECE >= packed.length
    const sealed = seal(key, nonceOf(n), aadOf(head, last), packed.subarray(at, at + PIECE))
    pieces.push(new Writer(new Uint8Array(5)).u8(last ? 1 : 0).u32(sealed.length).bytes, sealed)
  }
  key.fill(0)
  return concat(...pieces)
}

/**
 * The files of a backup.
 * @throws WattleError `bad-backup`, `wrong-passphrase`
 */
export function decodeBackup(bytes: Bytes, o: { passphrase: string; packing: Packing }): BackedFile[] {
  const bad = (what: string): WattleError => new WattleError('bad-backup', `this backup ${what}`)
  const r = new Reader(bytes)
  const head = r.take(HEAD_BYTES)
  if (!r.ok || MAGIC.some((byte, i) => head[i] !== byte)) throw bad('is no backup of a Wattle home')
  if (head[HEAD_BYTES - 2] !== LOG_N || head[HEAD_BYTES - 1] !== BLOCK)
    throw bad('was made by another version of this program')
  const key = keyOf(o.passphrase, head)
  const pieces: Bytes[] = []
  let held = 0
  let last = false
  for (let n = 0; !last; n++) {
    last = r.u8() === 1
    const box = r.take(r.u32())
    const piece = r.ok && box.length <= PIECE + TAG ? open(key, nonceOf(n), aadOf(head, last), box) : null
    if (!piece && n === 0 && r.ok)
      throw new WattleError('wrong-passphrase', 'this passphrase does not open the backup, or it was changed')
    held += piece?.length ?? 0
    if (!piece || held > LIMITS.home.backupBytes) throw bad('is not whole, or was changed')
    pieces.push(piece)
  }
  key.fill(0)
  if (!r.done) throw bad('has something behind its end')
  let plain: Bytes
  try {
    plain = o.packing.unpack(concat(...pieces), LIMITS.home.backupBytes)
  } catch {
    throw bad('cannot be unpacked')
  }
  return filesOf(plain) ?? bailOut(bad('has files that cannot be'))
}

function filesOf(plain: Bytes): BackedFile[] | null {
  const r = new Reader(plain)
  const files: BackedFile[] = []
  for (;;) {
    const name = text(r.block(LIMITS.home.fileNameBytes))
    if (name === '') break
    const bytes = r.take(r.u48())
    // A name leads nowhere but into the folder.
    if (!r.ok || !/^[\w-][\w.-]*$/.test(name) || files.some((f) => f.name === name)) return null
    files.push({ name, bytes })
  }
  return r.done ? files : null
}

function bailOut(error: Error): never {
  throw error
}

function keyOf(passphrase: string, head: Bytes): Bytes {
  const salt = head.subarray(MAGIC.length, MAGIC.length + SALT_BYTES)
  return scrypt(utf8(passphrase.normalize('NFKC')), salt, LOG_N, BLOCK, 32)
}

function nonceOf(n: number): Bytes {
  return new Writer(new Uint8Array(12)).u32(0).u16(0).u48(n).bytes
}

function aadOf(head: Bytes, last: boolean): Bytes {
  return concat(sha256(head), Uint8Array.of(last ? 1 : 0))
}
