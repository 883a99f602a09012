// What only the page of a home on a computer shows: history, the proof of who could read what, owners and
// rules, copies and updates. Each panel asks the home when it is opened or when the home's state changes.

import type { DeskProgress } from '../../../desk/desk.ts'
import type { HomeState, PageDevice } from '../../../protocol.ts'
import type { ServerClock } from '../../kit/clock.ts'
import { toast } from '../../kit/dialog.ts'
import { button, byId, h } from '../../kit/dom.ts'
import { refusal, words } from '../../words/words.ts'
import { HistoryPanel } from '../history/history.ts'
import { FilesCard } from './files.ts'
import { OwnersCard } from './owners.ts'
import { PolicyCard } from './policy.ts'
import { ProofCard } from './proof.ts'
import { Talk, type TalkLine } from './talk.ts'

export class Desk {
  /** For the device's section. */
  readonly cards: HTMLElement
  readonly #history: HistoryPanel
  readonly #proof: ProofCard
  readonly #owners: OwnersCard
  readonly #policy: PolicyCard
  readonly #files: FilesCard
  #device: string

  constructor(line: TalkLine, clock: ServerClock) {
    const talk = new Talk(line)
    this.#history = new HistoryPanel(byId('history'), talk, clock)
    this.#proof = new ProofCard(talk, clock)
    this.#owners = new OwnersCard(talk)
    this.#policy = new PolicyCard(talk)
    this.#files = new FilesCard(talk)
    byId('sharing').append(this.#proof.element)
    this.#device = ''
    const wink = button({ class: 'plain wink' }, [words.keys.identify], () => {
      void talk.ask('identify', this.#device).then((outcome) => outcome.ok || toast(refusal(outcome)))
    })
    this.cards = h('div', {}, wink, this.#owners.element, this.#policy.element, this.#files.element)
  }

  show(_state: HomeState, device: PageDevice): void {
    this.#device = device.id
    this.#history.device(device.id)
    this.#proof.device(device)
    this.#owners.device(device)
    this.#policy.device(device)
    this.#files.device(device)
  }

  progress(progress: DeskProgress): void {
    this.#files.progress(progress)
  }

  /** A tab has come into view. */
  opened(tab: string): void {
    if (tab === 'history') this.#history.open()
  }
}
