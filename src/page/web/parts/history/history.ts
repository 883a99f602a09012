// What was used: a day, a week, a month or a year as bars, beside it the one before or the one of a year
// ago, the sums in words, all figures as a table, and both as a file. The readings come from the home
// that keeps them; what is drawn is in steps of the local calendar (period.ts).

import type { HistoryCells, HistoryView } from '../../../desk/desk.ts'
import { type Bar, drawBars, slotUnder } from '../../kit/bars.ts'
import type { ServerClock } from '../../kit/clock.ts'
import { button, type Child, fill, h, redraw, say, show } from '../../kit/dom.ts'
import { icon } from '../../kit/icons.ts'
import { desk } from '../../words/words.ts'
import { MEASURES, type Measure, measureOf } from './measure.ts'
import { localTime, marksOf, stepText, titleOf } from './names.ts'
import {
  beginOf,
  COMPARES,
  type Compare,
  comparedWith,
  nameOf,
  STEP_OF,
  stepsOf,
  VIEWS,
  type View,
} from './period.ts'
import { historyTable } from './table.ts'

/** Where the rows come from; null: they cannot be had now. */
export interface HistorySource {
  rows(o: {
    device: string
    from: number
    to: number
    step: string
    zone: string
  }): Promise<HistoryView | null>
  /** All minutes of a span as the lines of a file. */
  minutes(device: string, from: number, to: number): Promise<Blob | null>
  save(name: string, content: Blob): void
}

const REFRESH_MS = 60_000

export class HistoryPanel {
  readonly #source: HistorySource
  readonly #clock: ServerClock
  readonly #root: HTMLElement
  readonly #bar: HTMLElement = h('div', { class: 'segments', role: 'group' })
  readonly #title: HTMLElement = h('h3', { 'aria-live': 'polite' })
  readonly #back: HTMLButtonElement
  readonly #on: HTMLButtonElement
  readonly #what: HTMLElement = h('div', { class: 'segments', role: 'group' })
  readonly #compare: HTMLSelectElement
  readonly #place: HTMLElement = h('div', { class: 'bars' })
  readonly #point: HTMLElement = h('p', { class: 'quiet point' })
  readonly #words: HTMLElement = h('div', { class: 'sums' })
  readonly #table: HTMLDetailsElement
  readonly #tablePlace: HTMLElement = h('div', { class: 'wide' })
  readonly #minutes: HTMLButtonElement
  #device: string | null
  #view: View
  #measure: Measure
  /** Begin of the period that is shown. */
  #from: number
  #shown: HistoryView | null
  #before: HistoryView | null
  /** Counts what was asked: a late answer to an earlier question is not shown. */
  #asked: number

