// A state folder in memory that can lose its power. Every change is a numbered point, counted when it
// takes effect. Each file has two images: `current`, what the running program reads, and `durable`,
// what is on the medium; between two syncs the changed ranges are remembered, and a power cut keeps,
// tears or loses each of them by seeded chance, as a card may. A kill (SIGKILL) keeps `current`.
// Creating, removing and replacing are atomic: the old or the new, never a mixture.

import type { Bytes } from '../../base/bytes.ts'
import type { Failure, Files, OpenFile } from '../hardware.ts'
import { failure } from './net/network.ts'
import type { Chance, Life, Scheduler } from './scheduler.ts'

const SECTOR = 512

/** One file: two images and the list of ranges in which they may differ. */
class Inode {
  current: Bytes
  size: number
  durable: Bytes
  durableSize: number
  /** Pairs (at, length); length -1 stands for "truncated to at". */
  dirty: number[]

  constructor(bytes: Bytes) {
    this.current = bytes.slice()
    this.size = bytes.length
    this.durable = bytes.slice()
    this.durableSize = bytes.length
    this.dirty = []
  }

  write(at: number, bytes: Bytes): void {
    const end = at + bytes.length
    if (end > this.current.length) this.current = grown(this.current, this.size, end)
    if (at > this.size) this.current.fill(0, this.size, at)
    this.current.set(bytes, at)
    this.size = Math.max(this.size, end)
    this.dirty.push(at, bytes.length)
  }

  truncate(size: number): void {
    if (size > this.size) {
      if (size > this.current.length) this.current = grown(this.current, this.size, size)
      this.current.fill(0, this.size, size)
    }
    this.size = size
    this.dirty.push(size, -1)
  }

  sync(): void {
    for (let i = 0; i < this.dirty.length; i += 2) {
      const at = this.dirty[i]!
      const n = this.dirty[i + 1]!
      if (n >= 0) this.#keep(at, Math.min(at + n, this.size))
    }
    this.#resize(this.size)
    this.dirty.length = 0
  }

  /** What the medium holds after a cut: each unsynced change whole, torn or lost. */
  tear(chance: Chance): void {
    for (let i = 0; i < this.dirty.length; i += 2) {
      const at = this.dirty[i]!
      const n = this.dirty[i + 1]!
      const fate = chance.below(4)
      if (fate === 0) continue
      if (n < 0) {
        this.#resize(Math.min(at, this.size))
        continue
      }
      const end = Math.min(at + n, this.size)
      if (fate === 1) this.#keep(at, end)
      else if (fate === 2) this.#keep(at, at + chance.below(Math.max(1, end - at + 1)))
      else {
        // Sectors reach the card in any order; where one is missing the grown file reads as zeros.
        if (end > this.durableSize) this.#resize(end)
        for (let s = at; s < end; s += SECTOR - (s % SECTOR))
          if (chance.hit(0.5)) this.#keep(s, Math.min(end, s + SECTOR - (s % SECTOR)))
      }
    }
    this.dirty.length = 0
    this.current = this.durable.slice(0, this.durableSize)
    this.size = this.durableSize
  }

  #keep(from: number, to: number): void {
    if (to <= from) return
    if (to > this.durableSize) this.#resize(to)
    this.durable.set(this.current.subarray(from, to), from)
  }

  #resize(size: number): void {
    if (size > this.durable.length) this.durable = grown(this.durable, this.durableSize, size)
    if (size > this.durableSize) this.durable.fill(0, this.durableSize, size)
    this.durableSize = size
  }
}

function grown(bytes: Bytes, used: number, need: number): Bytes {
  let size = Math.max(1_024, bytes.length)
  while (size < need) size *= 2
  const bigger = new Uint8Array(size)
  bigger.set(bytes.subarray(0, used))
  return bigger
}

type Cut = 'power' | 'kill'

/** The medium: outlives the machines that use it. */
export class SimDisk {
  /** Changes so far: the number of the last one. */
  points = 0
  /** Set by the machine: how it dies when a planned cut comes. */
  onCut: (how: Cut) => void = () => {}
  /** Fails every change from now on with this code (ENOSPC, EROFS, EIO), or null. */
  failWith: string | null = null
  readonly chance: Chance
  readonly inodes: Map<string, Inode> = new Map()
  #planned = 0
  #how: Cut = 'power'

  constructor(chance: Chance) {
    this.chance = chance
  }

  /** The power goes at point `n` (counted from the disk's beginning): that change and all unsynced ones suffer. */
  cutAfter(n: number): void {
    this.#planned = n
    this.#how = 'power'
  }

  /** The program is killed at point `n`; the kernel still writes what it was given. */
  killAfter(n: number): void {
    this.#planned = n
    this.#how = 'kill'
  }

