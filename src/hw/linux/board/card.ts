// The card under a device, as a block device or as an image file: slot records at fixed places, the two
// systems where the partition table (MBR) says. Nothing outside these is ever written.
// Document: docs/wire/card.md.

import { execFile } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { Bytes } from '../../../base/bytes.ts'
import { EXIT, WattleError } from '../../../base/errors.ts'
import type { Card, Failure, OpenFile } from '../../hardware.ts'
import { openPath } from '../files.ts'

const SECTOR = 512
const RECORD_AT = [262_144, 393_216] as const
/** Partition that holds each system, from 0. */
const SLOT_PARTITION = { a: 1, b: 2 } as const

export interface Extent {
  /** Bytes from the beginning of the card. */
  at: number
  size: number
}

/** The four entries of a DOS partition table; null where there is none, empty entries have size 0. */
export function readPartitions(sector: Bytes): Extent[] | null {
  if (sector.length < SECTOR || sector[510] !== 0x55 || sector[511] !== 0xaa) return null
  const view = new DataView(sector.buffer, sector.byteOffset, SECTOR)
  return [0, 1, 2, 3].map((n) => ({
    at: view.getUint32(446 + 16 * n + 8, true) * SECTOR,
    size: view.getUint32(446 + 16 * n + 12, true) * SECTOR,
  }))
}

/**
 * Looks at the card's partitions.
 * @throws WattleError `card-missing` where this is no card of ours.
 */
export function openCard(path: string): Card {
  const slots = slotsOf(path)
  return {
    readRecord: (copy, done) => {
      openPath(path, (error, file) => {
        if (error || !file) return done(error, null)
        const into = new Uint8Array(SECTOR)
        file.read(RECORD_AT[copy], into, (failure, n) => {
          file.close()
          done(failure, failure || n < SECTOR ? null : into)
        })
      })
    },
    writeRecord: (copy, bytes, done) => {
      // The caller's array is its own again as soon as this returns.
      const record = bytes.slice(0, SECTOR)
      openPath(path, (error, file) => {
        if (error || !file) return done(error)
        const over = (failure: Failure): void => {
          file.close()
          done(failure)
        }
        file.write(RECORD_AT[copy], record, (failure) => (failure ? over(failure) : file.sync(over)))
      })
    },
    openSlot: (slot, done) => {
      // What is read next comes from the medium: what lies in memory of it is dropped.
      flush(path, () => openPath(path, (error, file) => done(error, file && windowOf(file, slots[slot]))))
    },
  }
}

function slotsOf(path: string): { a: Extent; b: Extent } {
  const bad = (text: string): WattleError => new WattleError('card-missing', `${path}: ${text}`, EXIT.stay)
  const sector = new Uint8Array(SECTOR)
  let fd = -1
  try {
    fd = openSync(path, 'r')
    readSync(fd, sector, 0, SECTOR, 0)
  } catch (error) {
    throw bad((error as Error).message)
  } finally {
    if (fd >= 0) closeSync(fd)
  }
  const partitions = readPartitions(sector)
  const [a, b] = [partitions?.[SLOT_PARTITION.a], partitions?.[SLOT_PARTITION.b]]
  if (!a || !b || a.size === 0 || b.size === 0 || Math.min(a.at, b.at) < RECORD_AT[1] + SECTOR)
    throw bad('no partition table with two systems: this is no card of ours')
  return { a, b }
}

/** Part of a file as a file of its own; what would go beyond its end is refused whole. */
function windowOf(file: OpenFile, extent: Extent): OpenFile {
  const full = (): Failure =>
    Object.assign(new Error('ENOSPC: beyond the end of the slot'), { code: 'ENOSPC' })
  return {
    size: () => extent.size,
    read: (at, into, done) => {
      const n = Math.max(0, Math.min(into.length, extent.size - at))
      file.read(extent.at + at, into.subarray(0, n), done)
    },
    write: (at, bytes, done) => {
      if (at < 0 || at + bytes.length > extent.size) process.nextTick(done, full())
      else file.write(extent.at + at, bytes, done)
    },
    sync: (done) => file.sync(done),
    truncate: (_size, done) => process.nextTick(done, full()),
    close: () => file.close(),
  }
}

function flush(path: string, done: () => void): void {
  let fd = -1
  try {
    fd = openSync(path, 'r')
    if (!fstatSync(fd).isBlockDevice()) return void process.nextTick(done)
  } catch {
    return void process.nextTick(done)
  } finally {
    if (fd >= 0) closeSync(fd)
  }
  execFile('blockdev', ['--flushbufs', path], { timeout: 60_000 }, () => done())
}