  constructor(root: HTMLElement, source: HistorySource, clock: ServerClock) {
    const words = desk.history
    this.#root = root
    this.#source = source
    this.#clock = clock
    this.#device = null
    this.#view = 'day'
    this.#measure = 'power'
    this.#from = 0
    this.#shown = null
    this.#before = null
    this.#asked = 0
    this.#back = button({ class: 'step', 'aria-label': words.before }, ['‹'], () => this.#turn(-1))
    this.#on = button({ class: 'step', 'aria-label': words.after }, ['›'], () => this.#turn(1))
    this.#compare = h(
      'select',
      { id: 'history-compare' },
      ...COMPARES.map((key) => h('option', { value: key }, words.compares[key])),
    )
    this.#compare.value = 'before'
    this.#compare.addEventListener('change', () => void this.#load())
    this.#bar.setAttribute('aria-label', words.span)
    this.#what.setAttribute('aria-label', words.what)
    this.#minutes = button({ class: 'plain' }, [words.csvMinutes], () => void this.#saveMinutes())
    this.#table = h('details', {}, h('summary', {}, words.table), this.#tablePlace)
    this.#table.addEventListener('toggle', () => this.#draw())
    this.#place.addEventListener('pointermove', (event) => this.#pointAt(event))
    this.#place.addEventListener('pointerleave', () => say(this.#point, ''))
    fill(root, [
      h('h2', { class: 'title' }, words.title),
      h(
        'div',
        { class: 'card today' },
        this.#bar,
        h('div', { class: 'row' }, this.#title, h('span', { class: 'steps' }, this.#back, this.#on)),
        this.#what,
        this.#place,
        this.#point,
        this.#words,
        h('div', { class: 'field' }, h('label', { for: 'history-compare' }, words.compare)),
        this.#compare,
        this.#table,
        h(
          'div',
          { class: 'row files' },
          button({ class: 'plain' }, [words.csv], () => this.#save()),
          this.#minutes,
        ),
      ),
    ])
    setInterval(() => {
      if (this.#isNow() && this.#root.checkVisibility()) void this.#load()
    }, REFRESH_MS)
  }

  /** The device whose past is shown. */
  device(id: string): void {
    if (id === this.#device) return
    this.#device = id
    this.#shown = null
    this.#from = beginOf(this.#view, this.#clock.now())
    void this.#load()
  }

  /** The panel has come into view. */
  open(): void {
    if (this.#isNow()) void this.#load()
  }

  #isNow(): boolean {
    return this.#device !== null && beginOf(this.#view, this.#clock.now()) === this.#from
  }

  #choose(view: View): void {
    const middle = Math.min(this.#clock.now(), (this.#from + beginOf(this.#view, this.#from, 1)) / 2)
    // From a wider period to a narrower one: its newest, where today is in it.
    this.#from = beginOf(view, this.#isNow() ? this.#clock.now() : middle)
    this.#view = view
    void this.#load()
  }

  #turn(by: number): void {
    this.#from = beginOf(this.#view, this.#from, by)
    void this.#load()
  }

  async #load(): Promise<void> {
    const device = this.#device
    if (device === null) return
    const asked = ++this.#asked
    const view = this.#view
    const { timeZone: zone } = Intl.DateTimeFormat().resolvedOptions()
    const rows = (from: number | null): Promise<HistoryView | null> =>
      from === null
        ? Promise.resolve(null)
        : this.#source.rows({ device, from, to: beginOf(view, from, 1), step: STEP_OF[view], zone })
    const compare = this.#compare.value as Compare
    const [shown, before] = await Promise.all([
      rows(this.#from),
      rows(comparedWith(view, this.#from, compare)),
    ])
    if (asked !== this.#asked) return
    this.#shown = shown ?? this.#shown
    this.#before = before
    this.#draw()
  }

  #draw(): void {
    const words = desk.history
    const known = this.#shown?.known ?? null
    const rows = this.#shown?.rows ?? []
    const measures = MEASURES.filter((m) => m === 'power' || rows.some((row) => measureOf[m].has(row)))
    if (!measures.includes(this.#measure)) this.#measure = 'power'
    segments(this.#bar, VIEWS, this.#view, words.views, (view) => this.#choose(view))
    segments(this.#what, measures, this.#measure, words.measures, (measure) => {
      this.#measure = measure
      this.#draw()
    })
    show(this.#what, measures.length > 1)
    say(this.#title, titleOf(this.#view, this.#from))
    this.#on.disabled = this.#isNow()
    this.#back.disabled = known === null || this.#from <= known[0]
    this.#minutes.disabled = rows.length === 0
    const steps = stepsOf(this.#view, this.#from)
    const slotOf = new Map(steps.map((at, slot) => [at, slot]))
    const of = measureOf[this.#measure]
    const bars = rows.flatMap((row): Bar[] => {
      const slot = slotOf.get(row[0])
      return slot === undefined ? [] : [[slot, of.up(row), of.down(row)]]
    })
    const behind = this.#behind(steps)
    redraw(this.#place, [steps, bars, behind, this.#measure], () => [
      drawBars({
        slots: steps.length,
        bars,
        behind,
        marks: marksOf(this.#view, steps),
        least: of.least,
        axis: of.axis,
        label: words.chart(titleOf(this.#view, this.#from), bars.length, steps.length),
        height: 170,
        kind: this.#measure === 'power' ? 'using' : 'other',
      }),
    ])
    redraw(this.#words, [rows, behind, this.#measure, this.#before === null], () => this.#sums(rows, steps))
    if (this.#table.open) redraw(this.#tablePlace, [rows, this.#view], () => [historyTable(this.#view, rows)])
  }

  /** What each step is compared with: the step of the same name. */
  #behind(steps: readonly number[]): Bar[] {
    const of = measureOf[this.#measure]
    const named = new Map((this.#before?.rows ?? []).map((row) => [nameOf(this.#view, row[0]), row]))
    return steps.flatMap((at, slot): Bar[] => {
      const row = named.get(nameOf(this.#view, at))
      return row ? [[slot, of.up(row), of.down(row)]] : []
    })
  }

  #sums(rows: readonly HistoryCells[], steps: readonly number[]): Child[] {
    const words = desk.history
    if (rows.length === 0)
      return [h('p', { class: 'quiet' }, this.#shown?.known ? words.empty : words.nothing)]
    const of = measureOf[this.#measure]
    const total = (list: readonly HistoryCells[], part: 'up' | 'down'): number =>
      list.reduce((sum, row) => sum + of[part](row), 0)
    const lines: Child[] = [h('p', { class: 'total' }, of.sum(total(rows, 'up'), total(rows, 'down')))]
    // Of a period that still runs only as much is compared as there is of it.
    const last = rows[rows.length - 1]![0]
    const over = new Set(steps.filter((at) => at <= last).map((at) => nameOf(this.#view, at)))
    const before = (this.#before?.rows ?? []).filter((row) => over.has(nameOf(this.#view, row[0])))
    if (before.length > 0) {
      const [now, then] = [total(rows, 'up'), total(before, 'up')]
      lines.push(
        h('p', {}, words.differs(of.text(then), then > 0 ? Math.round((now / then - 1) * 100) : null)),
      )
    } else if (this.#compare.value !== 'none') lines.push(h('p', { class: 'quiet' }, words.noOther))
    const peak = rows.reduce(
      (most, row) => Math.max(most, row[5] ?? Number.NEGATIVE_INFINITY),
      Number.NEGATIVE_INFINITY,
    )
    if (this.#measure === 'power' && peak > 0)
      lines.push(h('p', { class: 'quiet' }, words.peak(measureOf.power.watts(peak))))
    if (rows.some((row) => row[6] === 1)) lines.push(h('p', { class: 'quiet gap' }, icon('warn'), words.gap))
    return lines
  }

  #pointAt(event: PointerEvent): void {
    const svg = this.#place.querySelector('svg')
    if (!svg || !this.#shown) return
    const steps = stepsOf(this.#view, this.#from)
    const at = steps[slotUnder(svg, event.clientX)]
    const row = this.#shown.rows.find((r) => r[0] === at)
    const of = measureOf[this.#measure]
    say(
      this.#point,
      at === undefined
        ? ''
        : desk.history.at(stepText(this.#view, at), row ? of.sum(of.up(row), of.down(row)) : '–'),
    )
  }

  #save(): void {
    const rows = this.#shown?.rows ?? []
    const lines = ['begin,in_wh,out_wh,gas_l,water_l,peak_w,whole']
    for (const [at, ...cells] of rows) {
      const gap = cells.pop()
      lines.push([localTime(at), ...cells.map((cell) => cell ?? ''), gap === 0 ? 'yes' : 'no'].join(','))
    }
    this.#source.save(
      this.#fileName(STEP_OF[this.#view]),
      new Blob([`${lines.join('\n')}\n`], { type: 'text/csv' }),
    )
  }

  async #saveMinutes(): Promise<void> {
    const device = this.#device
    if (device === null) return
    const [from, to] = [this.#from, Math.min(beginOf(this.#view, this.#from, 1), this.#clock.now())]
    const name = this.#fileName('minutes')
    this.#minutes.disabled = true
    say(this.#minutes, desk.history.fetching)
    const content = await this.#source.minutes(device, from, to)
    say(this.#minutes, content ? desk.history.csvMinutes : desk.history.notFetched)
    this.#minutes.disabled = false
    if (content) this.#source.save(name, content)
  }

  #fileName(what: string): string {
    return `${this.#device ?? 'wattle'}-${localTime(this.#from).slice(0, 10)}-${this.#view}-${what}.csv`
  }
}

/** Buttons of which one is chosen. */
function segments<T extends string>(
  place: HTMLElement,
  names: readonly T[],
  chosen: T,
  words: Readonly<Record<T, string>>,
  choose: (name: T) => void,
): void {
  redraw(place, [names, chosen], () =>
    names.map((name) =>
      button({ 'aria-pressed': String(name === chosen), 'data-key': name }, [words[name]], () =>
        choose(name),
      ),
    ),
  )
}
