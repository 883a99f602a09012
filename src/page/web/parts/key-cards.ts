// What the panels show of the owner's keys where the page holds them. Before the first reload after a claim
// there is one button only: the rest comes with the page of an owned device.

import { button, h } from '../kit/dom.ts'
import { icon } from '../kit/icons.ts'
import { words } from '../words/words.ts'

export interface KeyCards {
  /** For the device's section. */
  card(): HTMLElement
  /** For whoever stands before a device whose key is not here; null where that cannot be. */
  stranger(): HTMLElement | null
}

/** The query with which the page opens at the device's section. */
export const AT_DEVICE = '?device'

export const justClaimed: KeyCards = {
  card: () =>
    h(
      'div',
      { class: 'card keys' },
      h('h2', {}, icon('key'), words.keys.title),
      h('p', { class: 'quiet' }, words.keys.why),
      button({ class: 'plain' }, [words.keys.save], () => location.replace(`/${AT_DEVICE}`)),
    ),
  stranger: () => null,
}
