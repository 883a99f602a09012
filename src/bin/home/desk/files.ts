// Files between the page and this home: what the page has brought (uploads.ts) and what is done with it;
// what it fetches is made once and handed out in pieces, one file at a time.

import { readFileSync } from 'node:fs'
import { type Bytes, base64url, utf8 } from '../../../base/bytes.ts'
import { WattleError } from '../../../base/errors.ts'
import type { DeskPiece, DeskVerb } from '../../../page/desk/desk.ts'
import { makeBackup, swapFolder, unpackBackup } from '../keep/backup.ts'
import { openUpdate } from '../update.ts'
import type { DeskAct } from './act.ts'
import { exportText, ownedOf, wordOf } from './owners.ts'

/** Bytes of one piece: as base64 in JSON below what a slow page may have waiting. */
const PIECE = 120_000

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
