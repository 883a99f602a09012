// Who may read this device now: its owners always, others by the owner log and the log of keys. Asked of
// the state anew each time, so that nobody keeps a right that has ended.

import { type Bytes, equal } from '../../base/bytes.ts'
import type { ReaderKeys } from '../../channel/grant.ts'
import type { Standing } from '../../ownership/policy/policy.ts'
import type { ClassId } from '../../wire/frame.ts'
import { type OwnerKeys, ownerIn } from '../../wire/owner-set.ts'
import { keysOf } from '../publish/access.ts'
import type { Entitled } from '../publish/subscribers.ts'
import type { DeviceState } from '../state.ts'

/** Owners have no grant of their own: their boxes are bound to this id. */
const OWNER_GRANT: Bytes = new Uint8Array(16)
const NO_ENTRY: Bytes = new Uint8Array(32)

/** By the key that a connection proved; null for strangers. */
export function entitledTo(state: DeviceState, sign: Bytes, cls: ClassId): Entitled | null {
  const { log } = state
  if (!log || log.deleted) return null
  const owner = ownerIn(log.set, sign)
  if (owner) return { ...ownerKeys(owner), owner: true, open: true }
  const mine = log.readers.filter((r) => r.class === cls && equal(r.sign, sign))
  // Of several consents, one that opens something.
  const reader = mine.find((r) => state.access.given(r.grantId) !== null) ?? mine[0]
  if (!reader) return null
  return { ...keysOf(reader, state), owner: false, open: state.access.given(reader.grantId) !== null }
}

/** Everybody who gets a box in a new epoch of this class. */
export function readersOf(state: DeviceState, cls: ClassId, witnessed: boolean): ReaderKeys[] {
  const { log, access } = state
  if (!log) return []
  const owners = log.owners.map(ownerKeys)
  if (!witnessed) return owners
  const open = log.readers.filter((r) => r.class === cls && access.given(r.grantId) !== null)
  return [...owners, ...open.map((r) => keysOf(r, state))]
}

/** Owner, reader of any class, or a stranger. */
export function standingOf({ log }: DeviceState, sign: Bytes): Standing {
  if (!log || log.deleted) return 'stranger'
  if (ownerIn(log.set, sign)) return 'owner'
  return log.readers.some((r) => equal(r.sign, sign)) ? 'reader' : 'stranger'
}

function ownerKeys({ sign, box }: OwnerKeys): ReaderKeys {
  return { sign, box, grantId: OWNER_GRANT, until: 0, entry: NO_ENTRY }
}
