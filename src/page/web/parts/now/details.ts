// The smaller cards under the chart: phases as bars with V and A, gas with the time at which the gas
// meter was read (it lags minutes to an hour behind), and the meter's own totals for each tariff.

import type { PageOther, PagePhase, PageReading } from '../../../protocol.ts'
import { type Child, h } from '../../kit/dom.ts'
import {
  amps,
  energyText,
  momentText,
  powerText,
  quantityText,
  signedPower,
  volts,
  volumeText,
} from '../../kit/format.ts'
import { icon } from '../../kit/icons.ts'
import { words } from '../../words/words.ts'

/** A bar is full at this power, or at the largest phase where that is more. */
const FULL_BAR_W = 2_300

export function phaseCard(reading: PageReading): HTMLElement | null {
  const phases = reading.phases.filter((p) => p.powerInW !== null || p.voltage !== null || p.current !== null)
  if (phases.length === 0) return null
  let full = FULL_BAR_W
  for (const phase of phases) full = Math.max(full, Math.abs(netOf(phase)))
  return h(
    'div',
    { class: 'card' },
    h('h2', {}, icon('bolt'), words.now.phases),
    h('ul', { class: 'phases' }, ...phases.map((phase, i) => phaseRow(phase, i + 1, full))),
  )
}

function phaseRow(phase: PagePhase, n: number, full: number): HTMLElement {
  const net = netOf(phase)
  const bar = h('span', { class: net < 0 ? 'bar returning' : 'bar', 'aria-hidden': 'true' }, h('span', {}))
  ;(bar.firstElementChild as HTMLElement).style.inlineSize = `${Math.min(100, (Math.abs(net) / full) * 100)}%`
  const more = [
    phase.voltage === null ? null : volts(phase.voltage),
    phase.current === null ? null : amps(phase.current),
  ].filter((text) => text !== null)
  return h(
    'li',
    {},
    h('span', { class: 'name' }, words.now.phase(n)),
    bar,
    h('span', { class: 'value' }, phase.powerInW === null ? '' : signedPower(net)),
    h('span', { class: 'quiet more' }, more.join(' · ')),
  )
}

function netOf(phase: PagePhase): number {
  return (phase.powerInW ?? 0) - (phase.powerOutW ?? 0)
}

/** Gas, water and heat, each with the time at which its own meter was read: it lags behind. */
export function meterCards(reading: PageReading, now: number): HTMLElement[] {
  const { gas, others } = reading
  const cards = (others ?? []).map((other) =>
    meterCard(other.kind, words.now.others[other.kind], quantityText(other.value, UNITS[other.unit]), {
      at: other.at,
      now,
    }),
  )
  return gas === null
    ? cards
    : [meterCard('gas', words.now.gas, volumeText(gas.m3), { at: gas.at, now }), ...cards]
}

const UNITS = { m3: 'm³', GJ: 'GJ', kWh: 'kWh' } as const

function meterCard(
  kind: PageOther['kind'] | 'gas',
  name: string,
  value: string,
  { at, now }: { at: number; now: number },
): HTMLElement {
  return h(
    'div',
    { class: 'card' },
    h('h2', {}, icon(kind === 'gas' || kind === 'heat' ? 'flame' : 'drop'), name),
    h('p', { class: 'medium' }, value),
    h('p', { class: 'quiet' }, words.now.meterRead(momentText(at, now))),
  )
}

/** Belgium bills the month's highest quarter-hour: what this one comes to, and what it is measured against. */
export function quarterCard(reading: PageReading, now: number): HTMLElement | null {
  const quarter = reading.quarter
  if (!quarter) return null
  const { nowW, peakW, peakAt } = quarter
  const share = peakW ? Math.min(1, nowW / peakW) : 0
  const bar = h('span', { class: share >= 1 ? 'bar over' : 'bar', 'aria-hidden': 'true' }, h('span', {}))
  ;(bar.firstElementChild as HTMLElement).style.inlineSize = `${share * 100}%`
  return h(
    'div',
    { class: 'card' },
    h('h2', {}, icon('bolt'), words.now.quarter),
    h('p', { class: 'medium' }, powerText(nowW)),
    bar,
    h(
      'p',
      { class: 'quiet' },
      peakW === null
        ? words.now.noPeak
        : words.now.peak(powerText(peakW), peakAt === null ? '' : momentText(peakAt, now)),
    ),
  )
}

export function totalsCard(reading: PageReading): HTMLElement | null {
  const rows = Math.max(reading.energyIn.length, reading.energyOut.length)
  if (rows === 0) return null
  const body: Child[] = []
  for (let i = 0; i < rows; i++) {
    const now = reading.tariff === i + 1
    const name = h(
      'th',
      { scope: 'row' },
      `${words.now.tariff(i + 1)} `,
      now && h('span', { class: 'tag' }, words.now.tariffNow),
    )
    body.push(h('tr', {}, name, cell(reading.energyIn[i]), cell(reading.energyOut[i])))
  }
  const head = h(
    'tr',
    {},
    h('td', {}),
    h('th', { scope: 'col' }, words.now.taken),
    h('th', { scope: 'col' }, words.now.given),
  )
  return h(
    'div',
    { class: 'card' },
    h('h2', {}, icon('list'), words.now.totals),
    h('table', { class: 'totals' }, h('thead', {}, head), h('tbody', {}, ...body)),
  )
}

function cell(wattHours: number | undefined): HTMLElement {
  return h('td', {}, wattHours === undefined ? '–' : energyText(wattHours))
}
