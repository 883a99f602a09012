// The page that `wattle home` serves. It holds no owner's key: home signs what is asked here, for whoever
// has the page's own key (kit/key.ts).

import type { HomeMessage } from '../protocol.ts'
import { App } from './app.ts'
import { button, byId, fill, h, show } from './kit/dom.ts'
import { pageKey, takeKey } from './kit/key.ts'
import { Live, type Outcome, type Question } from './kit/live.ts'
import { takeCode } from './parts/claim/address.ts'
import { Desk } from './parts/desk/desk.ts'
import { openRestore } from './parts/desk/files.ts'
import { Talk } from './parts/desk/talk.ts'
import { Panels } from './parts/panels.ts'
import { RequestPanel } from './parts/share/request.ts'
import { desk, loadDesk, loadWords } from './words/words.ts'

takeKey()
const code = takeCode()
void loadWords()
  .then(loadDesk)
  .then(() => {
    const ask = (question: Question): Promise<Outcome> => live.ask(question)
    const app: App = new App(ask, Panels)
    const line = { ask, send: (bytes: Uint8Array<ArrayBuffer>) => live.send(bytes) }
    const live: Live<HomeMessage> = new Live<HomeMessage>(
      {
        onMessage: (message) => app.onMessage(message),
        onLink: (up) => {
          if (up) locked(false)
          app.onLink(up)
        },
        onLocked: () => locked(true),
      },
      pageKey,
    )
    app.request = (root, question) => new RequestPanel(root, question)
    app.desk = (clock) => new Desk(line, clock)
    // Where nothing is claimed yet.
    byId('claim').append(
      button({ class: 'plain restore' }, [desk.files.restore], () => openRestore(new Talk(line))),
    )
    // Before the listener that takes the fragment away.
    addEventListener('hashchange', () => {
      if (takeKey()) live.connect()
    })
    app.start(code)
    live.connect()
  })

/** Says how to get in, in the place of everything else. */
function locked(is: boolean): void {
  const place = byId('locked')
  show(place, is)
  show(byId('claim'), false)
  if (!is) return
  show(byId('board'), false)
  show(byId('tabs'), false)
  fill(place, [
    h('h2', { class: 'title' }, desk.locked.title),
    h('div', { class: 'card' }, h('p', {}, desk.locked.why), h('p', {}, desk.locked.how)),
  ])
}
