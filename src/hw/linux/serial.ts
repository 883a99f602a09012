// A serial port: opened through plain Node (tty.ReadStream with `onread`, so that the kernel writes into
// the reader's own ring), set up by stty, held under whatever name the cable comes back. Always eight
// bits without parity; 7E1 is the framer's business. No addon: `serialport` would cost memory and, when
// the cable goes between two reads, spin for ever; stty is in coreutils and in busybox. Others are
// kept out as serialport and pyserial do it, by flock.

import { execFile, spawn } from 'node:child_process'
import { close, constants, open } from 'node:fs'
import { ReadStream } from 'node:tty'
import type { Serial, SerialEvents, SerialLine } from '../hardware.ts'
import { listPorts, stableName, usedBy } from './serial-ports.ts'

/** Speeds of P1, in the order in which they are tried: from DSMR 4 on, before. */
export const SPEEDS: readonly number[] = [115_200, 9_600]

const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 5_000
/** A meter sends every 10 s at the latest: with no byte for this long something is not connected. */
const SILENT_MS = 25_000

/** Takes the first likely cable. */
const AUTO = 'auto'

export interface SerialOptions {
  /** Speed to try first. */
  baud?: number
  retryMs?: number
  silentMs?: number
  /** Name of the program that sets a port up; another one in tests. */
  stty?: string
}

export class LinuxSerial implements Serial {
  readonly #options: SerialOptions

  constructor(options: SerialOptions = {}) {
    this.#options = options
  }

  /** @param spec a path, or `auto`. Never throws: what is wrong is told through `onState`. */
  open(spec: string, events: SerialEvents): SerialLine {
    return new Line(spec, events, this.#options)
  }
}

class Line implements SerialLine {
  readonly #spec: string
  readonly #events: SerialEvents
  readonly #options: SerialOptions
  /** The name that stays when the cable comes back, once it was open. */
  #stable: string | null = null
  #baud: number
  #stream: ReadStream | null = null
  #fd = -1
  /** Holds the lock while the port is ours. */
  #lockFd = -1
  #closed = false
  #retryMs: number
  #timer: NodeJS.Timeout | null = null
  #silence: NodeJS.Timeout | null = null
  /** Counts the attempts: callbacks of an earlier one find themselves out of date. */
  #attempt = 0

  constructor(spec: string, events: SerialEvents, options: SerialOptions) {
    this.#spec = spec
    this.#events = events
    this.#options = options
    this.#baud = options.baud ?? SPEEDS[0]!
    this.#retryMs = options.retryMs ?? FIRST_RETRY_MS
    this.#timer = setTimeout(() => this.#try(), 0)
  }

  hint(speed: 'good' | 'wrong'): void {
    if (speed === 'good' || this.#closed || this.#stream === null) return
    this.#baud = SPEEDS[(SPEEDS.indexOf(this.#baud) + 1) % SPEEDS.length]!
    const attempt = this.#attempt
    const path = this.#path()
    this.#configure(path, (text) => {
      if (attempt !== this.#attempt || this.#closed) return
      if (text !== null) this.#down('not-set', text)
      else this.#events.onState({ kind: 'up', path, baud: this.#baud })
    })
  }

  close(): void {
    this.#closed = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#release()
  }

