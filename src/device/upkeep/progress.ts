// Whether the device still does its work: each task says when it ran, and the hardware watchdog is fed
// only while all of them did lately and the loop is on time. A plain machine: it decides, others feed.

/** Tasks, and how long one may be silent, ms. The network's is asked every PROBE_MS. */
export const TASKS = { meter: 10_000, network: 60_000 } as const

export type Task = keyof typeof TASKS

/** The watchdog resets after 15 s, so a stall of 8 s between two rounds is outlived. */
export const FEED_MS = 5_000
/** A loop that was late is looked at again after this, and fed for as soon as it is on time. */
export const AGAIN_MS = 1_000
export const PROBE_MS = 15_000
/** A loop that is later than this is not fed for. */
const LAG_MS = 2_000

export interface Verdict {
  feed: boolean
  /** How late this round was, ms. */
  lag: number
  /** Tasks that were silent for too long. */
  late: readonly Task[]
  /** When to judge next, ms from now. */
  next: number
}

export class Progress {
  readonly #ran: Record<Task, number>
  #due: number

  constructor(now: number) {
    this.#ran = { meter: now, network: now }
    this.#due = now + FEED_MS
  }

  ran(task: Task, now: number): void {
    this.#ran[task] = now
  }

  /** Call FEED_MS after the beginning, and then when the verdict says. */
  judge(now: number): Verdict {
    const lag = Math.max(0, now - this.#due)
    const next = lag < LAG_MS ? FEED_MS : AGAIN_MS
    this.#due = now + next
    const late = (Object.keys(TASKS) as Task[]).filter((task) => now - this.#ran[task] > TASKS[task])
    return { feed: lag < LAG_MS && late.length === 0, lag, late, next }
  }
}
