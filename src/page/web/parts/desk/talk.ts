// How the panels of a home on a computer speak with it: one verb each (desk/desk.ts), files in pieces.

import type { DeskPiece, DeskVerb, DeskWith, HistoryView } from '../../../desk/desk.ts'
import type { AskHome, Outcome } from '../../kit/live.ts'
import type { HistorySource } from '../history/history.ts'

const DAY_MS = 86_400_000
/** Bytes of a file that go in one message: below what a server takes. */
const SLICE = 60_000

export interface TalkLine {
  readonly ask: AskHome
  /** Bytes of a file for the home. */
  send(bytes: Uint8Array<ArrayBuffer>): Promise<boolean>
}

export class Talk implements HistorySource {
  readonly #line: TalkLine

  constructor(line: TalkLine) {
    this.#line = line
  }

  /** Never rejects. */
  ask(verb: DeskVerb, device: string, more: DeskWith = {}): Promise<Outcome> {
    return this.#line.ask({ do: 'desk', verb, device, with: more })
  }

  async rows(o: {
    device: string
    from: number
    to: number
    step: string
    zone: string
  }): Promise<HistoryView | null> {
    const { device, ...more } = o
    const { ok, result } = await this.ask('history', device, more)
    return ok ? (result as HistoryView) : null
  }

  async minutes(device: string, from: number, to: number): Promise<Blob | null> {
    const parts: string[] = []
    for (let at = from; at < to; at += DAY_MS) {
      const { ok, result } = await this.ask('csv', device, {
        from: at,
        to: Math.min(to, at + DAY_MS),
        head: at === from,
      })
      if (!ok) return null
      parts.push(String(result))
    }
    return new Blob(parts, { type: 'text/csv' })
  }

  /** A file that the home makes (`export`, `backup`), or why not. */
  async fetch(verb: 'export' | 'backup', device: string, more: DeskWith = {}): Promise<Blob | Outcome> {
    const parts: Uint8Array<ArrayBuffer>[] = []
    for (let at = 0, size = 1; at < size; ) {
      const outcome = await this.ask(verb, device, { ...more, at })
      if (!outcome.ok) return outcome
      const piece = outcome.result as DeskPiece
      const bytes = bytesOf(piece.piece)
      if (bytes.length === 0) break
      parts.push(bytes)
      size = piece.size
      at += bytes.length
    }
    return new Blob(parts)
  }

  /** Brings a file to the home; what it is for is said by the question that follows, in the same connection. */
  async bring(file: Blob, onProgress: (at: number) => void = () => {}): Promise<boolean> {
    for (let at = 0; at < file.size; at += SLICE) {
      const slice = new Uint8Array(await file.slice(at, at + SLICE).arrayBuffer())
      const message = new Uint8Array(9 + slice.length)
      message[0] = 1
      new DataView(message.buffer).setFloat64(1, at)
      message.set(slice, 9)
      if (!(await this.#line.send(message))) return false
      onProgress(at + slice.length)
    }
    return true
  }

  save(name: string, content: Blob): void {
    saveFile(name, content)
  }
}

/** Hands a file to the reader's browser. */
export function saveFile(name: string, content: Blob): void {
  const link = document.createElement('a')
  const address = URL.createObjectURL(content)
  link.setAttribute('href', address)
  link.setAttribute('download', name)
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}
