// The errors a person meets (STYLE, "Errors: three kinds"). A code is stable and public; the text
// says what was expected, what came and what to do next. Never a secret in either.

/** Exit codes of `wattle` (DESIGN, "One program"). */
export const EXIT: {
  readonly done: 0
  readonly failed: 1
  readonly usage: 2
  readonly stay: 3
  readonly reboot: 75
} = {
  done: 0,
  failed: 1,
  usage: 2,
  /** Do not restart: damaged state or wrong configuration. */
  stay: 3,
  /** `wattle device` on a card of ours: start the board anew (docs/wire/card.md). */
  reboot: 75,
}

export type ExitCode = 0 | 1 | 2 | 3 | 75

export class WattleError extends Error {
  readonly code: string
  readonly exit: ExitCode

  /** @param code short, lower case, with dashes: `port-in-use`. */
  constructor(code: string, message: string, exit: ExitCode = EXIT.failed) {
    super(message)
    this.name = 'WattleError'
    this.code = code
    this.exit = exit
  }
}
