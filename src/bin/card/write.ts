// Writes an image to a card or a file, with the label's record in its two places, reads everything back
// and compares. The target is opened so that the kernel refuses what is in use (O_EXCL on a block device).

import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { type Bytes, hex } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { Sha256 } from '../../crypto/native.ts'
import { readPartitions } from '../../hw/linux/board/card.ts'
import { LABEL_RECORD_AT } from '../../wire/card/label-record.ts'
import { type ImageSource, PIECE_BYTES } from './source.ts'

export interface Written {
  bytes: number
  /** SHA-256 of what the card holds, hexadecimal. */
  sha256: string
}

export interface WriteOptions {
  source: ImageSource
  target: string
  /** A disk; otherwise a file that is made. */
  disk: boolean
  /** One copy of the label record, or null. */
  label: Bytes | null
  onProgress: (what: 'writing' | 'comparing', part: number) => void
  /** What the first piece shows the card needs, bytes: throws where it does not fit. */
  checkSize: (need: number) => void
}

/** `WATT`: the disk id of our images, little-endian in the partition table. */
const DISK_ID = Uint8Array.of(0x54, 0x54, 0x41, 0x57)
const DISK_ID_AT = 440
/** The data partition wants at least this, bytes. */
const LEAST_DATA = 67_108_864

/** @throws WattleError `no-image`, `no-card`, `card-differs`. */
export async function writeCard(options: WriteOptions): Promise<Written> {
  const { source, target, disk, onProgress } = options
  const first = await source.pieces.next()
  if (first.done) throw new WattleError('no-image', 'the image is empty')
  options.checkSize(needOf(first.value))
  const file = await openTarget(target, disk)
  try {
    const hash = new Sha256()
    let at = 0
    for (let piece: Bytes | null = first.value; piece !== null; ) {
      withLabel(piece, at, options.label)
      hash.update(piece)
      await writeWhole(file, piece, at)
      at += piece.length
      onProgress('writing', source.progress())
      const next = await source.pieces.next()
      piece = next.done ? null : next.value
    }
    onProgress('writing', 1)
    await file.sync()
    const sha256 = hex(hash.digest())
    await compare({ ...options, bytes: at, sha256 })
    return { bytes: at, sha256 }
  } finally {
    await file.close()
    await source.pieces.return()
  }
}

/** What a card must have for this image, bytes. Throws where it is no image of ours. */
function needOf(piece: Bytes): number {
  const partitions = readPartitions(piece)
  const ours = partitions && DISK_ID.every((byte, i) => piece[DISK_ID_AT + i] === byte)
  if (!partitions || !ours || piece.length < LABEL_RECORD_AT[1] + 4_096)
    throw new WattleError('no-image', 'this is no image of Wattle; make image BOARD=pizero makes one')
  return Math.max(...partitions.slice(0, 3).map((p) => p.at + p.size)) + LEAST_DATA
}

function withLabel(piece: Bytes, at: number, label: Bytes | null): void {
  if (!label) return
  for (const place of LABEL_RECORD_AT)
    if (place >= at && place + label.length <= at + piece.length) piece.set(label, place - at)
}

async function openTarget(target: string, disk: boolean): Promise<FileHandle> {
  const { O_RDWR, O_EXCL, O_CREAT } = constants
  try {
    return await open(target, disk ? O_RDWR | O_EXCL : O_RDWR | O_EXCL | O_CREAT, 0o600)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const words: Record<string, string> = {
      EBUSY: 'it is in use: eject the card in your file manager, without pulling it out, and try again',
      EACCES: 'no permission to write to it: run this with sudo',
      EPERM: 'no permission to write to it: run this with sudo',
      EROFS: 'it is write-protected: look at the switch on the card’s side',
      EEXIST: 'there is a file of that name already; nothing was changed',
      ENOMEDIUM: 'there is no card in it',
    }
    throw new WattleError('no-card', `${target}: ${words[code ?? ''] ?? message}`)
  }
}

async function writeWhole(file: FileHandle, piece: Bytes, at: number): Promise<void> {
  for (let done = 0; done < piece.length; ) {
    const { bytesWritten } = await file
      .write(piece, done, piece.length - done, at + done)
      .catch((error: Error) => {
        throw new WattleError(
          'no-card',
          `the card cannot be written at byte ${at + done}: ${error.message}; try another card or reader`,
        )
      })
    if (bytesWritten === 0)
      throw new WattleError('no-card', `the card ends at byte ${at + done}: it is smaller than it says`)
    done += bytesWritten
  }
}

/** From the medium: what lies in memory of it is dropped first. */
async function compare(o: WriteOptions & Written): Promise<void> {
  if (o.disk) await new Promise<void>((done) => execFile('blockdev', ['--flushbufs', o.target], () => done()))
  const file = await open(o.target, 'r')
  try {
    const hash = new Sha256()
    const piece = new Uint8Array(PIECE_BYTES)
    for (let at = 0; at < o.bytes; ) {
      const { bytesRead } = await file.read(piece, 0, Math.min(PIECE_BYTES, o.bytes - at), at)
      if (bytesRead === 0) break
      hash.update(piece.subarray(0, bytesRead))
      at += bytesRead
      o.onProgress('comparing', at / o.bytes)
    }
    if (hex(hash.digest()) !== o.sha256)
      throw new WattleError('card-differs', 'the card does not hold what was written to it: use another card')
  } finally {
    await file.close()
  }
}
