// Less than before: a consent with a coarser class or an earlier end takes the place of one that is there.
// First given, then the old one ended, so that there is no time without; never wider in between.

import { type Bytes, equal } from '../../base/bytes.ts'
import type { WattleError } from '../../base/errors.ts'
import type { ReaderEntry } from '../../ownership/event.ts'
import type { ClassId } from '../../wire/frame.ts'
import type { Home } from '../home.ts'
import type { Owned } from '../owned.ts'

/** Gives the new grant id; with an error too where only the end of the old one failed. */
export function narrow(
  home: Home,
  o: { owned: Owned; reader: ReaderEntry; class: ClassId; until: number },
  done: (error: WattleError | null, grantId: Bytes | null) => void,
): void {
  const { owned, reader, until } = o
  const known = home.store.cards.find(({ card }) => equal(card.sign, reader.sign))?.card
  const { name, domain, sign, box, purpose } = reader
  const card = known ?? { name, domain, sign, box, addresses: [] }
  home.grant(owned, card, { class: o.class, until, purpose }, (error, grantId) => {
    if (error) return done(error, null)
    home.revoke(owned, reader.grantId, (failure) => done(failure, grantId))
  })
}
