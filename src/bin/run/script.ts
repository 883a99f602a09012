// The life script (docs/life-script.md): steps in, acts and expectations out. A plain machine with two
// runners: real processes (stage.ts) and virtual time (the scenario tests). Time comes with every call.

import { WattleError } from '../../base/errors.ts'

export interface Line {
  t: number
  who: string
  event: string
  [detail: string]: unknown
}

export interface Step {
  do: string
  [detail: string]: unknown
}

/** What a runner does for a step; `done` gets the result word: `ok` or the code of a refusal. */
export interface Stage {
  act(step: Step, done: (result: string, detail?: Record<string, unknown>) => void): void
}

const ACTS = ['press', 'hold', 'claim', 'grant', 'revoke', 'delete', 'kill', 'start', 'stop'] as const
const STEP_MS = 60_000

/** @throws WattleError `bad-script` that names the line. */
export function parseScript(text: string): Step[] {
  const steps: Step[] = []
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '' || line.startsWith('#')) return
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      throw new WattleError(
        'bad-script',
        `line ${i + 1}: expected one JSON object, found ${line.slice(0, 60)}`,
        2,
      )
    }
    const step = value as Step
    const known = typeof value === 'object' && value !== null && typeof step.do === 'string'
    if (!known || ![...ACTS, 'wait', 'expect'].includes(step.do as never))
      throw new WattleError(
        'bad-script',
        `line ${i + 1}: "do" must be one of ${ACTS.join(', ')}, wait, expect`,
        2,
      )
    steps.push(step)
  })
  return steps
}

interface Expectation {
  step: Step
  deadline: number
  count: number
  wanted: number
}

export class Script {
  readonly #steps: readonly Step[]
  readonly #stage: Stage
  readonly #report: (event: string, detail: Record<string, unknown>) => void
  #at: number
  /** Events since the last act began, for the expectations that follow it. */
  #since: Line[]
  #expecting: Expectation | null
  #waitUntil: number
  #busy: boolean
  failed: string | null

  constructor(
    steps: readonly Step[],
    stage: Stage,
    report: (event: string, detail: Record<string, unknown>) => void,
  ) {
    this.#steps = steps
    this.#stage = stage
    this.#report = report
    this.#at = 0
    this.#since = []
    this.#expecting = null
    this.#waitUntil = 0
    this.#busy = false
    this.failed = null
  }

  get done(): boolean {
    return (
      this.failed !== null ||
      (this.#at >= this.#steps.length && !this.#busy && !this.#expecting && this.#waitUntil === 0)
    )
  }

  /** An event from anybody on the stage. */
  onEvent(line: Line, now: number): void {
    this.#since.push(line)
    if (this.#expecting) this.#match(this.#expecting, line)
    this.tick(now)
  }

  /** Goes on as far as it can; to be called at least every 100 ms. */
  tick(now: number): void {
    while (!this.done && !this.#busy && this.#advance(now));
  }

  #advance(now: number): boolean {
    if (this.#waitUntil > 0) {
      if (now < this.#waitUntil) return false
      this.#waitUntil = 0
      return true
    }
    if (this.#expecting) return this.#settle(this.#expecting, now)
    const step = this.#steps[this.#at]
    if (!step) return false
    this.#at++
    this.#report('step', { n: this.#at, step })
    if (step.do === 'wait') this.#waitUntil = now + Number(step['ms'] ?? 1_000)
    else if (step.do === 'expect') this.#expect(step, now)
    else this.#act(step)
    return true
  }

  #act(step: Step): void {
    this.#busy = true
    this.#since = []
    const wanted = String(step['expect'] ?? 'ok')
    this.#stage.act(step, (result, detail = {}) => {
      this.#busy = false
      this.#report('result', { n: this.#at, do: step.do, result, ...detail })
      if (result !== wanted) this.#fail(`step ${this.#at} (${step.do}): expected ${wanted}, came ${result}`)
    })
  }

  #expect(step: Step, now: number): void {
    const expecting = {
      step,
      deadline: now + Number(step['within'] ?? STEP_MS),
      count: 0,
      wanted: Number(step['count'] ?? 1),
    }
    this.#expecting = expecting
    // Only what came after the last act counts; with "new" only what comes from now on.
    if (step['new'] !== true) for (const line of this.#since) this.#match(expecting, line)
  }

  #match(expecting: Expectation, line: Line): void {
    const { step } = expecting
    const fits = Object.entries(step).every(
      ([name, value]) => CONTROL.includes(name) || same(line[name], value),
    )
    if (fits) expecting.count++
  }

  #settle(expecting: Expectation, now: number): boolean {
    const { step, count, wanted, deadline } = expecting
    const none = step['none'] === true
    const what = `step ${this.#at} (expect ${String(step['event'])} of ${String(step['who'])})`
    if (none && count > 0) this.#fail(`${what}: it came, and must not`)
    else if (!none && count < wanted && now >= deadline)
      this.#fail(`${what}: ${count} of ${wanted} came in time`)
    else if (now < deadline && (none || count < wanted)) return false
    this.#expecting = null
    this.#since = []
    this.#report('met', { n: this.#at, count })
    return true
  }

  #fail(text: string): void {
    this.failed = text
    this.#report('failed', { text })
  }
}

/** Members of an `expect` that are not compared with the event. */
const CONTROL: readonly string[] = ['do', 'count', 'within', 'none', 'new']

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
