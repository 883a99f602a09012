// How periods and their steps are called, on the page and in a file.

import { dayText, monthText, timeText, weekdayText } from '../../kit/format.ts'
import { desk } from '../../words/words.ts'
import { hourMarks } from '../now/today.ts'
import { beginOf, type View } from './period.ts'

export function titleOf(view: View, from: number): string {
  if (view === 'day') return weekdayText(from)
  if (view === 'week') return desk.history.week(dayText(from), dayText(beginOf('day', from, 6)))
  return view === 'month' ? monthText(from) : String(new Date(from).getFullYear())
}

/** A step as a person calls it. */
export function stepText(view: View, at: number): string {
  return view === 'day' ? timeText(at) : view === 'year' ? monthText(at) : weekdayText(at)
}

/** Words below the bars. */
export function marksOf(view: View, steps: readonly number[]): (readonly [number, string])[] {
  if (view === 'day') return hourMarks(steps[0]!, steps.length)
  const short = new Intl.DateTimeFormat(
    document.documentElement.lang,
    view === 'week' ? { weekday: 'short' } : view === 'year' ? { month: 'narrow' } : { day: 'numeric' },
  )
  return steps.flatMap((at, i): (readonly [number, string])[] =>
    view !== 'month' || i % 7 === 0 ? [[i, short.format(at)]] : [],
  )
}

/** `2026-10-25T02:00+02:00`: no two moments of a day of 25 hours look the same. */
export function localTime(ms: number): string {
  const date = new Date(ms)
  const off = -date.getTimezoneOffset()
  const two = (n: number): string => String(Math.trunc(Math.abs(n))).padStart(2, '0')
  const local = new Date(ms + off * 60_000).toISOString().slice(0, 16)
  return `${local}${off < 0 ? '-' : '+'}${two(off / 60)}:${two(off % 60)}`
}
