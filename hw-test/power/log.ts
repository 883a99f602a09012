// The log of every write to a disk that QEMU's blklogwrites keeps, in the form of the kernel's
// dm-log-writes (Documentation/admin-guide/device-mapper/log-writes of Linux): a sector of head, then for
// each entry a sector that says where, how much and how, with the data behind it.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const MAGIC = 0x6a736677736872n
const FLAG = { flush: 1, fua: 2, discard: 4 } as const

export interface LoggedWrite {
  /** Bytes from the beginning of the disk. */
  readonly at: number
  readonly bytes: number
  /** Where its data lies in the log; -1: zeros. */
  readonly from: number
  /** What was written before this one is on the medium once it is. */
  readonly flush: boolean
  /** It is itself on the medium before anybody hears that it was written. */
  readonly fua: boolean
  /** Where the log stood when it was complete. */
  readonly end: number
}

/** Every entry that is there as a whole. @throws Error for a file that is no such log. */
export function readLog(path: string): LoggedWrite[] {
  const file = openSync(path, 'r')
  try {
    const head = new DataView(new ArrayBuffer(512))
    readSync(file, head, 0, 512, 0)
    if (head.getBigUint64(0, true) !== MAGIC) throw new Error(`${path} is no log of writes`)
    const sector = head.getUint32(24, true)
    const size = fstatSync(file).size
    const writes: LoggedWrite[] = []
    const entry = new DataView(new ArrayBuffer(32))
    for (let at = sector; at + sector <= size; ) {
      readSync(file, entry, 0, 32, at)
      const [place, sectors, flags] = [0, 8, 16].map((n) => Number(entry.getBigUint64(n, true))) as [
        number,
        number,
        number,
      ]
      const discard = (flags & FLAG.discard) !== 0
      const bytes = sectors * sector
      const end = at + sector + (discard ? 0 : bytes)
      if (end > size || (flags === 0 && bytes === 0)) break
      writes.push({
        at: place * sector,
        bytes,
        from: discard ? -1 : at + sector,
        flush: (flags & FLAG.flush) !== 0,
        fua: (flags & FLAG.fua) !== 0,
        end,
      })
      at = end
    }
    return writes
  } finally {
    closeSync(file)
  }
}
