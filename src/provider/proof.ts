// What a provider can show of its consents (docs/proof.md): the owners' events, the devices' entries, and
// what follows from them. Only its own: it never gets anybody else's.

import { base64url } from '../base/bytes.ts'
import type { Span } from '../channel/proof.ts'
import { eventHash } from '../ownership/event.ts'
import { ENTRY } from '../wire/access.ts'
import { ENDING, type Ending } from '../wire/channel.ts'
import { CLASS_NAMES } from '../wire/frame.ts'
import type { ProviderAccess } from './access.ts'
import type { Channel } from './store.ts'

export interface OwnConsent {
  /** The device's Ed25519 key, and what its owner calls it. */
  device: string
  name: string
  id: string
  class: string
  /** waiting: agreed, and no key yet. */
  state: 'waiting' | 'open' | 'paused' | 'ended'
  why: string | null
  until: number
  purpose: string
  read: { from: Spot; to: Spot | null }[]
  /** Signed: the owner's event, and the device's entries, oldest first. */
  event: string | null
  entries: string[]
}

interface Spot {
  epoch: number
  index: number
  at: number
}

const WHY: Readonly<Partial<Record<Ending, string>>> = {
  [ENDING.revoked]: 'revoked',
  [ENDING.expired]: 'expired',
  [ENDING.deleted]: 'deleted',
  [ENDING.paused]: 'paused',
}

/** Every consent that the devices of these channels have told us of. */
export function ownConsents(channels: readonly Channel[], access: ProviderAccess): OwnConsent[] {
  return channels.flatMap((channel) => {
    const held = access.of(channel.device)
    if (!held) return []
    return held.book
      .consents()
      .filter((text) => text.class === channel.class)
      .map((text) => {
        const spans = held.book.spans(text.grantId)
        const entries = held.book.entries.filter(
          (e) => e.text.kind !== ENTRY.keys && base64url(e.text.grantId) === base64url(text.grantId),
        )
        const last = entries.at(-1)!.text
        const why = last.kind === ENTRY.taken ? (last.why as Ending) : null
        const event = held.events.find((jws) => base64url(eventHash(jws)) === base64url(text.event))
        return {
          device: base64url(channel.device),
          name: channel.name,
          id: base64url(text.grantId),
          class: CLASS_NAMES[channel.class],
          state: stateOf(why, spans),
          why: why === null ? null : (WHY[why] ?? 'ended'),
          until: text.until,
          purpose: base64url(channel.grantId) === base64url(text.grantId) ? channel.purpose : '',
          read: spans.map((span) => ({
            from: { ...span.from, at: span.fromAt },
            to: span.to && { ...span.to, at: span.toAt ?? 0 },
          })),
          event: event ?? null,
          entries: entries.map((e) => base64url(e.bytes)),
        }
      })
  })
}

function stateOf(why: Ending | null, spans: readonly Span[]): OwnConsent['state'] {
  if (why !== null) return why === ENDING.paused ? 'paused' : 'ended'
  return spans.at(-1)?.to === null ? 'open' : 'waiting'
}
