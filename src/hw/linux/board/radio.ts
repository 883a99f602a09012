// Wi-Fi through the image's script (docs/wire/card.md "Wi-Fi"): it stays in the foreground as long as the
// radio is to do what was asked, and what wpa_supplicant says comes out of it line by line. A script that
// ends by itself is started again after a pause.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Radio } from '../../hardware.ts'

const AGAIN_MS = 10_000
const LINE_CHARS = 1_024
/** The script's word for "there is no radio": trying again soon is of no use. */
const NO_RADIO_EXIT = 4
const NO_RADIO_AGAIN_MS = 300_000

export class ScriptRadio implements Radio {
  readonly #script: string
  readonly #run: string
  #child: ChildProcess | null = null
  #timer: NodeJS.Timeout | null = null
  /** Marks what comes from a child that was told to end. */
  #turn = 0

  constructor(script: string, run: string) {
    this.#script = script
    this.#run = run
  }

  join(config: string, onLine: (line: string) => void): void {
    this.#start('join', config, onLine)
  }

  access(config: string, onLine: (line: string) => void): void {
    this.#start('access', config, onLine)
  }

  off(): void {
    this.#turn++
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#child?.kill('SIGTERM')
    this.#child = null
  }

  #start(what: 'join' | 'access', config: string, onLine: (line: string) => void): void {
    const last = this.#child
    this.off()
    const turn = this.#turn
    const go = (): void => {
      if (turn === this.#turn) this.#spawn(what, config, onLine, turn)
    }
    // The one before has the interface until it has ended.
    if (last && last.exitCode === null && last.signalCode === null) last.once('exit', go)
    else setImmediate(go)
  }

  #spawn(what: 'join' | 'access', config: string, onLine: (line: string) => void, turn: number): void {
    let child: ChildProcess
    try {
      mkdirSync(this.#run, { recursive: true, mode: 0o755 })
      const path = join(this.#run, 'wpa.conf')
      writeFileSync(`${path}.new`, config, { mode: 0o600 })
      renameSync(`${path}.new`, path)
      child = spawn(this.#script, [what], { stdio: ['ignore', 'pipe', 'pipe'] })
    } catch (error) {
      onLine(`no radio: ${(error as Error).message}`)
      return
    }
    this.#child = child
    let held = ''
    const take = (data: string): void => {
      held += data
      const lines = held.split('\n')
      held = (lines.pop() ?? '').slice(0, LINE_CHARS)
      if (turn === this.#turn) for (const line of lines) onLine(line.slice(0, LINE_CHARS))
    }
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', take)
    child.on('error', (error) => {
      if (turn === this.#turn) onLine(`no radio: ${error.message}`)
    })
    child.on('exit', (code) => {
      if (turn !== this.#turn) return
      this.#child = null
      const pause = code === NO_RADIO_EXIT ? NO_RADIO_AGAIN_MS : AGAIN_MS
      this.#timer = setTimeout(() => this.#spawn(what, config, onLine, turn), pause)
      this.#timer.unref()
    })
  }
}
