// Which language the page speaks: the one that was chosen here, else the first of the reader's languages
// that has a table, else English. Each is a file of its own (`/nl.js`), fetched before anything is drawn.

import type { AnswerCode } from '../../protocol.ts'
import { useLocale } from '../kit/format.ts'
import type { Outcome } from '../kit/live.ts'
import type { DeskWords } from './desk/table.ts'
import type { MoreWords, Words } from './table.ts'

/** Each language in its own name. */
export const LANGUAGES: Readonly<Record<string, string>> = {
  en: 'English',
  nl: 'Nederlands',
  de: 'Deutsch',
  fr: 'Français',
}

const RETRY_MS = 1_000
const CHOSEN = 'wattle.language'

/** The table of the language that is spoken; set once, before the page is drawn. */
export let words: Words

/** The rest of it; there once `loadMore` is through. */
export let more: MoreWords

/** What only a home on a computer has; there once `loadDesk` is through. */
export let desk: DeskWords

export async function loadDesk(): Promise<void> {
  desk = ((await load(`${words.tag}-desk`)) as { desk: DeskWords }).desk
}

export async function loadWords(): Promise<void> {
  const tag = pick()
  words = ((await load(tag)) as { words: Words }).words
  useLocale(tag)
}

/** Fetched once, by whoever needs it first. */
export async function loadMore(): Promise<void> {
  more ??= ((await load(`${words.tag}-more`)) as { more: MoreWords }).more
}

/** Tried again for as long as the page is open: without words there is nothing to draw. */
async function load(name: string): Promise<unknown> {
  for (let n = 0; ; n++) {
    try {
      // A browser remembers a failed import by its address.
      return await import(`/${name}.js${n > 0 ? `?${n}` : ''}`)
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
}

/** Speaks another language from the next load on. */
export function chooseLanguage(tag: string): void {
  try {
    localStorage.setItem(CHOSEN, tag)
  } catch {
    // The browser keeps nothing here: the choice holds for nothing either.
  }
  location.reload()
}

function pick(): string {
  let chosen: string | null = null
  try {
    chosen = localStorage.getItem(CHOSEN)
  } catch {
    // Then the browser's own languages count.
  }
  const wanted = [chosen ?? '', ...navigator.languages].map((tag) => tag.toLowerCase().split('-')[0]!)
  return wanted.find((tag) => Object.hasOwn(LANGUAGES, tag)) ?? 'en'
}

/** A refusal in the reader's words; the server's own text where the page has none for its code. */
export function refusal(outcome: Outcome): string {
  const code = outcome.code ?? 'failed'
  if (Object.hasOwn(words.answers, code) && (code !== 'failed' || !outcome.text))
    return words.answers[code as AnswerCode]
  return outcome.text || words.answers.failed
}
