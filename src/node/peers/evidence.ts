// What is seen of those who help us, on the way to whoever forms opinions (docs/reputation.md). Words only:
// what each of them weighs is for the listener to say.

import { type Bytes, equal } from '../../base/bytes.ts'
import { readContact } from '../../wire/net/contact.ts'

/** As in the table of docs/reputation.md; `kept-promise` and `broke-promise` are about what was read back. */
export type Evidence =
  | 'timed-out'
  | 'bad-signature'
  | 'malformed'
  | 'kept-promise'
  | 'broke-promise'
  | 'equivocated'
  | 'relayed-megabyte'
  | 'relay-lied'

/** `times`: how often, or how many megabytes. */
export type OnEvidence = (key: Bytes, what: Evidence, times?: number) => void

/** Two contacts that one key has signed for one place, and that differ. */
export function equivocates(one: Bytes, other: Bytes): boolean {
  const [a, b] = [readContact(one), readContact(other)]
  return a !== null && b !== null && equal(a.key, b.key) && a.seq === b.seq && !equal(one, other)
}
