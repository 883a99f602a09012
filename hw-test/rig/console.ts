// The serial console of a board, emulated or real: every line with the time at which it came, kept as an
// artefact, and waiting for a line that matters. The kernel's own stamps in front of lines are the
// guest's time.

import { createWriteStream, type WriteStream } from 'node:fs'
import type { Readable } from 'node:stream'

export interface ConsoleLine {
  /** Milliseconds of this computer's monotonic clock. */
  readonly at: number
  readonly text: string
  /** Seconds since the kernel's start where the line says so. */
  readonly guest: number | null
}

interface Waiting {
  readonly what: RegExp
  readonly resolve: (line: ConsoleLine) => void
}

export class Console {
  readonly lines: ConsoleLine[] = []
  readonly #log: WriteStream
  #held = ''
  #waiting: Waiting[] = []
  #ended = false

  constructor(input: Readable, file: string) {
    this.#log = createWriteStream(file, { flags: 'a' })
    input.on('data', (data: Buffer) => this.#onData(data.toString('utf8')))
    input.on('end', () => {
      this.#ended = true
    })
  }

  get ended(): boolean {
    return this.#ended
  }

  #onData(text: string): void {
    this.#held += text
    for (let end = this.#held.indexOf('\n'); end >= 0; end = this.#held.indexOf('\n')) {
      const line = this.#held.slice(0, end).replace(/\r/g, '')
      this.#held = this.#held.slice(end + 1)
      const stamp = /^\[ *(\d+\.\d+)\] /.exec(line)
      const entry = { at: performance.now(), text: line, guest: stamp ? Number(stamp[1]) : null }
      this.lines.push(entry)
      this.#log.write(`${(entry.at / 1_000).toFixed(3)} ${line}\n`)
      const [now, later] = split(this.#waiting, (w) => w.what.test(line))
      this.#waiting = later
      for (const { resolve } of now) resolve(entry)
    }
  }

  /**
   * The first line from index `from` on that matches, there already or to come.
   * @throws Error after `ms`, with the last lines that did come.
   */
  async line(what: RegExp, ms: number, from = 0): Promise<ConsoleLine> {
    const there = this.lines.slice(from).find((line) => what.test(line.text))
    if (there) return there
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const last = this.lines.slice(-12).map((line) => `    ${line.text}`)
        reject(
          new Error(`no ${what} on the console within ${ms / 1_000} s; the last lines:\n${last.join('\n')}`),
        )
      }, ms)
    })
    const found = new Promise<ConsoleLine>((resolve) => {
      this.#waiting.push({ what, resolve })
    })
    return Promise.race([found, late]).finally(() => clearTimeout(timer))
  }

  close(): void {
    this.#log.end()
  }
}

function split<T>(all: readonly T[], test: (one: T) => boolean): [T[], T[]] {
  return [all.filter(test), all.filter((one) => !test(one))]
}
