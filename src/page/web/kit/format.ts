// Numbers, times and spans in the reader's own way: locale of the browser, figures that do not jump in
// width, W below 10 kW. Nothing here knows words; those are in words/.

let locales: string[] = ['en']
let whole = numbers(0)
let one = numbers(1)
let two = numbers(2)
let three = numbers(3)
let time = times({ hour: '2-digit', minute: '2-digit' })
let seconds = times({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
let day = times({ day: 'numeric', month: 'long', year: 'numeric' })
let shortDay = times({ day: 'numeric', month: 'short' })
let month = times({ month: 'long', year: 'numeric' })
let weekday = times({ weekday: 'long', day: 'numeric', month: 'long' })

function numbers(digits: number): Intl.NumberFormat {
  return new Intl.NumberFormat(locales, { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

function times(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(locales, options)
}

/** Numbers and times as the page's language writes them, in the reader's own variety of it (`de-AT`). */
export function useLocale(tag: string): void {
  const own = navigator.languages.filter((language) => language.toLowerCase().split('-')[0] === tag)
  locales = own.length > 0 ? own : [tag]
  whole = numbers(0)
  one = numbers(1)
  two = numbers(2)
  three = numbers(3)
  time = times({ hour: '2-digit', minute: '2-digit' })
  // Short, for a chart's axis and a log.
  seconds = times({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
  day = times({ day: 'numeric', month: 'long', year: 'numeric' })
  shortDay = times({ day: 'numeric', month: 'short' })
  weekday = times({ weekday: 'long', day: 'numeric', month: 'long' })
  month = times({ month: 'long', year: 'numeric' })
}

export interface Quantity {
  readonly figure: string
  readonly unit: string
}

/** Power without its sign: `1,234 W`, from 10 kW on `12.34 kW`. */
export function power(watts: number): Quantity {
  const w = Math.abs(watts)
  return w < 10_000 ? { figure: whole.format(w), unit: 'W' } : { figure: two.format(w / 1000), unit: 'kW' }
}

/** The same as one text, with a space that does not break. */
export function powerText(watts: number): string {
  const { figure, unit } = power(watts)
  return `${figure}\u00a0${unit}`
}

/** With its sign, for charts and bars that go below zero. */
export function signedPower(watts: number): string {
  const rounded = Math.round(watts)
  return rounded < 0 ? `−${powerText(rounded)}` : powerText(rounded)
}

/** Axis labels: `0 W`, `−500 W`, `1.5 kW`. */
export function axisPower(watts: number): string {
  const sign = watts < 0 ? '−' : ''
  const w = Math.abs(watts)
  if (w < 1000) return `${sign}${whole.format(w)} W`
  return `${sign}${w % 1000 === 0 ? whole.format(w / 1000) : one.format(w / 1000)} kW`
}

/** Wh as kWh, with three digits as on the meter. */
export function energyText(wattHours: number): string {
  return `${three.format(wattHours / 1000)}\u00a0kWh`
}

/** Cubic metres from the meter's own digits: the digits stay, the separator is the reader's. */
export function volumeText(m3: string): string {
  const value = Number(m3)
  const digits = m3.includes('.') ? m3.length - m3.indexOf('.') - 1 : 0
  return Number.isFinite(value) ? `${numbers(Math.min(digits, 3)).format(value)}\u00a0m³` : m3
}

export function volts(v: number): string {
  return `${whole.format(v)}\u00a0V`
}

export function amps(a: number): string {
  return `${Number.isInteger(a) ? whole.format(a) : one.format(a)}\u00a0A`
}

export function count(n: number): string {
  return whole.format(n)
}

export function timeText(ms: number): string {
  return time.format(ms)
}

export function secondText(ms: number): string {
  return seconds.format(ms)
}

/** The time today, else day and time. */
export function momentText(ms: number, now: number): string {
  const same = new Date(ms).toDateString() === new Date(now).toDateString()
  return same ? time.format(ms) : `${shortDay.format(ms)}, ${time.format(ms)}`
}

export function dayText(ms: number): string {
  return day.format(ms)
}

/** With the digits that it needs: `0.05`, `0.5`, `400`. */
export function shortNumber(n: number): string {
  return (n >= 10 || n === 0 ? whole : n >= 1 ? one : two).format(n)
}

/** `12.3`. */
export function decimalText(n: number): string {
  return one.format(n)
}

/** `November 2026`. */
export function monthText(ms: number): string {
  return month.format(ms)
}

/** `Friday, 20 November`. */
export function weekdayText(ms: number): string {
  return weekday.format(ms)
}

/** Wh as kWh with one digit, for bars and sums. */
export function shortEnergy(wattHours: number): string {
  return `${(Math.abs(wattHours) < 10_000 ? two : one).format(wattHours / 1000)}\u00a0kWh`
}

/** A figure and its unit, with the reader's own separator. */
export function quantityText(value: string, unit: string): string {
  const number = Number(value)
  const digits = value.includes('.') ? value.length - value.indexOf('.') - 1 : 0
  return `${Number.isFinite(number) ? numbers(Math.min(digits, 3)).format(number) : value}\u00a0${unit}`
}
