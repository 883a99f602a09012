// Steps of a rig's story: each is announced, timed, and ends the run when it fails. At the end the same
// as JSON for whoever keeps it.

import { writeFileSync } from 'node:fs'

export class Report {
  readonly #started = performance.now()
  readonly #steps: { step: string; seconds: number; ok: boolean; said: string }[] = []
  readonly facts: Record<string, unknown> = {}

  /** Runs one step; what it returns is printed behind its name. */
  async step(name: string, act: () => Promise<string> | Promise<void>): Promise<void> {
    const from = performance.now()
    let said = ''
    try {
      said = ((await act()) as string | undefined) ?? ''
      this.#note(name, from, true, said)
    } catch (error) {
      this.#note(name, from, false, (error as Error).message)
      throw error
    }
  }

  #note(step: string, from: number, ok: boolean, said: string): void {
    const seconds = (performance.now() - from) / 1_000
    this.#steps.push({ step, seconds: Number(seconds.toFixed(1)), ok, said })
    console.log(
      `${ok ? 'ok' : 'not ok'} ${this.#steps.length} - ${step}${said ? `: ${said}` : ''} (${seconds.toFixed(1)} s)`,
    )
  }

  fact(name: string, value: unknown): void {
    this.facts[name] = value
    console.log(`# ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
  }

  /** Writes the artefact and says the last word; true when all is well. */
  close(file: string): boolean {
    const failed = this.#steps.filter((s) => !s.ok).length
    writeFileSync(file, `${JSON.stringify({ steps: this.#steps, facts: this.facts }, null, 1)}\n`)
    const minutes = ((performance.now() - this.#started) / 60_000).toFixed(1)
    console.log(
      `1..${this.#steps.length}\n# ${this.#steps.length - failed} ok, ${failed} failed, ${minutes} minutes`,
    )
    return failed === 0
  }
}
