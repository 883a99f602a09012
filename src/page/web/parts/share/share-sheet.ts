// The sheet in which a person lets a provider in: how finely, for how long, what for; then what it
// means, in words, before the button.

import { type GrantAsk, type PageDevice, type PageProvider, RESOLUTION_CLASSES } from '../../../protocol.ts'
import { openSheet, toast } from '../../kit/dialog.ts'
import { h } from '../../kit/dom.ts'
import type { AskHome } from '../../kit/live.ts'
import { refusal, words } from '../../words/words.ts'
import { UNTILS, type Until } from './untils.ts'

const USUAL: Until = 'quarter'

export interface ShareWish {
  readonly provider: PageProvider
  readonly device: PageDevice
  readonly ask: AskHome
  /** The server's clock. */
  now(): number
}

export function openShare(wish: ShareWish): void {
  const { provider, device } = wish
  const classes = RESOLUTION_CLASSES.map((fine) => {
    const radio = h('input', { type: 'radio', name: 'class', value: fine, id: `class-${fine}` })
    radio.checked = fine === 'raw'
    return radio
  })
  const choices = classes.map((radio, i) => {
    const fine = RESOLUTION_CLASSES[i]!
    const label = h('span', {}, h('strong', {}, words.share.classes[fine]), ' ', words.share.classesWhy[fine])
    return h('label', { class: 'choice', for: radio.id }, radio, label)
  })
  const until = h(
    'select',
    { id: 'share-until' },
    ...(Object.keys(UNTILS) as Until[]).map((key) => h('option', { value: key }, words.share.untils[key])),
  )
  until.value = USUAL
  const purpose = h('input', {
    id: 'share-purpose',
    type: 'text',
    maxlength: '200',
    autocomplete: 'off',
    placeholder: words.share.askPurposeHint,
  })
  openSheet({
    title: words.share.askTitle(provider.name),
    body: [
      h('fieldset', {}, h('legend', {}, words.share.askFine), ...choices),
      h('label', { class: 'field', for: 'share-until' }, words.share.askUntil),
      until,
      h('label', { class: 'field', for: 'share-purpose' }, words.share.askPurpose),
      purpose,
      h('p', { class: 'note' }, words.share.askNote(provider.name)),
    ],
    yes: words.share.share,
    run: async () => {
      const fine = RESOLUTION_CLASSES[classes.findIndex((radio) => radio.checked)] ?? 'day'
      const question: Omit<GrantAsk, 'id'> = {
        do: 'grant',
        device: device.id,
        provider: provider.id,
        class: fine,
        purpose: purpose.value.trim(),
        until: Math.round(wish.now()) + UNTILS[until.value as Until],
      }
      const outcome = await wish.ask(question)
      if (!outcome.ok) return refusal(outcome)
      toast(words.share.shared(provider.name))
      return null
    },
  })
}
