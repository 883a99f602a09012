// A board of ours on Linux: facts and notes are files in a folder in memory that stage 1 and the
// supervisor share with us (docs/wire/card.md), the watchdog is a device file that wants a byte now and
// then. It is never told to stop (no `V` at the end): a runtime that dies leaves it counting.

import { execFile } from 'node:child_process'
import { lookup } from 'node:dns'
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Board, BootFiles, Card, Failure, HttpHandlers, Radio } from '../../hardware.ts'
import type { DoorHttp } from './door.ts'
import { SYSFS } from './sysfs.ts'

export interface BoardOptions {
  kind: string
  /** Folder of facts and notes. */
  run: string
  card: Card | null
  /** Device file of the hardware watchdog; none in emulators that lack it. */
  watchdog: string | null
  boot: BootFiles | null
  radio: Radio | null
  /** File whose time of change stage 1 sets the clock by. */
  clockFile: string | null
  door: DoorHttp
  onRestart: (reason: string) => void
  /** Told once what does not work. */
  onTrouble: (what: string, text: string) => void
}

/** Longest fact that is read, bytes: a line. */
const FACT_BYTES = 4_096
const THERMAL = '/sys/class/thermal/thermal_zone0/temp'
/** The device's own network is no way out (device/setup/wpa.ts). */
const OWN_ADDRESS = '192.168.77.1'

export class LinuxBoard implements Board {
  readonly kind: string
  readonly card: Card | null
  readonly boot: BootFiles | null
  readonly radio: Radio | null
  readonly #options: BoardOptions
  #watchdog = -1
  readonly #told: Set<string> = new Set()

  constructor(options: BoardOptions) {
    this.#options = options
    this.kind = options.kind
    this.card = options.card
    this.boot = options.boot
    this.radio = options.radio
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

  portal(handlers: HttpHandlers | null, done: (error: Failure) => void): void {
    this.#options.door.portal(handlers, done)
  }

  temperature(): number | null {
    const text = SYSFS.read(THERMAL)
    const milli = text === null ? Number.NaN : Number(text)
    return Number.isFinite(milli) ? milli / 1_000 : null
  }

  online(): boolean {
    for (const addresses of Object.values(networkInterfaces()))
      for (const { address, internal } of addresses ?? [])
        if (!internal && !/^(169\.254\.|fe80:)/i.test(address) && address !== OWN_ADDRESS) return true
    return false
  }

  resolve(host: string, done: (addresses: string[]) => void): void {
    lookup(host, { all: true }, (error, found) => done(error ? [] : found.map((f) => f.address)))
  }

  setTime(utcMs: number): void {
    // busybox and coreutils both take this form.
    execFile('date', ['-u', '-s', `@${Math.floor(utcMs / 1_000)}`], { timeout: 5_000 }, (error) => {
      if (error) this.#trouble('clock', error.message)
      else this.keepTime()
    })
  }

  keepTime(): void {
    const { clockFile } = this.#options
    if (clockFile !== null) this.#try('clock-file', () => writeFileSync(clockFile, '', { mode: 0o600 }))
  }

  close(): void {
    if (this.#watchdog >= 0) closeSync(this.#watchdog)
    this.#watchdog = -1
  }

  #try(what: string, step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#trouble(what, (error as Error).message)
    }
  }

  #trouble(what: string, text: string): void {
    if (!this.#told.has(what)) this.#options.onTrouble(what, text)
    this.#told.add(what)
  }
}
