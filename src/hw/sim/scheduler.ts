// Virtual time and seeded chance: the two things that make a simulated world repeatable. Time moves
// only when asked. Events at equal time run in the order they were made. Every event belongs to a
// life; the events of a life that has ended are dropped unrun, as a process's are when it is killed.
// Never the wall clock, never Math.random. One-shot events are pooled: steady state allocates nothing.

import type { Bytes } from '../../base/bytes.ts'

/** What events belong to: one run of one machine, or the test itself. */
export interface Life {
  alive: boolean
}

type Run = (a: unknown, b: unknown) => void

class Event {
  at: number
  seq: number
  /** Place in the heap, or -1. */
  index: number
  pooled: boolean
  life: Life
  run: Run
  a: unknown
  b: unknown

  constructor(life: Life, run: Run, pooled: boolean) {
    this.at = 0
    this.seq = 0
    this.index = -1
    this.pooled = pooled
    this.life = life
    this.run = run
    this.a = null
    this.b = null
  }
}

const NOBODY: Life = { alive: true }
const nothing: Run = () => {}

/** A movable event: one pending firing at most. */
export interface Timer {
  set(at: number): void
  clear(): void
}

export class Scheduler {
  #now = 0
  #seq = 0
  readonly #heap: Event[] = []
  readonly #pool: Event[] = []

  now(): number {
    return this.#now
  }

  /** Events waiting, those of ended lives included. */
  waiting(): number {
    return this.#heap.length
  }

  /** Time of the next event, or Infinity. */
  next(): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0]!.at
  }

  /** Calls `run(a, b)` `ms` from now (never inside this call), unless `life` has ended by then. */
  after<A, B>(ms: number, life: Life, run: (a: A, b: B) => void, a: A, b: B): void {
    const event = this.#pool.pop() ?? new Event(NOBODY, nothing, true)
    event.life = life
    event.run = run as Run
    event.a = a
    event.b = b
    this.#insert(event, this.#now + Math.max(0, ms))
  }

  timer(life: Life, run: () => void): Timer {
    const event = new Event(life, run, false)
    return {
      set: (at) => {
        if (event.index >= 0) this.#remove(event)
        this.#insert(event, Math.max(at, this.#now))
      },
      clear: () => {
        if (event.index >= 0) this.#remove(event)
      },
    }
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    const event = this.#heap[0]
    if (event === undefined) return false
    this.#remove(event)
    this.#now = event.at
    const { life, run, a, b } = event
    if (event.pooled) {
      event.life = NOBODY
      event.run = nothing
      event.a = null
      event.b = null
      this.#pool.push(event)
    }
    if (life.alive) run(a, b)
    return true
  }

  /** Runs everything up to and including `until`; afterwards it is `until`. */
  run(until: number): void {
    while (this.next() <= until) this.step()
    if (until > this.#now) this.#now = until
  }

  #insert(event: Event, at: number): void {
    event.at = at
    event.seq = ++this.#seq
    this.#heap.push(event)
    this.#up(this.#heap.length - 1, event)
  }

  #remove(event: Event): void {
    const i = event.index
    const last = this.#heap.pop()!
    event.index = -1
    if (last === event) return
    this.#up(i, last)
    this.#down(last.index, last)
  }

  #up(from: number, event: Event): void {
    let i = from
    while (i > 0) {
      const parent = this.#heap[(i - 1) >> 1]!
      if (before(parent, event)) break
      this.#heap[i] = parent
      parent.index = i
      i = (i - 1) >> 1
    }
    this.#heap[i] = event
    event.index = i
  }

  #down(from: number, event: Event): void {
    const n = this.#heap.length
    let i = from
    for (;;) {
      let child = 2 * i + 1
      if (child >= n) break
      if (child + 1 < n && before(this.#heap[child + 1]!, this.#heap[child]!)) child++
      const c = this.#heap[child]!
      if (before(event, c)) break
      this.#heap[i] = c
      c.index = i
      i = child
    }
    this.#heap[i] = event
    event.index = i
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq)
}

/** Seeded random numbers (sfc32): the same seed gives the same world. Never for keys outside a simulation. */
export class Chance {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = 0x9e3779b9 | 0
    this.#c = 0x243f6a88 | 0
    this.#d = 1
    for (let i = 0; i < 16; i++) this.u32()
  }

  u32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0
    return t >>> 0
  }

  /** A whole number in [0, n). */
  below(n: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * n)
  }

  /** True with probability p. */
  hit(p: number): boolean {
    return p > 0 && this.u32() < p * 0x1_0000_0000
  }

  fill(into: Bytes): void {
    for (let i = 0; i < into.length; i++) into[i] = this.u32() >>> 24
  }
}
