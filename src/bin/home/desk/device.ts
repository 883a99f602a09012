// What the page wants of a device beside consent, told to it over its desk (home/network/desks.ts).

import { WattleError } from '../../../base/errors.ts'
import type { DeviceWish } from '../../../page/protocol.ts'
import type { DeskAct } from './act.ts'
import { ownedOf } from './owners.ts'

const wish =
  (of: (more: Readonly<Record<string, unknown>>) => DeviceWish): DeskAct =>
  (running, ask, done) => {
    const { device } = ownedOf(running, ask)
    if (running.desks.wish(device, of(ask.with))) done(null, null)
    else
      done(
        new WattleError('device-offline', 'the device cannot be reached now; ask again when it is back'),
        null,
      )
  }

export const identify: DeskAct = wish(() => ({ do: 'identify' }))

/** What came of it stands in what the device tells next. */
export const rawPort: DeskAct = wish(({ on }) => ({ do: 'raw', on: on === true }))
