// A snapshot file that is written again and again: at most one write is under way, and one that comes
// meanwhile is left out, because the next is never far.

import type { Bytes } from '../base/bytes.ts'
import { EXIT, WattleError } from '../base/errors.ts'
import { decodeSnapshot, encodeSnapshot } from '../base/snapshot.ts'
import type { Failure, Files } from '../hw/hardware.ts'

export class SnapshotFile {
  readonly #files: Files
  readonly #name: string
  readonly #kind: string
  readonly #version: number
  #writing: boolean

  constructor(files: Files, name: string, kind: string, version: number) {
    this.#files = files
    this.#name = name
    this.#kind = kind
    this.#version = version
    this.#writing = false
  }

  /** The content, null where there is no such file; fails with `state-damaged` where it is not whole, `state-unreadable`. */
  read(done: (error: Failure, content: Bytes | null) => void): void {
    this.#files.read(this.#name, (error, bytes) => {
      if (error)
        return done(new WattleError('state-unreadable', `${this.#name}: ${error.message}`, EXIT.stay), null)
      if (!bytes) return done(null, null)
      let content: Bytes
      try {
        content = decodeSnapshot(this.#name, this.#kind, this.#version, bytes)
      } catch (failure) {
        return done(failure as Error, null)
      }
      done(null, content)
    })
  }

  /** Durable when done without an error; left out, and done at once, while another write is under way. */
  write(content: Bytes, done: (error: Failure, written: boolean) => void): void {
    if (this.#writing) return done(null, false)
    this.#writing = true
    this.#files.replace(this.#name, encodeSnapshot(this.#kind, this.#version, content), (error) => {
      this.#writing = false
      done(error, error === null)
    })
  }
}
