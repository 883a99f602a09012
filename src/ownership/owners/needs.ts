// Which signatures, and whose press, an event of the owner log takes: the table of docs/wire/owners.md
// "Signatures" and "Press", row by row. Whether the event fits its place is the log's business (log.ts).

import type { OwnerSet } from '../../wire/owner-set.ts'
import type { EventBody } from '../event.ts'
import { looser, type Policy, withinPolicy } from '../policy/policy.ts'
import { agreed, agreedInFull, leaves, type Signers, takesPress } from './rights.ts'

/** What holds before the event. */
export interface Rules {
  readonly set: OwnerSet
  readonly policy: Policy
}

/** Are the signatures enough? Signatures that have no say in this event make it malformed. */
export function unsigned(
  body: EventBody,
  signers: Signers,
  { set, policy }: Rules,
): 'malformed' | 'needs-signatures' | null {
  const { owners, revealed, paper, heirs, device } = signers
  const only = (ok: boolean, stray: boolean): 'malformed' | 'needs-signatures' | null =>
    stray ? 'malformed' : ok ? null : 'needs-signatures'
  switch (body.type) {
    case 'OWNERS_CHANGED':
      if (leaves(set, body.set, signers)) return only(true, revealed.length > 0 || paper || device)
      return only(agreedInFull(set, signers), paper || device)
    case 'POLICY_SET':
      return looser(policy, body.policy)
        ? only(agreedInFull(set, signers), paper || device)
        : only(owners.length > 0, paper || device)
    case 'RECOVERY_STARTED':
      return only(paper, device || revealed.length > 0)
    case 'RECOVERY_FINISHED':
      return only(heirs.length > 0, paper || device || revealed.length > 0)
    case 'RECOVERY_CANCELLED':
      // With one owner its key may be the stolen one: a press decides, and the device signs for it.
      if (takesPress(set)) return only(device, paper || owners.length > 0 || revealed.length > 0)
      return only(agreed(set, signers), paper || device || revealed.length > 0)
    // The old key answers for the new one; that it shall is for the owners to say.
    case 'DEVICE_KEY_REPLACED':
      return only(agreed(set, signers), paper || device || revealed.length > 0)
    // Nobody answers for the successor but the owners.
    case 'DEVICE_KEY_REVOKED':
      if (body.successor) return only(agreedInFull(set, signers), paper || device)
      return only(owners.length > 0, paper || device || revealed.length > 0)
    case 'AUTHORIZED': {
      const { class: cls, since, until } = body.reader
      const enough = withinPolicy(policy, cls, until - since) ? owners.length > 0 : agreed(set, signers)
      return only(enough, paper || device || revealed.length > 0)
    }
    default:
      return only(owners.length > 0, paper || device || revealed.length > 0)
  }
}

/** It gives power and there is one owner only. */
export function needsPress(body: EventBody, signers: Signers, { set, policy }: Rules): boolean {
  if (!takesPress(set)) return false
  if (body.type === 'OWNERS_CHANGED') return !leaves(set, body.set, signers)
  return body.type === 'POLICY_SET' && looser(policy, body.policy)
}

/** After it somebody reads less than before. */
export function takesAway(type: EventBody['type']): boolean {
  switch (type) {
    case 'AUTHORIZATION_REVOKED':
    case 'PAUSED':
    case 'DEVICE_DELETED':
    case 'DEVICE_KEY_REVOKED':
    case 'OWNERS_CHANGED':
    case 'RECOVERY_FINISHED':
      return true
    default:
      return false
  }
}
