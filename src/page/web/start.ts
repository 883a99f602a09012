// The page that a device without an owner serves: the same as phone.ts, and the claim beside it. Two
// pages, because neither the claim nor providers' requests fit in beside the other (decision 12).

import { Claiming } from './own/claiming.ts'
import { startPhone } from './own/phone.ts'
import { justClaimed } from './parts/key-cards.ts'

startPhone({ claiming: (run) => new Claiming(run), keys: () => justClaimed, prepare: () => {} })
