// `wattle home update DEVICE FILE`: firmware for a device of ours. The file is looked at before anything
// is sent; whoever signed it is for the device to judge.

import { close, fstatSync, openSync, read, readSync } from 'node:fs'
import { resolve } from 'node:path'
import { WattleError } from '../../base/errors.ts'
import type { UpdateSource } from '../../home/update.ts'
import { decodeUpdateHead, type Manifest, UPDATE_HEAD_BYTES } from '../../wire/card/update.ts'
import { type Answer, type HomeCommand, need, textOf } from './command.ts'

export interface UpdateFile {
  source: UpdateSource
  manifest: Manifest
  close: () => void
}

/**
 * Opens an update file and checks that it is whole.
 * @throws WattleError `no-update`.
 */
export function openUpdate(path: string): UpdateFile {
  const bad = (text: string): WattleError => new WattleError('no-update', `${path}: ${text}`)
  let fd = -1
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    throw bad((error as Error).message)
  }
  const start = new Uint8Array(UPDATE_HEAD_BYTES)
  const head = decodeUpdateHead(start.subarray(0, readSync(fd, start, 0, start.length, 0)))
  const shut = (): void => close(fd, () => {})
  if (!head) {
    shut()
    throw bad('this is no update of Wattle; expected a file whose name ends in .update')
  }
  const { size } = head.manifest
  const have = fstatSync(fd).size - head.at
  if (have !== size) {
    shut()
    throw bad(`this file is not whole: expected ${size} bytes of firmware, found ${have}; fetch it again`)
  }
  return {
    manifest: head.manifest,
    source: {
      jws: head.jws,
      size,
      read: (at, n, done) => {
        const into = new Uint8Array(n)
        read(fd, into, 0, n, head.at + at, (error, got) => done(error || got !== n ? null : into))
      },
    },
    close: shut,
  }
}

/** Words about progress, at every tenth. */
function progressOf(answer: Answer, version: string): (at: number, size: number) => void {
  let tenth = -1
  return (at, size) => {
    const now = Math.floor((10 * at) / size)
    if (now <= tenth) return
    tenth = now
    const of = `${(at / 1e6).toFixed(1)} of ${(size / 1e6).toFixed(1)} MB`
    answer({
      ok: true,
      progress: at === size ? `${version}: ${of}; the device compares` : `${version}: ${of}`,
    })
  }
}

export const UPDATE_COMMANDS: readonly HomeCommand[] = [
  {
    verb: 'update',
    request: (words) => {
      need('update', words, 2, 'DEVICE FILE')
      // Looked at here, where a relative path means what the person meant.
      const file = openUpdate(words[1]!)
      file.close()
      return { do: 'update', device: words[0]!, file: resolve(words[1]!) }
    },
    act: ({ home }, request, answer) => {
      const owned = home.find(textOf(request, 'device'))
      if (!owned)
        return answer({
          ok: false,
          code: 'no-device',
          text: `no device ${textOf(request, 'device')}; wattle home devices lists yours`,
        })
      let file: UpdateFile
      try {
        file = openUpdate(textOf(request, 'file'))
      } catch (error) {
        return answer({ ok: false, code: 'no-update', text: (error as Error).message })
      }
      const { board, version, index } = file.manifest
      home.update(owned, {
        source: file.source,
        onProgress: progressOf(answer, version),
        onDone: (error) => {
          file.close()
          if (error) answer({ ok: false, code: error.code, text: error.message })
          else
            answer({
              ok: true,
              result: { device: owned.device.name, board, version, index, installed: true },
            })
        },
      })
    },
  },
]
