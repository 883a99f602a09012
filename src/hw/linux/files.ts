// The state folder of a Linux machine: mode 0700, its files 0600. A replaced file is written beside,
// synced, renamed, and the folder synced; an open file does one thing after the other in the order it
// was asked. Names that begin with a dot are ours (temporary files, the lock) and are not listed.
// Never a synchronous sync: the loop goes on while the card works.

import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { join, resolve } from 'node:path'
import type { Bytes } from '../../base/bytes.ts'
import { EXIT, WattleError } from '../../base/errors.ts'
import type { Failure, Files, OpenFile } from '../hardware.ts'
import { plain } from './tcp.ts'

const { O_CREAT, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY } = fs.constants

type Done = (error: Failure) => void

export class LinuxFiles implements Files {
  readonly folder: string
  /** Replaces and removals, one after the other. */
  readonly #turn: Turns = new Turns()

  /** @param folder exists; see openFolder. */
  constructor(folder: string) {
    this.folder = folder
  }

  read(name: string, done: (error: Failure, bytes: Bytes | null) => void): void {
    const path = this.#path(name)
    if (!path) {
      process.nextTick(done, badName(name), null)
      return
    }
    fs.readFile(path, (error, bytes) => {
      if (error?.code === 'ENOENT') done(null, null)
      else if (error) done(error, null)
      else done(null, plain(bytes))
    })
  }

  replace(name: string, bytes: Bytes, done: Done): void {
    const path = this.#path(name)
    if (!path) {
      process.nextTick(done, badName(name))
      return
    }
    const beside = join(this.folder, `.${name}.new`)
    this.#turn.take((next) => {
      const over = (error: Failure): void => {
        next()
        done(error)
      }
      writeWhole(beside, bytes, (error) => {
        if (error) over(error)
        else fs.rename(beside, path, (e) => (e ? over(e) : syncFolder(this.folder, over)))
      })
    })
  }

  remove(name: string, done: Done): void {
    const path = this.#path(name)
    if (!path) {
      process.nextTick(done, badName(name))
      return
    }
    if (name.endsWith('.mem')) {
      const place = memoryFolder(this.folder)
      fs.unlink(join(place, name), (error) => {
        // The last one takes the folder along.
        fs.rmdir(place, () => done(error && error.code !== 'ENOENT' ? error : null))
      })
      return
    }
    this.#turn.take((next) => {
      const over = (error: Failure): void => {
        next()
        done(error)
      }
      fs.unlink(path, (error) => {
        if (error && error.code !== 'ENOENT') over(error)
        else syncFolder(this.folder, over)
      })
    })
  }

  open(name: string, done: (error: Failure, file: OpenFile | null) => void): void {
    const path = this.#path(name)
    if (!path) {
      process.nextTick(done, badName(name), null)
      return
    }
    if (name.endsWith('.mem')) {
      openInMemory(this.folder, name, done)
      return
    }
    const opened = (fd: number): void =>
      fs.fstat(fd, (error, stat) => {
        if (error) fs.close(fd, () => done(error, null))
        else done(null, new LinuxFile(fd, stat.size))
      })
    fs.open(path, O_RDWR, (error, fd) => {
      if (!error) opened(fd)
      else if (error.code !== 'ENOENT') done(error, null)
      else
        fs.open(path, O_RDWR | O_CREAT | O_EXCL, 0o600, (e, made) => {
          if (e) done(e, null)
          else
            syncFolder(this.folder, (unsynced) => {
              if (unsynced) fs.close(made, () => done(unsynced, null))
              else opened(made)
            })
        })
    })
  }

  list(done: (error: Failure, names: string[]) => void): void {
    fs.readdir(this.folder, (error, names) => {
      if (error) done(error, [])
      else
        done(
          null,
          names.filter((n) => !n.startsWith('.')).sort((a, b) => (a < b ? -1 : 1)),
        )
    })
  }

  #path(name: string): string | null {
    return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(name) ? join(this.folder, name) : null
  }
}

class LinuxFile implements OpenFile {
  readonly #fd: number
  readonly #turn: Turns = new Turns()
  #size: number
  #closed = false

  constructor(fd: number, size: number) {
    this.#fd = fd
    this.#size = size
  }

  size(): number {
    return this.#size
  }

  read(at: number, into: Bytes, done: (error: Failure, n: number) => void): void {
    this.#turn.take((next) => {
      const over = (error: Failure, n: number): void => {
        next()
        done(error, n)
      }
      if (this.#closed) process.nextTick(over, closed(), 0)
      else fs.read(this.#fd, into, 0, into.length, at, (error, n) => over(error, error ? 0 : n))
    })
  }

  write(at: number, bytes: Bytes, done: Done): void {
    // The one that runs for every frame: two closures and no more.
    this.#turn.take((next) => {
      const over = (error: Failure, n: number): void => {
        if (!error && n < bytes.length) {
          writeAll(this.#fd, bytes.subarray(n), at + n, (e) => over(e, bytes.length))
          return
        }
        if (!error) this.#size = Math.max(this.#size, at + bytes.length)
        next()
        done(error)
      }
      if (this.#closed) process.nextTick(over, closed(), 0)
      else fs.write(this.#fd, bytes, 0, bytes.length, at, over)
    })
  }

  sync(done: Done): void {
    this.#do(done, (over) => fs.fdatasync(this.#fd, over))
  }

  truncate(size: number, done: Done): void {
    this.#do(done, (over) =>
      fs.ftruncate(this.#fd, size, (error) => {
        if (!error) this.#size = size
        over(error)
      }),
    )
  }

  close(): void {
    this.#turn.take((next) => {
      if (!this.#closed) fs.close(this.#fd, () => {})
      this.#closed = true
      next()
    })
  }

  #do(done: Done, step: (over: Done) => void): void {
    this.#turn.take((next) => {
      const over = (error: Failure): void => {
        next()
        done(error)
      }
      if (this.#closed) process.nextTick(over, closed())
      else step(over)
    })
  }
}

