// The rules that owners have agreed on in advance: what differs from the ones a device comes with, all of
// them, and changing one.

import type { DeskPolicy } from '../../../desk/desk.ts'
import type { PageDevice } from '../../../protocol.ts'
import { openSheet } from '../../kit/dialog.ts'
import { button, type Child, h, redraw } from '../../kit/dom.ts'
import { icon } from '../../kit/icons.ts'
import { desk } from '../../words/words.ts'
import { changeCame } from './owners.ts'
import type { Talk } from './talk.ts'

export class PolicyCard {
  readonly element: HTMLElement = h('div', { class: 'card keys' })
  readonly #talk: Talk
  #device: PageDevice | null = null
  #of = ''

  constructor(talk: Talk) {
    this.#talk = talk
  }

  device(device: PageDevice): void {
    this.#device = device
    const of = JSON.stringify([device.id, device.log])
    if (of === this.#of) return
    this.#of = of
    void this.#load()
  }

  async #load(): Promise<void> {
    const { ok, result } = await this.#talk.ask('policy', this.#device?.id ?? '')
    // With the next state, then.
    if (!ok) this.#of = ''
    if (!ok) return
    const found = result as DeskPolicy
    redraw(this.element, [found, this.#device?.id], () => this.#draw(found))
  }

  #draw({ members, differs }: DeskPolicy): Child[] {
    const words = desk.policy
    return [
      h('h2', {}, icon('list'), words.title),
      h('p', { class: 'quiet' }, words.why),
      differs.length === 0
        ? h('p', {}, words.factory)
        : h('ul', { class: 'safety' }, ...differs.map((line) => h('li', { lang: 'en' }, line))),
      h(
        'details',
        {},
        h('summary', {}, words.all),
        h(
          'dl',
          { class: 'facts' },
          ...members.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value === '' ? '–' : value)]),
        ),
      ),
      h(
        'div',
        { class: 'row' },
        button({ class: 'plain' }, [words.change], () => this.#change(members)),
      ),
    ]
  }

  #change(members: DeskPolicy['members']): void {
    const words = desk.policy
    const member = h(
      'select',
      { id: 'policy-member' },
      ...members.map(([name]) => h('option', { value: name }, name)),
    )
    const value = h('input', { id: 'policy-value', type: 'text', maxlength: '200', autocomplete: 'off' })
    const fill = (): void => {
      value.value = members.find(([name]) => name === member.value)?.[1] ?? ''
    }
    member.addEventListener('change', fill)
    fill()
    openSheet({
      title: words.change,
      body: [
        h('label', { class: 'field', for: 'policy-member' }, words.member),
        member,
        h('label', { class: 'field', for: 'policy-value' }, words.value),
        value,
        h('p', { class: 'quiet' }, words.valueNote),
      ],
      yes: words.change,
      run: async () => {
        const wish = { member: member.value, value: value.value.trim() }
        const outcome = await this.#talk.ask('set-policy', this.#device?.id ?? '', wish)
        this.#of = ''
        return changeCame(outcome)
      },
    })
  }
}
