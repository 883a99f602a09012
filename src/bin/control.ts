// How commands reach a running `wattle home serve`: a socket in its state folder, which only its owner
// may open. One line of JSON asks, one answers, with the same id; the vocabulary is home/face.ts `ask`.

import { existsSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { WattleError } from '../base/errors.ts'

export interface ControlAnswer {
  id: number
  ok: boolean
  code?: string
  text?: string
  result?: unknown
  /** For people. */
  say?: string
  /** Not the answer yet: how far it has come, in words. */
  progress?: string
}

export type ControlRequest = Record<string, unknown> & { do: string }

/** A change of many devices with many signatures is the longest that goes through here. */
const LINE_BYTES = 1_048_576

function controlPath(folder: string): string {
  return join(folder, 'control.sock')
}

/** Answers each line by `onRequest`; the socket file is removed by `close`. */
export function serveControl(
  folder: string,
  onRequest: (
    request: ControlRequest,
    answer: (answer: Omit<ControlAnswer, 'id'>) => void,
    /** Runs when whoever asked is gone. */
    gone: (run: () => void) => void,
  ) => void,
): Server {
  const path = controlPath(folder)
  if (existsSync(path)) unlinkSync(path)
  const server = createServer((socket) => {
    let held = ''
    socket.setEncoding('utf8')
    socket.on('error', () => socket.destroy())
    socket.on('data', (data: string) => {
      held += data
      if (held.length > LINE_BYTES) return socket.destroy()
      for (let end = held.indexOf('\n'); end >= 0; end = held.indexOf('\n')) {
        const line = held.slice(0, end)
        held = held.slice(end + 1)
        const request = parseLine(line)
        const id = typeof request?.['id'] === 'number' ? request['id'] : 0
        const answer = (a: Omit<ControlAnswer, 'id'>): void => {
          if (!socket.destroyed) socket.write(`${JSON.stringify({ id, ...a })}\n`)
        }
        if (request) onRequest(request, answer, (run) => void socket.once('close', run))
        else answer({ ok: false, code: 'bad-shape', text: 'expected one JSON object a line with a "do"' })
      }
      return undefined
    })
  })
  const mask = process.umask(0o177)
  server.listen(path)
  process.umask(mask)
  return server
}

/** Asks a running home; null where none runs on this state folder. */
export function askControl(
  folder: string,
  request: ControlRequest,
  onProgress: (words: string, result?: unknown) => void = () => {},
): Promise<ControlAnswer | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(controlPath(folder))
    let held = ''
    socket.setEncoding('utf8')
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(null)
      else reject(error)
    })
    socket.on('connect', () => socket.write(`${JSON.stringify({ id: 1, ...request })}\n`))
    socket.on('data', (data: string) => {
      held += data
      for (let end = held.indexOf('\n'); end >= 0; end = held.indexOf('\n')) {
        const answer = JSON.parse(held.slice(0, end)) as ControlAnswer
        held = held.slice(end + 1)
        if (answer.progress !== undefined) onProgress(answer.progress, answer.result)
        else {
          socket.end()
          return resolve(answer)
        }
      }
      return undefined
    })
    socket.on('close', () =>
      reject(new WattleError('no-answer', 'My Home closed the connection before it answered')),
    )
  })
}

function parseLine(line: string): ControlRequest | null {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return null
    const request = value as ControlRequest
    return typeof request.do === 'string' ? request : null
  } catch {
    return null
  }
}
