// The page that `wattle home` serves. It holds no key: home signs what is asked here.

import type { HomeMessage } from '../protocol.ts'
import { App } from './app.ts'
import { Live } from './kit/live.ts'
import { takeCode } from './parts/claim/address.ts'
import { Panels } from './parts/panels.ts'
import { RequestPanel } from './parts/share/request.ts'
import { loadWords } from './words/words.ts'

const code = takeCode()
void loadWords().then(() => {
  const app: App = new App((question) => live.ask(question), Panels)
  const live: Live<HomeMessage> = new Live(app)
  app.request = (root, question) => new RequestPanel(root, question)
  app.start(code)
  live.connect()
})
