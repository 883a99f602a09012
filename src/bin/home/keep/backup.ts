// `wattle home backup FILE` and `restore FILE`: everything an owner must not lose, in one encrypted file.
// A running home makes its own backup; restoring wants a folder without a home in it.

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type ExitCode, WattleError } from '../../../base/errors.ts'
import {
  type BackedFile,
  decodeBackup,
  encodeBackup,
  PASSPHRASE_LEAST,
  type Packing,
} from '../../../home/backup.ts'
import { linuxRandom } from '../../../hw/linux/clock.ts'
import { type Parsed, say, usage } from '../../cli.ts'
import { type HomeCommand, need, textOf } from '../command.ts'
import type { Running } from '../running.ts'
import { HISTORY_FILE } from './keeping.ts'

const PACKING: Packing = {
  pack: (bytes) => gzipSync(bytes),
  unpack: (bytes, most) => gunzipSync(bytes, { maxOutputLength: most }),
}
/** Neither a lock nor a socket nor what SQLite keeps beside its file. */
const LEFT_OUT = /^\.|\.sock$|^history\.db/

export const BACKUP_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'backup',
    secret: passphraseOf,
    request: (words) => {
      need('backup', words, 1, 'FILE')
      return { do: 'backup', file: resolve(words[0]!) }
    },
    act: (running, request, answer) => {
      const file = textOf(request, 'file')
      if (existsSync(file)) return answer({ ok: false, code: 'exists', text: `${file} is there already` })
      const bytes = makeBackup(running, textOf(request, 'secret'))
      writeDurably(file, bytes)
      answer({ ok: true, result: { file, bytes: bytes.length } })
    },
  },
]

/** All that a running home must not lose, sealed. @throws WattleError `usage` for a passphrase that is too short. */
export function makeBackup({ machine, keeping }: Running, passphrase: string): Uint8Array {
  if (passphrase.length < PASSPHRASE_LEAST) throw tooShort(passphrase)
  const copy = join(machine.folder, '.history-copy.db')
  rmSync(copy, { force: true })
  keeping.history.copyTo(copy)
  const files = backedFiles(machine.folder)
  files.push({ name: HISTORY_FILE, bytes: new Uint8Array(readFileSync(copy)) })
  rmSync(copy, { force: true })
  const salt = new Uint8Array(16)
  linuxRandom(salt)
  return encodeBackup(files, { passphrase, salt, packing: PACKING })
}

/** Writes a backup's files into a folder beside `folder`, and says which. @throws WattleError `bad-backup` */
export function unpackBackup(bytes: Uint8Array, passphrase: string, folder: string): string {
  const files = decodeBackup(bytes, { passphrase, packing: PACKING })
  // Beside it first: a power cut leaves no half of a home.
  const fresh = `${folder}.restoring`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true, mode: 0o700 })
  for (const file of files) writeDurably(join(fresh, file.name), file.bytes)
  return fresh
}

/** The unpacked folder takes the place of the other one. */
export function swapFolder(fresh: string, folder: string): void {
  if (existsSync(folder)) rmSync(folder, { recursive: true })
  renameSync(fresh, folder)
  syncFolder(dirname(folder))
}

/** `wattle home restore FILE`: into a state folder where no home is. */
export async function restore(given: Parsed, words: readonly string[], folder: string): Promise<ExitCode> {
  if (words.length !== 1) throw usage('home restore: expected FILE')
  if (existsSync(folder) && readdirSync(folder).some((name) => !name.startsWith('.')))
    throw new WattleError(
      'not-empty',
      `${folder} has a home already; move it away, or choose another folder with --state`,
    )
  const bytes = new Uint8Array(readFileSync(words[0]!))
  const fresh = unpackBackup(bytes, await passphraseOf(given, false), folder)
  const files = readdirSync(fresh)
  swapFolder(fresh, folder)
  process.stdout.write(`${JSON.stringify({ ok: true, folder, files })}\n`)
  say('wattle: restored. Where the old computer is lost or stolen, take its key away: docs/owners.md')
  return 0
}

function backedFiles(folder: string): BackedFile[] {
  return readdirSync(folder)
    .filter((name) => !LEFT_OUT.test(name) && statSync(join(folder, name)).isFile())
    .sort()
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(folder, name))) }))
}

/** From a file, a person, or one line of standard input. @throws WattleError `usage` */
async function passphraseOf(given: Parsed, fresh = true): Promise<string> {
  const file = given.text('passphrase-file')
  const said = file === undefined ? await ask() : readFileSync(file, 'utf8').split('\n')[0]!
  if (fresh && said.length < PASSPHRASE_LEAST) throw tooShort(said)
  return said
}

function tooShort(said: string): WattleError {
  return usage(`the passphrase has ${said.length} characters; expected at least ${PASSPHRASE_LEAST}`)
}

async function ask(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Passphrase: ')
  const lines = createInterface({ input: process.stdin })
  for await (const line of lines) {
    lines.close()
    return line
  }
  throw usage('expected a passphrase: --passphrase-file FILE, or a line on standard input')
}

function writeDurably(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.part`
  const fd = openSync(temporary, 'w', 0o600)
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
  fsyncSync(fd)
  closeSync(fd)
  renameSync(temporary, path)
  syncFolder(dirname(path))
}

function syncFolder(path: string): void {
  const fd = openSync(path, 'r')
  fsyncSync(fd)
  closeSync(fd)
}
