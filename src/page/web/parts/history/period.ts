// Days, weeks, months and years by the local calendar: where they begin, and the steps they are drawn in.
// A day has 23 or 25 hours when it has, and so 92 or 100 quarter-hours.

export const VIEWS = ['day', 'week', 'month', 'year'] as const
export type View = (typeof VIEWS)[number]

/** The step of each view, as the history knows it. */
export const STEP_OF: Readonly<Record<View, 'quarter' | 'day' | 'month'>> = {
  day: 'quarter',
  week: 'day',
  month: 'day',
  year: 'month',
}

/** With what a period is compared: with nothing, the one before it, or the one of a year before. */
export const COMPARES = ['none', 'before', 'year'] as const
export type Compare = (typeof COMPARES)[number]

const QUARTER_MS = 900_000

/** Begin of the period that holds `ms`, moved on by `by` periods. */
export function beginOf(view: View, ms: number, by = 0): number {
  const date = new Date(ms)
  const [y, m, d] = [date.getFullYear(), date.getMonth(), date.getDate()]
  switch (view) {
    case 'day':
      return new Date(y, m, d + by).getTime()
    case 'week':
      // Weeks begin on Monday.
      return new Date(y, m, d - ((date.getDay() + 6) % 7) + 7 * by).getTime()
    case 'month':
      return new Date(y, m + by, 1).getTime()
    case 'year':
      return new Date(y + by, 0, 1).getTime()
  }
}

/** Begin of the period that this one is compared with; the same weekday, where it is a day or a week of a year before. */
export function comparedWith(view: View, from: number, compare: Compare): number | null {
  if (compare === 'none') return null
  if (compare === 'before' || view === 'year') return beginOf(view, from, -1)
  return beginOf(view, from, { day: -364, week: -52, month: -12 }[view])
}

/** Begins of the steps of a period. */
export function stepsOf(view: View, from: number): number[] {
  const to = beginOf(view, from, 1)
  const inner = view === 'year' ? 'month' : 'day'
  const out: number[] = []
  for (let at = from, i = 1; at < to; i++) {
    out.push(at)
    at = view === 'day' ? from + i * QUARTER_MS : beginOf(inner, from, i)
  }
  return out
}

/** What a step is called within its period, the same in every one: the time of day, the weekday, the day or the month. */
export function nameOf(view: View, at: number): number {
  const date = new Date(at)
  if (view === 'day') return date.getHours() * 60 + date.getMinutes()
  return view === 'week' ? date.getDay() : view === 'month' ? date.getDate() : date.getMonth()
}
