// The other parties, as processes of the program on this computer: meter, home, provider. Their events
// are lines of JSON; commands are run as a person would type them.

import { type ChildProcess, spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

const PROGRAM = 'dist/wattle'

export type Event = Record<string, unknown> & { event: string; t?: number }

export class Party {
  readonly events: (Event & { seen: number })[] = []
  readonly #child: ChildProcess
  #waiting: { fits: (event: Event) => boolean; resolve: (event: Event) => void }[] = []

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'ignore'] })
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const event = { ...(JSON.parse(line) as Event), seen: performance.now() }
      this.events.push(event)
      const now = this.#waiting.filter((w) => w.fits(event))
      this.#waiting = this.#waiting.filter((w) => !now.includes(w))
      for (const { resolve } of now) resolve(event)
    })
  }

  /** The next event of that name, from now on. @throws Error after `ms`. */
  async next(name: string, ms: number, fits: (event: Event) => boolean = () => true): Promise<Event> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const last = this.events.slice(-5).map((event) => `    ${JSON.stringify(event)}`)
        reject(new Error(`no event ${name} within ${ms / 1_000} s; the last ones:\n${last.join('\n')}`))
      }, ms)
    })
    const found = new Promise<Event>((resolve) => {
      this.#waiting.push({ fits: (event) => event.event === name && fits(event), resolve })
    })
    return Promise.race([found, late]).finally(() => clearTimeout(timer))
  }

  /** How many events of that name came since `from` (performance.now()). */
  count(name: string, from: number): number {
    return this.events.filter((event) => event.event === name && event.seen >= from).length
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3_000)
    await ended
    clearTimeout(timer)
  }
}

/** Runs one command to its end. */
export function wattle(
  args: readonly string[],
  ms = 60_000,
): Promise<{ code: number | null; out: string; said: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), ms)
    let [out, said] = ['', '']
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString()
    })
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString()
    })
    child.on('exit', (code) => {
      clearTimeout(timer)
      resolve({ code, out, said })
    })
  })
}

/** `wattle p1 simulate` at the far end of the cable. */
export class Meter {
  readonly #child: ChildProcess
  readonly #socket: Socket

  constructor(path: string, args: readonly string[] = []) {
    this.#socket = connect(path)
    this.#socket.on('error', () => {})
    this.#child = spawn(process.execPath, [PROGRAM, 'p1', 'simulate', ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    // Nobody listens on a cable that is pulled: what comes then is lost, as on a real one.
    this.#child.stdout!.on('data', (data: Buffer) => {
      if (this.#socket.writableLength < 16_384) this.#socket.write(data)
    })
  }

  stop(): void {
    this.#child.kill('SIGKILL')
    this.#socket.destroy()
  }
}