  #path(): string {
    if (this.#stable !== null) return this.#stable
    if (this.#spec !== AUTO) return this.#spec
    return listPorts().find((p) => p.likely)?.path ?? listPorts()[0]?.path ?? AUTO
  }

  #try(): void {
    this.#timer = null
    const attempt = ++this.#attempt
    const path = this.#path()
    if (path === AUTO) return this.#down('missing', 'no serial port is there: plug the P1 cable in')
    const user = usedBy(path)
    if (user !== null)
      return this.#down('in-use', `${path} is in use by ${user}; one program only can read it`)
    this.#openFd(path, (lockFd) => {
      this.#lockFd = lockFd
      lock(lockFd, (free) => {
        if (this.#stale(attempt)) return
        if (!free)
          return this.#down('in-use', `${path} is in use by another program; one program only can read it`)
        this.#configure(path, (text) => {
          if (this.#stale(attempt)) return
          if (text !== null) return this.#down('not-set', text)
          // A descriptor of its own: the stream puts another in its place, and the lock would go with it.
          this.#openFd(path, (fd) => {
            this.#fd = fd
            this.#read(path)
          })
        })
      })
    })
  }

  #stale(attempt: number): boolean {
    return this.#closed || attempt !== this.#attempt
  }

  #openFd(path: string, done: (fd: number) => void): void {
    const attempt = this.#attempt
    // Non-blocking, or a port without carrier would hold the call.
    open(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK, (error, fd) => {
      if (!this.#stale(attempt)) {
        if (error) this.#down(...explain(path, error))
        else done(fd)
      } else if (!error) close(fd, () => {})
    })
  }

  /** Raw, eight bits, no parity, no flow control; the lines that feed the cable stay as they are. */
  #configure(path: string, done: (wrong: string | null) => void): void {
    const raw = ['raw', '-echo', 'cs8', '-parenb', '-cstopb', 'clocal', '-crtscts', '-hupcl', 'cread']
    const program = this.#options.stty ?? 'stty'
    execFile(program, ['-F', path, String(this.#baud), ...raw], { timeout: 3_000 }, (error, _out, words) => {
      if (!error) return done(null)
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      done(
        missing
          ? `${program} is not installed, so ${path} cannot be set up: install coreutils or busybox`
          : `${path} cannot be set to ${this.#baud} 8N1: ${words.trim() || error.message}`,
      )
    })
  }

  #read(path: string): void {
    const events = this.#events
    let stream: ReadStream
    try {
      stream = new ReadStream(this.#fd, {
        onread: {
          buffer: () => events.buffer(),
          callback: (n) => {
            if (this.#silence) this.#heard()
            events.onBytes(n)
            return true
          },
        },
      } as ConstructorParameters<typeof ReadStream>[1])
    } catch (error) {
      return this.#down('not-serial', `${path} is no serial port: ${(error as Error).message}`)
    }
    const attempt = this.#attempt
    const gone = (): void => {
      if (this.#closed || attempt !== this.#attempt || this.#stream !== stream) return
      this.#down('gone', `${path} is gone: the cable was pulled out; waiting for it to come back`)
    }
    stream.on('error', gone)
    stream.on('end', gone)
    stream.on('close', gone)
    this.#stream = stream
    this.#stable = stableName(path)
    this.#retryMs = this.#options.retryMs ?? FIRST_RETRY_MS
    this.#listen(path)
    this.#events.onState({ kind: 'up', path, baud: this.#baud })
    // Without this a stream with `onread` does not begin to read.
    stream.resume()
  }

  #heard(): void {
    if (this.#silence) clearTimeout(this.#silence)
    this.#silence = null
  }

  /** Nothing at all is said once, and the port opened again: some adapters need that. */
  #listen(path: string): void {
    this.#silence = setTimeout(() => {
      this.#down(
        'no-data',
        `no data from ${path}: is the cable in the meter's P1 port, is that port switched on (ask the grid company), does the cable invert the signal?`,
      )
    }, this.#options.silentMs ?? SILENT_MS)
  }

  #release(): void {
    this.#heard()
    const stream = this.#stream
    const fds = [this.#fd, this.#lockFd]
    this.#stream = null
    this.#fd = -1
    this.#lockFd = -1
    // The stream has a descriptor of its own; ours stays ours.
    stream?.destroy()
    for (const fd of fds) if (fd >= 0) close(fd, () => {})
  }

  #down(reason: string, text: string): void {
    this.#release()
    if (this.#closed) return
    this.#attempt++
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#try(), this.#retryMs)
    this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS)
    this.#events.onState({ kind: 'down', path: this.#path(), reason, text })
  }
}

/**
 * Takes the advisory lock on an open port, by lending the descriptor to flock(1): the lock belongs to what
 * was opened and stays until that is closed. Where there is no such program nobody is kept out.
 */
function lock(fd: number, done: (free: boolean) => void): void {
  const child = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] })
  let told = false
  const tell = (free: boolean): void => {
    if (!told) done(free)
    told = true
  }
  child.on('error', () => tell(true))
  child.on('close', (code) => tell(code !== 1))
}

/** What an error of `open` means, and what to do. */
function explain(path: string, error: NodeJS.ErrnoException): [string, string] {
  switch (error.code) {
    case 'ENOENT':
    case 'ENXIO':
    case 'ENODEV':
      return ['missing', `${path} is not there: plug the P1 cable in; wattle p1 ports lists what is`]
    case 'EACCES':
    case 'EPERM':
      return [
        'permission',
        `no permission to open ${path}: sudo usermod -aG dialout ${process.env['USER'] ?? '$USER'}, then log in again`,
      ]
    case 'EBUSY':
      return ['in-use', `${path} is in use by another program; one program only can read it`]
    default:
      return ['failed', `${path} cannot be opened: ${error.message}`]
  }
}
