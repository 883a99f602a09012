// The one dialog of the page: a sheet at the bottom of a phone, a card in the middle of a screen. The
// browser's own <dialog> keeps the focus inside, closes on Escape and gives the focus back.

import { words } from '../words/words.ts'
import { button, byId, type Child, fill, h, say, show } from './dom.ts'

export interface Sheet {
  readonly title: string
  readonly body: readonly Child[]
  readonly yes: string
  readonly no?: string
  readonly danger?: boolean
  /** Does it; null when done, else the words that say why not (the sheet stays open). */
  run(): Promise<string | null>
}

export function openSheet(sheet: Sheet): void {
  const dialog = byId('dialog') as HTMLDialogElement
  const problem = h('p', { class: 'problem', role: 'alert' })
  show(problem, false)
  const yes = h('button', { type: 'submit', class: sheet.danger ? 'main danger' : 'main' }, sheet.yes)
  const no = button({ class: 'plain' }, [sheet.no ?? words.app.cancel], () => dialog.close())
  const form = h(
    'form',
    {},
    h('h2', { id: 'sheet-title' }, sheet.title),
    ...sheet.body,
    problem,
    h('div', { class: 'actions' }, yes, no),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (yes.disabled) return
    yes.disabled = true
    say(yes, words.app.working)
    void sheet.run().then((text) => {
      if (text === null) return dialog.close()
      yes.disabled = false
      say(yes, sheet.yes)
      say(problem, text)
      show(problem, true)
    })
  })
  dialog.setAttribute('aria-labelledby', 'sheet-title')
  fill(dialog, [form])
  dialog.showModal()
}

let hiding: ReturnType<typeof setTimeout> | undefined

/** A short word about what has just been done. */
export function toast(text: string): void {
  const place = byId('toast')
  fill(place, [h('p', {}, text)])
  clearTimeout(hiding)
  hiding = setTimeout(() => fill(place, []), 4_000)
}
