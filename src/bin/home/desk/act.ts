// What a verb of the desk is: the home that is running, the checked question, and how its answer goes back.

import type { WattleError } from '../../../base/errors.ts'
import type { DeskAsk } from '../../../page/desk/desk.ts'
import type { PageLink } from '../../../page/server.ts'
import type { Running } from '../running.ts'

/** Answers with a result, now or later, or throws WattleError. */
export type DeskAct = (running: Running, ask: DeskAsk, done: DeskDone, link: PageLink) => void
export type DeskDone = (error: WattleError | null, result: unknown) => void
