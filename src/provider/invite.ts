// What an invitation proves (docs/wire.md "Consent protocol"): the certificate names the device's keys,
// its entry ADMITTED says that it has a consent for us, and the owner's event, which the entry names, says
// for what. Only owner, device and we ourselves have all three. Addresses and name are mere hints.

import { type Bytes, base64url, equal, unbase64url } from '../base/bytes.ts'
import { openEntry } from '../channel/access.ts'
import { Verifier } from '../crypto/native.ts'
import { readCertificate } from '../ownership/claim-keys.ts'
import { eventHash, readEvent } from '../ownership/event.ts'
import { ENTRY } from '../wire/access.ts'
import type { Invite } from '../wire/consent.ts'
import type { Channel } from './store.ts'

/** The channel to which we are invited, or null where anything is not proved. */
export function readInvite(invite: Invite, own: { sign: Bytes; box: Bytes }): { channel: Channel } | null {
  const certificate = readCertificate(invite.certificate)
  const device = certificate && Verifier.of(certificate.device)
  const entry = device && openEntry(invite.entry, device)
  if (!certificate || entry?.kind !== ENTRY.admitted) return null
  if (!equal(entry.sign, own.sign) || !equal(entry.box, own.box)) return null
  if (!equal(entry.event, eventHash(invite.event))) return null
  // Whoever signed it: that it was an owner is the device's word.
  const read = readEvent(invite.event, (kid) => {
    const key = unbase64url(kid)
    return key?.length === 32 && base64url(key) === kid ? Verifier.of(key) : null
  })
  if (read?.event.body.type !== 'AUTHORIZED' || !equal(read.event.device, certificate.device)) return null
  const { reader } = read.event.body
  if (!equal(reader.grantId, entry.grantId) || reader.class !== entry.class) return null
  if (!equal(reader.sign, own.sign) || !equal(reader.box, own.box)) return null
  const { grantId, until, purpose } = reader
  const { name, addresses, mailboxes } = invite
  return {
    channel: {
      device: certificate.device,
      deviceBox: certificate.box,
      class: reader.class,
      grantId,
      until,
      name,
      purpose,
      addresses,
      mailboxes,
    },
  }
}
