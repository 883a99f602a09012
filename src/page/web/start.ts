// The page that a device without an owner serves: the claim, and then the live chart. Sharing, events and
// the device come with phone.ts, to which this page goes when they are asked for: claim and owner log do
// not fit in beside each other (decision 12).

import { Claiming } from './own/claiming.ts'
import { startPhone } from './own/phone.ts'

startPhone({ claiming: (run) => new Claiming(run), logs: null, panels: null, prepare: () => {} })
