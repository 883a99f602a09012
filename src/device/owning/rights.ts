// What the owners have decided, for those parts of the device that keep to it: asked anew each time, because
// it may change at any moment.

import { type Bytes, equal } from '../../base/bytes.ts'
import { FACTORY_POLICY, type Policy, type Standing } from '../../ownership/policy/policy.ts'
import { ownerIn } from '../../wire/owner-set.ts'
import type { DeviceState } from '../state.ts'

export interface Rights {
  /** The factory default while nobody owns the device. */
  readonly policy: () => Policy
  /** Ed25519 keys of the owners. */
  readonly owners: () => readonly Bytes[]
  /** What the holder of a key is to the device. */
  readonly standing: (key: Bytes) => Standing
}

export function rightsOf(state: DeviceState): Rights {
  return {
    policy: () => state.log?.policy ?? FACTORY_POLICY,
    owners: () => state.log?.owners.map(({ sign }) => sign) ?? [],
    standing: (key) => {
      const { log } = state
      if (!log || log.deleted) return 'stranger'
      if (ownerIn(log.set, key)) return 'owner'
      return log.readers.some(({ sign }) => equal(sign, key)) ? 'reader' : 'stranger'
    },
  }
}
