// What an invitation proves (docs/wire.md "Consent protocol"): the certificate names the device's keys,
// its entry ADMITTED says that it has a consent for us, and the owner's event, which the entry names, says
// for what. Only owner, device and we ourselves have all three. Addresses and name are mere hints.

import { type Bytes, equal } from '../base/bytes.ts'
import { openEntry } from '../channel/access.ts'
import { Verifier } from '../crypto/native.ts'
import { readCertificate } from '../ownership/claim-keys.ts'
import { eventHash, readEvent } from '../ownership/event.ts'
import { ENTRY } from '../wire/access.ts'
import type { Invite } from '../wire/consent.ts'
import { type KeyStep, namedKey, stepsTo } from './keys.ts'
import type { Channel } from './store.ts'

/** The channel to which we are invited, or null where anything is not proved. */
export function readInvite(
  invite: Invite,
  own: { sign: Bytes; box: Bytes },
  steps: readonly KeyStep[] = [],
): { channel: Channel; steps: KeyStep[] } | null {
  const certificate = readCertificate(invite.certificate)
  if (!certificate) return null
  // Event and entry may be from before its key was replaced.
  const path = stepsTo(certificate.device, steps)
  const keys = [certificate.device, ...path.map((step) => step.before)]
  const entry = keys.map((key) => openEntry(invite.entry, Verifier.of(key)!)).find((e) => e !== null)
  if (entry?.kind !== ENTRY.admitted) return null
  if (!equal(entry.sign, own.sign) || !equal(entry.box, own.box)) return null
  if (!equal(entry.event, eventHash(invite.event))) return null
  // Whoever signed it: that it was an owner is the device's word.
  const read = readEvent(invite.event, namedKey)
  const { device } = read?.event ?? {}
  if (read?.event.body.type !== 'AUTHORIZED' || !device || !keys.some((key) => equal(key, device)))
    return null
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
    steps: path,
  }
}
