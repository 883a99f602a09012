// The initramfs as a cpio archive in "newc" form (Documentation/driver-api/early-userspace/buffer-format
// of Linux): everything belongs to root, times are fixed, so that the same files give the same bytes.

const enc = new TextEncoder()

export interface Entry {
  /** Without a leading slash. */
  readonly path: string
  /** Type and permissions as in stat(2). */
  readonly mode: number
  readonly bytes: Uint8Array
}

export const FOLDER = 0o040755
export const PROGRAM = 0o100755
export const PLAIN = 0o100644
export const LINK = 0o120777

export function folder(path: string): Entry {
  return { path, mode: FOLDER, bytes: new Uint8Array(0) }
}

export function link(path: string, target: string): Entry {
  return { path, mode: LINK, bytes: enc.encode(target) }
}

/** One archive, in the order given: folders before what is in them. */
export function cpio(entries: readonly Entry[], mtime: number): Uint8Array {
  const parts: Uint8Array[] = []
  const pad = (n: number): Uint8Array => new Uint8Array((4 - (n % 4)) % 4)
  const write = (entry: Entry, inode: number): void => {
    const name = enc.encode(`${entry.path}\0`)
    const fields = [inode, entry.mode, 0, 0, 1, mtime, entry.bytes.length, 0, 0, 0, 0, name.length, 0]
    const head = enc.encode(`070701${fields.map((n) => n.toString(16).padStart(8, '0')).join('')}`)
    parts.push(head, name, pad(head.length + name.length), entry.bytes, pad(entry.bytes.length))
  }
  entries.forEach((entry, i) => {
    write(entry, i + 1)
  })
  write({ path: 'TRAILER!!!', mode: 0, bytes: new Uint8Array(0) }, 0)
  return Buffer.concat(parts)
}
