// The code of a label in the page's own address: it is in the fragment, which leaves neither the phone
// nor, a moment after the page has loaded, the address bar behind.

import { codeOf } from './code.ts'

/** The code that the address bar holds, taken out of it at once. */
export function takeCode(): string | null {
  const code = codeOf(location.hash)
  if (location.hash !== '') history.replaceState(null, '', location.pathname + location.search)
  return code
}
