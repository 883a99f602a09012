// The last minutes of one device's power, kept for a page that opens later: a ring of (time, net W)
// of LIMITS.page.tracePoints points in two typed arrays. A point that is not later than the one before
// it is dropped, because a chart's times must rise; a clock that was set back begins anew.

import { LIMITS } from '../../base/limits.ts'
import type { TracePoint } from '../protocol.ts'

/** A meter's clock that was set back by more than this begins a new trace. */
const JUMP_MS = 60_000

export class Trace {
  readonly #at: Float64Array
  readonly #watts: Float64Array
  #next: number
  #count: number

  constructor(points: number = LIMITS.page.tracePoints) {
    this.#at = new Float64Array(points)
    this.#watts = new Float64Array(points)
    this.#next = 0
    this.#count = 0
  }

  /** @param at milliseconds since 1970. @param watts net power, negative while returning. */
  add(at: number, watts: number): void {
    const size = this.#at.length
    const last = this.#at[(this.#next + size - 1) % size]!
    if (this.#count > 0 && at <= last) {
      if (last - at < JUMP_MS) return
      this.#count = 0
    }
    this.#at[this.#next] = at
    this.#watts[this.#next] = watts
    this.#next = (this.#next + 1) % size
    if (this.#count < size) this.#count++
  }

  /** Oldest first; a new array. */
  points(): TracePoint[] {
    const size = this.#at.length
    const out: TracePoint[] = []
    for (let i = 0; i < this.#count; i++) {
      const at = (this.#next + size - this.#count + i) % size
      out.push([this.#at[at]!, this.#watts[at]!])
    }
    return out
  }
}
