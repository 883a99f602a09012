// The image as it comes: plain, or packed by gzip, xz or zstd (the last two through the programs of that
// name). Pieces of equal length come out, and how much of the file has been read.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, type ReadStream, statSync } from 'node:fs'
import { createGunzip } from 'node:zlib'
import type { Bytes } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'

/** Bytes of a piece; a multiple of every block size there is. */
export const PIECE_BYTES = 1_048_576

export interface ImageSource {
  /** Throws WattleError `no-image` for what is damaged. */
  pieces: AsyncGenerator<Bytes, void>
  /** From 0 to 1. */
  progress: () => number
}

/** @throws WattleError `no-image` where it cannot be read. */
export function openImage(path: string): ImageSource {
  let total: number
  try {
    const stat = statSync(path)
    if (!stat.isFile()) throw new Error('it is no file')
    total = stat.size
  } catch (error) {
    throw unreadable(path, error)
  }
  const file = createReadStream(path, { highWaterMark: 262_144 })
  return {
    pieces: cut(unpacked(path, file), path),
    progress: () => (total === 0 ? 1 : file.bytesRead / total),
  }
}

function unreadable(path: string, error: unknown): WattleError {
  return new WattleError('no-image', `${path} cannot be read: ${(error as Error).message}`)
}

function unpacked(path: string, file: ReadStream): AsyncIterable<Bytes> {
  if (path.endsWith('.xz')) return through('xz', file)
  if (path.endsWith('.zst')) return through('zstd', file)
  if (!path.endsWith('.gz')) return file
  const out = createGunzip()
  file.on('error', (error) => out.destroy(error))
  return file.pipe(out)
}

/** What the program makes of the file; that its output ends says nothing until it has ended well itself. */
async function* through(program: string, file: ReadStream): AsyncGenerator<Bytes, void> {
  const child = spawn(program, ['-d', '-c'], { stdio: ['pipe', 'pipe', 'pipe'] })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(0, 500)
  })
  let failed: Error | null = null
  const note = (error: Error): void => {
    failed ??= error
    child.stdout.destroy()
  }
  child.on('error', (error: NodeJS.ErrnoException) =>
    note(
      error.code === 'ENOENT'
        ? new Error(`${program} is not installed; install it, or unpack the image first`)
        : error,
    ),
  )
  // A program that has given up does not take the rest.
  child.stdin.on('error', () => {})
  file.on('error', note)
  const ended = once(child, 'close') as Promise<[number | null]>
  ended.catch(() => {})
  file.pipe(child.stdin)
  let whole = false
  try {
    for await (const chunk of child.stdout) yield chunk as Bytes
    whole = true
  } catch (error) {
    throw failed ?? error
  } finally {
    file.destroy()
    // Its output may end a moment before it does.
    if (!whole) child.kill()
  }
  if (failed) throw failed as Error
  const [code] = await ended
  if (code !== 0) throw new Error(words.trim() || `${program} ended with exit code ${code}`)
}

/** Pieces of PIECE_BYTES; the last one may be shorter. */
async function* cut(chunks: AsyncIterable<Bytes>, path: string): AsyncGenerator<Bytes, void> {
  let piece = new Uint8Array(PIECE_BYTES)
  let used = 0
  try {
    for await (const chunk of chunks)
      for (let at = 0; at < chunk.length; ) {
        const n = Math.min(chunk.length - at, PIECE_BYTES - used)
        piece.set(chunk.subarray(at, at + n), used)
        used += n
        at += n
        if (used < PIECE_BYTES) continue
        yield piece
        piece = new Uint8Array(PIECE_BYTES)
        used = 0
      }
  } catch (error) {
    throw error instanceof WattleError ? error : unreadable(path, error)
  }
  if (used > 0) yield piece.subarray(0, used)
}
