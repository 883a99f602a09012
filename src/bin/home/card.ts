// A provider's card or request as a person gives it on the command line.

import { existsSync, readFileSync } from 'node:fs'
import { queryOf } from '../../page/request.ts'

/** A card given as its line, or as a file that holds it; null for a name. */
export function cardOf(word: string): string | null {
  if (word.startsWith('wattle-provider:')) return word
  if (existsSync(word)) return readFileSync(word, 'utf8').trim()
  return null
}

/** The same, of a request as well: its line, its link, or a file that holds one. */
export function lineOf(word: string): string | null {
  return queryOf(word) === null ? cardOf(word) : word
}
