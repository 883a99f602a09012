// Header lines that may be the beginning of a telegram and wait for its end: a short list of indexes,
// oldest first. A telegram's own bytes never make more than two, so what falls out is not one.

const CAPACITY = 8

export class Heads {
  readonly at: Int32Array
  count: number

  constructor() {
    this.at = new Int32Array(CAPACITY)
    this.count = 0
  }

  get newest(): number {
    return this.at[this.count - 1]!
  }

  /** Adds one. Returns how many (none or one) fell out for it. */
  add(at: number): number {
    const full = this.count === CAPACITY
    if (full) this.dropFirst(1)
    this.at[this.count++] = at
    return full ? 1 : 0
  }

  dropFirst(n: number): void {
    this.at.copyWithin(0, n)
    this.count -= n
  }

  /** Drops those that lie before `from`. Returns how many. */
  dropBefore(from: number): number {
    let n = 0
    while (n < this.count && this.at[n]! < from) n++
    if (n > 0) this.dropFirst(n)
    return n
  }

  shift(by: number): void {
    for (let k = 0; k < this.count; k++) this.at[k]! -= by
  }
}
