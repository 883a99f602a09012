// The server's clock as this page knows it: a phone's own clock may be wrong, so ages and countdowns
// are counted from what the server said, with the page's monotonic time.

export class ServerClock {
  #server: number
  #heard: number

  constructor() {
    this.#server = Date.now()
    this.#heard = performance.now()
  }

  /** The server says it is `ms` now. */
  set(ms: number): void {
    this.#server = ms
    this.#heard = performance.now()
  }

  /** Milliseconds since 1970 by the server's clock. */
  now(): number {
    return this.#server + performance.now() - this.#heard
  }
}
