// What the page on this computer asks of its home beyond consents (page/desk/desk.ts): each verb is a
// command that there is on the command line too, or a view that is made for the page. A page reaches no
// file of this computer by name: what it saves and brings goes through here in pieces.

import { WattleError } from '../../../base/errors.ts'
import type { DeskAsk, DeskVerb } from '../../../page/desk/desk.ts'
import type { AskAnswer, PageLink } from '../../../page/server.ts'
import type { Running } from '../running.ts'
import type { DeskAct, DeskDone } from './act.ts'
import { identify, rawPort } from './device.ts'
import { fetchPiece, restore, update } from './files.ts'
import { csvPiece, historyView } from './history/history.ts'
import { addOwner, card, invitation, join, owners, policy, proof, removeOwner, setPolicy } from './owners.ts'

const ACTS: Readonly<Partial<Record<DeskVerb, DeskAct>>> = {
  history: historyView,
  csv: csvPiece,
  proof,
  export: fetchPiece,
  owners,
  card,
  'add-owner': addOwner,
  'remove-owner': removeOwner,
  invitation,
  join,
  policy,
  'set-policy': setPolicy,
  identify,
  'raw-port': rawPort,
  backup: fetchPiece,
  restore,
  update,
}

export function onDesk(
  running: Running,
  ask: DeskAsk,
  answer: (answer: AskAnswer) => void,
  link: PageLink,
): void {
  const act = ACTS[ask.verb]
  const done: DeskDone = (error, result) =>
    answer(error ? { ok: false, code: error.code, text: error.message } : { ok: true, result })
  if (!act) return done(new WattleError('not-here', `this home knows no ${ask.verb}`), null)
  try {
    act(running, ask, done, link)
  } catch (error) {
    if (!(error instanceof WattleError)) throw error
    done(error, null)
  }
}
