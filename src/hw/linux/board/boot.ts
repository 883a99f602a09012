// The FAT partition that a person sees when the card is in a computer. It is mounted read-only, so that
// a power cut finds nothing half written; for one small file it is opened for writing, and closed again.

import { execFile } from 'node:child_process'
import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Bytes, utf8 } from '../../../base/bytes.ts'
import type { BootFiles, Failure } from '../../hardware.ts'

const MOST_BYTES = 65_536
const MOUNT_MS = 20_000
const SIGN = 'config.txt'
const READY_MS = 500
/** A minute. */
const READY_TRIES = 120

export class FatFolder implements BootFiles {
  readonly #folder: string
  /** Writes take turns: the second one must not find the folder closed by the first. */
  readonly #waiting: (() => void)[] = []
  #busy = false

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Every card of ours has this file there; the empty folder under the mount has not. */
  ready(): boolean {
    return existsSync(join(this.#folder, SIGN))
  }

  read(name: string): Bytes | null {
    let fd = -1
    try {
      fd = openSync(join(this.#folder, name), 'r')
      const into = new Uint8Array(MOST_BYTES)
      return into.slice(0, readSync(fd, into, 0, MOST_BYTES, 0))
    } catch {
      return null
    } finally {
      if (fd >= 0) closeSync(fd)
    }
  }

  write(name: string, content: string | null, done: (error: Failure) => void): void {
    this.#waiting.push(() => {
      this.#whenReady(READY_TRIES, () =>
        this.#remount('rw', () => {
          const error = this.#put(name, content)
          this.#remount('ro', () => {
            done(error)
            this.#busy = false
            this.#next()
          })
        }),
      )
    })
    this.#next()
  }

  /** Goes on after a while in any case: then the write says what is wrong. */
  #whenReady(tries: number, go: () => void): void {
    if (tries === 0 || this.ready()) return go()
    setTimeout(() => this.#whenReady(tries - 1, go), READY_MS).unref()
  }

  #next(): void {
    if (this.#busy) return
    const job = this.#waiting.shift()
    if (!job) return
    this.#busy = true
    job()
  }

  #put(name: string, content: string | null): Failure {
    const path = join(this.#folder, name)
    try {
      if (content === null) {
        rmSync(path, { force: true })
        return null
      }
      const fd = openSync(`${path}.new`, 'w')
      try {
        writeSync(fd, utf8(content))
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      renameSync(`${path}.new`, path)
      return null
    } catch (error) {
      return error as NodeJS.ErrnoException
    }
  }

  /** Where it is no mount of ours (a plain folder), nothing happens and the write is tried as it is. */
  #remount(mode: 'rw' | 'ro', done: () => void): void {
    execFile('mount', ['-o', `remount,${mode}`, this.#folder], { timeout: MOUNT_MS }, () => done())
  }
}
