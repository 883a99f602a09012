// Files between the page and this home. What the page brings comes in binary messages (docs/wire/page.md
// "The page of a home") and lies in one hidden file of the state folder until the question that says what
// it is for; what it fetches is made once and handed out in pieces. One of each at a time.

import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Bytes, base64url, utf8 } from '../../../base/bytes.ts'
import { WattleError } from '../../../base/errors.ts'
import { LIMITS } from '../../../base/limits.ts'
import type { DeskPiece, DeskVerb } from '../../../page/desk/desk.ts'
import type { PageLink } from '../../../page/server.ts'
import { makeBackup, swapFolder, unpackBackup } from '../backup.ts'
import { openUpdate } from '../update.ts'
import type { DeskAct } from './desk.ts'
import { exportText, ownedOf, wordOf } from './owners.ts'

const UPLOAD = '.upload'
const BYTES = 1
const HEAD = 9
/** Bytes of one piece: as base64 in JSON below what a slow page may have waiting. */
const PIECE = 120_000

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

/** What is being fetched. */
let made: { verb: DeskVerb; device: string; bytes: Bytes } | null = null

export const fetchPiece: DeskAct = (running, ask, done) => {
  const { verb, device } = ask
  const at = ask.with['at']
  if (typeof at !== 'number' || !Number.isInteger(at) || at < 0)
    throw new WattleError('bad-shape', 'at: expected a whole number')
  if (at === 0)
    made = {
      verb,
      device,
      bytes: verb === 'backup' ? makeBackup(running, wordOf(ask, 'secret')) : utf8(exportText(running, ask)),
    }
  if (made?.verb !== verb || made.device !== device)
    throw new WattleError('not-whole', 'begin with the first piece')
  const { bytes } = made
  const result: DeskPiece = { piece: base64url(bytes.subarray(at, at + PIECE)), size: bytes.length }
  if (at + PIECE >= bytes.length) made = null
  done(null, result)
}

/** A copy comes into a home that has nothing yet; it starts anew with what was in it. */
export const restore: DeskAct = (running, ask, done, link) => {
  const { home, machine, uploads, restart } = running
  if (home.store.devices.length > 0)
    throw new WattleError('not-empty', 'this home has devices already; a copy comes back into an empty one')
  if (!restart) throw new WattleError('not-here', 'only a home that serves its page can bring a copy back')
  const path = uploads.take(link, ask.with['size'])
  const fresh = unpackBackup(new Uint8Array(readFileSync(path)), wordOf(ask, 'secret'), machine.folder)
  uploads.drop()
  done(null, null)
  restart(() => swapFolder(fresh, machine.folder))
}

export const update: DeskAct = (running, ask, done, link) => {
  const { home, page, uploads } = running
  const owned = ownedOf(running, ask)
  const file = openUpdate(uploads.take(link, ask.with['size']))
  home.update(owned, {
    source: file.source,
    onProgress: (at, of) => page.broadcast({ t: 'progress', device: ask.device, at, of }),
    onDone: (error) => {
      file.close()
      uploads.onGone(link)
      done(error, null)
    },
  })
}
