// Quarter-hours of one device out of the history, for the bars of the page's days.

import { base64url } from '../../../../base/bytes.ts'
import type { History } from '../../../../home/history/history.ts'
import { Zone } from '../../../../home/history/steps.ts'
import type { OwnedDevice } from '../../../../home/store.ts'
import type { QuarterRow } from '../../../../page/protocol.ts'

/** Quarter-hours need no zone. */
const UTC = new Zone('UTC')

/** Those in [from, to). */
export function quartersOf(history: History, device: OwnedDevice, from: number, to: number): QuarterRow[] {
  const rows = history.rows(base64url(device.key), { from, to, step: 'quarter', zone: UTC })
  return rows.map((r): QuarterRow => [r.at, r.inWh, r.outWh, r.gasL])
}
