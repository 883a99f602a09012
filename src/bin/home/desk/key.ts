// The key of this home's page: whoever has it acts as the owner. Made at the first start and kept in the
// state folder, which only its owner can read; said by `wattle home link` and nowhere else, so that it
// stands in no log. It stays the same over restarts: a page that is open, or a bookmark, goes on working.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { base64url } from '../../../base/bytes.ts'
import { linuxRandom } from '../../../hw/linux/clock.ts'

/** Hidden, so that no backup takes it along. */
const FILE = '.page-key'

/** 128 random bits in base64url. */
export function pageKeyOf(folder: string): string {
  const path = join(folder, FILE)
  if (existsSync(path)) {
    const kept = readFileSync(path, 'utf8').trim()
    if (/^[\w-]{22}$/.test(kept)) return kept
  }
  const bytes = new Uint8Array(16)
  linuxRandom(bytes)
  keepPageKey(folder, base64url(bytes))
  return base64url(bytes)
}

export function keepPageKey(folder: string, key: string): void {
  writeFileSync(join(folder, FILE), `${key}\n`, { mode: 0o600 })
}
