// Explanations that few people open: their words are fetched when they are.

import { fill, h } from '../../kit/dom.ts'
import { loadMore } from '../../words/words.ts'

/** The list, filled when the <details> that it is put into opens. */
export function helped(list: HTMLElement, lines: () => readonly string[]): HTMLElement {
  const open = (): void => {
    if (list.childElementCount > 0 || !list.closest('details')?.open) return
    void loadMore().then(() =>
      fill(
        list,
        lines().map((line) => h('li', {}, line)),
      ),
    )
  }
  // `toggle` does not bubble, but it is captured on its way.
  document.addEventListener('toggle', open, true)
  return list
}