  /** Counts one change. Carries it out, or kills the machine and leaves it to chance whether it was. */
  change(apply: () => void): boolean {
    this.points++
    if (this.points !== this.#planned) {
      apply()
      return true
    }
    if (this.chance.hit(0.5)) apply()
    this.onCut(this.#how)
    return false
  }

  /** As `change`, but for an unsynced write, which `lose` may tear afterwards: always carried out. */
  write(apply: () => void): boolean {
    this.points++
    apply()
    if (this.points !== this.#planned) return true
    this.onCut(this.#how)
    return false
  }

  /** The power is gone: what was not synced is kept, torn or lost. */
  lose(): void {
    for (const [name, inode] of this.inodes)
      if (name.endsWith('.mem')) this.inodes.delete(name)
      else inode.tear(this.chance)
  }

  /** Content as a program would read it now, or null. */
  peek(name: string): Bytes | null {
    const inode = this.inodes.get(name)
    return inode ? inode.current.slice(0, inode.size) : null
  }

  /** Puts a file there, durable at once; for preparing a test. */
  poke(name: string, bytes: Bytes): void {
    this.inodes.set(name, new Inode(bytes))
  }

  names(): string[] {
    return [...this.inodes.keys()].sort((a, b) => (a < b ? -1 : 1))
  }
}

/** Time one operation takes, ms. */
export interface DiskSpeed {
  accessMs: number
  syncMs: number
}

export class SimFiles implements Files {
  readonly #disk: SimDisk
  readonly #scheduler: Scheduler
  readonly #life: Life
  readonly #speed: DiskSpeed
  /** The medium does one thing after the other. */
  #busyUntil = 0

  constructor(disk: SimDisk, scheduler: Scheduler, life: Life, speed: DiskSpeed) {
    this.#disk = disk
    this.#scheduler = scheduler
    this.#life = life
    this.#speed = speed
  }

  read(name: string, done: (error: Failure, bytes: Bytes | null) => void): void {
    if (!this.#named(name, done, null)) return
    this.#queue(this.#speed.accessMs, () => done(null, this.#disk.peek(name)))
  }

  replace(name: string, bytes: Bytes, done: (error: Failure) => void): void {
    if (!this.#named(name, done, null)) return
    this.#change(3 * this.#speed.syncMs, done, () => this.#disk.inodes.set(name, new Inode(bytes)))
  }

  open(name: string, done: (error: Failure, file: OpenFile | null) => void): void {
    if (!this.#named(name, done, null)) return
    const known = this.#disk.inodes.get(name)
    if (known) {
      this.#queue(this.#speed.accessMs, () => {
        const inode = this.#disk.inodes.get(name)
        if (inode) done(null, this.#file(inode))
        else done(failure('ENOENT', name), null)
      })
      return
    }
    const inode = new Inode(new Uint8Array(0))
    this.#change(
      this.#speed.syncMs,
      (error) => done(error, error ? null : this.#file(inode)),
      () => this.#disk.inodes.set(name, inode),
    )
  }

  remove(name: string, done: (error: Failure) => void): void {
    if (!this.#named(name, done, null)) return
    this.#change(this.#speed.syncMs, done, () => this.#disk.inodes.delete(name))
  }

  list(done: (error: Failure, names: string[]) => void): void {
    this.#queue(this.#speed.accessMs, () => done(null, this.#disk.names()))
  }

  #file(inode: Inode): OpenFile {
    const disk = this.#disk
    const { accessMs, syncMs } = this.#speed
    let closed = false
    const refused = (): Failure =>
      closed
        ? failure('EBADF', 'file is closed')
        : disk.failWith
          ? failure(disk.failWith, 'simulated fault')
          : null
    const run = (ms: number, done: (error: Failure) => void, step: () => boolean): void => {
      this.#queue(ms, () => {
        const error = refused()
        if (error || step()) done(error)
      })
    }
    return {
      size: () => inode.size,
      read: (at, into, done) =>
        this.#queue(accessMs, () => {
          if (closed) return done(failure('EBADF', 'file is closed'), 0)
          const n = Math.max(0, Math.min(into.length, inode.size - at))
          into.set(inode.current.subarray(at, at + n))
          done(null, n)
        }),
      write: (at, bytes, done) => run(accessMs, done, () => disk.write(() => inode.write(at, bytes))),
      sync: (done) => run(syncMs, done, () => disk.change(() => inode.sync())),
      truncate: (size, done) => run(accessMs, done, () => disk.write(() => inode.truncate(size))),
      close: () => {
        this.#queue(0, () => {
          closed = true
        })
      },
    }
  }

  #change(ms: number, done: (error: Failure) => void, apply: () => void): void {
    this.#queue(ms, () => {
      if (this.#disk.failWith) done(failure(this.#disk.failWith, 'simulated fault'))
      else if (this.#disk.change(apply)) done(null)
    })
  }

  #queue(ms: number, step: () => void): void {
    const now = this.#scheduler.now()
    this.#busyUntil = Math.max(now, this.#busyUntil) + ms
    this.#scheduler.after(this.#busyUntil - now, this.#life, run, step, null)
  }

  #named(name: string, done: (error: Failure, nothing: null) => void, nothing: null): boolean {
    if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(name)) return true
    this.#queue(0, () => done(failure('EINVAL', `${name} is no name for a state file`), nothing))
    return false
  }
}

function run(step: () => void): void {
  step()
}
