// A simulated board: facts and notes in memory, a watchdog that bites in virtual time, and a card with
// two systems and a slot record, on a medium of its own that loses its power with the machine.

import { type Bytes, utf8 } from '../../base/bytes.ts'
import type { Board, Card, Failure, Http, Listener, OpenFile, Radio } from '../hardware.ts'
import { type DiskSpeed, SimDisk, SimFiles } from './files.ts'
import type { Chance, Life, Scheduler } from './scheduler.ts'

/** As the Raspberry Pi's: it resets the board after so long without a byte, ms. */
const WATCHDOG_MS = 15_000
const RECORD_BYTES = 512

export interface SimBoardOptions {
  kind: string
  /** Room of each slot, bytes. */
  slotBytes: number
}

export class SimBoard {
  readonly kind: string
  /** The medium under slot records and slots. */
  readonly disk: SimDisk
  /** What stage 1 left; a test fills it before `boot`. */
  readonly facts: Map<string, string> = new Map()
  readonly notes: Map<string, string> = new Map()
  /** Why the board restarted: the runtime's words, or `watchdog`. */
  readonly restarts: string[] = []
  fed = 0
  /** Files on the FAT partition. */
  readonly bootFiles: Map<string, Bytes> = new Map()
  readonly radio: SimRadio = new SimRadio()
  /** Whether the FAT partition is mounted. */
  bootReady = true
  /** Whether some network gave us an address. */
  connected = true
  /** Names that are found. */
  readonly names: Map<string, string> = new Map()
  degrees: number | null = 45
  /** Times that the clock was set to. */
  readonly timesSet: number[] = []
  /** Called when the runtime or the watchdog restarts the board. */
  onRestart: (reason: string) => void = () => {}
  readonly #scheduler: Scheduler

  constructor(scheduler: Scheduler, chance: Chance, options: SimBoardOptions) {
    this.kind = options.kind
    this.disk = new SimDisk(chance)
    this.#scheduler = scheduler
    for (const copy of [0, 1]) this.disk.poke(`record-${copy}`, new Uint8Array(RECORD_BYTES))
    for (const slot of ['a', 'b']) this.disk.poke(`slot-${slot}`, new Uint8Array(options.slotBytes))
  }

  /** The program's side, for one run. The watchdog begins with its first byte. */
  board(life: Life, speed: DiskSpeed, http: Http): Board {
    this.notes.clear()
    let open: Listener | null = null
    const restart = (reason: string): void => {
      this.restarts.push(reason)
      this.onRestart(reason)
    }
    const bite = this.#scheduler.timer(life, () => restart('watchdog'))
    return {
      kind: this.kind,
      card: simCard(new SimFiles(this.disk, this.#scheduler, life, speed)),
      fact: (name) => this.facts.get(name)?.trim() ?? null,
      note: (name, text) => {
        if (life.alive) this.notes.set(name, text)
      },
      feed: () => {
        this.fed++
        bite.set(this.#scheduler.now() + WATCHDOG_MS)
      },
      restart: (reason) => {
        if (life.alive) this.#scheduler.after(0, life, restart, reason, null)
      },
      boot: {
        ready: () => this.bootReady,
        read: (name) => (this.bootReady ? (this.bootFiles.get(name)?.slice() ?? null) : null),
        write: (name, content, done) => {
          if (content === null) this.bootFiles.delete(name)
          else this.bootFiles.set(name, utf8(content))
          this.#scheduler.after(1, life, () => done(null), null, null)
        },
      },
      radio: this.radio,
      portal: (handlers, done) => {
        open?.close()
        open = null
        if (handlers === null) return this.#scheduler.after(0, life, () => done(null), null, null)
        http.serve('0.0.0.0:80', handlers, (error, listener) => {
          open = listener
          done(error)
        })
      },
      temperature: () => this.degrees,
      online: () => this.connected,
      resolve: (host, done) => {
        const address = this.names.get(host)
        this.#scheduler.after(1, life, () => done(address === undefined ? [] : [address]), null, null)
      },
      setTime: (utcMs) => {
        this.timesSet.push(utcMs)
      },
      keepTime: () => {},
    }
  }
}

/** A radio whose log a test writes. */
export class SimRadio implements Radio {
  /** What it was told last, and with which configuration. */
  doing: 'off' | 'join' | 'access' = 'off'
  config = ''
  #onLine: (line: string) => void = () => {}

  join(config: string, onLine: (line: string) => void): void {
    this.#do('join', config, onLine)
  }

  access(config: string, onLine: (line: string) => void): void {
    this.#do('access', config, onLine)
  }

  off(): void {
    this.#do('off', '', () => {})
  }

  /** A line of wpa_supplicant. */
  say(line: string): void {
    this.#onLine(line)
  }

  #do(what: 'off' | 'join' | 'access', config: string, onLine: (line: string) => void): void {
    this.doing = what
    this.config = config
    this.#onLine = onLine
  }
}

function simCard(files: SimFiles): Card {
  return {
    readRecord: (copy, done) => files.read(`record-${copy}`, done),
    writeRecord: (copy, bytes, done) => writeRecord(files, copy, bytes.slice(), done),
    openSlot: (slot, done: (error: Failure, file: OpenFile | null) => void) =>
      files.open(`slot-${slot}`, done),
  }
}

/** In place, as on a card: a cut may tear it. */
function writeRecord(files: SimFiles, copy: number, bytes: Bytes, done: (error: Failure) => void): void {
  files.open(`record-${copy}`, (error, file) => {
    if (error || !file) return done(error)
    file.write(0, bytes, (unwritten) => {
      const over = (e: Failure): void => {
        file.close()
        done(e)
      }
      if (unwritten) over(unwritten)
      else file.sync(over)
    })
  })
}
