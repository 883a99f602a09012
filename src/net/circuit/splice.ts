// Two streams as one circuit: what comes on one leaves on the other, held back where a reader is slow or
// the ration is used up. Nothing is read, nothing is kept here: what a paused stream holds is counted
// among the unread bytes of the process (host.ts).

import type { Bytes } from '../../base/bytes.ts'
import type { WattleError } from '../../base/errors.ts'
import type { Stream, StreamEvents } from '../api.ts'

export interface SpliceRules {
  /** Bytes in each direction, after which the circuit ends; infinity: none. */
  most: number
  /** Bytes a second in each direction; infinity: as fast as it goes. */
  rate: number
  burst: number
  /** Host's milliseconds; infinity: none. */
  until: number
}

export class Splice {
  readonly rules: SpliceRules
  readonly #ways: readonly [Way, Way]
  readonly #onOver: () => void
  #over: boolean

  /** @param onOver once, when both streams are closed or about to be. */
  constructor(streams: readonly [Stream, Stream], rules: SpliceRules, now: number, onOver: () => void) {
    this.rules = rules
    this.#onOver = onOver
    this.#over = false
    const [a, b] = streams
    const one = new Way(this, a, b, now)
    const two = new Way(this, b, a, now)
    one.back = two
    two.back = one
    this.#ways = [one, two]
    a.events = one
    b.events = two
  }

  /** What came from the called side before the circuit was whole. */
  begin(fromCalled: Bytes): void {
    if (fromCalled.length > 0) this.#ways[1].onData(fromCalled)
  }

  /** Rations and the end of time. */
  tick(now: number): void {
    if (now >= this.rules.until) this.cut()
    else for (const way of this.#ways) way.earn(now)
  }

  /** Resets both streams. */
  cut(): void {
    if (this.#over) return
    this.#over = true
    for (const way of this.#ways) way.from.reset()
    this.#onOver()
  }

  closed(): void {
    if (this.#ways.every((way) => way.closed)) {
      if (this.#over) return
      this.#over = true
      this.#onOver()
    }
  }
}

/** One direction; as events, those of the stream it comes from. */
class Way implements StreamEvents {
  readonly from: Stream
  closed: boolean
  back: Way | null
  readonly #splice: Splice
  readonly #to: Stream
  #left: number
  #tokens: number
  #counted: number
  #blocked: boolean

  constructor(splice: Splice, from: Stream, to: Stream, now: number) {
    this.from = from
    this.closed = false
    this.back = null
    this.#splice = splice
    this.#to = to
    this.#left = splice.rules.most
    this.#tokens = splice.rules.burst
    this.#counted = now
    this.#blocked = false
  }

  onData(bytes: Bytes): void {
    this.#left -= bytes.length
    if (this.#left < 0) return this.#splice.cut()
    this.#tokens -= bytes.length
    if (!this.#to.write(bytes)) this.#blocked = true
    this.#flow()
  }

  /** The stream that we read has room: the other direction goes on. */
  onDrain(): void {
    this.back?.unblock()
  }

  onEnd(): void {
    this.#to.end()
  }

  onClose(error: WattleError | null): void {
    this.closed = true
    if (error) this.#to.reset()
    else this.#to.end()
    this.#splice.closed()
  }

  unblock(): void {
    this.#blocked = false
    this.#flow()
  }

  earn(now: number): void {
    const { rate, burst } = this.#splice.rules
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#counted) * rate) / 1_000)
    this.#counted = now
    this.#flow()
  }

  #flow(): void {
    if (this.#blocked || this.#tokens < 0) this.from.pause()
    else this.from.resume()
  }
}
