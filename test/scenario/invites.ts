// Invitations: the real one, as whoever holds its parts could send it, and a stranger's to a device that
// he made up. A stranger's proves what it claims, for a device of his own; for another's he has no parts.
import { base64url, equal } from '../../src/base/bytes.ts'
import { signEntry } from '../../src/channel/access.ts'
import { Exchange, Signer } from '../../src/crypto/native.ts'
import { Secret } from '../../src/crypto/secret.ts'
import type { Card } from '../../src/ownership/card.ts'
import { makeCertificate } from '../../src/ownership/claim-keys.ts'
import { eventHash, signEvent } from '../../src/ownership/event.ts'
import { ENTRY, type ReaderEntryText } from '../../src/wire/access.ts'
import type { Invite } from '../../src/wire/consent.ts'
import type { House } from './house.ts'

/** What home has of the consent that was given as the `n`th of those that are there. */
export function realInvite(house: House, n: number, addresses: string[]): Invite {
  const { device } = house.owned()
  const { grantId } = device.log.readers[n]!
  const entry = house.home!.access(device)!.book.of(grantId, ENTRY.admitted)!
  const { event: named } = entry.text as ReaderEntryText
  const event = device.events.find((jws) => equal(eventHash(jws), named))!
  return {
    certificate: device.certificate,
    entry: entry.bytes,
    event,
    name: device.name,
    addresses,
    mailboxes: [],
  }
}

/** A whole device that exists on paper only, and its invitation for the holder of the card. */
export function paperInvite(house: House, card: Card, addresses: string[]): Invite {
  const bytes = (n: number): Uint8Array => {
    const out = new Uint8Array(n)
    house.world.chance.fill(out)
    return out
  }
  const device = new Signer(new Secret(bytes(32)))
  const owner = new Signer(new Secret(bytes(32)))
  const certificate = makeCertificate(device, {
    box: new Exchange(new Secret(bytes(32))).publicKey,
    incarnation: 1,
    discriminator: 7,
    ownersHash: bytes(32),
    transcript: bytes(32),
  })
  const { sign, box } = card
  const reader = {
    grantId: bytes(16),
    class: 0 as const,
    name: card.name,
    domain: '',
    sign,
    box,
    since: 1,
    until: 9e12,
    purpose: '',
  }
  const event = signEvent(
    { device: device.publicKey, seq: 2, prev: bytes(32), at: 1, body: { type: 'AUTHORIZED', reader } },
    [{ kid: base64url(owner.publicKey), signer: owner }],
  )
  const entry = signEntry(
    {
      kind: ENTRY.admitted,
      class: 0,
      why: 0,
      sign,
      box,
      grantId: reader.grantId,
      epoch: 0,
      index: 0,
      at: 1,
      until: 9e12,
      event: eventHash(event),
      before: new Uint8Array(32),
      previous: bytes(32),
    },
    device,
  )
  return { certificate, entry, event, name: 'x', addresses, mailboxes: [] }
}
