// A board of ours on Linux: facts and notes are files in a folder in memory that stage 1 and the
// supervisor share with us (docs/wire/card.md), the watchdog is a device file that wants a byte now and
// then. It is never told to stop (no `V` at the end): a runtime that dies leaves it counting.

import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Board, Card } from '../../hardware.ts'

export interface BoardOptions {
  kind: string
  /** Folder of facts and notes. */
  run: string
  card: Card | null
  /** Device file of the hardware watchdog; none in emulators that lack it. */
  watchdog: string | null
  onRestart: (reason: string) => void
  /** Told once what does not work. */
  onTrouble: (what: string, text: string) => void
}

/** Longest fact that is read, bytes: a line. */
const FACT_BYTES = 4_096

export class LinuxBoard implements Board {
  readonly kind: string
  readonly card: Card | null
  readonly #options: BoardOptions
  #watchdog = -1
  readonly #told: Set<string> = new Set()

  constructor(options: BoardOptions) {
    this.#options = options
    this.kind = options.kind
    this.card = options.card
  }

  fact(name: string): string | null {
    try {
      return readFileSync(join(this.#options.run, name), 'utf8').slice(0, FACT_BYTES).trim()
    } catch {
      return null
    }
  }

  note(name: string, text: string): void {
    const { run } = this.#options
    this.#try('note', () => {
      mkdirSync(run, { recursive: true, mode: 0o755 })
      // Readers see the old or the new, never a half. Nothing here is on a medium, so no sync.
      writeFileSync(join(run, `.${name}`), text)
      renameSync(join(run, `.${name}`), join(run, name))
    })
  }

  feed(): void {
    const { watchdog } = this.#options
    if (watchdog === null) return
    this.#try('watchdog', () => {
      if (this.#watchdog < 0) this.#watchdog = openSync(watchdog, 'w')
      writeSync(this.#watchdog, '.')
    })
  }

  restart(reason: string): void {
    this.note('reboot', `${reason}\n`)
    this.#options.onRestart(reason)
  }

  close(): void {
    if (this.#watchdog >= 0) closeSync(this.#watchdog)
    this.#watchdog = -1
  }

  #try(what: string, step: () => void): void {
    try {
      step()
    } catch (error) {
      if (!this.#told.has(what)) this.#options.onTrouble(what, (error as Error).message)
      this.#told.add(what)
    }
  }
}
