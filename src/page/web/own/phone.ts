// The page in a phone, put together: used by phone.ts and start.ts.

import { App } from '../app.ts'
import { takeCode } from '../parts/address.ts'
import type { KeyCards } from '../parts/key-cards.ts'
import { loadWords } from '../words/words.ts'
import { Box } from './box.ts'
import type { Claiming, ClaimRun } from './claiming.ts'
import { OwnHome } from './home.ts'

/** What one of the two pages has and the other has not. */
export interface PhoneParts {
  readonly claiming: ((run: ClaimRun) => Claiming) | null
  keys(box: Box, own: OwnHome): KeyCards
  /** Before anything is drawn. */
  prepare(app: App): void
}

export function startPhone({ claiming, keys, prepare }: PhoneParts): void {
  const code = takeCode()
  void loadWords().then(() => {
    const box = Box.open()
    const app: App = new App((question) => own.ask(question))
    const own: OwnHome = new OwnHome(box, app, claiming)
    app.keys = keys(box, own)
    prepare(app)
    app.start(code)
    own.connect()
  })
}
