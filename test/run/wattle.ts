// The program as a person starts it: dist/wattle in processes of its own, its events as they come, its
// words, its exit code. Each start is a process group that is killed at the test's end, so nothing
// outlives a test, whatever became of it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Test } from 'tap'

export const WATTLE: string = resolve('dist/wattle')
/** Node 18 of the optional package: the device's own. */
export const NODE18: string = resolve('node_modules/node18-linux-x64/bin/node')

export interface Line {
  t: number
  who: string
  event: string
  [detail: string]: unknown
}

export interface StartOptions {
  node?: string
  /** Options of Node itself. */
  flags?: string[]
  env?: Record<string, string>
  /** False: standard input is closed from the beginning. */
  stdin?: boolean
}

const BUILD_MS = 60_000

/** Builds the program where it is missing; several test files may ask at once. */
export function needWattle(): void {
  const lock = resolve('build/.building')
  mkdirSync(resolve('build'), { recursive: true })
  for (let waited = 0; !existsSync(WATTLE) || existsSync(lock); waited += 100) {
    if (waited > BUILD_MS) throw new Error(`${WATTLE} was not built within ${BUILD_MS / 1_000} s`)
    try {
      if (existsSync(WATTLE)) throw new Error('another test builds it')
      mkdirSync(lock)
    } catch {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
      continue
    }
    const args = ['--experimental-strip-types', '--no-warnings', 'scripts/build.ts']
    const built = spawnSync(process.execPath, args, { encoding: 'utf8', env: plainEnv() })
    rmSync(lock, { recursive: true })
    if (built.status !== 0) throw new Error(`${WATTLE} cannot be built: ${built.stderr}`)
  }
}

/** A folder that is gone when the test is over. */
export function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'wattle-test-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** The environment without what a test runner has put there for its own Node. */
function plainEnv(): Record<string, string> {
  const { NODE_OPTIONS: _own, ...env } = process.env
  return env as Record<string, string>
}

const groups = new Set<number>()
process.on('exit', () => {
  for (const pid of groups) killGroup(pid)
})

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left.
  }
}

export class Running {
  readonly child: ChildProcess
  readonly lines: Line[]
  /** What it said to people. */
  words: string
  /** Lines on stdout that are no JSON. */
  readonly plain: string[]
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>
  #over: boolean
  readonly #watching: Set<() => void>

  constructor(child: ChildProcess) {
    this.child = child
    this.lines = []
    this.words = ''
    this.plain = []
    this.#over = false
    this.#watching = new Set()
    groups.add(child.pid!)
    let rest = ''
    child.stdout?.setEncoding('utf8').on('data', (data: string) => {
      const lines = (rest + data).split('\n')
      rest = lines.pop()!
      for (const line of lines) this.#take(line)
      this.#wake()
    })
    child.stderr?.setEncoding('utf8').on('data', (data: string) => {
      this.words += data
      this.#wake()
    })
    child.stdin?.on('error', () => {})
    this.ended = new Promise((done) =>
      child.on('close', (code, signal) => {
        if (rest !== '') this.#take(rest)
        this.#over = true
        this.#wake()
        done(code ?? signal)
      }),
    )
  }

  get over(): boolean {
    return this.#over
  }

  /** True once `what` holds; false when it has ended, or `ms` have passed, without that. */
  until(what: () => boolean, ms = 15_000): Promise<boolean> {
    if (what()) return Promise.resolve(true)
    return new Promise((done) => {
      const settle = (): void => {
        clearTimeout(late)
        this.#watching.delete(look)
        done(what())
      }
      const look = (): void => {
        if (this.#over || what()) settle()
      }
      const late = setTimeout(settle, ms)
      this.#watching.add(look)
    })
  }

  /** The first such event, from line `from` on, waited for; null where none comes. */
  async event(event: string, fits: Record<string, unknown> = {}, from = 0): Promise<Line | null> {
    const find = (): Line | undefined => this.lines.slice(from).find((l) => isLike(l, { event, ...fits }))
    await this.until(() => find() !== undefined)
    return find() ?? null
  }

  all(who: string, event: string): Line[] {
    return this.lines.filter((l) => l.who === who && l.event === event)
  }

  write(text: string): void {
    this.child.stdin?.write(text)
  }

  /** To the process alone. */
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** Whether anybody of its process group still runs (proc(5), stat; a zombie does not). */
  get leftBehind(): boolean {
    return readdirSync('/proc').some((name) => {
      if (!/^\d+$/.test(name)) return false
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return Number(group) === this.child.pid && state !== 'Z'
      } catch {
        return false
      }
    })
  }

  #take(text: string): void {
    try {
      this.lines.push(JSON.parse(text) as Line)
    } catch {
      this.plain.push(text)
    }
  }

  #wake(): void {
    for (const look of this.#watching) look()
  }
}

function isLike(line: Line, fits: Record<string, unknown>): boolean {
  return Object.entries(fits).every(([name, value]) => line[name] === value)
}

/** Starts `wattle …` in a process group of its own. */
export function wattle(t: Test, args: string[], options: StartOptions = {}): Running {
  // Through env: test runners put their own options into the environment of every Node they see.
  const command = [
    '-u',
    'NODE_OPTIONS',
    options.node ?? process.execPath,
    ...(options.flags ?? []),
    WATTLE,
    ...args,
  ]
  const child = spawn('env', command, {
    stdio: [options.stdin === false ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: true,
    env: { ...plainEnv(), ...options.env },
  })
  const running = new Running(child)
  t.teardown(async () => {
    killGroup(child.pid!)
    await running.ended
    groups.delete(child.pid!)
    if (!t.passing()) transcript(running)
  })
  return running
}

/** What a failed test saw, in build/run. */
function transcript({ child, lines, plain, words }: Running): void {
  mkdirSync('build/run', { recursive: true })
  const text = [`# ${child.spawnargs.join(' ')}`, ...lines.map((l) => JSON.stringify(l)), ...plain, words]
  writeFileSync(`build/run/${child.pid}.txt`, text.join('\n'))
}

/** Runs `wattle …` to its end. */
export async function said(
  t: Test,
  args: string[],
  options: StartOptions = {},
): Promise<{ code: number | string | null; words: string; out: string }> {
  const running = wattle(t, args, { stdin: false, ...options })
  if (!(await running.until(() => running.over))) running.kill('SIGKILL')
  const code = await running.ended
  const out = [...running.plain, ...running.lines.map((l) => JSON.stringify(l))].join('\n')
  return { code, words: running.words, out }
}
