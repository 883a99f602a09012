// Counters for what comes from outside and is dropped. A fixed set of names, made once; counting
// allocates nothing. Values stay exact to 2^53.

export class Counters<Name extends string> {
  readonly names: readonly Name[]
  readonly #values: Float64Array

  constructor(names: readonly Name[]) {
    this.names = names
    this.#values = new Float64Array(names.length)
  }

  add(name: Name, n = 1): void {
    const i = this.names.indexOf(name)
    if (i < 0) throw new RangeError(`no counter ${name}`)
    this.#values[i]! += n
  }

  get(name: Name): number {
    return this.#values[this.names.indexOf(name)] ?? 0
  }

  /** Only the names that are not zero. */
  report(): Partial<Record<Name, number>> {
    const out: Partial<Record<Name, number>> = {}
    for (let i = 0; i < this.names.length; i++)
      if (this.#values[i] !== 0) out[this.names[i]!] = this.#values[i]!
    return out
  }
}
