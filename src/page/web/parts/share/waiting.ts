// Requests that were opened here and not answered yet: kept in this browser until the owner has decided or
// their time is over. What is kept is the link's query as it came; it is checked anew each time.

import { type ProviderRequest, REQUEST_PATH, readRequest } from '../../../request.ts'
import { button, type Child, h } from '../../kit/dom.ts'
import { icon } from '../../kit/icons.ts'
import { words } from '../../words/words.ts'

const KEPT = 'wattle.requests'
const MOST = 8

export interface Waiting {
  readonly query: string
  readonly request: ProviderRequest
}

/** What was found last, and of what: signatures are not checked again and again. */
let found: { readonly of: string; readonly list: readonly Waiting[] } = { of: '', list: [] }

/** Newest first. */
export function waiting(): readonly Waiting[] {
  const queries = kept()
  const of = queries.join(' ')
  if (of !== found.of) {
    const list = queries.flatMap((query) => {
      const { request } = readRequest(query, Date.now())
      return request ? [{ query, request }] : []
    })
    found = { of, list }
  }
  return found.list
}

/** Puts it on the list, or takes it off. */
export function keepWaiting(query: string, is: boolean): void {
  const others = kept().filter((other) => other !== query)
  try {
    localStorage.setItem(KEPT, JSON.stringify(is ? [query, ...others].slice(0, MOST) : others))
  } catch {
    // Then it is waiting in the link alone.
  }
}

/** A line for each, with the way to it. */
export function waitingCards(list: readonly Waiting[]): Child[] {
  return list.map(({ query, request }) =>
    h(
      'div',
      { class: 'card row' },
      h('p', {}, icon('key'), ' ', words.share.asks(request.card.name), ` · ${request.card.domain}`),
      button({ class: 'plain' }, [words.share.look], () => location.assign(`${REQUEST_PATH}?${query}`)),
    ),
  )
}

function kept(): string[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(KEPT) ?? '[]')
    return Array.isArray(list) ? list.filter((query) => typeof query === 'string') : []
  } catch {
    return []
  }
}
