// The page that a device with an owner serves to a phone: a My Home of its own, with the owner's key in
// this browser. Frames are opened here, events are signed here; the device relays and stores.

import { startPhone } from './own/phone.ts'
import { KeyPanel } from './parts/keys.ts'
import { RequestPanel } from './parts/request.ts'

startPhone({
  claiming: null,
  keys: (box, own) => new KeyPanel(box, own),
  prepare: (app) => {
    app.request = (root, ask) => new RequestPanel(root, ask)
  },
})
