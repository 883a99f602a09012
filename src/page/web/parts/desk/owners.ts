// Who owns the device: the list, letting another one in, removing one whose computer is gone. The home
// signs; where more owners have to agree the page hands out the line for them to sign.

import type { DeskChange, DeskOwners } from '../../../desk/desk.ts'
import type { PageDevice } from '../../../protocol.ts'
import { openSheet, toast } from '../../kit/dialog.ts'
import { button, type Child, h, redraw } from '../../kit/dom.ts'
import { icon } from '../../kit/icons.ts'
import type { Outcome } from '../../kit/live.ts'
import { desk, refusal } from '../../words/words.ts'
import type { Talk } from './talk.ts'

export class OwnersCard {
  readonly element: HTMLElement = h('div', { class: 'card keys' })
  readonly #talk: Talk
  #device: PageDevice | null = null
  #of = ''

  constructor(talk: Talk) {
    this.#talk = talk
  }

  device(device: PageDevice): void {
    this.#device = device
    // The owner log is what owners are changed by.
    const of = JSON.stringify([device.id, device.link, device.log])
    if (of === this.#of) return
    this.#of = of
    void this.#load()
  }

  async #load(): Promise<void> {
    const device = this.#device
    if (!device) return
    const { ok, result } = await this.#talk.ask('owners', device.id)
    // With the next state, then.
    if (!ok) this.#of = ''
    if (!ok) return
    const found = result as DeskOwners
    redraw(this.element, [found, device.id], () => this.#draw(found))
  }

  #draw(found: DeskOwners): Child[] {
    const words = desk.owners
    const many = found.owners.length > 1
    return [
      h('h2', {}, icon('key'), words.title),
      h('p', { class: 'quiet' }, words.threshold(found.threshold, found.owners.length)),
      h(
        'ul',
        { class: 'people' },
        ...found.owners.map((owner) =>
          h(
            'li',
            {},
            h('span', { class: 'name' }, owner.own ? words.own : owner.name),
            h('code', { class: 'quiet' }, owner.key.slice(0, 12)),
            many &&
              button({ class: 'link danger', 'data-key': `owner-${owner.key}` }, [words.remove], () =>
                this.#remove(owner.own ? words.own : owner.name, owner.key),
              ),
          ),
        ),
      ),
      found.recovery && h('p', { class: 'quiet' }, words.recovery),
      found.waiting && h('p', { class: 'note' }, words.waiting),
      h(
        'div',
        { class: 'row' },
        button({ class: 'plain' }, [words.add], () => this.#add()),
        button({ class: 'plain' }, [words.invite], () => void this.#line('invitation')),
        button({ class: 'plain' }, [words.ownCard], () => void this.#line('card')),
        button({ class: 'plain' }, [words.join], () => this.#join()),
      ),
    ]
  }

  #remove(name: string, key: string): void {
    openSheet({
      title: desk.owners.removeTitle(name),
      body: [h('p', {}, desk.owners.removeNote)],
      yes: desk.owners.remove,
      danger: true,
      run: async () =>
        this.#came(await this.#talk.ask('remove-owner', this.#device?.id ?? '', { owner: key })),
    })
  }

  #add(): void {
    const card = lineField('owner-card')
    openSheet({
      title: desk.owners.addTitle,
      body: [
        h('p', {}, desk.owners.addNote),
        h('label', { class: 'field', for: 'owner-card' }, desk.owners.card),
        card,
      ],
      yes: desk.owners.add,
      run: async () =>
        this.#came(await this.#talk.ask('add-owner', this.#device?.id ?? '', { card: card.value.trim() })),
    })
  }

  #join(): void {
    const line = lineField('owner-invitation')
    openSheet({
      title: desk.owners.join,
      body: [
        h('p', {}, desk.owners.joinNote),
        h('label', { class: 'field', for: 'owner-invitation' }, desk.owners.invitation),
        line,
      ],
      yes: desk.owners.join,
      run: async () => {
        const outcome = await this.#talk.ask('join', '', { invitation: line.value.trim() })
        if (!outcome.ok) return refusal(outcome)
        toast(desk.owners.joined(String(outcome.result)))
        return null
      },
    })
  }

  /** Shows a line that is to be given to somebody. */
  async #line(verb: 'card' | 'invitation'): Promise<void> {
    const outcome = await this.#talk.ask(verb, this.#device?.id ?? '')
    if (!outcome.ok) return toast(refusal(outcome))
    const words = desk.owners
    const [title, note] =
      verb === 'card' ? [words.ownCard, words.ownCardNote] : [words.invite, words.inviteNote]
    openSheet({
      title,
      body: [h('p', {}, note), lineShown(title, String(outcome.result))],
      yes: words.close,
      run: () => Promise.resolve(null),
    })
  }

  #came(outcome: Outcome): string | null {
    this.#of = ''
    return changeCame(outcome)
  }
}

/** Says what came of a change that owners sign; null where the sheet may close. */
export function changeCame(outcome: Outcome): string | null {
  if (!outcome.ok) return refusal(outcome)
  const { state, change } = outcome.result as DeskChange
  if (change !== undefined) {
    // After the sheet that led here has closed.
    setTimeout(() =>
      openSheet({
        title: desk.change[state],
        body: [h('p', {}, desk.owners.others), lineShown(desk.change[state], change)],
        yes: desk.owners.close,
        run: () => Promise.resolve(null),
      }),
    )
  } else toast(desk.change[state])
  return null
}

function lineField(id: string): HTMLTextAreaElement {
  return h('textarea', { id, rows: '4', spellcheck: 'false', autocomplete: 'off', maxlength: '3000' })
}

/** A long line of letters that is to be copied: selected by one press. */
function lineShown(label: string, line: string): HTMLElement {
  const field = h('textarea', { rows: '5', spellcheck: 'false', 'aria-label': label })
  field.readOnly = true
  field.value = line
  field.addEventListener('focus', () => field.select())
  return field
}
