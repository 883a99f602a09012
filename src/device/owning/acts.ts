// Changes of owners and readers, one after the other: two events for one place would fork the log, and an
// expiry between check and card would break it. Each act calls `over` when it is carried out.

export type Act = (over: () => void) => void

export class Acts {
  readonly #acts: Act[]

  constructor() {
    this.#acts = []
  }

  /** Acts that are not over, the one under way among them. */
  get waiting(): number {
    return this.#acts.length
  }

  push(act: Act): void {
    this.#acts.push(act)
    if (this.#acts.length === 1) this.#next()
  }

  #next(): void {
    this.#acts[0]?.(() => {
      this.#acts.shift()
      this.#next()
    })
  }
}
