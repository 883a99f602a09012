// What every subcommand shares: options, exit codes, NDJSON on stdout, words for people on stderr.

import { parseArgs } from 'node:util'
import { EXIT, type ExitCode, WattleError } from '../base/errors.ts'

export type OptionSpec = Record<string, { type: 'string' | 'boolean'; multiple?: boolean }>

export interface Parsed {
  words: string[]
  text(name: string): string | undefined
  list(name: string): string[]
  flag(name: string): boolean
}

/** @throws WattleError `usage` for an option that is not there, or a value that is missing. */
export function parse(args: readonly string[], options: OptionSpec): Parsed {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
      strict: true,
    })
    const of = (name: string): unknown => (values as Record<string, unknown>)[name]
    return {
      words: positionals,
      text: (name) => of(name) as string | undefined,
      list: (name) => (of(name) as string[] | undefined) ?? [],
      flag: (name) => of(name) === true,
    }
  } catch (error) {
    throw usage((error as Error).message.split('. ')[0]!)
  }
}

export function usage(text: string): WattleError {
  return new WattleError('usage', `${text}; see wattle help`, EXIT.usage)
}

/** One event as a line of NDJSON. */
export function emit(who: string, event: string, detail: Record<string, unknown> = {}): void {
  process.stdout.write(`${JSON.stringify({ t: Date.now(), who, event, ...detail })}\n`)
}

/** Words for a person. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Says what went wrong and how to go on; the exit code is the result. */
export function fail(error: unknown): ExitCode {
  if (error instanceof WattleError) {
    say(`wattle: ${error.message}`)
    return error.exit
  }
  const known = error as NodeJS.ErrnoException
  if (typeof known.code === 'string' && known.syscall !== undefined) {
    say(`wattle: ${known.message}`)
    return EXIT.failed
  }
  say(`wattle: ${known.stack ?? String(error)}`)
  return EXIT.failed
}

/** Turns a `done(error, value)` call into a promise. */
export function wait<T>(call: (done: (error: Error | null, value: T | null) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) =>
      error || value === null ? reject(error ?? new Error('nothing came')) : resolve(value),
    )
  })
}

/**
 * Resolves at SIGINT, SIGTERM or when standard input ends (a parent that is gone). To be called before
 * anybody is told that we are ready: who hears that may stop us at once.
 */
export function untilStopped(o: { stdin: boolean }): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
    if (!o.stdin) return
    process.stdin.once('end', () => resolve())
    process.stdin.once('error', () => resolve())
    // Nobody hears of the end of what is not read.
    process.stdin.resume()
  })
}

/** Words a listen error into what to do about it; `what` is `device --listen`, say: who, and its option. */
export function listenError(what: string, address: string, error: Error & { code?: string }): WattleError {
  if (error.code === 'EADDRINUSE' || error.code === 'port-in-use')
    return new WattleError(
      'port-in-use',
      `${what} ${address}: this port is in use; stop the other program, or choose another port`,
    )
  return error instanceof WattleError
    ? error
    : new WattleError('listen-failed', `${what} ${address}: cannot listen there: ${error.message}`)
}
