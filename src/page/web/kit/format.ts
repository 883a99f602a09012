// Numbers, times and spans in the reader's own way: locale of the browser, figures that do not jump in
// width, W below 10 kW. Nothing here knows words; those are in words/.

const locales: readonly string[] = navigator.languages.length > 0 ? navigator.languages : ['en']

function numbers(digits: number): Intl.NumberFormat {
  return new Intl.NumberFormat(locales as string[], {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
}

const whole = numbers(0)
const one = numbers(1)
const two = numbers(2)
const three = numbers(3)
const time = new Intl.DateTimeFormat(locales as string[], { hour: '2-digit', minute: '2-digit' })
const seconds = new Intl.DateTimeFormat(locales as string[], {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  // Short, for a chart's axis and a log.
  hourCycle: 'h23',
})
const day = new Intl.DateTimeFormat(locales as string[], { day: 'numeric', month: 'long', year: 'numeric' })
const shortDay = new Intl.DateTimeFormat(locales as string[], { day: 'numeric', month: 'short' })

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
