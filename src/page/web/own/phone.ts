// The page in a phone, put together: used by phone.ts and start.ts.

import { App } from '../app.ts'
import { takeCode } from '../parts/address.ts'
import { KeyPanel } from '../parts/keys.ts'
import { loadWords } from '../words/words.ts'
import { Box } from './box.ts'
import type { Claiming, ClaimRun } from './claiming.ts'
import { OwnHome } from './home.ts'

/** @param prepare what this page has beside the others, before anything is drawn. */
export function startPhone(
  claiming: ((run: ClaimRun) => Claiming) | null,
  prepare: (app: App) => void,
): void {
  const code = takeCode()
  void loadWords().then(() => {
    const box = Box.open()
    const app: App = new App((question) => own.ask(question))
    const own: OwnHome = new OwnHome(box, app, claiming)
    app.keys = new KeyPanel(box, own)
    prepare(app)
    app.start(code)
    own.connect()
  })
}
