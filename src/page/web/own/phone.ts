// The page in a phone, put together: used by phone.ts and start.ts.

import { App } from '../app.ts'
import { takeCode } from '../parts/claim/address.ts'
import type { Panels } from '../parts/panels.ts'
import { loadWords } from '../words/words.ts'
import { Box } from './box.ts'
import { OwnHome, type OwnParts } from './home.ts'

/** What one of the two pages has and the other has not. */
export interface PhoneParts extends OwnParts {
  readonly panels: typeof Panels | null
  /** Before anything is drawn. */
  prepare(app: App, keys: { box: Box; own: OwnHome }): void
}

export function startPhone(parts: PhoneParts): void {
  const code = takeCode()
  void loadWords().then(() => {
    const box = Box.open()
    const app: App = new App((question) => own.ask(question), parts.panels)
    const own: OwnHome = new OwnHome(box, app, parts)
    parts.prepare(app, { box, own })
    app.start(code)
    own.connect()
  })
}
