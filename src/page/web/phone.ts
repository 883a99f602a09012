// The page that a device with an owner serves to a phone: a My Home of its own, with the owner's key in
// this browser. Frames are opened here, events are signed here; the device relays and stores.

import { OwnLog } from './own/owner-log.ts'
import { startPhone } from './own/phone.ts'
import { KeyPanel } from './parts/device/keys.ts'
import { Panels } from './parts/panels.ts'
import { RequestPanel } from './parts/share/request.ts'

startPhone({
  claiming: null,
  logs: OwnLog,
  panels: Panels,
  prepare: (app, { box, own }) => {
    app.keys = new KeyPanel(box, own)
    app.request = (root, ask) => new RequestPanel(root, ask)
  },
})
