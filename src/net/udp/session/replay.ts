// The replay window (RFC 6479): each counter is taken once, and none that lies too far behind the
// newest. A ring of 32-bit words in which moving on clears words instead of shifting bits.

/** Words of the ring; the window is one word less, because the word at the front fills up bit by bit. */
const WORDS = 64
const BITS = 32
/** Counters behind the newest that are still taken. */
export const WINDOW: number = (WORDS - 1) * BITS

export class ReplayWindow {
  readonly #seen: Int32Array
  /** One more than the newest counter that was taken. */
  #next: number

  constructor() {
    this.#seen = new Int32Array(WORDS)
    this.#next = 0
  }

  /** Whether `counter` may be taken; asked before the tag is verified, `take` is called after it. */
  fresh(counter: number): boolean {
    if (counter >= this.#next) return true
    if (counter + WINDOW < this.#next) return false
    return (this.#seen[Math.floor(counter / BITS) % WORDS]! & (1 << (counter % BITS))) === 0
  }

  /** Marks an authentic `counter`; true when it is the newest so far. */
  take(counter: number): boolean {
    const word = Math.floor(counter / BITS)
    const newest = counter >= this.#next
    if (newest) {
      const last = this.#next === 0 ? -1 : Math.floor((this.#next - 1) / BITS)
      const skipped = Math.min(word - last, WORDS)
      for (let i = 0; i < skipped; i++) this.#seen[(word - i) % WORDS] = 0
      this.#next = counter + 1
    }
    this.#seen[word % WORDS]! |= 1 << (counter % BITS)
    return newest
  }
}
