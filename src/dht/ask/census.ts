// How large is the network? The k-th nearest of n nodes lies at about k / n of the space from any target,
// so every finished lookup is a sample; the median of the latest ones shrugs off a few poisoned ones.
// The estimate says which ids are too close to be true (lookups.ts, table.ts).

import type { Core } from '../core.ts'
import { CLOSE_BITS, type Lookup } from '../table/lookups.ts'

const SAMPLES = 16

export class Census {
  readonly #core: Core
  readonly #samples: Float64Array
  #count: number

  constructor(core: Core) {
    this.#core = core
    this.#samples = new Float64Array(SAMPLES)
    this.#count = 0
  }

  /** log2 of the estimated number of nodes, or -1 before three lookups. */
  logSize(): number {
    const n = Math.min(this.#count, SAMPLES)
    if (n < 3) return -1
    const sorted = this.#samples.slice(0, n).sort()
    return Math.max(3, sorted[n >> 1]!)
  }

  /** Takes a lookup that has ended. */
  sample(lookup: Lookup): void {
    const reach = lookup.reachOfK()
    if (reach > 0) return
    this.#samples[this.#count % SAMPLES] = Math.log2(this.#core.k) - reach
    this.#count++
    if (this.#count === 2 * SAMPLES) this.#count = SAMPLES
    const log = this.logSize()
    if (log < 0) return
    this.#core.table4.clusterBits = Math.ceil(log) + CLOSE_BITS
    this.#core.table6.clusterBits = Math.ceil(log) + CLOSE_BITS
  }
}
