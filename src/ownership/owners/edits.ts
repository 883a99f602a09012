// What an owner may want to do to a set, as pure functions from set to set. Each throws a `WattleError`
// with words for a person where it makes no sense; who has to sign it is the business of rights.ts.

import { type Bytes, equal } from '../../base/bytes.ts'
import { WattleError } from '../../base/errors.ts'
import { LIMITS } from '../../base/limits.ts'
import { type OwnerKeys, type OwnerSet, orderedOwnerSet, ownerIn } from '../../wire/owner-set.ts'

export type Edit = (set: OwnerSet) => OwnerSet

/** @throws WattleError `already-owner`, `too-many-owners`. */
export function adding(keys: OwnerKeys): Edit {
  return (set) => {
    if (ownerIn(set, keys.sign)) throw new WattleError('already-owner', 'this key is an owner already')
    if (set.owners.length >= LIMITS.ownership.owners)
      throw new WattleError('too-many-owners', `a device has at most ${LIMITS.ownership.owners} owners`)
    return orderedOwnerSet({ ...set, owners: [...set.owners, keys] })
  }
}

/** Where fewer are left than must agree, all that are left must. @throws WattleError `not-owner`, `last-owner`. */
export function removing(sign: Bytes): Edit {
  return (set) => {
    known(set, sign)
    const owners = set.owners.filter((o) => !equal(o.sign, sign))
    if (owners.length === 0)
      throw new WattleError('last-owner', 'the last owner cannot leave; transfer the device, or delete it')
    return { ...set, m: Math.min(set.m, owners.length), owners }
  }
}

/** @throws WattleError `not-owner`, `already-owner`. */
export function replacing(sign: Bytes, keys: OwnerKeys): Edit {
  return (set) => {
    known(set, sign)
    if (ownerIn(set, keys.sign)) throw new WattleError('already-owner', 'this key is an owner already')
    const owners = [...set.owners.filter((o) => !equal(o.sign, sign)), keys]
    return orderedOwnerSet({ ...set, owners })
  }
}

/** @throws WattleError `bad-threshold`. */
export function agreeing(m: number): Edit {
  return (set) => {
    if (!Number.isInteger(m) || m < 1 || m > set.owners.length)
      throw new WattleError('bad-threshold', `expected a number from 1 to ${set.owners.length}, the owners`)
    return { ...set, m }
  }
}

/** `digest` null: no paper key any more. */
export function recoveringBy(digest: Bytes | null): Edit {
  return (set) => ({ ...set, recovery: digest })
}

/** To another household: nobody of now stays. @throws WattleError `already-owner`. */
export function handingOver(keys: OwnerKeys): Edit {
  return (set) => {
    if (ownerIn(set, keys.sign))
      throw new WattleError(
        'already-owner',
        'this key is an owner already; use remove to take the others out',
      )
    return { m: 1, owners: [keys], recovery: null }
  }
}

/** As the rest of the household's devices: `like` with our own entry as it is here. */
export function alike(like: OwnerSet, own: Bytes): Edit {
  return (set) => {
    const owners = like.owners.map((o) => (equal(o.sign, own) ? (ownerIn(set, own) ?? o) : o))
    return orderedOwnerSet({ m: like.m, owners, recovery: like.recovery })
  }
}

function known(set: OwnerSet, sign: Bytes): void {
  if (!ownerIn(set, sign)) throw new WattleError('not-owner', 'no owner of this device has that key')
}