/** Any file or block device that is there, for reading and writing in place. */
export function openPath(path: string, done: (error: Failure, file: OpenFile | null) => void): void {
  fs.open(path, O_RDWR, (error, fd) => {
    if (error) done(error, null)
    else
      fs.fstat(fd, (unknown, stat) => {
        if (unknown) fs.close(fd, () => done(unknown, null))
        else done(null, new LinuxFile(fd, stat.size))
      })
  })
}

/** Where Linux keeps files in RAM for everybody; each state folder has one there that is closed to others. */
const MEMORY = '/dev/shm'

export function memoryFolder(folder: string): string {
  const name = createHash('sha256').update(resolve(folder)).digest('hex').slice(0, 24)
  return join(MEMORY, `wattle-${process.getuid?.() ?? 0}-${name}`)
}

/** A file that lives as long as the power does. Fails where RAM is not for us: then it is done without. */
function openInMemory(
  folder: string,
  name: string,
  done: (error: Failure, file: OpenFile | null) => void,
): void {
  const place = memoryFolder(folder)
  fs.mkdir(place, { mode: 0o700 }, (made) => {
    if (made && made.code !== 'EEXIST') return done(made, null)
    fs.lstat(place, (error, stat) => {
      if (error) return done(error, null)
      const ours = stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o77) === 0
      if (!ours) return done(new WattleError('storage', `${place} is somebody else's`), null)
      fs.open(join(place, name), O_RDWR | O_CREAT, 0o600, (failed, fd) => {
        if (failed) return done(failed, null)
        fs.fstat(fd, (unknown, { size }) =>
          unknown ? fs.close(fd, () => done(unknown, null)) : done(null, new LinuxFile(fd, size)),
        )
      })
    })
  })
}

/** Jobs that take turns. A job calls `next` when it is over. */
class Turns {
  readonly #waiting: ((next: () => void) => void)[] = []
  #busy = false
  readonly #next: () => void = () => {
    const job = this.#waiting.shift()
    if (job) job(this.#next)
    else this.#busy = false
  }

  take(job: (next: () => void) => void): void {
    if (this.#busy) {
      this.#waiting.push(job)
      return
    }
    this.#busy = true
    job(this.#next)
  }
}

/**
 * Makes the state folder if need be. One that is there already must be closed to others, unless it is
 * empty: whoever names /tmp by mistake keeps it as it is. Fails with the system's codes or WattleError
 * `state-open`.
 */
export function openFolder(folder: string, done: (error: Failure, files: LinuxFiles | null) => void): void {
  const ready = (): void => done(null, new LinuxFiles(folder))
  const close = (): void => fs.chmod(folder, 0o700, (error) => (error ? done(error, null) : ready()))
  fs.mkdir(folder, { recursive: true, mode: 0o700 }, (error, made) => {
    if (error) done(error, null)
    else if (made !== undefined) close()
    else
      fs.readdir(folder, (unreadable, names) => {
        if (unreadable) done(unreadable, null)
        else if (names.length === 0) close()
        else
          fs.stat(folder, (e, stat) =>
            e ? done(e, null) : checkMode(folder, stat.mode & 0o777, done, ready),
          )
      })
  })
}

function checkMode(
  folder: string,
  mode: number,
  done: (error: Failure, files: null) => void,
  ready: () => void,
): void {
  if ((mode & 0o077) === 0) ready()
  else {
    const text = `${folder} has mode ${mode.toString(8)}, others could read its keys; chmod 700 it, or choose another folder`
    done(new WattleError('state-open', text, EXIT.stay), null)
  }
}

function writeWhole(path: string, bytes: Bytes, done: Done): void {
  fs.open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600, (error, fd) => {
    if (error) {
      done(error)
      return
    }
    const over = (e: Failure): void => fs.close(fd, (late) => done(e ?? late ?? null))
    writeAll(fd, bytes, 0, (e) => (e ? over(e) : fs.fsync(fd, over)))
  })
}

function writeAll(fd: number, bytes: Bytes, at: number, done: Done): void {
  if (bytes.length === 0) {
    process.nextTick(done, null)
    return
  }
  fs.write(fd, bytes, 0, bytes.length, at, (error, n) => {
    if (error) done(error)
    else if (n < bytes.length) writeAll(fd, bytes.subarray(n), at + n, done)
    else done(null)
  })
}

function syncFolder(folder: string, done: Done): void {
  fs.open(folder, 'r', (error, fd) => {
    if (error) done(error)
    else fs.fsync(fd, (e) => fs.close(fd, () => done(e)))
  })
}

function badName(name: string): Failure {
  return Object.assign(new Error(`EINVAL: ${name} is no name for a state file`), { code: 'EINVAL' })
}

function closed(): Failure {
  return Object.assign(new Error('EBADF: file is closed'), { code: 'EBADF' })
}
