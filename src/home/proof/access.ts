// An owner's copy of a device's log of keys (docs/wire/access.md): every entry as the device signed it, in
// a journal of its own for each device, so that the owner can show years later what was given to whom.

import { type Bytes, hex } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/cursor.ts'
import { EXIT, WattleError } from '../../base/errors.ts'
import { AccessBook, type Added } from '../../channel/proof.ts'
import { Verifier } from '../../crypto/native.ts'
import type { Failure, Files, Random } from '../../hw/hardware.ts'
import { Journal } from '../../node/journal.ts'
import type { Delivered } from '../../wire/consent.ts'

const RECORD_ENTRY = 1

export class DeviceAccess {
  readonly book: AccessBook
  /** What the device said last about what went out, by its own account. */
  delivered: readonly Delivered[]
  /** Entries that did not follow ours: the device was rolled back, or there are two of it. */
  branches: number
  readonly #journal: Journal

  private constructor(book: AccessBook, journal: Journal, branches: number) {
    this.book = book
    this.#journal = journal
    this.delivered = []
    this.branches = branches
  }

  static open(
    o: { files: Files; random: Random; key: Bytes; keys: readonly Verifier[] },
    done: (error: Failure, access: DeviceAccess | null) => void,
  ): void {
    const name = accessName(o.key)
    const book = new AccessBook(...o.keys)
    let bad = 0
    let branches = 0
    const onRecord = (type: number, payload: Bytes): void => {
      const r = new Reader(payload)
      const number = r.u32()
      const added = book.add(number, r.rest(), 'device')
      if (type !== RECORD_ENTRY || !r.ok || added === 'bad') bad++
      if (added === 'branch') branches++
    }
    Journal.open({ files: o.files, random: o.random, name }, onRecord, (error, journal) => {
      if (error || !journal) return done(error, null)
      if (bad === 0) return done(null, new DeviceAccess(book, journal, branches))
      journal.close()
      const what = `${name}: ${bad} entries are not the device's; restore the folder from a backup`
      done(new WattleError('state-damaged', what, EXIT.stay), null)
    })
  }

  /** Takes one entry over; it is in the file soon. A write that fails is told. */
  add(number: number, bytes: Bytes, failed: (error: NonNullable<Failure>) => void): Added {
    const added = this.book.add(number, bytes, 'device')
    if (added !== 'new' && added !== 'branch') return added
    if (added === 'branch') this.branches++
    const record = new Writer(new Uint8Array(4 + bytes.length)).u32(number).put(bytes).bytes
    this.#journal.append(RECORD_ENTRY, record, (error) => {
      if (error) failed(error)
    })
    return added
  }

  close(): void {
    this.#journal.close()
  }
}

function accessName(key: Bytes): string {
  return `access-${hex(key.subarray(0, 8))}.journal`
}

/** The logs of keys of these devices, by their first keys in hex. */
export function openAccesses(
  { files, random }: { files: Files; random: Random },
  devices: readonly { key: Bytes; log: { keys: readonly Bytes[] } }[],
  done: (error: Failure, accesses: Map<string, DeviceAccess> | null) => void,
): void {
  const accesses = new Map<string, DeviceAccess>()
  const next = (i: number): void => {
    const device = devices[i]
    if (!device) return done(null, accesses)
    const keys = device.log.keys.map((key) => Verifier.of(key)).filter((key) => key !== null)
    if (keys.length === 0) return next(i + 1)
    DeviceAccess.open({ files, random, key: device.key, keys }, (error, access) => {
      if (!access) return done(error, null)
      accesses.set(hex(device.key), access)
      next(i + 1)
    })
  }
  next(0)
}
