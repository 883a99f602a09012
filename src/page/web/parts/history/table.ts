// The figures of a period as a table: what a screen reader reads where others look at bars.

import type { HistoryCells } from '../../../desk/desk.ts'
import { h } from '../../kit/dom.ts'
import { powerText, shortEnergy } from '../../kit/format.ts'
import { desk } from '../../words/words.ts'
import { measureOf } from './measure.ts'
import { stepText } from './names.ts'
import type { View } from './period.ts'

export function historyTable(view: View, rows: readonly HistoryCells[]): HTMLElement {
  const { columns } = desk.history
  const gas = rows.some((row) => row[3] !== null)
  const water = rows.some((row) => row[4] !== null)
  const heads = [
    columns.when,
    columns.taken,
    columns.given,
    ...(gas ? [columns.gas] : []),
    ...(water ? [columns.water] : []),
    columns.peak,
  ]
  const body = rows.map((row) => {
    const [at, taken, given, , , peak, gap] = row
    const cells = [
      energy(taken),
      energy(given),
      ...(gas ? [row[3] === null ? '–' : measureOf.gas.text(row[3])] : []),
      ...(water ? [row[4] === null ? '–' : measureOf.water.text(row[4])] : []),
      peak === null ? '–' : powerText(peak),
    ]
    return h(
      'tr',
      {},
      h('th', { scope: 'row' }, stepText(view, at), gap === 1 && ` ${columns.gap}`),
      ...cells.map((cell) => h('td', {}, cell)),
    )
  })
  return h(
    'table',
    { class: 'totals' },
    h('thead', {}, h('tr', {}, ...heads.map((head) => h('th', { scope: 'col' }, head)))),
    h('tbody', {}, ...body),
  )
}

function energy(wh: number | null): string {
  return wh === null ? '–' : shortEnergy(wh)
}
