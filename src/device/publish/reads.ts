// How often each consent was used: visits and frames of the last seven days, since this start of the
// device. For the owner's page ("last read, reads this week"); who *could* read is in the owner log.
// Counts what was handed to the network for readers that are no owners; memory only, capped.

import { base64url } from '../../base/bytes.ts'
import { LIMITS } from '../../base/limits.ts'
import type { Outlet } from '../../node/frames/subscriber.ts'
import { framesIn } from '../../wire/channel.ts'
import { CLASS_NAMES } from '../../wire/frame.ts'

const DAYS = 7
const DAY_MS = 86_400_000

interface Week {
  last: number
  /** Day number of the newest entry of the rings. */
  day: number
  readonly visits: number[]
  readonly frames: number[]
}

export interface Read {
  readonly grant: string
  readonly last: number
  readonly visits: number
  readonly frames: number
}

export class Reads {
  readonly #wall: () => number
  readonly #weeks: Map<string, Week>

  constructor(wall: () => number) {
    this.#wall = wall
    this.#weeks = new Map()
  }

  /** A reader has come by this consent; what is sent through the outlet that is returned is counted. */
  counted(grantId: Uint8Array, outlet: Outlet): Outlet {
    const week = this.#of(base64url(grantId))
    this.#turn(week)
    week.visits[0]!++
    return {
      stream: outlet.stream,
      close: () => outlet.close(),
      send: (message) => {
        const frames = framesIn(message)
        if (frames > 0) {
          this.#turn(week)
          week.frames[0]! += frames
          week.last = this.#wall()
        }
        return outlet.send(message)
      },
    }
  }

  list(): Read[] {
    return [...this.#weeks].map(([grant, week]) => {
      this.#turn(week)
      return { grant, last: week.last, visits: sum(week.visits), frames: sum(week.frames) }
    })
  }

  #of(grant: string): Week {
    let week = this.#weeks.get(grant)
    if (!week) {
      if (this.#weeks.size >= LIMITS.channel.readers * CLASS_NAMES.length)
        this.#weeks.delete(this.#weeks.keys().next().value!)
      week = { last: 0, day: this.#today(), visits: zeros(), frames: zeros() }
      this.#weeks.set(grant, week)
    }
    return week
  }

  #today(): number {
    return Math.floor(this.#wall() / DAY_MS)
  }

  /** Moves the rings on to today; a clock that was set back counts on where it stands. */
  #turn(week: Week): void {
    const days = Math.min(DAYS, this.#today() - week.day)
    for (let i = 0; i < days; i++)
      for (const ring of [week.visits, week.frames]) {
        ring.pop()
        ring.unshift(0)
      }
    if (days > 0) week.day = this.#today()
  }
}

function zeros(): number[] {
  return new Array<number>(DAYS).fill(0)
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0)
}
