// The quarter-hours of the last days, out of the history, for every open page: all of them when it opens,
// then each one that is over.

import type { Home } from '../../../../home/home.ts'
import type { Loop } from '../../../../node/loop.ts'
import type { HomeMessage } from '../../../../page/protocol.ts'
import type { PageServer } from '../../../../page/server.ts'
import type { Keeping } from '../../keep/keeping.ts'
import { quartersOf } from './quarters.ts'

const QUARTER_MS = 900_000
const DAYS_MS = 8 * 86_400_000
/** So long after a quarter's end its last minute has come, and the history has it. */
const LATE_MS = 30_000
const LOOK_MS = 15_000

/** The home whose days these are. */
export interface DaysOf {
  readonly home: Home
  readonly keeping: Keeping
  readonly page: PageServer
}

export class Days {
  readonly #running: DaysOf
  readonly #loop: Loop
  /** End of the newest quarter that was told. */
  #told: number

  constructor(running: DaysOf, loop: Loop) {
    this.#running = running
    this.#loop = loop
    this.#told = this.#over()
    loop.every('page quarters', LOOK_MS, () => this.#look())
  }

  onPage(tell: (message: HomeMessage) => void): void {
    const { home, keeping } = this.#running
    for (const { device } of home.owned) {
      const rows = quartersOf(keeping.history, device, this.#told - DAYS_MS, this.#told)
      tell({ t: 'quarters', device: device.name, rows, more: false })
    }
  }

  stop(): void {
    this.#loop.cancel('page quarters')
  }

  /** End of the newest quarter that is over. */
  #over(): number {
    return Math.floor((Date.now() - LATE_MS) / QUARTER_MS) * QUARTER_MS
  }

  #look(): void {
    const { home, keeping, page } = this.#running
    const over = this.#over()
    if (over <= this.#told) return
    const from = this.#told
    this.#told = over
    if (page.pages() === 0) return
    keeping.history.flush()
    for (const { device } of home.owned) {
      const rows = quartersOf(keeping.history, device, from, over)
      if (rows.length > 0) page.broadcast({ t: 'quarters', device: device.name, rows, more: true })
    }
  }
}
