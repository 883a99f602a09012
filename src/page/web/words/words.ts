// Which language the page speaks: the first of the reader's languages that has a table. One row for
// each language; `nl`, `de` and `fr` are further rows of the same shape.

import type { AnswerCode } from '../../protocol.ts'
import type { Outcome } from '../kit/live.ts'
import { en } from './en.ts'
import type { Words } from './table.ts'

const LANGUAGES: readonly Words[] = [en]

function choose(): Words {
  for (const wanted of navigator.languages) {
    const tag = wanted.toLowerCase().split('-')[0]
    const found = LANGUAGES.find((words) => words.tag === tag)
    if (found !== undefined) return found
  }
  return en
}

export const words: Words = choose()

/** A refusal in the reader's words; the server's own text where the page has none for its code. */
export function refusal(outcome: Outcome): string {
  const code = outcome.code ?? 'failed'
  if (Object.hasOwn(words.answers, code) && (code !== 'failed' || !outcome.text))
    return words.answers[code as AnswerCode]
  return outcome.text || words.answers.failed
}
