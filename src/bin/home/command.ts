// What a subcommand of `wattle home` is: words and options in, a request that goes to the running home (or
// to one started for this command), and what that home does with it. One table for each group of
// subcommands; home.ts joins them.

import { type Parsed, usage } from '../cli.ts'
import type { ControlAnswer, ControlRequest } from '../control.ts'
import type { Running } from './running.ts'

export type Answer = (answer: Omit<ControlAnswer, 'id'>) => void

/** `run` when whoever asked is gone. */
export type Gone = (run: () => void) => void

export interface HomeCommand {
  verb: string
  /** @throws WattleError `usage` for words or options that do not fit. */
  request: (words: string[], given: Parsed) => ControlRequest
  /** Asks for what is not to stand on a command line; it goes to `act` as `secret`. */
  secret?: (given: Parsed) => Promise<string>
  act: (running: Running, request: ControlRequest, answer: Answer, gone: Gone) => void
  /** It is about every device where none is named: all of them are waited for. */
  all?: boolean
  /** It goes on until whoever asked goes away; what it says meanwhile comes as progress. */
  stays?: boolean
  /** The result in words for a person, on standard error; not with --json. */
  words?: (result: unknown) => string[]
}

/** @throws WattleError `usage` unless there are `n` words. */
export function need(verb: string, words: readonly string[], n: number, what: string): void {
  if (words.length !== n) throw usage(`home ${verb}: expected ${what}`)
}

/** A member of a request that is text; empty where it is missing. */
export function textOf(request: ControlRequest, name: string): string {
  const value = request[name]
  return typeof value === 'string' ? value : ''
}
