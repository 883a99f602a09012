// A file that a page brings: it comes in binary messages (docs/wire/page.md "The page of a home") and lies
// in one hidden file of the state folder until the question that says what it is for. One at a time.

import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Bytes } from '../../../base/bytes.ts'
import { WattleError } from '../../../base/errors.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { PageLink } from '../../../page/server.ts'

const UPLOAD = '.upload'
const BYTES = 1
const HEAD = 9

/** What a page is bringing. */
export class Uploads {
  readonly #path: string
  #fd: number
  #of: PageLink | null
  #size: number

  constructor(folder: string) {
    this.#path = join(folder, UPLOAD)
    this.#fd = -1
    this.#of = null
    this.#size = 0
    rmSync(this.#path, { force: true })
  }

  /** A binary message; false for one that has no place. The first piece of a file takes the place of another's. */
  onBytes(link: PageLink, message: Bytes): boolean {
    if (message[0] !== BYTES || message.length <= HEAD) return false
    const at = new DataView(message.buffer, message.byteOffset).getFloat64(1)
    if (at === 0) this.#begin(link)
    const bytes = message.subarray(HEAD)
    if (this.#of !== link || at !== this.#size || this.#size + bytes.length > LIMITS.home.uploadBytes)
      return false
    try {
      writeSync(this.#fd, bytes)
    } catch {
      this.drop()
      return false
    }
    this.#size += bytes.length
    return true
  }

  onGone(link: PageLink): void {
    if (this.#of === link) this.drop()
  }

  /** The whole file, where this page has brought one of `size` bytes. @throws WattleError `not-whole` */
  take(link: PageLink, size: unknown): string {
    if (this.#of === link && this.#size === size) return this.#path
    throw new WattleError('not-whole', 'the file did not come here whole; choose it again')
  }

  drop(): void {
    if (this.#fd >= 0) closeSync(this.#fd)
    this.#fd = -1
    this.#of = null
    this.#size = 0
    rmSync(this.#path, { force: true })
  }

  #begin(link: PageLink): void {
    this.drop()
    try {
      this.#fd = openSync(this.#path, 'w', 0o600)
    } catch {
      return
    }
    this.#of = link
  }
}
