// Consents as the panels show them, out of the owner log and of what the device tells of reads.

import { base64url } from '../../base/bytes.ts'
import type { Card } from '../../ownership/card.ts'
import type { ReaderEntry } from '../../ownership/event.ts'
import { CLASS_NAMES } from '../../wire/frame.ts'
import type { PageGrant, PageReads } from '../protocol.ts'

/** PageProvider.id of a card. */
export function keyOf(card: Card | null): string {
  return card ? base64url(card.sign) : ''
}

export function grantOf(r: ReaderEntry): Omit<PageGrant, 'state'> {
  const { name, purpose, since, until, domain } = r
  return {
    id: base64url(r.grantId),
    provider: name,
    providerId: base64url(r.sign),
    class: CLASS_NAMES[r.class],
    since,
    until,
    purpose,
    domain,
  }
}

/** A consent of the log at `now`, with what the device counted of it. */
export function grantView(r: ReaderEntry, reads: ReadonlyMap<string, PageReads>, now: number): PageGrant {
  const grant = grantOf(r)
  const read = reads.get(grant.id)
  const state = r.until > now ? 'active' : 'ended'
  return {
    ...grant,
    state,
    ...(read ? { reads: read } : {}),
    ...(state === 'ended' ? { endedAt: r.until } : {}),
  }
}
