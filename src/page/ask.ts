// Checks one message of a page before anybody else sees it: a page is outside input like any other.
// The result is built anew from the known fields, so nothing else that a message carries gets further.
// Never throws; a wrong shape becomes the reason, in words for the page's developer.

import { LIMITS } from '../base/limits.ts'
import { readDesk } from './desk/desk.ts'
import { plainText } from './plain-text.ts'
import { type Ask, RESOLUTION_CLASSES, type ResolutionClass } from './protocol.ts'

/** Either a question, or what is wrong with it and the id to answer (0: none could be read). */
export type AskResult =
  | { readonly ask: Ask; readonly id: number; readonly wrong: null }
  | { readonly ask: null; readonly id: number; readonly wrong: string }

type Fields = Record<string, unknown>

/** Latest `until` that we take: the year 2200. */
const LAST_TIME = 7_258_118_400_000
/** A card with eight addresses is about half of that. */
const CARD_CHARS = 3_000
const LAST_ID = 2 ** 31 - 1

/** Reads one text message; `text` is at most LIMITS.page.askBytes long (the caller has checked). */
export function readAsk(text: string): AskResult {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return wrong(0, 'expected JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return wrong(0, 'expected an object')
  const fields = value as Fields
  const id = own(fields, 'id')
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 1 || id > LAST_ID)
    return wrong(0, 'id: expected a whole number from 1 up')
  const ask = build(fields, id)
  return typeof ask === 'string' ? wrong(id, ask) : { ask, id, wrong: null }
}

function build(fields: Fields, id: number): Ask | string {
  const what = own(fields, 'do')
  switch (what) {
    case 'claim':
      return claim(fields, id)
    case 'grant':
      return grant(fields, id)
    case 'revoke': {
      const device = name(fields, 'device')
      const grantId = name(fields, 'grant')
      if (device === null || grantId === null) return 'device, grant: expected two short texts'
      return { id, do: 'revoke', device, grant: grantId }
    }
    case 'delete': {
      const device = name(fields, 'device')
      return device === null ? 'device: expected a short text' : { id, do: 'delete', device }
    }
    case 'introduce':
    case 'verify': {
      const card = own(fields, 'card')
      if (typeof card !== 'string' || card.length > CARD_CHARS || !/^[\x21-\x7e]+$/.test(card))
        return `card: expected a provider's card of at most ${CARD_CHARS} characters`
      return what === 'verify' ? { id, do: 'verify', card } : { id, do: 'introduce', card }
    }
    case 'desk':
      return readDesk(fields, id)
    default:
      return 'do: expected claim, grant, revoke, delete, introduce, verify or desk'
  }
}

function claim(fields: Fields, id: number): Ask | string {
  const code = name(fields, 'code')
  if (code === null) return 'code: expected a short text'
  const address = own(fields, 'address')
  if (address === undefined) return { id, do: 'claim', code }
  const place = name(fields, 'address')
  return place === null ? 'address: expected a short text' : { id, do: 'claim', code, address: place }
}

function grant(fields: Fields, id: number): Ask | string {
  const device = name(fields, 'device')
  const provider = name(fields, 'provider')
  if (device === null || provider === null) return 'device, provider: expected two short texts'
  const fine = own(fields, 'class')
  if (!RESOLUTION_CLASSES.includes(fine as ResolutionClass)) return 'class: expected raw, 15min or day'
  const purpose = own(fields, 'purpose')
  if (typeof purpose !== 'string' || purpose.length > LIMITS.page.purposeChars || !plainText(purpose))
    return `purpose: expected a text of at most ${LIMITS.page.purposeChars} characters`
  const ask = { id, do: 'grant', device, provider, class: fine as ResolutionClass, purpose } as const
  const until = own(fields, 'until')
  if (until === undefined) return ask
  if (typeof until !== 'number' || !Number.isInteger(until) || until < 1 || until > LAST_TIME)
    return 'until: expected milliseconds since 1970, or nothing'
  return { ...ask, until }
}

function wrong(id: number, text: string): AskResult {
  return { ask: null, id, wrong: text }
}

/** Only what the message itself carries; `__proto__` and friends are not fields. */
function own(fields: Fields, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined
}

/** A text of 1 to LIMITS.page.nameChars printable characters, else null. */
function name(fields: Fields, key: string): string | null {
  const value = own(fields, key)
  if (typeof value !== 'string' || value.length === 0 || value.length > LIMITS.page.nameChars) return null
  return plainText(value) ? value : null
}
