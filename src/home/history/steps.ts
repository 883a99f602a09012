// Steps of a view in local time: quarter-hours and hours run on through the night of a clock change, days
// and months begin at local midnight, so that a day has 23 or 25 hours when it has.

export const STEPS = ['minute', 'quarter', 'hour', 'day', 'month'] as const
export type Step = (typeof STEPS)[number]

const MINUTE = 60_000
const FIXED: Readonly<Record<'minute' | 'quarter' | 'hour', number>> = {
  minute: MINUTE,
  quarter: 15 * MINUTE,
  hour: 60 * MINUTE,
}
/** Most steps of one view: ten years of days, ten weeks of minutes. */
const MOST_STEPS = 100_000

/** Numbers of a local date; month 1 to 12. */
interface Local {
  year: number
  month: number
  day: number
}

/** A zone by its IANA name: `Europe/Amsterdam`. @throws RangeError for a name that is none. */
export class Zone {
  readonly name: string
  readonly #format: Intl.DateTimeFormat

  constructor(name: string) {
    this.name = name
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  }

  /** Local time less UTC at a moment, ms. */
  offset(at: number): number {
    const part: Record<string, number> = {}
    for (const { type, value } of this.#format.formatToParts(at)) part[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1_000) * 1_000
  }

  local(at: number): Local {
    const date = new Date(at + this.offset(at))
    return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() }
  }

  /** The first moment of a local day; days and months beyond their number count on. */
  midnight({ year, month, day }: Local): number {
    const wanted = Date.UTC(year, month - 1, day)
    // The offset may change between the guess and the day's begin: two rounds settle it.
    let at = wanted - this.offset(wanted)
    at = wanted - this.offset(at)
    return at
  }
}

/** Begins of all steps that touch [from, to), and the end of the last one. */
export function stepsBetween(step: Step, from: number, to: number, zone: Zone): number[] {
  if (step !== 'day' && step !== 'month') {
    const size = FIXED[step]
    const first = Math.floor(from / size) * size
    const count = Math.min(MOST_STEPS, Math.max(0, Math.ceil((to - first) / size)))
    return Array.from({ length: count + 1 }, (_, i) => first + i * size)
  }
  const begin = zone.local(from)
  const out: number[] = []
  for (let i = 0; out.length < MOST_STEPS; i++) {
    const at = zone.midnight(
      step === 'day'
        ? { ...begin, day: begin.day + i }
        : { year: begin.year, month: begin.month + i, day: 1 },
    )
    out.push(at)
    if (at >= to && out.length > 1) break
  }
  return out
}
