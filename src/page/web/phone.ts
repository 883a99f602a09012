// The page that a device itself serves to a phone: a My Home of its own, with the owner's key in this
// browser. Frames are opened here, events are signed here; the device relays and stores.

import { App } from './app.ts'
import { Box } from './own/box.ts'
import { OwnHome } from './own/home.ts'
import { takeCode } from './parts/address.ts'
import { KeyPanel } from './parts/keys.ts'
import { loadWords } from './words/words.ts'

const code = takeCode()
void loadWords().then(() => {
  const box = Box.open()
  const app: App = new App((question) => own.ask(question))
  const own: OwnHome = new OwnHome(box, app)
  app.keys = new KeyPanel(box, own)
  app.start(code)
  own.connect()
})
