// What of a row of the history is drawn and summed: electricity (both ways), gas or water.

import type { HistoryCells } from '../../../desk/desk.ts'
import { powerText, quantityText, shortEnergy, shortNumber } from '../../kit/format.ts'
import { desk } from '../../words/words.ts'

export const MEASURES = ['power', 'gas', 'water'] as const
export type Measure = (typeof MEASURES)[number]

export interface MeasureOf {
  has(row: HistoryCells): boolean
  up(row: HistoryCells): number
  down(row: HistoryCells): number
  /** The axis is never finer than this. */
  readonly least: number
  text(value: number): string
  readonly axis: { readonly unit: string; text(value: number): string }
  sum(up: number, down: number): string
}

const none = (): number => 0

function volume(column: 3 | 4): MeasureOf {
  const text = (litres: number): string => quantityText((litres / 1_000).toFixed(2), 'm³')
  return {
    has: (row) => row[column] !== null,
    up: (row) => row[column] ?? 0,
    down: none,
    least: 100,
    text,
    axis: { unit: 'm³', text: (litres) => shortNumber(litres / 1_000) },
    sum: text,
  }
}

export const measureOf: Readonly<Record<Measure, MeasureOf>> & {
  readonly power: MeasureOf & { watts(w: number): string }
} = {
  power: {
    has: (row) => row[1] !== null,
    up: (row) => row[1] ?? 0,
    down: (row) => row[2] ?? 0,
    least: 50,
    text: shortEnergy,
    axis: { unit: 'kWh', text: (wh) => shortNumber(wh / 1_000) },
    sum: (up, down) => desk.history.sums(shortEnergy(up), shortEnergy(down)),
    watts: powerText,
  },
  gas: volume(3),
  water: volume(4),
}
